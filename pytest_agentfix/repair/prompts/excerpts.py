"""Frames and names -> excerpts of the project's source. Pure: files are read through a function."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import ReadBase
from pytest_agentfix.core.python_source import decode_source, parse_source
from pytest_agentfix.repair.prompts.truncation import cut_around

FUNCTION_BUDGET: Final = 2_500  # characters of one function
_LINE_LIMIT: Final = 300  # characters of one line of source
_MARGIN: Final = 10  # lines around a place that is in no function
NODES: Final = 200_000  # of one file that are looked at

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Span:
    """Lines of a definition, from 1, decorators included. ``name`` has its classes before it."""

    first: int
    last: int
    name: str
    node: Definition = field(repr=False, compare=False)

    @property
    def is_class(self) -> bool:
        """Return whether it is a class rather than a function."""
        return isinstance(self.node, ast.ClassDef)

    @property
    def without_decorators(self) -> Span:
        """The definition alone."""
        return replace(self, first=self.node.lineno)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Lines ``first`` to ``last`` of the file ``path``, relative to the repository's top.

    Of those, ``text`` may leave some out, and says so; ``has_hidden`` tells of those that it must
    not say anything of.
    """

    path: str
    first: int
    last: int
    text: str
    has_hidden: bool = False

    def covers(self, path: str, span: tuple[int, int]) -> bool:
        """Return whether these lines of ``path`` are all in it."""
        return self.path == path and self.first <= span[0] and span[1] <= self.last


class SourceFile:
    """One file of the base: its lines and what is defined in it."""

    def __init__(self, path: str, text: str, is_hidden: Callable[[str], bool]) -> None:
        self.path = path
        self._is_hidden = is_hidden
        self.lines = text.split("\n")
        self._text = text

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree, ``None`` where it cannot be parsed."""
        return parse_source(self._text)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """All functions and classes."""
        return () if self.tree is None else tuple(_iter_spans(self.tree))

    @cached_property
    def imports(self) -> tuple[ast.Import | ast.ImportFrom, ...]:
        """All imports, those in functions too."""
        nodes = () if self.tree is None else islice(ast.walk(self.tree), NODES)
        return tuple(node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)))

    def find(self, name: str) -> Span | None:
        """The definition with this name, ``Class.method`` for a method."""
        return next((span for span in self.spans if span.name == name), None)

    def find_around(self, line: int | None, function: str = "") -> Span | None:
        """The function at ``line``; where the file has moved, the nearest of its name."""
        functions = [span for span in self.spans if not span.is_class]
        around = [span for span in functions if line and span.first <= line <= span.last]
        best = min(around, key=lambda span: span.last - span.first, default=None)
        if best is not None and (not function.isidentifier() or _ends(best, function)):
            return best
        named = [span for span in functions if function and _ends(span, function)]
        return min(named, key=lambda span: abs(span.first - (line or 0)), default=best)

    def cut(self, span: Span | None, line: int | None = None) -> Excerpt:
        """The lines of ``span``, around ``line`` where they are many; no span: those around it."""
        line = line or 1
        if span is None:
            return self.cut_lines(max(1, line - _MARGIN), min(len(self.lines), line + _MARGIN))
        return self.cut_lines(span.first, span.last, line)

    def cut_lines(self, first: int, last: int, line: int = 1) -> Excerpt:
        """The lines ``first`` to ``last``, around ``line`` where they are many."""
        numbers = range(first, last + 1)
        # Before any cut: of a line that is cut nobody could tell any more that it is to be hidden.
        shown = [number for number in numbers if not self._is_hidden(self.lines[number - 1])]
        lines = [self.lines[number - 1][:_LINE_LIMIT] for number in shown]
        return Excerpt(
            path=self.path,
            first=first,
            last=last,
            text=cut_around(lines, bisect_left(shown, line), FUNCTION_BUDGET),
            has_hidden=len(shown) < len(numbers),
        )


class Sources:
    """The base's files, each read and parsed once; lines that ``is_hidden`` are never shown."""

    def __init__(
        self,
        top: Path,
        read_base: ReadBase,
        is_hidden: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._top = top
        self._read_base = read_base
        self._is_hidden = is_hidden
        self._files: dict[str, SourceFile | None] = {}

    def open_absolute(self, path: Path | None) -> SourceFile | None:
        """The file at an absolute path, ``None`` outside the repository."""
        if path is None or not path.is_relative_to(self._top):
            return None
        return self.open(path.relative_to(self._top).as_posix())

    def open(self, path: str) -> SourceFile | None:
        """The file at a path relative to the top, ``None`` where there is none that is text."""
        if path not in self._files:
            found = self._read_base(path)
            text = None if found is None else decode_source(found[0])
            self._files[path] = None if text is None else SourceFile(path, text, self._is_hidden)
        return self._files[path]


def fill(excerpts: Iterable[Excerpt], budget: int) -> list[Excerpt]:
    """The first of ``excerpts`` that fit, without those that others have in them."""
    chosen: list[Excerpt] = []
    for excerpt in excerpts:
        span = excerpt.first, excerpt.last
        if any(other.covers(excerpt.path, span) for other in chosen):
            continue
        if len(excerpt.text) > budget:
            continue
        budget -= len(excerpt.text)
        chosen.append(excerpt)
    return chosen


def _ends(span: Span, function: str) -> bool:
    return span.name.rpartition(".")[2] == function


def _iter_spans(tree: ast.Module) -> Iterator[Span]:
    """All definitions, in any order; never recurses."""
    stack: list[tuple[ast.AST, str]] = [(tree, "")]
    for _ in range(NODES):
        if not stack:
            return
        node, prefix = stack.pop()
        if isinstance(node, Definition):
            name = f"{prefix}{node.name}"
            marks = [mark.lineno for mark in node.decorator_list]
            yield Span(min([node.lineno, *marks]), node.end_lineno or node.lineno, name, node)
            prefix = f"{name}."
        stack += [(child, prefix) for child in ast.iter_child_nodes(node)]
