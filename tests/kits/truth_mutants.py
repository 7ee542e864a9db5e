"""One-place mutants of a Python program: its text with one operator or constant changed (pure)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_COMPARISONS: Final[Mapping[type[ast.cmpop], tuple[str, tuple[str, ...]]]] = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">=")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<=")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
}
_ARITHMETIC: Final[Mapping[type[ast.operator], tuple[str, tuple[str, ...]]]] = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("+",)),
    ast.Mod: ("%", ("//",)),
    ast.FloorDiv: ("//", ("%",)),
}
_LOGIC: Final = {ast.And: ("and", "or"), ast.Or: ("or", "and")}


@dataclass(frozen=True, slots=True)
class _Edit:
    """Bytes ``start`` to ``end`` of the text become ``new``."""

    start: int
    end: int
    new: str


def make_mutants(source: str) -> tuple[str, ...]:
    """Return all mutants of ``source`` that are Python, in the order of their places.

    Raises ``SyntaxError`` if ``source`` is not Python.
    """
    text = source.encode()
    edits = sorted(_Places(text).list_edits(ast.parse(source)), key=lambda edit: edit.start)
    made = ((text[: edit.start] + edit.new.encode() + text[edit.end :]).decode() for edit in edits)
    return tuple(mutant for mutant in dict.fromkeys(made) if _is_python(mutant))


def _is_python(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


class _Places:
    """Finds the operators and constants of a syntax tree in its text."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def list_edits(self, node: ast.AST) -> Iterator[_Edit]:
        if isinstance(node, ast.JoinedStr):  # its parts have no places of their own everywhere
            return
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            for operator, (left, right) in zip(node.ops, pairwise(sides), strict=True):
                yield from self._swap(left, right, _COMPARISONS.get(type(operator)))
        elif isinstance(node, ast.BinOp):
            yield from self._swap(node.left, node.right, _ARITHMETIC.get(type(node.op)))
        elif isinstance(node, ast.BoolOp):
            old, new = _LOGIC[type(node.op)]
            for left, right in pairwise(node.values):
                yield from self._swap(left, right, (old, (new,)))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield _Edit(self._start(node), self._start(node.operand), "")
        elif isinstance(node, ast.Constant):
            yield from self._change(node)
        for child in ast.iter_child_nodes(node):
            yield from self.list_edits(child)

    def _swap(
        self, left: ast.expr, right: ast.expr, words: tuple[str, tuple[str, ...]] | None
    ) -> Iterator[_Edit]:
        if words is None:
            return
        old, others = words
        between = self._end(left), self._start(right)
        gap = self._text[slice(*between)]
        if gap.strip(b"() \t") != old.encode():  # a comment or line break stands there, too
            return
        start = between[0] + gap.index(old.encode())
        for new in others:
            yield _Edit(start, start + len(old), new)

    def _change(self, node: ast.Constant) -> Iterator[_Edit]:
        value = node.value
        place = self._start(node), self._end(node)
        if isinstance(value, bool):
            yield _Edit(*place, repr(not value))
        elif isinstance(value, int):
            yield _Edit(*place, repr(value + 1))
            if value:
                yield _Edit(*place, repr(value - 1))

    def _start(self, node: ast.expr) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset
