"""Finds the elements of a written-out list, with their commas and comments."""

from __future__ import annotations

import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pytest_agentfix.repair.holdout.source import CannotTakeOutError, Span, find_starts, split_lines

FORM: Final = "its decorator has a form that cannot be edited"


@dataclass(frozen=True, slots=True)
class Elements:
    """One region for each element of the list, side by side.

    ``open_end`` is where the last element ends when no comma follows it, else ``None``.
    """

    regions: tuple[Span, ...]
    open_end: int | None


def find_elements(display: str, count: int) -> Elements:
    """Take apart ``display``, the text of a list or tuple of ``count`` elements in brackets.

    Positions count from its start. Raises ``CannotTakeOutError`` for text of another form.
    """
    try:
        tokens = list(_cut(tokenize.generate_tokens(iter(split_lines(display)).__next__)))
    except (tokenize.TokenError, SyntaxError, RecursionError):
        raise CannotTakeOutError(FORM) from None
    marks = list(_find_commas(tokens))
    last = max(number for number, token in enumerate(tokens[:-1]) if not _is_space(token))
    has_open_end = last != marks[-1]
    if has_open_end:
        marks.append(last)
    starts = find_starts(split_lines(display))
    bounds = [_offset(starts, _find_bound(tokens, mark)) for mark in marks]
    regions = tuple(pairwise(bounds))
    if len(regions) != count:
        raise CannotTakeOutError(FORM)
    return Elements(regions, _offset(starts, tokens[last].end) if has_open_end else None)


def _cut(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[tokenize.TokenInfo]:
    """The tokens up to the bracket that closes the first one."""
    depth = 0
    for token in tokens:
        yield token
        depth += _turn(token)
        if depth <= 0:
            return


def _turn(token: tokenize.TokenInfo) -> int:
    if token.type != tokenize.OP:
        return 0
    return (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))


def _find_commas(tokens: Sequence[tokenize.TokenInfo]) -> Iterator[int]:
    """The opening bracket's number, and those of the commas right inside it."""
    depth = 0
    for number, token in enumerate(tokens):
        depth += _turn(token)
        if depth == 1 and (number == 0 or (token.type == tokenize.OP and token.string == ",")):
            yield number


def _is_space(token: tokenize.TokenInfo) -> bool:
    return token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT)


def _find_bound(tokens: Sequence[tokenize.TokenInfo], mark: int) -> tuple[int, int]:
    """Find the start of what follows the token ``mark``, to which a comment on its line belongs."""
    for token in tokens[mark + 1 :]:
        if token.type != tokenize.COMMENT:
            return token.end if _is_space(token) else token.start
    raise CannotTakeOutError(FORM)


def _offset(starts: Sequence[int], place: tuple[int, int]) -> int:
    """Rows count from 1; the one that a line break leads to may be none."""
    return starts[place[0] - 1] + place[1]
