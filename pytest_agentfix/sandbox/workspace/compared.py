"""The part that both kinds of workspace share: a base that they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import ChangeSet, Collected
from pytest_agentfix.sandbox.workspace.base import Base, never
from pytest_agentfix.sandbox.workspace.collecting import CollectRequest
from pytest_agentfix.sandbox.workspace.files import translated
from pytest_agentfix.sandbox.workspace.limits import Limits

# git's index is as long as the tree, and a test run leaves many files.
THOROUGH: Final = Limits(files=1000, file_bytes=50_000_000, total_bytes=100_000_000)

Walk = Callable[[Path, CollectRequest], Collected]


class Compared:
    """A folder at ``path`` on the host that ``walk`` compares with ``base``."""

    def __init__(
        self, *, path: Path, base: Base, is_hidden: Callable[[str], bool], walk: Walk
    ) -> None:
        self.path = path
        self.base = base
        self._is_hidden = is_hidden
        self._walk = walk

    def expect(self, changes: ChangeSet) -> None:
        """Compare with ``base`` plus ``changes`` from now on: they were written in the sandbox."""
        self.base = self.base.with_changes(changes)

    def collect(
        self,
        *,
        is_ignored: Callable[[str], bool],
        skip: Collection[str] = (),
        limits: Limits = Limits(),  # noqa: B008 - immutable
    ) -> Collected:
        """Read what differs from ``base`` now; nothing of it is followed, executed or trusted.

        ``is_ignored`` is asked about new files only. ``skip`` are mount points. Raises
        ``WorkspaceError`` when the folder itself cannot be read.
        """
        request = CollectRequest(
            base=self.base,
            is_hidden=self._is_hidden,
            is_ignored=is_ignored,
            skip=frozenset(path.strip("/") for path in skip),
            limits=limits,
        )
        with translated(str(self.path), "reading back"):
            return self._walk(self.path, request)

    def find_remains(self, fresh: Base, *, skip: Collection[str] = ()) -> Collected:
        """Read all that differs from ``fresh``, which is ``Base.as_made``; raises as ``collect``.

        Nothing is left out but ``skip``, and the content of what is new. A new folder is one
        change.
        """
        request = CollectRequest(
            base=fresh,
            is_hidden=never,
            is_ignored=never,
            skip=frozenset(path.strip("/") for path in skip),
            limits=THOROUGH,
            is_thorough=True,
        )
        with translated(str(self.path), "reading back"):
            return self._walk(self.path, request)
