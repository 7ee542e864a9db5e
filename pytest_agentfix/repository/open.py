"""Finding the user's repository and saying clearly why it cannot be used."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_agentfix.core.errors import (
    BranchNameError,
    IdentityMissingError,
    NoCommitsError,
    NotARepositoryError,
    RepositoryUnreadableError,
)
from pytest_agentfix.core.model import ReadBase
from pytest_agentfix.repository.attributes import StoredForms, find_filtered, read_stored_forms
from pytest_agentfix.repository.files import TreeFiles, list_files, list_submodules
from pytest_agentfix.repository.git import Git, GitFailure, clean
from pytest_agentfix.repository.gitignore import IgnoreRules, read_rules
from pytest_agentfix.repository.marks import read_marks
from pytest_agentfix.repository.objects import Blob, parse_entries

_START = "git init && git add -A && git commit -m start"
_NONE = "not a git repository"  # git's own words, which GitPython has it say in English
_FOREIGN = re.compile(r"dubious ownership|unsafe repository|is owned by someone else")
_FOREIGN_PATH = re.compile(r"repository (?:at |\()'([^']+)'")
_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A git repository with a work tree, as it was when opened."""

    git: Git
    git_dir: Path
    common_dir: Path  # differs from git_dir in a linked worktree
    top: Path
    head: str
    branch: str | None

    @classmethod
    def open(cls, path: Path) -> Repository:
        """Open the repository whose work tree holds ``path``; linked worktrees are fine.

        Raises ``NotARepositoryError``, ``NoCommitsError`` or ``RepositoryUnreadableError``.
        """
        finder = Git(path.resolve())
        top, git_dir, common_dir = _find(finder)
        git = finder.at(git_dir=git_dir, work_tree=top)
        head = git.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if head is None:
            raise _explain_headless(git, top)
        return cls(
            git=git,
            git_dir=git_dir,
            common_dir=common_dir,
            top=top,
            head=head,
            branch=current_branch(git),
        )

    def check_identity(self) -> None:
        """Raise ``IdentityMissingError`` unless git knows whom to commit as."""
        try:
            self.git.run("var", "GIT_AUTHOR_IDENT")
            self.git.run("var", "GIT_COMMITTER_IDENT")
        except GitFailure as failure:
            raise IdentityMissingError(
                "git does not know whom to commit fixes as.",
                'Say: git config --global user.name "Your Name" && '
                'git config --global user.email "you@example.com"',
            ) from failure

    def check_branch_name(self, name: str) -> None:
        """Raise ``BranchNameError`` unless fixes can be committed to a branch of this name."""
        problem = self._problem_of_branch(name)
        if problem:
            raise BranchNameError(
                f"Fixes cannot be committed to the branch '{clean(name, limit=80)}': {problem}.",
                "Name another branch with --agent-fix-branch.",
            )

    def list_files(self, include: Sequence[str] = ()) -> tuple[str, ...]:
        """List the tree as the tests saw it: paths relative to ``top``, ``/`` separated, sorted.

        Tracked files and untracked ones that git does not ignore, as far as they are on disk, and
        ignored ones that match a glob of ``include``. Submodules contribute theirs likewise.
        """
        return self.list_tree(include).files

    def list_tree(self, include: Sequence[str] = (), imported: Sequence[str] = ()) -> TreeFiles:
        """List the tree as ``list_files`` does, and which files of ``imported`` git ignores.

        ``imported`` are paths relative to ``top``.
        """
        try:
            return list_files(self.git, self.top, include, imported)
        except GitFailure as failure:
            raise unreadable(self.top, failure.words) from failure

    @property
    def submodules(self) -> tuple[str, ...]:
        """The paths of submodules, relative to ``top``."""
        try:
            return list_submodules(self.git)
        except GitFailure as failure:
            raise unreadable(self.top, failure.words) from failure

    @property
    def left_out(self) -> frozenset[str]:
        """The paths that a sparse checkout leaves out of the work tree, relative to ``top``."""
        try:
            skipped = read_marks(self.git)["--skip-worktree"]
        except GitFailure as failure:
            raise unreadable(self.top, failure.words) from failure
        paths = map(os.fsdecode, skipped)
        return frozenset(path for path in paths if not os.path.lexists(self.top / path))

    def read_stored_forms(self, paths: Collection[str], read_base: ReadBase) -> StoredForms:
        """Return which of ``paths`` git stores in another form, and not merely could."""
        try:
            forms = read_stored_forms(self.git, paths)
            if not forms.filtered:
                return forms
            entries = parse_entries(self.git.run("ls-files", "-z", "--stage"))
        except GitFailure as failure:
            raise unreadable(self.top, failure.words) from failure
        found = {path: read_base(path) for path in forms.filtered}
        states = {path: one and Blob(*one) for path, one in found.items()}
        filtered = find_filtered(forms.filtered, states, entries, oid_length=len(self.head))
        return replace(forms, filtered=filtered)

    def ignore_rules(self) -> IgnoreRules:
        """Read what the user's git ignores at this moment, as an object that needs no git."""
        shared = self.git.ask("config", "--type=path", "--get", "core.excludesFile")
        return read_rules(
            self.top,
            exclude=self.common_dir / "info" / "exclude",
            excludes_file=Path(shared) if shared else _default_excludes_file(),
        )

    def _problem_of_branch(self, name: str) -> str:
        if not name or name.startswith("-") or name == "HEAD" or not name.isprintable():
            return "it is not a valid branch name"
        if self.git.ask("check-ref-format", f"{_HEADS}{name}") is None:
            return "it is not a valid branch name"
        if name in checked_out_branches(self.git):
            return "it is checked out, rebased or bisected, here or in another worktree"
        clash = next((other for other in branches(self.git) if _is_nested(name, other)), None)
        return f"the branch '{clash}' is in its way" if clash else ""


def current_branch(git: Git) -> str | None:
    """Return the checked-out branch, or ``None`` when HEAD is detached."""
    ref = git.ask("symbolic-ref", "--quiet", "HEAD")
    return ref.removeprefix(_HEADS) if ref and ref.startswith(_HEADS) else None


def branches(git: Git) -> tuple[str, ...]:
    """Return all local branches."""
    out = git.run("for-each-ref", "--format=%(refname)", _HEADS)
    return tuple(line.removeprefix(_HEADS) for line in os.fsdecode(out).splitlines())


def checked_out_branches(git: Git) -> frozenset[str]:
    """Return the branches some worktree has checked out, or will have after rebase or bisect."""
    lines = os.fsdecode(git.run("worktree", "list", "--porcelain")).splitlines()
    prefix = f"branch {_HEADS}"
    shown = {line.removeprefix(prefix) for line in lines if line.startswith(prefix)}
    return frozenset(shown).union(*map(_returning_branches, _git_dirs(git)))


def _git_dirs(git: Git) -> list[Path]:
    """Return git's folder of each worktree."""
    common = git.folder / _path(git.run("rev-parse", "--git-common-dir"))
    linked = common / "worktrees"
    return [common, *(linked.iterdir() if linked.is_dir() else ())]


def _returning_branches(git_dir: Path) -> Iterator[str]:
    """Yield the branches that a rebase or bisect moves or checks out at its end."""
    for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
        with suppress(OSError):
            ref = os.fsdecode((git_dir / name).read_bytes()).strip()
            yield ref.removeprefix(_HEADS)


def unreadable(path: Path, words: str) -> RepositoryUnreadableError:
    """Return the error for a repository git refuses to read, with the step that helps."""
    if _FOREIGN.search(words):
        named = _FOREIGN_PATH.search(words)
        folder = shlex.quote(named.group(1) if named else str(path))
        return RepositoryUnreadableError(
            f"git refuses to read {folder}, because somebody else owns it.",
            f"If you trust it: git config --global --add safe.directory {folder}",
        )
    return RepositoryUnreadableError(
        f"git cannot read the repository at {path}: {words}",
        "Run git status there and repair what it names, or clone it anew.",
    )


def _is_nested(name: str, other: str) -> bool:
    """Return whether git cannot have both branches: one would be a folder of the other."""
    return name.startswith(f"{other}/") or other.startswith(f"{name}/")


def _find(git: Git) -> tuple[Path, Path, Path]:
    """Return the top of the work tree, git's folder for it, and the folder worktrees share."""
    try:
        top = _path(git.run("rev-parse", "--show-toplevel"))
        git_dir = _path(git.run("rev-parse", "--absolute-git-dir"))
        common = git.folder / _path(git.run("rev-parse", "--git-common-dir"))
    except GitFailure as failure:
        raise _explain(git.folder, failure.words) from failure
    return top.resolve(), git_dir.resolve(), common.resolve()


def _explain_headless(git: Git, top: Path) -> NoCommitsError | RepositoryUnreadableError:
    """Return the error for a HEAD without a commit: nothing is there yet, or it cannot be read."""
    named = git.ask("rev-parse", "--verify", "--quiet", "HEAD")
    if named is not None:
        return unreadable(top, f"HEAD's commit {named[:12]} is missing")
    branch = current_branch(git)
    where = f" on its branch '{clean(branch, limit=80)}'" if branch else ""
    return NoCommitsError(
        f"The repository at {top} has no commit{where} yet, and a fix is put on one.",
        "Make one: git add -A && git commit -m start",
    )


def _path(output: bytes) -> Path:
    return Path(os.fsdecode(output.removesuffix(b"\n")))


def _explain(path: Path, words: str) -> NotARepositoryError | RepositoryUnreadableError:
    if "bare repository" in words or "work tree" in words:
        return RepositoryUnreadableError(
            f"{path} is in a bare repository or in git's own folder: there is no work tree.",
            "Run pytest in a checkout of it, for example one made by git worktree add.",
        )
    has_git = any(os.path.lexists(folder / ".git") for folder in (path, *path.parents))
    if has_git or _NONE not in words:  # it may be the user's own configuration that is damaged
        return unreadable(path, words)
    return NotARepositoryError(
        f"{path} is not in a git repository, and a fix needs one to go to.",
        f"Make one of the project's own folder, not of one around it: {_START}",
    )


def _default_excludes_file() -> Path:
    """Return the file that git reads when core.excludesFile is not set."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(home) / "git" / "ignore"
