"""Drivers of coding agents, one folder each."""
