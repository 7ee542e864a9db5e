"""A change as hunks, and hunks as a change again: pieces of a diff that can be left out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import AnyStr, Final

from pytest_agentfix.core.model import ChangeSet, FileChange, ReadBase

_SIZE_LIMIT: Final = 1_000_000  # bytes of a file that is taken apart
_EFFORT_LIMIT: Final = 500_000  # pairs of equal lines

Lines = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """One piece of a change: lines of one file in the place of others, or a file as a whole.

    ``whole`` is what becomes of the file; without it ``lines`` take the place of the base's lines
    from ``start`` up to ``stop``, which count from 0.
    """

    path: str
    start: int = 0
    stop: int = 0
    lines: Lines = ()
    whole: FileChange | None = None


def split_hunks(changes: ChangeSet, read_base: ReadBase) -> tuple[Hunk, ...]:
    """Return one hunk for each group of changed lines, in the order of paths and lines.

    New and deleted files, files with another executable bit, and those that are binary or too
    large are one hunk each.
    """
    return tuple(
        hunk
        for path, change in sorted(changes.files.items())
        for hunk in _split_file(path, change, read_base(path))
    )


def join_hunks(hunks: Iterable[Hunk], read_base: ReadBase) -> ChangeSet:
    """Return the change that ``hunks``, in any order, make to the base."""
    by_path: dict[str, list[Hunk]] = {}
    for hunk in hunks:
        by_path.setdefault(hunk.path, []).append(hunk)
    return ChangeSet({path: _join_file(path, by_path[path], read_base) for path in sorted(by_path)})


def count_pairs(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    """Count the pairs of equal lines that difflib may have to look at."""
    counts: Mapping[bytes, int] = Counter(old)
    return sum(counts[line] * count for line, count in Counter(new).items())


def count_equal_ends(old: Sequence[AnyStr], new: Sequence[AnyStr]) -> tuple[int, int]:
    """Count the equal lines at the start of both, and those at the end of what is left of them."""
    head = _count_equal(old, new)
    return head, _count_equal(old[head:][::-1], new[head:][::-1])


def _split_file(path: str, change: FileChange, base: tuple[bytes, bool] | None) -> Iterator[Hunk]:
    if base is None or not _can_be_split(change, base):
        yield Hunk(path=path, whole=change)
        return
    old, new = base[0].splitlines(keepends=True), (change.content or b"").splitlines(keepends=True)
    for start, stop, lines in _diff(old, new):
        yield Hunk(path=path, start=start, stop=stop, lines=lines)


def _can_be_split(change: FileChange, base: tuple[bytes, bool]) -> bool:
    content, executable = base
    return (
        change.content not in (None, content)
        and change.executable == executable
        and _is_text(change.content or b"")
        and _is_text(content)
    )


def _is_text(content: bytes) -> bool:
    return len(content) <= _SIZE_LIMIT and b"\0" not in content


def _diff(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[tuple[int, int, Lines]]:
    """Groups of changed lines; only one where there is too much to compare."""
    head, tail = count_equal_ends(old, new)
    old_part, new_part = old[head : len(old) - tail], new[head : len(new) - tail]
    if count_pairs(old_part, new_part) > _EFFORT_LIMIT:
        yield head, head + len(old_part), tuple(new_part)
        return
    matcher = SequenceMatcher(None, old_part, new_part, autojunk=False)
    for tag, start, stop, new_start, new_stop in matcher.get_opcodes():
        if tag != "equal":
            yield head + start, head + stop, tuple(new_part[new_start:new_stop])


def _count_equal(old: Sequence[AnyStr], new: Sequence[AnyStr]) -> int:
    pairs = enumerate(zip(old, new, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(old), len(new)))


def _join_file(path: str, hunks: Sequence[Hunk], read_base: ReadBase) -> FileChange:
    whole = next((hunk.whole for hunk in hunks if hunk.whole is not None), None)
    if whole is not None:
        return whole
    content, executable = read_base(path) or (b"", False)
    lines = content.splitlines(keepends=True)
    for hunk in sorted(hunks, key=lambda hunk: hunk.start, reverse=True):
        lines[hunk.start : hunk.stop] = hunk.lines
    return FileChange(b"".join(lines), executable=executable)
