"""The values of expressions that are made of literals.

Tuples and sets are lists here, and dicts are ``Pairs``: their keys need not be hashable.
"""

from __future__ import annotations

import enum
from typing import Any, Final

LIMIT: Final = 2_000  # characters or elements of a computed value


class Unknown(enum.Enum):
    """The value of an expression that is not made of literals."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class Pairs(list[tuple[Any, Any]]):
    """The entries of a dict."""
