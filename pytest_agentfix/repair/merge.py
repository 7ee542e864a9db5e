"""A change made on one state of the base, brought onto a later one. Pure.

Two changes collide where their lines overlap or touch: what stands next to a line that somebody
else has just changed was written with the old line in view.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_agentfix.core.hunks import Hunk, join_hunks, split_hunks
from pytest_agentfix.core.model import ChangeSet, FileChange, ReadBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A change set for the later base, or where it collides with what has come in since.

    ``changes`` leaves out what the later base has already. ``collisions`` are repository-relative
    paths.
    """

    changes: ChangeSet = field(default_factory=ChangeSet)
    collisions: tuple[str, ...] = ()


def merge(changes: ChangeSet, *, before: ReadBase, now: ReadBase) -> Merged:
    """Bring ``changes``, made on the base of ``before``, onto that of ``now``."""
    merged: dict[str, FileChange] = {}
    collisions = []
    for path, change in sorted(changes.files.items()):
        found = _merge_file(path, change, before, now)
        if found is None:
            collisions.append(path)
        elif not _is_there(found, now(path)):
            merged[path] = found
    return Merged(changes=ChangeSet(merged), collisions=tuple(collisions))


def _merge_file(
    path: str, change: FileChange, before: ReadBase, now: ReadBase
) -> FileChange | None:
    """The change for the later base, ``None`` where it collides."""
    old, new = before(path), now(path)
    if old == new or _is_there(change, new):
        return change
    if old is None or new is None:
        return None  # made, deleted or made again by the other
    theirs = split_hunks(ChangeSet({path: FileChange(new[0], executable=new[1])}), before)
    ours = split_hunks(ChangeSet({path: change}), before)
    if any(hunk.whole is not None for hunk in (*ours, *theirs)):
        return None
    own = [hunk for hunk in ours if hunk not in theirs]
    if any(_touch(one, other) for one in own for other in theirs):
        return None
    return join_hunks((*own, *theirs), before).files[path]


def _touch(one: Hunk, other: Hunk) -> bool:
    return one.start <= other.stop and other.start <= one.stop


def _is_there(change: FileChange, found: tuple[bytes, bool] | None) -> bool:
    """Return whether the base holds already what the change makes of it."""
    if change.content is None:
        return found is None
    return found == (change.content, change.executable)
