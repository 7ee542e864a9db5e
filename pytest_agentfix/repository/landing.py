"""Fixes on their way into the user's history."""

from __future__ import annotations

import logging
import re
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pytest_agentfix.core.errors import DiskFullError, LandingError
from pytest_agentfix.core.model import FileStat, Fix, Landing
from pytest_agentfix.repository.checkout import Checkout, NotPlainError
from pytest_agentfix.repository.edits import Edits, compare
from pytest_agentfix.repository.git import GitFailure, clean, is_disk_full
from pytest_agentfix.repository.objects import Blob, ObjectWriter, States, TreeEntry
from pytest_agentfix.repository.open import Repository
from pytest_agentfix.repository.patch import make_patch
from pytest_agentfix.repository.paths import check_changes, check_names, refusal
from pytest_agentfix.repository.refs import Refs
from pytest_agentfix.repository.stats import count_lines

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_SIGNING_TIMEOUT = 60.0  # seconds; an agent asking for a passphrase must not hang the run
_LOCK_PATIENCE = 10.0  # seconds; another run may be at landing a fix of its own

ReadBase = Callable[[str], "tuple[bytes, bool] | None"]
_log = logging.getLogger(__name__)


class CommitLander:
    """Commits each fix on top of the ones before it, or leaves it as a patch.

    ``read_base`` gives content and executable bit of a path in the base tree at the start of the
    run. Safe to call from several threads.
    """

    def __init__(  # noqa: PLR0913 - all of it is said by the user
        self,
        repository: Repository,
        *,
        read_base: ReadBase,
        message: Callable[[Fix], str],
        branch: str | None,
        is_committing: bool,
        patch_folder: Path,
        sleep: Callable[[float], None] = time.sleep,
        signing_timeout: float = _SIGNING_TIMEOUT,
    ) -> None:
        self._repository = repository
        self._read_base = read_base
        self._message = message
        self._branch = branch
        self._is_committing = is_committing
        self._patch_folder = patch_folder
        self._signing_timeout = signing_timeout
        self._oid_length = len(repository.head)
        self._objects = ObjectWriter(repository.git, self._oid_length)
        self._refs = Refs(repository.git, self._oid_length)
        self._checkout = Checkout(
            repository, self._oid_length, patience=_LOCK_PATIENCE, sleep=sleep
        )
        self._one_at_a_time = threading.Lock()
        self._line = repository.head  # what the next fix goes on top of
        self._line_branch: str | None = None  # the side branch it is on, with a detached HEAD
        self._aside: dict[str, str] = {}  # paths whose fixes are only in a commit beside the line
        self._landed: dict[str, Blob | None] = {}  # what the fixes so far made of the base
        self._stats: dict[str, tuple[FileStat, ...]] = {}
        self._listed: dict[str, dict[str, TreeEntry]] = {}  # by commit, while a fix is brought in

    def land(self, fix: Fix) -> Landing:
        """Bring ``fix`` in; raises ``LandingError`` or ``DiskFullError``, the fix kept as a patch.

        What goes wrong before the ref is moved leaves repository and work tree as they were.
        """
        with self._one_at_a_time:
            self._check(fix)
            try:
                stats = count_lines(self._base(fix), _states(fix))
                landing = self._land(fix)
            except GitFailure as failure:
                raise self._give_up(fix, failure.words, is_full=failure.is_disk_full) from failure
            except OSError as error:
                raise self._give_up(fix, str(error), is_full=is_disk_full(error)) from error
            finally:
                self._listed = {}
            self._stats[fix.cluster.slug] = stats
            self._landed.update(_states(fix))
            return landing

    def diff_stats(self, fix: Fix) -> tuple[FileStat, ...]:
        """Lines added and removed by ``fix``, by path."""
        known = self._stats.get(fix.cluster.slug)
        return count_lines(self._base(fix), _states(fix)) if known is None else known

    def _check(self, fix: Fix) -> None:
        """Raise ``LandingError`` for what must not reach git, before git is asked anything."""
        if not _SLUG.fullmatch(fix.cluster.slug):
            raise refusal(fix.cluster.slug, "it cannot be the name of a branch")
        if not fix.changes:
            raise LandingError("The fix changes nothing.", "There is nothing to commit.")
        check_names(self._repository.top, fix.changes.files)

    def _land(self, fix: Fix) -> Landing:
        check_changes(fix.changes.files, self._list_tree(self._line))
        if not self._is_committing:
            return self._leave_patch(fix)
        if self._branch is not None:
            return self._land_on_branch(fix, self._branch)
        branch = self._refs.current_branch()
        if branch is None or self._repository.branch is None:
            return self._land_detached(fix)
        is_moved = branch != self._repository.branch or self._refs.read("HEAD") != self._line
        return self._land_after_move(fix) if is_moved else self._land_here(fix, branch)

    def _land_here(self, fix: Fix, branch: str) -> Landing:
        """On the checked-out branch, with work tree and index."""
        edits = self._edits(fix, self._line)
        if self._aside.keys() & fix.changes.files.keys() or not self._is_clean(edits, self._line):
            return self._land_aside(fix)
        commit = self._commit(fix, edits, self._line)
        note = f"agent-fix: {clean(fix.cluster.title, limit=200)}"
        try:
            missed = self._checkout.advance(
                edits, branch=branch, old=self._line, new=commit, note=note
            )
        except NotPlainError:
            return self._put_aside(fix, commit)
        self._line = commit
        return Landing(
            commit=commit,
            branch=branch,
            advice=_restore_command(missed),
            judged_with=tuple(dict.fromkeys(self._aside.values())),
        )

    def _land_aside(self, fix: Fix) -> Landing:
        """On a side branch of its own, as the user has edits of their own in the fix's files."""
        parents = [self._aside[path] for path in fix.changes.files if path in self._aside]
        parent = parents[-1] if parents else self._line
        return self._put_aside(fix, self._commit_with_edits(fix, parent))

    def _put_aside(self, fix: Fix, commit: str) -> Landing:
        branch = self._refs.create_side_branch(fix.cluster.slug, commit)
        self._aside.update(dict.fromkeys(fix.changes.files, commit))
        # cherry-pick refuses where the work tree has edits; this goes on top of them
        advice = f"git diff-tree -p --binary {_short(commit)} | git apply"
        return Landing(commit=commit, branch=branch, advice=advice)

    def _land_after_move(self, fix: Fix) -> Landing:
        """On a side branch of its own, as HEAD is not where the tests were run."""
        commit = self._commit_with_edits(fix, self._line)
        branch = self._refs.create_side_branch(fix.cluster.slug, commit)
        self._line = commit
        return Landing(commit=commit, branch=branch, advice=f"git cherry-pick {_short(commit)}")

    def _land_detached(self, fix: Fix) -> Landing:
        """On the one side branch of the run."""
        commit = self._commit_with_edits(fix, self._line)
        if self._line_branch is None:
            self._line_branch = self._refs.create_side_branch(fix.cluster.slug, commit)
        else:
            self._refs.move(self._line_branch, new=commit, old=self._line)
        self._line = commit
        branch = self._line_branch
        return Landing(commit=commit, branch=branch, advice=f"git merge {branch}")

    def _land_on_branch(self, fix: Fix, branch: str) -> Landing:
        """On the branch the user named; the checked-out one is left alone."""
        if branch in self._refs.checked_out():
            raise GitFailure(f"the branch '{branch}' is checked out now")
        tip = self._refs.read(f"refs/heads/{branch}")
        parent = tip or self._repository.head
        self._check_same_on(branch, parent, fix)
        commit = self._commit_with_edits(fix, parent)
        self._refs.move(branch, new=commit, old=tip)
        return Landing(commit=commit, branch=branch, advice=f"git merge {shlex.quote(branch)}")

    def _check_same_on(self, branch: str, tip: str, fix: Fix) -> None:
        there = self._list_tree(tip)
        check_changes(fix.changes.files, there)
        here = self._list_tree(self._repository.head)
        for path in fix.changes.files.keys() - self._landed.keys():
            if there.get(path) != here.get(path):
                raise GitFailure(f"'{clean(path)}' differs between HEAD and the branch '{branch}'")

    def _leave_patch(self, fix: Fix) -> Landing:
        patch = self._save_patch(fix)
        return Landing(patch=patch, advice=_apply_command(patch))

    def _commit_with_edits(self, fix: Fix, parent: str) -> str:
        """A commit of the fix alone; what the user had not committed goes in one below it."""
        edits = self._edits(fix, parent)
        if not self._is_clean(edits, parent):
            tree = self._objects.write_tree(edits.before, parent=parent)
            parent = self._objects.write_commit(
                tree,
                parent=parent,
                message=_edits_message(fix),
                signing_timeout=self._timeout_of_signing(),
            )
        return self._commit(fix, edits, parent)

    def _commit(self, fix: Fix, edits: Edits, parent: str) -> str:
        tree = self._objects.write_tree(edits.after, parent=parent)
        if tree == self._objects.tree_of(parent):
            raise GitFailure("the fix changes nothing that git would store")
        return self._objects.write_commit(
            tree,
            parent=parent,
            message=self._message(fix),
            signing_timeout=self._timeout_of_signing(),
        )

    def _timeout_of_signing(self) -> float | None:
        wants = self._repository.git.ask("config", "--type=bool", "--get", "commit.gpgSign")
        return self._signing_timeout if wants == "true" else None

    def _edits(self, fix: Fix, parent: str) -> Edits:
        modes = self._repository.git.ask("config", "--type=bool", "--get", "core.fileMode")
        return compare(
            fix.changes.files,
            self._base(fix),
            self._list_tree(parent),
            oid_length=self._oid_length,
            has_modes=modes != "false",
        )

    def _is_clean(self, edits: Edits, parent: str) -> bool:
        entries = self._list_tree(parent)
        return edits.is_committed_in(entries, oid_length=self._oid_length)

    def _base(self, fix: Fix) -> States:
        """What the fix's paths held when it was judged."""
        return {path: self._base_of(path) for path in fix.changes.files}

    def _base_of(self, path: str) -> Blob | None:
        if path in self._landed:
            return self._landed[path]
        found = self._read_base(path)
        return None if found is None else Blob(*found)

    def _list_tree(self, commit: str) -> dict[str, TreeEntry]:
        if commit not in self._listed:
            self._listed[commit] = self._objects.list_tree(commit)
        return self._listed[commit]

    def _save_patch(self, fix: Fix) -> Path:
        patch = make_patch(self._base(fix), _states(fix), oid_length=self._oid_length)
        self._patch_folder.mkdir(parents=True, exist_ok=True)
        path = self._patch_folder / f"{fix.cluster.slug}.patch"
        path.write_bytes(patch)
        return path

    def _give_up(self, fix: Fix, words: str, *, is_full: bool) -> LandingError | DiskFullError:
        """The error for a fix that could not be committed, after keeping it as a patch."""
        problem = f"The fix could not be committed: {clean(words)}."
        try:
            patch = self._save_patch(fix)
        except (GitFailure, OSError) as error:
            _log.warning("the fix could not be kept as a patch either: %s", error)
            next_step = "Remove the cause and run again."
        else:
            next_step = f"Nothing is lost: remove the cause, then {_apply_command(patch)}"
        return (DiskFullError if is_full else LandingError)(problem, next_step)


def _states(fix: Fix) -> dict[str, Blob | None]:
    return {
        path: None if change.content is None else Blob(change.content, change.executable)
        for path, change in fix.changes.files.items()
    }


def _short(commit: str) -> str:
    return commit[:12]


def _apply_command(patch: Path) -> str:
    return f"git apply {shlex.quote(str(patch))}"


def _restore_command(missed: tuple[str, ...]) -> str:
    return f"git checkout HEAD -- {shlex.join(missed)}" if missed else ""


def _edits_message(fix: Fix) -> str:
    return (
        "Uncommitted edits, as the tests saw them\n\n"
        "They were in the work tree when the fix on top of this commit was made. They are kept\n"
        f"apart, so that the fix of {clean(fix.cluster.title, limit=200)} can be taken alone.\n"
    )
