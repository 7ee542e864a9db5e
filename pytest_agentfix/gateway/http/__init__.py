"""The way of a request: in at the door, out on the line, and its answer back."""
