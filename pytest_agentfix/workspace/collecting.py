"""The walk over a workspace that an agent could write: what differs from the base.

Every entry is reached by descriptors, one folder at a time, and nothing is followed, executed or
waited for. What the agent can forge (times, sizes, names, rights) decides nothing by itself.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.model import Collected, FileChange
from pytest_agentfix.workspace.base import Base, BaseFile, parents_of
from pytest_agentfix.workspace.descriptors import open_file, open_folder
from pytest_agentfix.workspace.files import (
    digest_of,
    digest_stream,
    is_executable,
    read_up_to,
)
from pytest_agentfix.workspace.findings import Findings
from pytest_agentfix.workspace.kinds import (
    describe_kind,
    find_name_problem,
    find_planted,
    is_cache,
)
from pytest_agentfix.workspace.limits import Limits

_UNREADABLE = "it cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRequest:
    """What to compare with, and what not to look at."""

    base: Base
    is_hidden: Callable[[str], bool]
    is_ignored: Callable[[str], bool]
    skip: frozenset[str]
    limits: Limits


def collect_changes(top: Path, request: CollectRequest) -> Collected:
    """Walk the workspace at ``top``; raises ``OSError`` when ``top`` itself cannot be read."""
    walk = _Walk(request)
    walk.run(top)
    walk.find_deletions()
    return walk.findings.to_collected()


@dataclass(slots=True)
class _Folder:
    fd: int
    path: str  # "" is the top
    pending: Iterator[str]  # folders in it that are still to be entered

    def join(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name


class _Walk:
    """One walk, depth first, with one descriptor per level."""

    def __init__(self, request: CollectRequest) -> None:
        self.findings = Findings(request.limits)
        self._request = request
        self._files = request.base.files
        self._folders = parents_of(request.base.files)
        self._seen: set[str] = set()  # files of the base that are still there
        self._blocked: set[str] = set()  # nothing is said about what should be below these
        self._left = len(self._files) + len(self._folders) + request.limits.extra_entries
        self._is_cut = False

    def run(self, top: Path) -> None:
        """Look at everything."""
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

    def find_deletions(self) -> None:
        """Record the files of the base that are gone; none where the walk did not get to."""
        if self._is_cut:
            return
        for path in sorted(self._files.keys() - self._seen):
            if self._is_left_out(path) or self._is_beyond(path, self._blocked):
                continue
            if self._is_beyond(path, self._request.skip):
                continue
            if self._files[path].kind == "symlink":
                self.findings.drop(path, "symbolic link removed")
            else:
                self.findings.add(path, FileChange(None))

    def _descend(self, stack: list[_Folder], name: str) -> None:
        parent = stack[-1]
        path = parent.join(name)
        try:
            fd = open_folder(name, parent=parent.fd)
        except OSError:
            self._refuse(path, _UNREADABLE)
            return
        stack.append(self._enter(fd, path))

    def _enter(self, fd: int, path: str) -> _Folder:
        """List a folder, deal with its files, and keep its folders for later."""
        folder = _Folder(fd, path, iter(()))
        try:
            names = self._without_planted(folder, self._list(folder))
            folder.pending = iter([name for name in names if self._visit(folder, name)])
        except BaseException:
            os.close(fd)
            raise
        return folder

    def _list(self, folder: _Folder) -> list[str]:
        with os.scandir(folder.fd) as entries:
            names = [entry.name for entry in itertools.islice(entries, self._left + 1)]
        if len(names) > self._left:
            self._cut(folder.path)
            return []
        self._left -= len(names)
        return sorted(names)

    def _cut(self, path: str) -> None:
        if not self._is_cut:
            limit = self._request.limits.extra_entries
            reason = f"too many files: more than {limit} entries that the base does not have"
            self.findings.note_cap(path or ".", reason)
        self._is_cut = True

    def _without_planted(self, folder: _Folder, names: list[str]) -> list[str]:
        """``names`` without a bare repository: all of its folder, or at the top its own entries."""
        planted = find_planted(names, {name for name in names if self._is_known(folder.join(name))})
        if not planted or self._is_litter(folder.join(planted[0])):
            return names
        reason = "bare git repository"
        if folder.path:
            self._refuse(folder.path, reason)
            return []
        for name in planted:
            self._refuse(name, reason)
        return [name for name in names if name not in planted]

    def _visit(self, folder: _Folder, name: str) -> bool:
        """Deal with one entry; whether it is a folder to enter."""
        path = folder.join(name)
        if self._is_left_out(path) or path in self._request.skip:
            return False
        try:
            info = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
        except OSError:
            self._refuse(path, _UNREADABLE)
            return False
        is_folder = stat.S_ISDIR(info.st_mode)
        if not self._is_known(path) and (is_cache(path) if is_folder else self._is_litter(path)):
            return False
        return self._look_at(folder, name, info) and is_folder

    def _look_at(self, folder: _Folder, name: str, info: os.stat_result) -> bool:
        """Deal with an entry that counts; ``False`` when it was refused."""
        path = folder.join(name)
        known = self._files.get(path)
        problem = find_name_problem(path, self._request.limits)
        if not problem and known is not None and known.kind == "symlink":
            problem = _compare_link(folder, name, info, known)
            if not problem:
                self._seen.add(path)
                return False
        elif not problem and not (stat.S_ISDIR(info.st_mode) or stat.S_ISREG(info.st_mode)):
            problem = describe_kind(info.st_mode)
        if problem:
            self._refuse(path, problem)
            return False
        if stat.S_ISREG(info.st_mode):
            self._seen.add(path)
            self._compare_file(folder, name, known)
        return True

    def _compare_file(self, folder: _Folder, name: str, known: BaseFile | None) -> None:
        path = folder.join(name)
        if self.findings.is_full:
            return
        try:
            fd = open_file(name, parent=folder.fd)
        except OSError:
            self.findings.drop(path, _UNREADABLE)
            return
        try:
            found = _examine(fd, known, self._request.limits)
        except OSError:
            found = _UNREADABLE
        finally:
            os.close(fd)
        if isinstance(found, str):
            self.findings.drop(path, found)
        elif found is not None:
            self.findings.add(path, found)

    def _refuse(self, path: str, reason: str) -> None:
        self.findings.drop(path, reason)
        self._blocked.add(path)

    def _is_known(self, path: str) -> bool:
        return path in self._files or path in self._folders

    def _is_left_out(self, path: str) -> bool:
        return path == ".git" or self._request.is_hidden(path)

    def _is_litter(self, path: str) -> bool:
        return is_cache(path) or self._request.is_ignored(path)

    @staticmethod
    def _is_beyond(path: str, tops: set[str] | frozenset[str]) -> bool:
        """Whether ``path`` is one of ``tops``, or below one."""
        while path:
            if path in tops:
                return True
            path = path.rpartition("/")[0]
        return False


def _compare_link(folder: _Folder, name: str, info: os.stat_result, known: BaseFile) -> str:
    """Why the entry is not the base's symlink any more, "" when it is."""
    if not stat.S_ISLNK(info.st_mode):
        return "symbolic link replaced"
    try:
        target = os.readlink(name, dir_fd=folder.fd)
    except OSError:
        return _UNREADABLE
    return "" if target == known.target else "symbolic link changed"


def _examine(fd: int, known: BaseFile | None, limits: Limits) -> FileChange | str | None:
    """The change of an open regular file, a reason to leave it out, or ``None``: as in the base."""
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        return describe_kind(info.st_mode)
    if info.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        return "setuid, setgid or sticky bit"
    is_small = info.st_size <= limits.file_bytes
    # One byte more than allowed tells a file that grew since; a large one is never held.
    content = read_up_to(fd, limits.file_bytes + 1) if is_small else b""
    executable = is_executable(info)
    if known is not None and known.size == info.st_size and known.executable == executable:
        digest = digest_of(content) if is_small else digest_stream(fd)
        if digest == known.digest:
            return None
    if info.st_nlink > 1:
        return "hard link"
    if not is_small or len(content) > limits.file_bytes:
        return f"too large: more than {limits.file_bytes} bytes"
    return FileChange(content, executable)
