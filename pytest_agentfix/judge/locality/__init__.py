"""The parts of the locality probe: the code to watch, the calls that were repeated, the line."""
