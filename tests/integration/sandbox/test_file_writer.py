"""Bringing a sandbox up to date: the files, and the history an agent finds there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.repository import make_snapshot
from pytest_agentfix.sandbox.file_writer import History, write_changes
from pytest_agentfix.testing.local_sandbox import LocalSandbox

Lay = Callable[..., bool]
ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "pkg/deep").mkdir(parents=True)
    (top / "calc.py").write_bytes(b"x = 1\n")
    (top / "pkg/deep/a.py").write_bytes(b"secret case\n")
    (top / "link").symlink_to("pkg")
    return top


@pytest.fixture
def lay(top: Path) -> Lay:
    sandbox = LocalSandbox(top)

    def lay(
        files: dict[str, FileChange],
        *,
        env: dict[str, str] = ENV,
        history: History = History.KEPT,
    ) -> bool:
        return write_changes(
            sandbox,
            python=sys.executable,
            top=top,
            changes=ChangeSet(files),
            env=env,
            history=history,
            timeout=60,
        )

    return lay


def _git(top: Path, *arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(top), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_files_are_written_and_removed(top: Path, lay: Lay) -> None:
    changes = {
        "calc.py": FileChange(b"x = 2\n", executable=True),
        "pkg/deep/a.py": FileChange(None),
        "new/deep/ü.py": FileChange("ü\n".encode()),
        os.fsdecode(b"new/\xff"): FileChange(b"\0\n\xff"),
        "link": FileChange(b"no link"),
        "gone.py": FileChange(None),
    }
    assert lay(changes) is False
    assert (top / "calc.py").read_bytes() == b"x = 2\n"
    assert (top / "calc.py").stat().st_mode & 0o777 == 0o755
    assert (top / "new/deep/ü.py").stat().st_mode & 0o777 == 0o644
    assert (top / os.fsdecode(b"new/\xff")).read_bytes() == b"\0\n\xff"
    assert not (top / "link").is_symlink()
    assert sorted(path.name for path in top.iterdir()) == ["calc.py", "link", "new"]


def test_a_file_may_become_a_folder(top: Path, lay: Lay) -> None:
    lay({"calc.py/x.py": FileChange(b"x"), "calc.py": FileChange(None)})
    lay({"pkg": FileChange(b"file"), "pkg/deep/a.py": FileChange(None)})
    assert ((top / "calc.py/x.py").read_bytes(), (top / "pkg").read_bytes()) == (b"x", b"file")


@pytest.mark.parametrize("history", [History.ANEW, History.FORGOTTEN])
@pytest.mark.parametrize("has_repository", [True, False])
def test_the_history_is_made_anew(
    top: Path, lay: Lay, history: History, *, has_repository: bool
) -> None:
    if has_repository:
        make_snapshot(top)
    changes = {
        "pkg/deep/a.py": FileChange(b"nothing to see\n"),
        "calc.py": FileChange(None),
        "new.py": FileChange(b"new\r\n"),
    }
    assert lay(changes, history=history) is True
    assert _git(top, "log", "--format=%an <%ae> %s") == (
        "pytest-agentfix <agent-fix@localhost> The tree as the tests saw it\n"
    )
    assert _git(top, "status", "--porcelain") == ""
    assert _git(top, "ls-files").split() == ["link", "new.py", "pkg/deep/a.py"]
    assert _git(top, "cat-file", "-s", "HEAD:new.py") == "5\n"  # bytes: no line end is converted
    assert _git(top, "symbolic-ref", "HEAD") == "refs/heads/main\n"
    _git(top, "fsck", "--full")


def test_nothing_of_the_history_before_can_be_read(top: Path, lay: Lay) -> None:
    make_snapshot(top)
    secret = _git(top, "rev-parse", "HEAD", "HEAD^{tree}", "HEAD:pkg", "HEAD:pkg/deep/a.py")
    lay({"pkg/deep/a.py": FileChange(b"nothing to see\n")}, history=History.FORGOTTEN)
    left = _git(top, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    assert set(secret.split()).isdisjoint(left.split())
    for path in (top / ".git").rglob("*"):
        assert not path.is_file() or b"secret case" not in path.read_bytes()


def test_without_git_the_history_stays(top: Path, lay: Lay, tmp_path: Path) -> None:
    make_snapshot(top)
    before = _git(top, "rev-parse", "HEAD")
    env = {"PATH": str(tmp_path / "nothing")}
    assert lay({"calc.py": FileChange(b"x = 2\n")}, env=env, history=History.FORGOTTEN) is False
    assert _git(top, "rev-parse", "HEAD") == before
    assert (top / "calc.py").read_bytes() == b"x = 2\n"


@pytest.mark.parametrize(
    ("path", "words"), [("link/x.py", "link is a symlink"), ("pkg", "directory")]
)
def test_what_cannot_be_written_is_an_error(lay: Lay, path: str, words: str) -> None:
    with pytest.raises(SandboxError, match=words):
        lay({path: FileChange(b"x")})


def test_a_python_that_fails_is_an_error(top: Path) -> None:
    with pytest.raises(SandboxError, match="could not be written"):
        write_changes(
            LocalSandbox(top),
            python="/bin/false",
            top=top,
            changes=ChangeSet(),
            env={},
            timeout=60,
        )
