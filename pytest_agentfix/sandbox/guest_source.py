"""Reads the source of modules that run in a sandbox, where this package is not installed."""

from __future__ import annotations

import importlib.resources
from types import ModuleType


def read_source(module: ModuleType) -> str:
    """Return the text of ``module``, which must need nothing but the standard library."""
    package, _, name = module.__name__.rpartition(".")
    return importlib.resources.files(package).joinpath(f"{name}.py").read_text("utf-8")
