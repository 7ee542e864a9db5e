"""Sort a change's hunks: those to try without, and words and imports that go with others. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final

from pytest_agentfix.core.hunks import Hunk, join_hunks
from pytest_agentfix.core.model import ReadBase
from pytest_agentfix.judge.code_shape import Difference, Source, Span, compare
from pytest_agentfix.judge.lint.file_diff import is_python

_EFFORT_LIMIT: Final = 1_000_000  # bytes of Python that are parsed for one file; some seconds
_NOTES: Final = re.compile(r"change|news|history|release|docs?$", re.IGNORECASE)
_DOCSTRING: Final = "docstring"  # the module's own, as a place
_PROSE: Final = (".md", ".rst", ".markdown", ".adoc")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialHunks:
    """The hunks of a change. Each of ``leaders`` follows the hunks it is mapped to.

    A hunk that follows others is part of a change when at least one of these is; all others are
    candidates for being left out.
    """

    hunks: tuple[Hunk, ...]
    leaders: Mapping[Hunk, frozenset[Hunk]]

    @property
    def candidates(self) -> tuple[Hunk, ...]:
        """The hunks that follow no other."""
        return tuple(hunk for hunk in self.hunks if hunk not in self.leaders)

    def complete(self, chosen: Iterable[Hunk]) -> tuple[Hunk, ...]:
        """Return ``chosen`` with everything that follows them, in the order of the change."""
        found = set(chosen)
        while more := {
            hunk for hunk, led in self.leaders.items() if hunk not in found and led & found
        }:
            found |= more
        return tuple(hunk for hunk in self.hunks if hunk in found)


def sort_hunks(hunks: Sequence[Hunk], read_base: ReadBase) -> TrialHunks:
    """Find out which of ``hunks``, sorted as ``split_hunks`` does, follow which.

    Comments, docstrings and type hints follow the code in the same outermost statement, the
    module's docstring follows all code of its file, imports follow what uses their names, and
    change notes and other prose follow everything else.
    """
    notes = frozenset(hunk for hunk in hunks if _is_note(hunk, read_base))
    leaders: dict[Hunk, frozenset[Hunk]] = {}
    for path, group in groupby(hunks, key=lambda hunk: hunk.path):
        own = tuple(group)
        if is_python(path) and all(hunk.whole is None for hunk in own):
            leaders |= _find_leaders(own, read_base)
    leaders |= dict.fromkeys(notes, frozenset(hunks) - notes)
    sorted_hunks = TrialHunks(hunks=tuple(hunks), leaders=leaders)
    reached = frozenset(sorted_hunks.complete(sorted_hunks.candidates))
    led = {hunk: ahead for hunk, ahead in leaders.items() if hunk in reached}
    return TrialHunks(hunks=tuple(hunks), leaders=led)


def _is_note(hunk: Hunk, read_base: ReadBase) -> bool:
    """Return whether the file is prose: one for notes, or another that is there already."""
    path = PurePosixPath(hunk.path)
    if hunk.whole is not None and hunk.whole.content is None:
        return False
    suffix = path.suffix.lower()
    if any(_NOTES.match(part) for part in path.parts):
        return suffix in (*_PROSE, ".txt") or (not suffix and bool(_NOTES.match(path.name)))
    return suffix in _PROSE and read_base(hunk.path) is not None


def _find_leaders(hunks: Sequence[Hunk], read_base: ReadBase) -> dict[Hunk, frozenset[Hunk]]:
    """The leaders of the hunks of one Python file."""
    content = (read_base(hunks[0].path) or (b"", False))[0]
    found = list(_look_at(hunks, content, read_base))
    codes = [one for one in found if one.difference is Difference.CODE]
    leaders = {}
    for one in found:
        if one.difference is Difference.WORDS:
            led = (
                codes
                if _DOCSTRING in one.places
                else [code for code in codes if code.places & one.places]
            )
        elif one.difference is Difference.IMPORTS:
            led = [other for other in found if other is not one and other.words & one.names]
        else:
            continue
        leaders[one.hunk] = frozenset(other.hunk for other in led)
    return leaders


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """One hunk of a Python file. ``places`` are the outermost statements that it touches."""

    hunk: Hunk
    difference: Difference
    names: frozenset[str]  # that its imports bind, or no longer bind
    words: frozenset[str]  # identifiers in its lines, the old ones included
    places: frozenset[object]


def _look_at(hunks: Sequence[Hunk], content: bytes, read_base: ReadBase) -> Iterator[_Looked]:
    """Describe each hunk; none if the file is too much to look at, or no Python."""

    def read(chosen: Collection[Hunk]) -> Source | None:
        change = join_hunks(chosen, read_base).files.get(hunks[0].path)
        return Source.read(content if change is None or change.content is None else change.content)

    base, new = read(()), read(hunks)
    if base is None or new is None or len(hunks) * max(base.size, new.size) > _EFFORT_LIMIT:
        return
    lines = content.splitlines()
    shift = 0
    for hunk in hunks:
        alone, others = read([hunk]), read([other for other in hunks if other is not hunk])
        first, second = _compare(base, alone), _compare(others, new)
        start, stop = hunk.start + shift, hunk.start + shift + len(hunk.lines)
        shift += len(hunk.lines) - (hunk.stop - hunk.start)
        text = b"\n".join([*lines[hunk.start : hunk.stop], *hunk.lines]).decode("utf-8", "replace")
        yield _Looked(
            hunk=hunk,
            difference=first[0] if first == second else Difference.CODE,
            names=first[1],
            words=frozenset(re.findall(r"[^\W\d]\w*", text)),
            places=_find_places(base, (hunk.start, hunk.stop)) | _find_places(new, (start, stop)),
        )


def _compare(old: Source | None, new: Source | None) -> tuple[Difference, frozenset[str]]:
    return compare(old, new) if old and new else (Difference.CODE, frozenset())


def _find_places(source: Source, span: Span) -> frozenset[object]:
    """Return the outermost statements that ``span`` touches, or splits if it is empty."""
    start, stop = span
    return frozenset(
        _DOCSTRING if place == source.docstring else (id(source), place)
        for place in source.statements
        if start < place[1] and place[0] < stop
    )
