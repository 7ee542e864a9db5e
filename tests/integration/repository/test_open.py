"""Opening repositories, and saying why one cannot be used."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import (
    BranchNameError,
    IdentityMissingError,
    NoCommitsError,
    NotARepositoryError,
    RepositoryUnreadableError,
)
from pytest_agentfix.repository import Repository
from tests.kits.repository_kit import make_repository, run_git


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


def test_opens_from_a_folder_inside(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a/b/c.py": b""})
    repository = Repository.open(top / "a" / "b")
    assert (top, run_git(top, "rev-parse", "HEAD"), "main") == (
        repository.top,
        repository.head,
        repository.branch,
    )


def test_opens_a_linked_worktree(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b"", "sub/b.py": b""})
    run_git(top, "worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    repository = Repository.open(tmp_path / "linked" / "sub")
    assert (tmp_path / "linked", "side", top / ".git") == (
        repository.top,
        repository.branch,
        repository.common_dir,
    )


def test_branch_is_none_when_detached(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    run_git(top, "checkout", "-q", "--detach")
    assert Repository.open(top).branch is None


def test_variables_of_a_calling_git_do_not_redirect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    other = make_repository(tmp_path / "other", {"b.py": b""})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    repository = Repository.open(top)
    assert (top, ("a.py",)) == (repository.top, repository.list_files())


def test_not_a_repository_names_git_init(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match=r"git init && git add -A && git commit -m start"):
        Repository.open(tmp_path)


def test_no_commits(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q")
    with pytest.raises(NoCommitsError, match="git commit"):
        Repository.open(tmp_path)


def test_bare_repository(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q", "--bare", "bare")
    with pytest.raises(RepositoryUnreadableError, match="no work tree"):
        Repository.open(tmp_path / "bare")


def test_the_git_folder_itself(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    with pytest.raises(RepositoryUnreadableError, match="no work tree"):
        Repository.open(top / ".git")


def test_damaged_repository(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    (top / ".git" / "HEAD").unlink()
    with pytest.raises(RepositoryUnreadableError, match="git status"):
        Repository.open(top)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_foreign_owner_names_the_exact_command(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "it's mine", {"a.py": b""})
    subprocess.run(["chown", "-R", "12345:12345", str(top)], check=True)
    with pytest.raises(RepositoryUnreadableError) as caught:
        Repository.open(top)
    assert "git config --global --add safe.directory " in caught.value.next_step


def test_identity_of_the_user_is_enough(tmp_path: Path) -> None:
    Repository.open(make_repository(tmp_path / "r", {"a.py": b""})).check_identity()


def test_missing_identity_is_found_up_front(tmp_path: Path) -> None:
    repository = Repository.open(make_repository(tmp_path / "r", {"a.py": b""}))
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Nobody\n")
    with pytest.raises(IdentityMissingError, match=r"git config --global user\.email"):
        repository.check_identity()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-rf",
        "main",
        "a..b",
        "a b",
        "a\nb",
        "HEAD",
        "x.lock",
        "linked",
        "@{-1}",
        "used",
        "main/x",
    ],
)
def test_bad_branch_names(tmp_path: Path, name: str) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    run_git(top, "worktree", "add", "-q", "-b", "linked", str(tmp_path / "linked"))
    run_git(top, "branch", "used/by")
    with pytest.raises(BranchNameError, match="--agent-fix-branch"):
        Repository.open(top).check_branch_name(name)


@pytest.mark.parametrize("name", ["fixes", "bot/fixes", "used"])
def test_good_branch_names(tmp_path: Path, name: str) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    run_git(top, "branch", "used")
    Repository.open(top).check_branch_name(name)
