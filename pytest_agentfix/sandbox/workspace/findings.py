"""The findings of a walk, within the caps."""

from __future__ import annotations

from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange
from pytest_agentfix.core.paths import display
from pytest_agentfix.sandbox.workspace.limits import Limits

_REST = "; the rest is left out"
_NOTHING = "; nothing of such a change is taken"


class CappedChanges:
    """Collects changes and drops; beyond a cap it keeps the first line about it and no more.

    Of what is over a cap only so much is remembered as keeps the memory bounded.
    """

    def __init__(self, limits: Limits) -> None:
        self.is_full = False  # no further change is taken
        self._limits = limits
        self._changes: dict[str, FileChange] = {}
        self._bytes = 0
        self._irregular: list[Drop] = []
        self._caps: list[Drop] = []

    def add(self, path: str, change: FileChange) -> None:
        """Take a change, unless it is one too many."""
        size = len(change.content or b"")
        if self.is_full:
            return
        if not _is_text(path):
            self.drop(path, "its name is not UTF-8")
        elif len(self._changes) >= self._limits.files:
            self._fill_up(path, f"too many files: more than {self._limits.files} changed")
        elif self._bytes + size > self._limits.total_bytes:
            self._fill_up(path, f"too large: more than {self._limits.total_bytes} bytes in all")
        else:
            self._changes[path] = change
            self._bytes += size

    def drop(self, path: str, reason: str) -> None:
        """Take a line about what is no regular change."""
        if len(self._irregular) < self._limits.irregular:
            self._irregular.append(Drop(display(path), reason))
        elif len(self._irregular) == self._limits.irregular:
            self._irregular.append(Drop(display(path), f"too many irregular entries{_REST}"))

    def add_cap(self, path: str, reason: str) -> None:
        """Take the one line about a cap that ended the walk."""
        self._caps.append(Drop(display(path), f"{reason}{_NOTHING}"))

    def to_collected(self) -> Collected:
        """Return everything found, sorted by path."""
        return Collected(
            changes=ChangeSet(dict(sorted(self._changes.items()))),
            irregular=(*sorted(self._irregular, key=_order), *self._caps),
            is_complete=not self._caps,
        )

    def _fill_up(self, path: str, reason: str) -> None:
        self.is_full = True
        self.add_cap(path, reason)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _order(drop: Drop) -> tuple[str, str]:
    return (drop.path, drop.reason)
