"""Fixes land in clones that do not hold everything, and in indexes with unusual entries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_agentfix.repository import Repository, copy_history
from pytest_agentfix.repository.git import Git
from tests.kits.repository_kit import (
    IDENTITY,
    make_fix,
    make_repository,
    run_git,
    start_run,
    write_files,
)

FILES = {
    "top.py": b"top\n",
    "pkg/a.py": b"1\n",
    "pkg/b.py": b"b\n",
    "other/c.py": b"c\n",
    "other/deep/d.py": b"d\n",
}


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    top = make_repository(tmp_path / "origin", FILES)
    run_git(top, "config", "uploadpack.allowFilter", "true")
    run_git(top, "config", "uploadpack.allowAnySHA1InWant", "true")
    return top


def clone(origin: Path, *options: str, sparse: Sequence[str] = ()) -> Path:
    """Clone ``origin`` and take it away; with ``sparse``, only ``pkg`` is checked out."""
    top = origin.parent / "clone"
    run_git(origin.parent, "clone", "-q", "--no-checkout", *options, f"file://{origin}", str(top))
    if sparse:
        run_git(top, "sparse-checkout", "set", *sparse, "pkg")
    run_git(top, "checkout", "-q", "main")
    origin.rename(origin.parent / "gone")
    return top


def marks(top: Path) -> list[str]:
    return run_git(top, "ls-files", "--sparse", "-v").splitlines()


@pytest.mark.parametrize(
    ("options", "sparse"),
    [
        (("--filter=blob:none",), ()),
        (("--filter=blob:none",), ("--cone",)),
        (("--filter=blob:none",), ("--no-cone",)),
        (("--filter=blob:none",), ("--cone", "--sparse-index")),
        (("--filter=tree:0",), ("--cone",)),
        (("--filter=tree:0",), ("--cone", "--sparse-index")),
        (("--filter=blob:limit=1",), ()),
        (("--depth=1", "--filter=blob:none"), ("--cone",)),
        (("--depth=1",), ()),
        ((), ("--cone", "--sparse-index")),
    ],
    ids=str,
)
def test_what_a_clone_lacks_is_not_asked_for(
    origin: Path, options: Sequence[str], sparse: Sequence[str]
) -> None:
    top = clone(origin, *options, sparse=sparse)
    before = marks(top)
    run = start_run(top)
    landing = run.lander.land(make_fix({"pkg/a.py": b"2\n", "pkg/new/n.py": b"n\n"}))
    assert landing.branch == "main"
    second = run.lander.land(make_fix({"pkg/b.py": None, "pkg/new/n.py": None}, slug="test-b"))
    assert second.branch == "main"
    assert run_git(top, "status", "--porcelain") == ""
    assert marks(top) == [line for line in before if line != "H pkg/b.py"]
    assert run_git(top, "ls-tree", "-r", "--name-only", "HEAD").split() == sorted(
        FILES.keys() - {"pkg/b.py"}
    )
    assert run_git(top, "show", "HEAD:pkg/a.py") == "2"


@pytest.mark.parametrize("how", ["branch", "detached", "edited"])
def test_side_branches_in_a_partial_clone(origin: Path, how: str) -> None:
    top = clone(origin, "--filter=blob:none", sparse=("--cone",))
    if how == "detached":
        run_git(top, "checkout", "-q", "--detach")
    if how == "edited":
        write_files(top, {"pkg/a.py": b"mine\n"})
    run = start_run(top, branch="fixes" if how == "branch" else None)
    landing = run.lander.land(make_fix({"pkg/a.py": b"2\n"}))
    assert run_git(top, "show", f"{landing.branch}:pkg/a.py") == "2"
    assert landing.branch == ("fixes" if how == "branch" else "agent-fix/test-a")


def test_nothing_is_fetched(origin: Path) -> None:
    """The remote is there, and could be asked for what is missing."""
    top = clone(origin, "--filter=blob:none", sparse=("--cone",))
    (origin.parent / "gone").rename(origin)
    packs = sorted((top / ".git" / "objects" / "pack").iterdir())
    assert start_run(top).lander.land(make_fix({"pkg/a.py": b"2\n"})).branch == "main"
    assert sorted((top / ".git" / "objects" / "pack").iterdir()) == packs


def test_a_new_file_outside_a_sparse_checkout(origin: Path) -> None:
    top = clone(origin, "--filter=blob:none", sparse=("--cone",))
    assert Repository.open(top).left_out == {"other/c.py", "other/deep/d.py"}
    landing = start_run(top).lander.land(make_fix({"other/new.py": b"n\n"}))
    assert landing.branch == "main"
    assert run_git(top, "status", "--porcelain") == ""
    assert "S other/c.py" in marks(top)
    assert run_git(top, "ls-tree", "-r", "--name-only", "HEAD").split() == sorted(
        [*FILES, "other/new.py"]
    )


def test_a_marked_file_on_disk_is_not_left_out(origin: Path) -> None:
    run_git(origin, "update-index", "--skip-worktree", "pkg/a.py")
    assert Repository.open(origin).left_out == frozenset()


@pytest.mark.parametrize("option", ["--skip-worktree", "--assume-unchanged"])
def test_marks_of_the_user_s_stay(origin: Path, option: str) -> None:
    run_git(origin, "update-index", option, "pkg/a.py", "pkg/b.py", "top.py")
    before = marks(origin)
    assert any(not line.startswith("H ") for line in before)
    landing = start_run(origin).lander.land(make_fix({"pkg/a.py": b"2\n", "top.py": None}))
    assert landing.branch == "main"
    assert marks(origin) == [line for line in before if not line.endswith("top.py")]
    assert run_git(origin, "show", "HEAD:pkg/a.py") == "2"


def test_an_edit_behind_a_mark_sends_the_fix_aside(origin: Path) -> None:
    run_git(origin, "update-index", "--assume-unchanged", "pkg/a.py")
    write_files(origin, {"pkg/a.py": b"of this machine\n"})
    landing = start_run(origin).lander.land(make_fix({"pkg/a.py": b"of this machine\nfix\n"}))
    assert landing.branch == "agent-fix/test-a"
    assert (origin / "pkg/a.py").read_bytes() == b"of this machine\n"


@pytest.mark.parametrize(
    "settings",
    [
        {"core.splitIndex": "true"},
        {"core.untrackedCache": "true"},
        {"core.fsmonitor": "true"},
        {"core.autocrlf": "true"},
        {"core.autocrlf": "input"},
        {"feature.manyFiles": "true"},
    ],
    ids=lambda settings: " ".join(f"{name}={value}" for name, value in settings.items()),
)
def test_settings_that_change_the_index(origin: Path, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        run_git(origin, "config", name, value)
    run_git(origin, "update-index", "--refresh", "--force-write-index")
    run = start_run(origin)
    try:
        assert run.lander.land(make_fix({"pkg/a.py": b"2\n", "pkg/b.py": None})).branch == "main"
        assert run.lander.land(make_fix({"pkg/a.py": b"3\n"}, slug="test-b")).branch == "main"
        assert run_git(origin, "status", "--porcelain") == ""
        assert run_git(origin, "show", "HEAD:pkg/a.py") == "3"
    finally:
        run_git(origin, "fsmonitor--daemon", "stop", check=False)


def test_crlf_by_autocrlf(tmp_path: Path, origin: Path) -> None:
    (tmp_path / "gitconfig").write_text(f"{IDENTITY}[core]\n\tautocrlf = true\n")
    top = clone(origin)
    assert (top / "pkg/a.py").read_bytes() == b"1\r\n"
    assert start_run(top).lander.land(make_fix({"pkg/a.py": b"1\r\n2\r\n"})).branch == "main"
    assert run_git(top, "status", "--porcelain") == ""
    assert run_git(top, "cat-file", "blob", "HEAD:pkg/a.py") == "1\n2"


def test_variables_of_a_commit_under_way_touch_nothing(
    origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a hook, git names the index that it is about to commit."""
    write_files(origin, {"pkg/b.py": b"staged\n"})
    run_git(origin, "add", "pkg/b.py")
    monkeypatch.setenv("GIT_INDEX_FILE", str(origin / ".git" / "index"))
    monkeypatch.setenv("GIT_OPTIONAL_LOCKS", "1")
    start_run(origin).lander.land(make_fix({"pkg/a.py": b"2\n"}))
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert run_git(origin, "diff", "--cached", "--name-only") == "pkg/b.py"


def test_own_settings_win_over_the_caller_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "1")
    git = Git(tmp_path, where=("-c", "alias.shown=!printenv GIT_TERMINAL_PROMPT"))
    assert git.run("shown") == b"0\n"


@pytest.mark.parametrize("sparse", [("--cone",), ("--cone", "--sparse-index")])
@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_the_history_of_a_sparse_clone(origin: Path, filtered: str, sparse: Sequence[str]) -> None:
    write_files(origin, {"other/c.py": b"c2\n", "top.py": b"top 2\n"})
    run_git(origin, "commit", "-q", "-a", "-m", "second")
    top = clone(origin, f"--filter={filtered}", sparse=sparse)
    folder = origin.parent / "history"
    folder.mkdir()
    git_dir = copy_history(Repository.open(top), folder, work_tree=top)
    asked = ("--git-dir", str(git_dir), "--work-tree", str(top))
    assert run_git(top, *asked, "describe", "--always", "--dirty") == run_git(
        top, "rev-parse", "--short", "HEAD"
    )
    assert run_git(top, *asked, "status", "--porcelain") == ""
