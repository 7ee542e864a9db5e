"""The copy of the history that a judge's sandbox gets, asked by git as tests ask it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import WorkspaceError
from pytest_agentfix.repository import Repository, copy_history
from tests.kits.repository_kit import make_repository, run_git, write_files


def make_tagged(folder: Path) -> Path:
    """A repository with two tags, a branch, a stash and a remote that nobody else may see."""
    top = make_repository(folder, {"a.py": b"a = 1\n", ".gitignore": b"*.so\n"})
    run_git(top, "tag", "-am", "first", "v1.0")
    run_git(top, "checkout", "-qb", "future")
    commit(top, "a.py", b"a = 'the fix'\n", "future")
    run_git(top, "tag", "v9.0")
    run_git(top, "checkout", "-q", "main")
    commit(top, "b.py", b"b = 1\n", "second")
    run_git(top, "tag", "v1.1")
    commit(top, "b.py", b"b = 2\n", "third")
    write_files(top, {"a.py": b"a = 'stashed'\n"})
    run_git(top, "stash", "-q")
    run_git(top, "remote", "add", "origin", "https://me:hush@example.com/x.git")
    return top


def commit(top: Path, name: str, content: bytes, message: str) -> None:
    write_files(top, {name: content})
    run_git(top, "add", "-A")
    run_git(top, "commit", "-qm", message)


def lay_out(top: Path, folder: Path) -> Path:
    """Put a copy of the tree and of its history together, as a sandbox sees them."""
    repository = Repository.open(top)
    place = folder / "sandbox"
    for name in repository.list_files():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(top / name, place / name)
    (folder / "history").mkdir()
    copied = copy_history(repository, folder / "history", work_tree=place)
    copied.rename(place / ".git")
    return place


def test_git_answers_as_it_does_for_the_user(tmp_path: Path) -> None:
    top = make_tagged(tmp_path / "r")
    place = lay_out(top, tmp_path)
    for question in (
        ("describe", "--tags", "--dirty", "--long"),
        ("log", "--format=%H %an %s %D", "main"),
        ("status", "--porcelain=v2", "--branch"),
        ("ls-files", "--stage"),
        ("rev-parse", "--abbrev-ref", "HEAD"),
        ("tag", "--merged", "HEAD"),
        ("show", "v1.0"),
    ):
        assert run_git(place, *question) == run_git(top, *question)
    assert run_git(place, "describe", "--tags", "--dirty").startswith("v1.1-1-g")
    run_git(place, "fsck", "--strict")


def test_nothing_else_comes_along(tmp_path: Path) -> None:
    top = make_tagged(tmp_path / "r")
    run_git(top, "config", "alias.st", "status")
    (top / ".git/hooks").mkdir(exist_ok=True)
    (top / ".git/hooks/post-checkout").write_text("#!/bin/sh\n")
    place = lay_out(top, tmp_path)
    refs = run_git(place, "for-each-ref", "--format=%(refname)").split()
    assert refs == ["refs/heads/main", "refs/tags/v1.0", "refs/tags/v1.1"]
    assert run_git(place, "remote") + run_git(place, "reflog") == ""
    assert not (place / ".git/hooks").exists()
    objects = run_git(place, "cat-file", "--batch-all-objects", "--batch-check")
    assert len(objects.splitlines()) == 11  # 3 commits, 3 trees, 4 files, 1 annotated tag
    contents = [run_git(place, "cat-file", "-p", line.split()[0]) for line in objects.splitlines()]
    assert not [text for text in contents if "the fix" in text or "stashed" in text]
    assert b"hush" not in b"".join(path.read_bytes() for path in _files(place / ".git"))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_detached_head_with_staged_and_other_changes(tmp_path: Path) -> None:
    top = make_tagged(tmp_path / "r")
    run_git(top, "checkout", "-q", "--detach", "v1.1")
    write_files(top, {"staged.py": b"s = 1\n", "b.py": b"b = 5\n", "meant.py": b"m\n"})
    run_git(top, "add", "staged.py")
    run_git(top, "add", "-N", "meant.py")
    place = lay_out(top, tmp_path)
    assert run_git(place, "describe", "--tags", "--dirty") == "v1.1-dirty"
    assert run_git(place, "symbolic-ref", "-q", "HEAD", check=False) == ""
    assert run_git(place, "diff", "--cached", "staged.py") != ""
    assert " M b.py" in run_git(place, "status", "--porcelain").splitlines()


def test_a_linked_worktree_a_shallow_clone_and_a_submodule(tmp_path: Path) -> None:
    top = make_tagged(tmp_path / "r")
    run_git(top, "worktree", "add", "-q", "-b", "odd/näme", str(tmp_path / "linked"), "v1.1")
    run_git(tmp_path, "clone", "-q", "--depth=2", f"file://{top}", "shallow")
    outer = make_repository(tmp_path / "outer", {"o.py": b""})
    allowed = ("-c", "protocol.file.allow=always")
    run_git(outer, *allowed, "submodule", "--quiet", "add", str(top), "sub")
    for folder in (tmp_path / "linked", tmp_path / "shallow", outer / "sub", outer):
        place = tmp_path / f"of-{folder.name}"
        place.mkdir()
        copy = lay_out(folder, place)
        for question in (("log", "--format=%H %s"), ("describe", "--tags", "--always", "--dirty")):
            assert run_git(copy, *question) == run_git(folder, *question)
        head = run_git(folder, "rev-parse", "--abbrev-ref", "HEAD")
        assert run_git(copy, "rev-parse", "--abbrev-ref", "HEAD") == head


def test_no_driver_of_the_users_runs(tmp_path: Path) -> None:
    top = make_tagged(tmp_path / "r")
    mark = f"touch {tmp_path}/ran; cat"
    for name in ("filter.x.clean", "filter.x.smudge", "core.fsmonitor", "core.sshCommand"):
        run_git(top, "config", name, mark)
    run_git(top, "config", "uploadpack.packObjectsHook", mark)
    (top / ".gitattributes").write_text("*.py filter=x\n")
    lay_out(top, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_repository_is_told(tmp_path: Path) -> None:
    top = make_tagged(tmp_path / "r")
    repository = Repository.open(top)
    shutil.rmtree(top / ".git/objects")
    (tmp_path / "history").mkdir()
    with pytest.raises(WorkspaceError, match="history could not be copied"):
        copy_history(repository, tmp_path / "history", work_tree=top)
