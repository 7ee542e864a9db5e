"""The functions a change set touches, and any reason why it may touch more (pure).

Tests that never enter a changed function do the same with the change as without it. That holds only
where nothing but function bodies changed: the code a module runs at import concerns every test.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import ChangeSet, FileChange, ReadBase
from pytest_agentfix.core.python_source import FUNCTIONS, Function, decode_source, parse_source

# Decorators under which the body runs in each call and nothing is kept for the next one.
_TRANSPARENT: Final = frozenset(
    {"property", "staticmethod", "classmethod", "setter", "getter", "deleter", "abstractmethod",
     "override"}
)  # fmt: skip
_GLOB: Final = frozenset("*?[]")  # coverage would read them as patterns


@dataclass(frozen=True, slots=True)
class Impact:
    """The lines of all changed functions' bodies, counted from 1, by absolute path.

    ``unknown_reason`` says what else changed, "" if nothing did.
    """

    lines: Mapping[str, Sequence[int]] = field(default_factory=dict)
    unknown_reason: str = ""


def find_impact(changes: ChangeSet, read_base: ReadBase, *, top: Path) -> Impact:
    """Compare each changed file with the base; never raises because of a file's content."""
    lines: dict[str, Sequence[int]] = {}
    for path, change in changes.files.items():
        one = _find_file_impact(path, change, read_base(path))
        if one.unknown_reason:
            return one
        full = str(top / path)
        if _GLOB & set(full):
            return Impact(unknown_reason=f"coverage cannot be asked about {path}")
        numbers = one.lines[path]
        if numbers:
            lines[full] = numbers
    return Impact(lines=lines)


def _find_file_impact(path: str, change: FileChange, base: tuple[bytes, bool] | None) -> Impact:
    if change.content is None or base is None or not path.endswith(".py"):
        return Impact(unknown_reason=f"{path} is no module that was there before and still is")
    before, after = _split(base[0]), _split(change.content)
    if before is None or after is None:
        return Impact(unknown_reason=f"{path} cannot be read as Python")
    if before.outside != after.outside or base[1] != change.executable:
        return Impact(unknown_reason=f"{path} changes outside of its functions")
    numbers: list[int] = []
    for old, new in zip(before.bodies, after.bodies, strict=True):
        if old.text != new.text:
            if not _is_transparent(new.function):
                return Impact(unknown_reason=f"{path}: {new.function.name} is decorated")
            numbers += range(new.first, new.last + 1)
    return Impact(lines={path: numbers})


@dataclass(frozen=True, slots=True)
class _Body:
    """The body of one function: its lines and their text."""

    function: Function
    first: int
    last: int
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Module:
    """A module split into function bodies and all other lines, with ``None`` in place of a body."""

    bodies: tuple[_Body, ...]
    outside: tuple[str | None, ...]


def _split(content: bytes) -> _Module | None:
    text = decode_source(content)
    tree = None if text is None else parse_source(text)
    if text is None or tree is None or "\f" in text:  # Python does not count it as a line
        return None
    lines = text.split("\n")
    bodies = [body for one in _list_functions(tree) if (body := _read_body(one, lines))]
    outside: list[str | None] = []
    done = 0
    for body in bodies:
        outside += [*lines[done : body.first - 1], None]
        done = body.last
    return _Module(tuple(bodies), (*outside, *lines[done:]))


def _read_body(function: Function, lines: Sequence[str]) -> _Body | None:
    """Return the body, ``None`` if it begins on the line of the signature."""
    first = function.body[0]
    start = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
    if lines[start - 1][: first.col_offset].strip() not in ("", "@"):
        return None
    last = function.body[-1].end_lineno or start
    return _Body(function, start, last, tuple(lines[start - 1 : last]))


def _list_functions(tree: ast.Module) -> list[Function]:
    """List the outermost functions in the order of their lines."""
    found: list[Function] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTIONS):
            found.append(node)
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return sorted(found, key=lambda one: one.lineno)


def _is_transparent(function: Function) -> bool:
    names = (
        one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "")
        for one in function.decorator_list
    )
    return all(name in _TRANSPARENT for name in names)
