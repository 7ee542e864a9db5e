"""Bringing the user's work tree and index along with a commit, for the fix's paths only."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pytest_agentfix.repository.git import Git
from pytest_agentfix.repository.landing_journal import LandingJournal
from pytest_agentfix.repository.locks import lock_of, wait_for_lock
from pytest_agentfix.repository.marks import read_marks, set_marks
from pytest_agentfix.repository.objects import Blob, ObjectWriter, States, TreeEntry, parse_entries

_READ = 0o444
_EXECUTE = 0o111


def read_blob(path: Path) -> Blob | None:
    """Read what is on disk at ``path``, ``None`` if nothing is.

    Raises ``NotADirectoryError``, ``IsADirectoryError`` or ``FileExistsError`` where it is no
    regular file.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(path)
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(path)
    return Blob(path.read_bytes(), bool(status.st_mode & stat.S_IXUSR))


@dataclass(slots=True)
class StagedFiles:
    """New contents next to where they belong, put in their places by one rename each."""

    top: Path
    journal: LandingJournal
    _renames: list[tuple[Path, Path]] = field(default_factory=list)
    _deletions: list[Path] = field(default_factory=list)
    _folders: list[Path] = field(default_factory=list)

    def stage(self, states: States) -> None:
        """Write everything, so that a full disk shows before anything has changed."""
        for path, blob in states.items():
            target = self.top / path
            if blob is None:
                self.journal.delete(target)
                self._deletions.append(target)
            else:
                self._make_folder(target.parent)
                self._write(target, blob)

    def put(self) -> list[Path]:
        """Rename into place and delete; the paths that could not be."""
        missed = [target for source, target in self._renames if not _is_renamed(source, target)]
        missed += [target for target in self._deletions if not _is_deleted(target)]
        for target in self._deletions:
            self._remove_empty(target.parent)
        return missed

    def discard(self) -> None:
        """Take away what was staged and not put; fine to call at any time."""
        for source, _ in self._renames:
            with contextlib.suppress(OSError):
                source.unlink(missing_ok=True)
        for folder in reversed(self._folders):
            with contextlib.suppress(OSError):  # not empty: it is in use now
                folder.rmdir()

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            self.journal.make_folder(folder)
            folder.mkdir()
            self._folders.append(folder)

    def _write(self, target: Path, blob: Blob) -> None:
        source = target.parent / f".agent-fix-{secrets.token_hex(8)}"
        mode = 0o777 if blob.is_executable else 0o666  # less the umask, as git does
        self.journal.stage(source, target)
        descriptor = os.open(source, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        self._renames.append((source, target))
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(blob.content)
            stream.flush()
            os.fsync(stream.fileno())
            _keep_mode(stream.fileno(), target, blob)

    def _remove_empty(self, folder: Path) -> None:
        """Remove folders a deletion emptied, as git does."""
        while folder != self.top:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


def _is_renamed(source: Path, target: Path) -> bool:
    try:
        source.replace(target)
    except OSError:
        return False
    return True


def _is_deleted(target: Path) -> bool:
    try:
        target.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _keep_mode(descriptor: int, target: Path, blob: Blob) -> None:
    """Give a file the owner and permissions of the one it replaces."""
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if blob.is_executable and not mode & stat.S_IXUSR:
        mode |= (mode & _READ) >> 2
    elif not blob.is_executable:
        mode &= ~_EXECUTE
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, mode)


@dataclass(frozen=True, slots=True)
class LockedIndex:
    """The user's index, held by git's own lock file: no other git can move it or HEAD.

    It is read and changed as a copy with an empty folder for a work tree: where an entry is as
    young as its file, git would otherwise read that file, through the user's filters.
    """

    git: Git
    index: Path
    scratch: Path
    oid_length: int

    def entries(self) -> dict[str, TreeEntry]:
        """Return the entries of the index, conflicts left out."""
        return parse_entries(self._copied().run("ls-files", "-z", "--stage"))

    def prepare(self, states: States) -> None:
        """Make the index that is to be, beside the real one."""
        git = self._copied()
        writer = ObjectWriter(git, self.oid_length)
        kept = {os.fsencode(path) for path, blob in states.items() if blob is not None}
        marks = {option: kept.intersection(paths) for option, paths in read_marks(git).items()}
        git.run("update-index", "-z", "--index-info", stdin=writer.index_info(states))
        set_marks(git, marks)
        shutil.copyfile(self.scratch / "index", self._lock)
        if self.index.exists():
            # permissions, and the time too: entries that were too young to be trusted stay so
            shutil.copystat(self.index, self._lock)

    def commit(self) -> None:
        """Put the prepared index in its place, which releases the lock."""
        self._lock.replace(self.index)

    @property
    def _lock(self) -> Path:
        return lock_of(self.index)

    def _copied(self) -> Git:
        git = self.git.at(git_dir=self.index.parent, work_tree=self.scratch / "empty")
        return git.with_environ({"GIT_INDEX_FILE": str(self.scratch / "index")})


@contextlib.contextmanager
def lock_index(  # noqa: PLR0913 - most by name
    git: Git,
    index: Path,
    *,
    oid_length: int,
    journal: LandingJournal,
    timeout: float,
    sleep: Callable[[float], None],
) -> Iterator[LockedIndex]:
    """Hold the index's lock; ``GitFailure`` if somebody else has it for ``timeout`` seconds."""
    lock = lock_of(index)
    is_ours = _take(git, lock, index, journal, timeout=timeout, sleep=sleep)
    try:
        with tempfile.TemporaryDirectory(prefix="index-", dir=journal.folder) as name:
            scratch = Path(name)
            (scratch / "empty").mkdir()
            if index.exists():
                shutil.copyfile(index, scratch / "index")
            yield LockedIndex(git, index, scratch, oid_length)
    finally:
        with contextlib.suppress(FileNotFoundError):
            if os.lstat(lock).st_ino == is_ours:
                lock.unlink()


def _take(  # noqa: PLR0913 - most by name
    git: Git,
    lock: Path,
    index: Path,
    journal: LandingJournal,
    *,
    timeout: float,
    sleep: Callable[[float], None],
) -> int:
    """Take the lock and return its inode.

    A file of another name is linked to it, so that the journal knows the inode beforehand.
    """
    candidate = lock.with_name(f"agent-fix-{secrets.token_hex(8)}")
    journal.make_file(candidate)
    try:
        inode = _make_empty(candidate)
        journal.lock(lock, inode)
        is_taken = partial(_is_linked, candidate, lock)
        folders = (git.folder, index.parent)
        wait_for_lock(is_taken, lock, folders, timeout=timeout, sleep=sleep)
    finally:
        _remove(candidate)
    taken = os.lstat(lock).st_ino
    if taken != inode:
        journal.lock(lock, taken)
    return taken


def _make_empty(path: Path) -> int:
    """Make an empty file that must not be there, and return its inode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def _is_linked(candidate: Path, lock: Path) -> bool:
    """Try to make the lock file; ``False`` where it is there."""
    try:
        try:
            lock.hardlink_to(candidate)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            _make_empty(lock)
    except FileExistsError:
        return False
    return True


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
