"""Foundations that every other part may use: the model, errors, ports, settings, paths, text."""
