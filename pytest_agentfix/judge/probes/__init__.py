"""The judge's probes, one file each; ``judge/probe.py`` says what a probe is."""
