"""The functions that a change set alters, in both versions, and the lines these share (pure)."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet, ReadBase, read_content
from pytest_agentfix.core.python_source import FUNCTIONS, Function, decode_source, parse_source
from pytest_agentfix.judge.lint.file_diff import match_lines
from pytest_agentfix.judge.sessions.orders import Traced, TracedFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class AlteredFunctions:
    """All functions with an altered line, without the change and with it."""

    on_base: Traced = field(default_factory=dict)
    with_change: Traced = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """A function with its qualified name and its lines, decorators included."""

    function: Function
    name: str

    @property
    def lines(self) -> range:
        one = self.function
        first = min([one.lineno, *(decorator.lineno for decorator in one.decorator_list)])
        return range(first, (one.end_lineno or first) + 1)


def find_altered_functions(
    changes: ChangeSet, read_base: ReadBase, *, top: Path
) -> AlteredFunctions:
    """Compare each changed file with the base; never raises because of a file's content.

    A function is altered if its text is, wherever it stands. One that only one version has is
    listed there with the number 0.
    """
    on_base: dict[str, Sequence[TracedFunction]] = {}
    with_change: dict[str, Sequence[TracedFunction]] = {}
    numbers = count(1)
    for path, change in changes.files.items():
        if path.endswith(".py"):
            base = read_content(read_base, path) or b""
            old, new = _compare(base, change.content or b"", numbers)
            on_base[str(top / path)], with_change[str(top / path)] = old, new
    return AlteredFunctions(on_base=_drop_empty(on_base), with_change=_drop_empty(with_change))


def _drop_empty(traced: Traced) -> Traced:
    return {path: functions for path, functions in traced.items() if functions}


def _compare(
    old: bytes, new: bytes, numbers: Iterator[int]
) -> tuple[list[TracedFunction], list[TracedFunction]]:
    texts = [decode_source(content) or "" for content in (old, new)]
    before, after = (text.split("\n") for text in texts)
    old_places, new_places = (_list_functions(text) for text in texts)
    pairs = _pair(old_places, new_places, match_lines(before, after))
    traced: tuple[list[TracedFunction], list[TracedFunction]] = ([], [])
    for one, other in pairs:
        found = (_slice(before, one.lines), _slice(after, other.lines))
        if found[0] != found[1]:
            matched = match_lines(*found)
            number = next(numbers)
            same = set(matched.values())
            traced[0].append(_make(one, number, [i if i in same else 0 for i in _count(found[0])]))
            traced[1].append(_make(other, number, [matched.get(i, 0) for i in _count(found[1])]))
    for side, places in enumerate((old_places, new_places)):
        paired = {pair[side] for pair in pairs}
        traced[side].extend(_make(one, 0, ()) for one in places if one not in paired)
    return traced


def _slice(lines: Sequence[str], part: range) -> Sequence[str]:
    return lines[part.start - 1 : part.stop - 1]


def _count(lines: Sequence[str]) -> range:
    return range(1, len(lines) + 1)


def _make(place: _Place, number: int, lines: Sequence[int]) -> TracedFunction:
    return TracedFunction(
        name=place.function.name, first=place.lines.start, number=number, lines=lines
    )


def _pair(
    old: Sequence[_Place], new: Sequence[_Place], matched: Mapping[int, int]
) -> list[tuple[_Place, _Place]]:
    """Pair the functions with the same qualified name.

    Where several have the same (a property and its setter), the line with the name decides.
    """
    by_name: defaultdict[str, tuple[list[_Place], list[_Place]]] = defaultdict(lambda: ([], []))
    for side, places in enumerate((old, new)):
        for place in places:
            by_name[place.name][side].append(place)
    pairs = []
    for ones, others in by_name.values():
        if len(ones) == len(others) == 1:
            pairs.append((ones[0], others[0]))
            continue
        by_line = {one.function.lineno: one for one in ones}
        for other in others:
            one = by_line.get(matched.get(other.function.lineno, 0))
            if one is not None:
                pairs.append((one, other))
    return pairs


def _list_functions(text: str) -> list[_Place]:
    """List all functions, in no particular order, those inside others included."""
    tree = parse_source(text)
    found: list[_Place] = []
    waiting: list[tuple[ast.AST, str]] = [] if tree is None else [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                inner = f"{prefix}.{child.name}"
            if isinstance(child, FUNCTIONS):
                found.append(_Place(child, inner))
            waiting.append((child, inner))
    return found
