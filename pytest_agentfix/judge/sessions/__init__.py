"""pytest sessions in a sandbox: the order sent in, the report sent back, and how to read it."""
