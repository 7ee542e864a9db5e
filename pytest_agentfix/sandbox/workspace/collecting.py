"""The walk over a workspace that an agent could write: what differs from the base.

Every entry is reached by descriptors, one folder at a time, and nothing is followed, executed or
waited for. What the agent can forge (times, sizes, names, rights) decides nothing by itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import WorkspaceError
from pytest_agentfix.core.model import Collected, FileChange
from pytest_agentfix.sandbox.workspace.base import Base
from pytest_agentfix.sandbox.workspace.descriptors import open_file, open_folder
from pytest_agentfix.sandbox.workspace.entry_comparison import (
    UNREADABLE,
    compare_file,
    compare_link,
    is_as_usable,
)
from pytest_agentfix.sandbox.workspace.entry_kinds import (
    describe_kind,
    find_name_problem,
    find_planted,
    is_cache,
)
from pytest_agentfix.sandbox.workspace.findings import CappedChanges
from pytest_agentfix.sandbox.workspace.limits import Limits

SOMETHING: Final = FileChange(b"")  # stands for a difference of which the content does not matter


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRequest:
    """One collection: what to compare with, and what not to look at.

    ``is_thorough``: all is looked at but ``skip``, ``.git`` and what tools keep for themselves as
    well. A new folder is one change then, whatever is in it.
    """

    base: Base
    is_hidden: Callable[[str], bool]
    is_ignored: Callable[[str], bool]
    skip: frozenset[str]
    limits: Limits
    is_thorough: bool = False


def collect_changes(top: Path, request: CollectRequest) -> Collected:
    """Walk the workspace at ``top``; raises ``OSError`` when ``top`` itself cannot be read."""
    return Walk(request).run(top)


@dataclass(slots=True)
class Folder:
    """A folder that the walk is in."""

    fd: int
    path: str  # "" is the top
    pending: Iterator[str]  # folders in it that are still to be entered

    def join(self, name: str) -> str:
        """Return the path of an entry."""
        return f"{self.path}/{name}" if self.path else name


class Walk:
    """One walk, depth first, with one descriptor per level."""

    def __init__(self, request: CollectRequest) -> None:
        self.findings = CappedChanges(request.limits)
        self.request = request
        self.files = request.base.files
        self.seen: set[str] = set()  # files of the base that are still there
        self._blocked: set[str] = set()  # nothing below these is reported as deleted
        self._left = request.limits.extra_entries
        self._is_cut = False

    def run(self, top: Path) -> Collected:
        """Look at everything; raises ``OSError`` when ``top`` itself cannot be read."""
        self._walk(top)
        if not self._is_cut:  # nothing is known about where it did not get to
            self._find_deletions()
        return self.findings.to_collected()

    def find_missing(self) -> Iterable[str]:
        """Return the files of the base that are gone."""
        return self.files.keys() - self.seen

    def _walk(self, top: Path) -> None:
        stack = [self._enter(open_folder(top), "")]
        try:
            while stack:
                name = next(stack[-1].pending, None)
                if name is None:
                    os.close(stack.pop().fd)
                else:
                    self._descend(stack, name)
        finally:
            for folder in stack:
                os.close(folder.fd)

    def _find_deletions(self) -> None:
        for path in sorted(self.find_missing()):
            if self.is_left_out(path) or is_at_or_below(path, self._blocked):
                continue
            if is_at_or_below(path, self.request.skip):
                continue
            if self.files[path].kind == "symlink":
                self.findings.drop(path, "symbolic link removed")
            else:
                self.findings.add(path, FileChange(None))

    def _descend(self, stack: list[Folder], name: str) -> None:
        parent = stack[-1]
        path = parent.join(name)
        try:
            fd = open_folder(name, parent=parent.fd)
        except OSError:
            self.refuse(path, UNREADABLE)
            return
        stack.append(self._enter(fd, path))

    def _enter(self, fd: int, path: str) -> Folder:
        """List a folder, deal with its files, and keep its folders for later."""
        folder = Folder(fd, path, iter(()))
        try:
            names = self._list(folder) if self.enter(fd, path) else []
            names = self._without_planted(folder, names)
            folder.pending = iter([name for name in names if self._visit(folder, name)])
        except BaseException:
            os.close(fd)
            raise
        return folder

    def _list(self, folder: Folder) -> list[str]:
        names = []
        with os.scandir(folder.fd) as entries:
            for entry in entries:
                self._left -= not self.is_known(folder.join(entry.name))
                if self._left < 0:
                    self._cut(folder.path)
                    return []
                names.append(entry.name)
        return sorted(names)

    def enter(self, fd: int, path: str) -> bool:  # noqa: ARG002 - see ``overlay_diff.py``
        """Look at an open folder before it is listed; ``False`` when it was refused."""
        return True

    def names_of(self, folder: Folder, names: list[str]) -> list[str]:  # noqa: ARG002 - see ``overlay_diff.py``
        """Return all names that the sandbox sees in ``folder``, of which ``names`` are listed."""
        return names

    def _cut(self, path: str) -> None:
        if not self._is_cut:
            limit = self.request.limits.extra_entries
            reason = f"too many files: more than {limit} entries that the base does not have"
            self.findings.add_cap(path or ".", reason)
        self._is_cut = True

    def _without_planted(self, folder: Folder, names: list[str]) -> list[str]:
        """Drop a bare repository from ``names``: all of its folder, or at the top its entries."""
        present = self.names_of(folder, names)
        known = {name for name in present if self.is_known(folder.join(name))}
        planted = find_planted(present, known)
        if not planted or self._is_litter(folder.join(planted[0])):
            return names
        reason = "bare git repository"
        if folder.path:
            self.refuse(folder.path, reason)
            return []
        for name in planted:
            self.refuse(name, reason)
        return [name for name in names if name not in planted]

    def _visit(self, folder: Folder, name: str) -> bool:
        """Deal with one entry; return whether it is a folder to enter."""
        path = folder.join(name)
        if self.is_left_out(path) or path in self.request.skip:
            return False
        try:
            info = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
        except OSError:
            self.refuse(path, UNREADABLE)
            return False
        if self.is_gone(path, info):
            return False
        is_folder = stat.S_ISDIR(info.st_mode)
        if not self.is_known(path) and self._is_passed_over(path, is_folder=is_folder):
            return False
        return self._look_at(folder, name, info) and is_folder

    def _is_passed_over(self, path: str, *, is_folder: bool) -> bool:
        """Return whether no further look is taken at what is new at ``path``."""
        if not self.request.is_thorough:
            return is_cache(path) if is_folder else self._is_litter(path)
        if is_folder and not self._is_empty_in_base(path) and not self._is_above_mount(path):
            self.findings.add(path, SOMETHING)
            return True
        return False

    def _is_empty_in_base(self, path: str) -> bool:
        return (self.request.base.place.plain / path).is_dir()

    def _is_above_mount(self, path: str) -> bool:
        return any(is_at_or_below(point, {path}) for point in self.request.skip)

    def _look_at(self, folder: Folder, name: str, info: os.stat_result) -> bool:
        """Compare an entry that counts; ``False`` when it was refused."""
        path = folder.join(name)
        known = self.files.get(path)
        is_expected = self.request.is_thorough and self.is_known(path)  # as ``.git`` is then
        problem = "" if is_expected else find_name_problem(path, self.request.limits)
        if not problem and known is not None and known.kind == "symlink":
            problem = compare_link(name, folder.fd, info, known)
            if not problem:
                self.seen.add(path)
                return False
        elif not problem and not (stat.S_ISDIR(info.st_mode) or stat.S_ISREG(info.st_mode)):
            problem = describe_kind(info.st_mode)
        if problem:
            self.refuse(path, problem)
            return False
        if stat.S_ISREG(info.st_mode):
            self.seen.add(path)
            self._compare_file(folder, name)
        return True

    def _compare_file(self, folder: Folder, name: str) -> None:
        path = folder.join(name)
        if self.findings.is_full:
            return
        try:
            fd = open_file(name, parent=folder.fd)
        except OSError:
            self.findings.drop(path, UNREADABLE)
            return
        try:
            found = self.examine(fd, path)
        except (OSError, WorkspaceError):
            found = UNREADABLE
        finally:
            os.close(fd)
        if isinstance(found, str):
            self.findings.drop(path, found)
        elif found is not None:
            self.findings.add(path, found)

    def is_gone(self, path: str, info: os.stat_result) -> bool:  # noqa: ARG002 - see ``overlay_diff.py``
        """Return whether an entry is only a mark that there is no file."""
        return False

    def examine(self, fd: int, path: str) -> FileChange | str | None:
        """Compare an open file with the base; see ``compare_file``."""
        base = self.request.base
        found = compare_file(fd, path, base, self.request.limits)
        if found is None and self.request.is_thorough and not is_as_usable(fd, path, base):
            return SOMETHING
        return found

    def refuse(self, path: str, reason: str) -> None:
        """Take nothing of what is at ``path`` or below it, and report that."""
        self.findings.drop(path, reason)
        self._blocked.add(path)

    def is_known(self, path: str) -> bool:
        """Return whether the base has a file or a folder at ``path``."""
        return path in self.files or self.files.has_folder(path)

    def is_left_out(self, path: str) -> bool:
        """Return whether ``path`` is never reported."""
        return not self.request.is_thorough and (path == ".git" or self.request.is_hidden(path))

    def _is_litter(self, path: str) -> bool:
        return not self.request.is_thorough and (is_cache(path) or self.request.is_ignored(path))


def is_at_or_below(path: str, tops: Collection[str]) -> bool:
    """Return whether ``path`` is one of ``tops``, or below one."""
    while path:
        if path in tops:
            return True
        path = path.rpartition("/")[0]
    return False
