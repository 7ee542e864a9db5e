"""Read the values that ``value_description.describe_value`` has described (pure)."""

from __future__ import annotations

import ast
import warnings
from typing import Any, Final

UNKNOWN: Final = object()


def read_value(text: str) -> Any:
    """Return the value that a description stands for, ``UNKNOWN`` if it is no plain one."""
    if text in ("inf", "-inf", "nan"):
        return float(text)
    body = text.removeprefix("bytes ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(body)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN
