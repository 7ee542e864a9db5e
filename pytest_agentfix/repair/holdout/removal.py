"""Takes cases out of the text of a test file, and leaves all other bytes as they are."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.repair.holdout.case_ids import KnownIds, find_lasting_ids
from pytest_agentfix.repair.holdout.decorator import Decorator, Display, find_decorator
from pytest_agentfix.repair.holdout.id_guesses import BY_POSITION
from pytest_agentfix.repair.holdout.list_elements import FORM, find_elements
from pytest_agentfix.repair.holdout.source import CannotTakeOutError, Edit, Source

MANY_PLACES: Final = "its cases come from more than one place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The cases of one function to take out, by their indices.

    ``names`` are its classes and its own name, ``arguments`` all that is parametrised about it.
    """

    names: tuple[str, ...]
    arguments: frozenset[str]
    known: KnownIds
    withheld: frozenset[int]


def take_out(data: bytes, cut: Cut) -> bytes:
    """The file without the cases; those that stay keep their node ids.

    Raises ``CannotTakeOutError``, which says why.
    """
    source = Source.read(data)
    decorator = find_decorator(source.tree, cut.names)
    cases = _find_cases(decorator, cut)
    lasting = find_lasting_ids(source.tree, decorator, cut.known)
    edits = [*_remove(source, cases, cut.withheld), *_edit_ids(source, decorator, cut, lasting)]
    edited = source.edit(edits)
    _verify(edited, decorator, cut)
    return edited


def spell_out(data: bytes, cut: Cut) -> frozenset[str]:
    """The lines, stripped, that the cases stand on; none where they cannot be found."""
    try:
        source = Source.read(data)
        cases = _find_cases(find_decorator(source.tree, cut.names), cut)
        start, stop = source.span(cases)
        regions = find_elements(source.text[start:stop], len(cases.elts)).regions
    except CannotTakeOutError:
        return frozenset()
    spans = [(start + regions[index][0], start + regions[index][1]) for index in cut.withheld]
    lines = {line.strip() for span in spans for line in source.lines_of(span)}
    return frozenset(filter(says_something, lines))


def says_something(text: str) -> bool:
    """Return whether ``text`` is enough to know a case by, and more than punctuation."""
    return len(text) >= 4 and any(map(str.isalnum, text))  # noqa: PLR2004 - "[1]" is everywhere


def _find_cases(decorator: Decorator, cut: Cut) -> Display:
    cases = decorator.cases
    if cut.arguments != {*decorator.names}:
        raise CannotTakeOutError(MANY_PLACES)
    if max({*cut.known.failed, *cut.withheld}) >= len(cases.elts):
        raise CannotTakeOutError("its cases are not those of the decorator")
    return cases


def _remove(source: Source, display: Display, gone: Collection[int]) -> Iterable[Edit]:
    """The edits that take elements out of ``display``."""
    start, stop = source.span(display)
    elements = find_elements(source.text[start:stop], len(display.elts))
    for index in gone:
        first, end = elements.regions[index]
        yield start + first, start + end, ""
    is_last_alone = {*range(len(display.elts))} - {*gone} == {len(display.elts) - 1}
    if isinstance(display, ast.Tuple) and is_last_alone and elements.open_end is not None:
        end = start + elements.open_end
        yield end, end, ","  # or it would be no tuple any more


def _edit_ids(
    source: Source, decorator: Decorator, cut: Cut, lasting: Sequence[str | None]
) -> Iterable[Edit]:
    """The edits that keep the names of the cases that stay."""
    stay = [index for index in range(len(lasting)) if index not in cut.withheld]
    named = {index: text for index in stay if (text := lasting[index]) is not None}
    if not all(map(_is_plain, named.values())):
        raise CannotTakeOutError(BY_POSITION)  # pytest would write it in another way
    if isinstance(decorator.ids, Display):
        yield from _remove(source, decorator.ids, cut.withheld)
        entries = decorator.ids.elts
        yield from ((*source.span(entries[index]), repr(text)) for index, text in named.items())
    elif named and decorator.ids is None:
        texts = ", ".join(repr(named.get(index)) for index in stay)
        end = source.span(decorator.values)[1]
        yield end, end, f", ids=[{texts}]"
    elif named:
        raise CannotTakeOutError(BY_POSITION)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and "\\" not in text


def _verify(edited: bytes, before: Decorator, cut: Cut) -> None:
    """Check the edited source by parsing it again."""
    try:
        after = find_decorator(Source.read(edited).tree, cut.names)
    except CannotTakeOutError:
        raise CannotTakeOutError(FORM) from None
    expected = [
        ast.dump(element)
        for index, element in enumerate(before.cases.elts)
        if index not in cut.withheld
    ]
    if [ast.dump(element) for element in after.cases.elts] != expected:
        raise CannotTakeOutError(FORM)
