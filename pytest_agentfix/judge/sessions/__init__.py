"""pytest sessions in a sandbox: the order to run, the report that comes back, what it says."""
