"""Brings fixes into the user's history: as commits, or as patches."""

from __future__ import annotations

import enum
import logging
import re
import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import DiskFullError, LandingError
from pytest_agentfix.core.model import FileStat, Fix, Landing, ReadBase
from pytest_agentfix.repository.attributes import find_filtered, read_stored_forms
from pytest_agentfix.repository.checkout import Checkout, NotPlainError
from pytest_agentfix.repository.edits import Edits, compare
from pytest_agentfix.repository.git import GitFailure, clean, is_disk_full
from pytest_agentfix.repository.landing_journal import LandingJournal
from pytest_agentfix.repository.objects import Blob, ObjectWriter, States, TreeEntry
from pytest_agentfix.repository.open import Repository
from pytest_agentfix.repository.patch import make_patch
from pytest_agentfix.repository.paths import check_changes, check_names, refusal
from pytest_agentfix.repository.refs import Refs, is_commit_under_way
from pytest_agentfix.repository.signing import SIGNING_TIMEOUT, Signer
from pytest_agentfix.repository.stats import count_lines

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
OWN_PATCHES: Final = Path(".pytest_cache", "agent-fix")  # unless a report has another place
_LOCK_TIMEOUT = 10.0  # seconds; another run may be landing a fix of its own

_log = logging.getLogger(__name__)


class _Target(enum.Enum):
    """The branch that a fix is committed to."""

    CHECKED_OUT = enum.auto()  # with work tree and index
    NAMED = enum.auto()  # the one that the user named; the checked-out one is left alone
    RUN = enum.auto()  # one for all fixes of the run, because HEAD is detached
    MOVED = enum.auto()  # one of its own, because HEAD is not where the tests were run
    ASIDE = enum.auto()  # one of its own, because of the user's edits, or a commit under way
    HELD_BACK = enum.auto()  # one of its own, because too many tests could not be judged


# Commands for the user. cherry-pick refuses where the work tree has edits; git apply does not.
_ADVICE = {
    _Target.NAMED: "git merge {branch}",
    _Target.RUN: "git merge {branch}",
    _Target.MOVED: "git cherry-pick {commit}",
    _Target.ASIDE: "git diff-tree -p --binary {commit} | git apply",
    _Target.HELD_BACK: "git cherry-pick {commit}",
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """The place for a fix: on top of the commit ``parent``, on ``branch``, which is at ``tip``.

    Without a ``branch`` a side branch is made; with a ``tip`` of ``None``, the branch itself.
    """

    target: _Target
    parent: str
    branch: str = ""
    tip: str | None = None


class CommitLander:
    """Commits each fix on top of the ones before it, or leaves it as a patch.

    ``read_base`` gives content and executable bit of a path in the base tree at the start of the
    run. A fix is held back from the checked-out branch if more than ``max_unjudged`` (0 to 1) of
    the tests that passed could not be judged. ``scratch`` is a folder for what must not outlive the
    landing, and for the journal of it (``settle_landings``). Safe to call from several threads.
    """

    def __init__(  # noqa: PLR0913 - all of it is set by the user
        self,
        repository: Repository,
        *,
        read_base: ReadBase,
        message: Callable[[Fix], str],
        branch: str | None,
        is_committing: bool,
        patch_folder: Path,
        scratch: Path,
        max_unjudged: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
        signing_timeout: float = SIGNING_TIMEOUT,
    ) -> None:
        self._repository = repository
        self._read_base = read_base
        self._message = message
        self._branch = branch
        self._is_committing = is_committing
        self._patch_folder = patch_folder
        self._max_unjudged = max_unjudged
        self._signer = Signer(repository.git, signing_timeout)
        self._oid_length = len(repository.head)
        self._objects = ObjectWriter(repository.git, self._oid_length)
        self._refs = Refs(repository.git, self._oid_length)
        self._checkout = Checkout(
            repository,
            self._oid_length,
            LandingJournal(scratch),
            timeout=_LOCK_TIMEOUT,
            sleep=sleep,
        )
        self._lock = threading.Lock()
        self._tip = repository.head  # the commit that the next fix goes on top of
        self._run_branch = ""  # the side branch of the run, with a detached HEAD
        self._aside: dict[str, str] = {}  # path -> the commit of its last fix, if not below the tip
        self._landed: dict[str, Blob | None] = {}  # what the fixes so far made of the base
        self._stats: dict[str, tuple[FileStat, ...]] = {}  # by slug
        self._trees: dict[str, dict[str, TreeEntry]] = {}  # by commit, while one fix lands

    def land(self, fix: Fix) -> Landing:
        """Commit ``fix``; raises ``LandingError`` or ``DiskFullError`` and keeps it as a patch.

        What goes wrong before the ref is moved leaves repository and work tree as they were.
        """
        with self._lock:
            self._check(fix)
            try:
                stats = count_lines(self._base(fix), _states(fix))
                check_changes(fix.changes.files, self._list_tree(self._tip))
                landing = self._land_commit(fix) if self._is_committing else self._leave_patch(fix)
            except GitFailure as failure:
                raise self._give_up(fix, failure.words, is_full=failure.is_disk_full) from failure
            except OSError as error:
                raise self._give_up(fix, str(error), is_full=is_disk_full(error)) from error
            finally:
                self._trees = {}
            self._stats[fix.cluster.slug] = stats
            self._landed.update(_states(fix))
            return replace(landing, is_held_back=self._is_held_back(fix))

    def diff_stats(self, fix: Fix) -> tuple[FileStat, ...]:
        """Return the lines that ``fix`` adds and removes, by path."""
        known = self._stats.get(fix.cluster.slug)
        return count_lines(self._base(fix), _states(fix)) if known is None else known

    def _check(self, fix: Fix) -> None:
        """Raise ``LandingError`` for what must not reach git, before git is asked anything."""
        if not _SLUG.fullmatch(fix.cluster.slug):
            raise refusal(fix.cluster.slug, "it cannot be the name of a branch")
        if not fix.changes:
            raise LandingError("The fix changes nothing.", "There is nothing to commit.")
        check_names(self._repository.top, fix.changes.files)

    def _land_commit(self, fix: Fix) -> Landing:
        plan = self._make_plan(fix)
        edits = self._edits(fix, plan.parent)
        commit = self._commit(fix, edits, plan.parent)
        if plan.target is _Target.CHECKED_OUT:
            try:
                return self._advance(fix, plan, edits, commit)
            except NotPlainError:
                plan = _Plan(_Target.ASIDE, plan.parent)
        branch = plan.branch or self._refs.create_side_branch(fix.cluster.slug, commit)
        if plan.branch:
            self._refs.move(branch, new=commit, old=plan.tip)
        if plan.target in (_Target.ASIDE, _Target.HELD_BACK):
            self._aside.update(dict.fromkeys(fix.changes.files, commit))
        elif plan.target is not _Target.NAMED:
            self._tip = commit
        if plan.target is _Target.RUN:
            self._run_branch = branch
        advice = _ADVICE[plan.target].format(branch=shlex.quote(branch), commit=commit[:12])
        return Landing(commit=commit, branch=branch, advice=advice)

    def _advance(self, fix: Fix, plan: _Plan, edits: Edits, commit: str) -> Landing:
        """Move the checked-out branch, with work tree and index; raises ``NotPlainError``."""
        note = f"agent-fix: {clean(fix.cluster.title, limit=200)}"
        missed = self._checkout.advance(
            edits, branch=plan.branch, old=plan.parent, new=commit, note=note
        )
        self._tip = commit
        return Landing(
            commit=commit,
            branch=plan.branch,
            advice=f"git checkout HEAD -- {shlex.join(missed)}" if missed else "",
            judged_with=tuple(dict.fromkeys(self._aside.values())),
        )

    def _make_plan(self, fix: Fix) -> _Plan:
        """Decide where ``fix`` lands; raises ``GitFailure`` where the user's branch is no place."""
        if self._branch is not None:
            return self._plan_for_named(fix, self._branch)
        branch = self._refs.current_branch()
        if branch is None or self._repository.branch is None:
            return _Plan(_Target.RUN, self._tip, self._run_branch, self._tip)
        if branch != self._repository.branch or self._refs.read("HEAD") != self._tip:
            return _Plan(_Target.MOVED, self._tip)
        aside = [self._aside[path] for path in fix.changes.files if path in self._aside]
        parent = aside[-1] if aside else self._tip
        if self._is_held_back(fix):
            return _Plan(_Target.HELD_BACK, parent)
        is_clean = self._is_clean(self._edits(fix, self._tip), self._tip)
        if aside or not is_clean or is_commit_under_way(self._repository):
            return _Plan(_Target.ASIDE, parent)
        return _Plan(_Target.CHECKED_OUT, self._tip, branch, self._tip)

    def _is_held_back(self, fix: Fix) -> bool:
        return fix.judgement.neighbours.unjudged_share > self._max_unjudged

    def _plan_for_named(self, fix: Fix, branch: str) -> _Plan:
        if branch in self._refs.checked_out():
            raise GitFailure(f"the branch '{branch}' is checked out now")
        tip = self._refs.read(f"refs/heads/{branch}")
        parent = tip or self._repository.head
        there = self._list_tree(parent)
        check_changes(fix.changes.files, there)
        here = self._list_tree(self._repository.head)
        for path in fix.changes.files.keys() - self._landed.keys():
            if there.get(path) != here.get(path):
                raise GitFailure(f"'{clean(path)}' differs between HEAD and the branch '{branch}'")
        return _Plan(_Target.NAMED, parent, branch, tip)

    def _commit(self, fix: Fix, edits: Edits, parent: str) -> str:
        """Commit the fix alone; what the user had not committed goes in a commit below it."""
        if not self._is_clean(edits, parent):
            tree = self._objects.write_tree(edits.before, parent=parent)
            parent = self._write_commit(tree, parent, _edits_message(fix))
        tree = self._objects.write_tree(edits.after, parent=parent)
        if tree == self._objects.tree_of(parent):
            raise GitFailure("the fix changes nothing that git would store")
        return self._write_commit(tree, parent, self._message(fix))

    def _write_commit(self, tree: str, parent: str, message: str) -> str:
        return self._objects.write_commit(tree, parent=parent, message=message, signer=self._signer)

    def _edits(self, fix: Fix, parent: str) -> Edits:
        files, base, entries = fix.changes.files, self._base(fix), self._list_tree(parent)
        forms = read_stored_forms(self._repository.git, files)
        filtered = find_filtered(forms.filtered, base, entries, oid_length=self._oid_length)
        if filtered:
            words = (
                f"git stores '{clean(min(filtered))}' through a filter, and none is run on a fix"
            )
            raise GitFailure(words)
        return compare(
            files,
            base,
            entries,
            oid_length=self._oid_length,
            has_modes=self._ask_flag("core.fileMode") != "false",
            forms=forms,
        )

    def _ask_flag(self, name: str) -> str | None:
        return self._repository.git.ask("config", "--type=bool", "--get", name)

    def _is_clean(self, edits: Edits, parent: str) -> bool:
        return edits.is_committed_in(self._list_tree(parent), oid_length=self._oid_length)

    def _base(self, fix: Fix) -> States:
        """Return what the fix's paths held when it was judged."""
        base: dict[str, Blob | None] = {}
        for path in fix.changes.files:
            found = None if path in self._landed else self._read_base(path)
            base[path] = self._landed.get(path) if found is None else Blob(*found)
        return base

    def _list_tree(self, commit: str) -> dict[str, TreeEntry]:
        if commit not in self._trees:
            self._trees[commit] = self._objects.list_tree(commit)
        return self._trees[commit]

    def _leave_patch(self, fix: Fix) -> Landing:
        patch = self._save_patch(fix)
        return Landing(patch=patch, advice=_apply_command(patch))

    def _save_patch(self, fix: Fix) -> Path:
        patch = make_patch(self._base(fix), _states(fix), oid_length=self._oid_length)
        self._patch_folder.mkdir(parents=True, exist_ok=True)
        if self._patch_folder.parts[-2:] == OWN_PATCHES.parts:  # pytest may keep no cache there
            (self._patch_folder / ".gitignore").write_text("*\n", "ascii")
        path = self._patch_folder / f"{fix.cluster.slug}.patch"
        path.write_bytes(patch)
        return path

    def _give_up(self, fix: Fix, words: str, *, is_full: bool) -> LandingError | DiskFullError:
        """Return the error for a fix that could not be committed, after keeping it as a patch."""
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


def _apply_command(patch: Path) -> str:
    return f"git apply {shlex.quote(str(patch))}"


def _edits_message(fix: Fix) -> str:
    return (
        "Uncommitted edits, as the tests saw them\n\n"
        "They were in the work tree when the fix on top of this commit was made. They are kept\n"
        f"apart, so that the fix of {clean(fix.cluster.title, limit=200)} can be taken alone.\n"
    )
