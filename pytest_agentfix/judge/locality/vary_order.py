"""The orders for ``call_variation.py``: with the change, and on the base (pure)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.python_source import decode_source, parse_source
from pytest_agentfix.judge.locality.knowledge import is_natural
from pytest_agentfix.judge.locality.watched_code import WatchedCode

HOOKS: Final = ("entered", "note", "operand", "enter", "reach", "loaded")
CALLS: Final = 6  # of one function that are repeated whatever path they take
FURTHER: Final = 500  # calls of one function that are repeated if they ask for something new
TRIES: Final = 250  # variations of one call
CHILDREN: Final = 4_000  # in one session
SECONDS: Final = 12.0  # in one session
FIRST_SHARE: Final = 0.75  # of both for the first calls; the rest is for those with a new path
WORDS: Final = 40  # of the code's own that are tried as arguments
NAMED: Final = 40  # constants of the change of which the places are looked for
NAMED_LEAST: Final = 2  # characters of such a text
_AVOIDED: Final = 5_000
_TEXT: Final = 200  # characters of a text that is avoided


def make_order(  # noqa: PLR0913 - an order, by name
    code: WatchedCode,
    avoid: Iterable[Any],
    *,
    top: Path,
    names: Mapping[str, str],
    is_base: bool,
    again: Iterable[str] = (),
) -> dict[str, Any]:
    """Build the order for one session; ``names`` are those of the hooks, by their roles.

    ``again`` are digests of calls that are repeated although they ask for nothing new.
    """
    files: dict[str, dict[str, Any]] = {}

    def file_of(path: str) -> dict[str, Any]:
        empty: dict[str, Any] = {"functions": [], "conditions": [], "cases": {}}
        return files.setdefault(str(top / path), empty)

    for function in code.functions:
        position = function.base_position if is_base else function.position
        if position is not None:
            is_old = function.base_position is not None
            skip = function.tables | (function.new_parameters if is_old else frozenset())
            row = [function.number, list(position), sorted(skip)]
            file_of(function.path)["functions"].append(row)
    if not is_base:
        for condition in code.conditions:
            row = [condition.number, condition.kind, list(condition.position)]
            file_of(condition.path)["conditions"].append(row)
        for number, (path, position, kind, parts) in code.markers.items():
            plan = file_of(path)
            plan["conditions"].append([number, kind, list(position)])
            plan["cases"][str(number)] = list(parts)
    if not files:
        return {}
    avoided = list(avoid)
    asked = {
        str(one.number): one.question.place for one in code.conditions if one.question is not None
    }
    return {
        "names": dict(names),
        "files": files,
        "asked": {} if is_base else asked,
        "again": list(again),
        "words": [one for one in code.words if one not in avoided][:WORDS],
        "avoid": avoided,
        "named": _list_named(code),
        "calls": CALLS,
        "further": FURTHER,
        "tries": TRIES,
        "children": CHILDREN,
        "seconds": SECONDS,
        "first_share": FIRST_SHARE,
    }


def _list_named(code: WatchedCode) -> list[int | float | str]:
    """List the telling constants that the change brings along; bytes as the text they hold."""
    found: dict[Any, None] = {}
    for function in code.functions:
        for value in sorted(function.added_constants - function.constants, key=repr):
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if isinstance(text, str) and len(text) < NAMED_LEAST:
                continue
            if isinstance(text, (str, int, float)) and not is_natural(text):
                found[text] = None
    return list(found)[:NAMED]


def list_avoided(tests: Iterable[bytes]) -> list[Any]:
    """List the numbers and texts that test files mention: a variation is to be none of them."""
    found: dict[Any, None] = {}
    for content in tests:
        text = decode_source(content)
        tree = None if text is None else parse_source(text)
        for node in ast.walk(tree) if tree is not None else ():
            if not isinstance(node, ast.Constant) or len(found) >= _AVOIDED:
                continue
            value = node.value
            is_plain = isinstance(value, (int, float)) or (
                isinstance(value, str) and len(value) <= _TEXT
            )
            if is_plain and not is_natural(value):
                found[value] = None
    return list(found)
