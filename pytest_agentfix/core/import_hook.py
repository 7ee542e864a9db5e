"""Imports of this package past pytest's own import hook.

pytest takes every module of a plugin for one whose assertions are to be rewritten, and looks for
what it rewrote before in Python code of its own, file by file. For the two hundred modules that
repair something this takes three times as long as importing them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Final

_OURS: Final = f"{__name__.partition('.')[0]}."


class _PlainFinder:
    """Finds the modules of this package as Python does, and no others."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Implement the finder protocol of ``importlib``."""
        if not fullname.startswith(_OURS):
            return None
        return PathFinder.find_spec(fullname, path, target)


@contextmanager
def plain_imports() -> Iterator[None]:
    """Import modules of this package in the block as if pytest were not there."""
    finder = _PlainFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
