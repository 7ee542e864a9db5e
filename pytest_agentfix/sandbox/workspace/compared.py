"""The part that both kinds of workspace share: a base that they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet, Collected
from pytest_agentfix.sandbox.workspace.base import Base
from pytest_agentfix.sandbox.workspace.collecting import CollectRequest
from pytest_agentfix.sandbox.workspace.files import translated
from pytest_agentfix.sandbox.workspace.limits import Limits

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
