"""A landing that a kill cuts short is brought to its end, or taken back, by who clears up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_agentfix.repository.landing_journal import settle_landings
from tests.kits.places import REPOSITORY
from tests.kits.repository_kit import (
    digest_tree,
    make_fix,
    make_repository,
    run_git,
    start_run,
)

# Lands a fix, and is killed where it is about to call the function that the argument names.
KILLED = """
import os, signal, sys
from pathlib import Path
from pytest_agentfix.repository import checkout, worktree
from tests.kits.repository_kit import make_fix, start_run

def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)

owner = {"checkout": checkout, "worktree": worktree}
*path, name = sys.argv[2].split(".")
place = owner[path[0]]
for part in path[1:]:
    place = getattr(place, part)
setattr(place, name, die)
start_run(Path(sys.argv[1])).lander.land(
    make_fix({"a.py": b"2\\n", "b.py": None, "new/x.py": b"x\\n"})
)
"""
BEFORE = {"a.py": b"1\n", "b.py": b"b\n"}
AFTER = {"a.py": b"2\n", "new/x.py": b"x\n"}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", BEFORE)


def land_and_die(top: Path, place: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(top), place],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    is_held = (top / ".git" / "index.lock").exists()
    assert is_held == (place not in ("worktree._is_linked", "worktree.StagedFiles.put"))


def settle(top: Path) -> None:
    settle_landings(top.parent / "session")


def read_files(top: Path) -> Mapping[str, bytes]:
    paths = [path for path in top.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    "place",
    [
        "worktree._is_linked",
        "worktree._remove",  # the lock has just been taken
        "worktree.StagedFiles.stage",
        "worktree.LockedIndex.prepare",
        "checkout.Checkout._move",
    ],
)
def test_before_the_commit_is_on_the_branch_all_is_taken_back(top: Path, place: str) -> None:
    before = digest_tree(top, without=(".git/objects",))
    land_and_die(top, place)
    settle(top)
    assert digest_tree(top, without=(".git/objects",)) == before


@pytest.mark.parametrize("place", ["checkout._is_put", "worktree.StagedFiles.put"])
def test_after_it_is_the_rest_follows(top: Path, place: str) -> None:
    land_and_die(top, place)
    settle(top)
    assert len(run_git(top, "log", "--format=%s").splitlines()) == 2
    assert run_git(top, "status", "--porcelain") == ""
    assert not (top / ".git" / "index.lock").exists()
    assert read_files(top) == AFTER


def test_what_somebody_has_changed_since_stays(top: Path) -> None:
    land_and_die(top, "checkout._is_put")
    (top / "a.py").write_bytes(b"mine\n")
    (top / "b.py").write_bytes(b"mine too\n")
    settle(top)
    assert read_files(top) == {"a.py": b"mine\n", "b.py": b"mine too\n", "new/x.py": b"x\n"}


def test_the_lock_of_another_git_stays(top: Path) -> None:
    land_and_die(top, "worktree.LockedIndex.prepare")
    lock = top / ".git" / "index.lock"
    held = lock.open("rb")  # so that the inode is not used again
    with held:
        lock.unlink()
        lock.touch()
        settle(top)
    assert lock.exists()
    assert read_files(top) == BEFORE


def test_a_file_system_without_links(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert start_run(top).lander.land(make_fix({"a.py": b"2\n"})).branch == "main"
    assert run_git(top, "status", "--porcelain") == ""
    assert [path.name for path in (top / ".git").glob("*agent-fix*")] == []


def test_a_journal_that_makes_no_sense_changes_nothing(top: Path, tmp_path: Path) -> None:
    land_and_die(top, "worktree.LockedIndex.prepare")
    [journal] = (tmp_path / "session").glob("landing-*/journal")
    before = digest_tree(top)
    for text in ("", "[", "{}\n", "[]\n", '["lock"]\n', '["move", 1, 2, 3]\n', '["lock", "/"'):
        journal.write_text(text)
        settle(top)
    assert digest_tree(top) == before
