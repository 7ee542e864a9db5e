"""Accounting for model access: reserve before, charge afterwards, never pass a cap."""
