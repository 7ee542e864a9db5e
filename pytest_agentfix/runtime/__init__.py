"""The composition root: it makes the parts, and the pools, processes and sandboxes they share."""
