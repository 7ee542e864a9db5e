"""Preparation by a background process while the suite still runs."""
