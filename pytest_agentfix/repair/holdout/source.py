"""A Python file as text, its tree, and where the tree's nodes stand in the text."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.python_source import parse

Span = tuple[int, int]  # from and up to, in characters of the text
Edit = tuple[int, int, str]  # from, up to, and what stands there instead

_SIZE_LIMIT: Final = 2_000_000  # bytes
# What the parser takes for the end of a line; str.splitlines knows more.
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class CannotTakeOutError(Exception):
    """Some cases cannot be taken out of their file; the message completes "... because"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that could be read, parsed, and would be written again byte for byte."""

    text: str
    encoding: str
    tree: ast.Module
    lines: tuple[str, ...]
    starts: tuple[int, ...]  # where each line begins in ``text``

    @classmethod
    def read(cls, data: bytes) -> Source:
        """Take ``data`` apart; raises ``CannotTakeOutError`` where Python could not read it."""
        try:
            return cls._read(data)
        except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError):
            raise CannotTakeOutError("its file cannot be read as Python") from None

    @classmethod
    def _read(cls, data: bytes) -> Source:
        if len(data) > _SIZE_LIMIT:
            raise ValueError(len(data))
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        if text.encode(encoding) != data:
            raise ValueError(encoding)
        lines = split_lines(text)
        return cls(
            text=text,
            encoding=encoding,
            tree=parse(text),
            lines=lines,
            starts=find_starts(lines),
        )

    def span(self, node: ast.expr) -> Span:
        """Return the position of ``node``."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._offset(node.lineno, node.col_offset)
        return start, self._offset(node.end_lineno, node.end_col_offset)

    def lines_of(self, span: Span) -> Iterable[str]:
        """The whole lines that ``span`` touches."""
        for start, line in zip(self.starts, self.lines, strict=True):
            if start < span[1] and start + len(line) > span[0]:
                yield line

    def edit(self, edits: Iterable[Edit]) -> bytes:
        """The file with ``edits`` made, which must not overlap."""
        text = self.text
        for start, stop, replacement in sorted(edits, reverse=True):
            text = text[:start] + replacement + text[stop:]
        return text.encode(self.encoding)

    def _offset(self, line: int, column: int) -> int:
        """The parser counts lines from 1, and columns in bytes of UTF-8."""
        before = self.lines[line - 1].encode()[:column]
        return self.starts[line - 1] + len(before.decode())


def split_lines(text: str) -> tuple[str, ...]:
    """The lines as the parser counts them, with their ends."""
    return tuple(_LINE.findall(text))


def find_starts(lines: Iterable[str]) -> tuple[int, ...]:
    """Return the offset of each of ``lines`` when they are joined."""
    starts, start = [], 0
    for line in lines:
        starts.append(start)
        start += len(line)
    return tuple(starts)
