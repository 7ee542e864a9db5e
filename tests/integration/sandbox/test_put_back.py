"""A workspace in which an agent has worked is put back, or found odd, whatever was done in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import ChangeSet, Collected, FileChange
from pytest_agentfix.repository import make_snapshot
from pytest_agentfix.sandbox.file_writer import History, write_changes
from pytest_agentfix.sandbox.in_sandbox.write_files import empty
from pytest_agentfix.sandbox.put_back import PutBackPlan, put_back
from pytest_agentfix.sandbox.workspace import Base, Workspace
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from tests.kits.overlay_kit import MountedOverlay

T = TypeVar("T")
AnyWorkspace = Workspace | MountedOverlay
Act = Callable[[Path], object]

FILES = {
    "calc.py": b"x = 1\n",
    "run.sh": b"#!/bin/sh\n",
    "pkg/__init__.py": b"",
    "pkg/deep/a.py": b"a = 1\n",
    "pkg/deep/b.py": b"a = 1\n",
    ".gitignore": b"*.log\n",
    ".opencode/agent.md": b"mine",
}
ENV = {"PATH": os.environ["PATH"]}


class CountedSandbox(LocalSandbox):
    """A sandbox in which as many processes are found as a test wants."""

    processes = 2

    def look(self, read: Callable[[], T]) -> tuple[T, int]:
        return read(), self.processes


def _is_hidden(path: str) -> bool:
    return path.startswith(".opencode")


@pytest.fixture
def base(tmp_path: Path) -> Base:
    top = tmp_path / "top"
    for path, content in FILES.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(content)
    (top / "run.sh").chmod(0o755)
    (top / "link").symlink_to("pkg")
    return Base.create(
        top=top,
        files=[*FILES, "link"],
        folder=tmp_path / "base",
        is_hidden=_is_hidden,
        snapshot=make_snapshot,
    )


@pytest.fixture(params=["copy", "overlay"])
def workspace(request: pytest.FixtureRequest, base: Base, tmp_path: Path) -> Iterator[AnyWorkspace]:
    def copy_snapshot(folder: Path) -> None:
        shutil.copytree(base.place.plain / ".git", folder / ".git")

    workspace: AnyWorkspace = (
        Workspace.create(base, tmp_path / "copy", is_hidden=_is_hidden, snapshot=copy_snapshot)
        if request.param == "copy"
        else MountedOverlay(base, tmp_path, is_hidden=_is_hidden)
    )
    yield workspace
    workspace.remove()


def _plan(base: Base, top: Path, **more: Any) -> PutBackPlan:
    fresh = base.as_made()
    settings: dict[str, Any] = {
        "fresh": replace(fresh, place=replace(fresh.place, top=top)),
        "skip": (),
        "emptied": (),  # on this machine, nothing but the workspace may be touched
        "made": (),
        "python": sys.executable,
        "env": ENV,
        "timeout": 60.0,
    }
    return PutBackPlan(**{**settings, **more})


def _put_back(workspace: AnyWorkspace, base: Base, *, processes: int = 2, **more: Any) -> None:
    sandbox = CountedSandbox(workspace.path)
    sandbox.processes = processes
    put_back(cast("Any", sandbox), cast("Any", workspace), _plan(base, workspace.path, **more))


def _list(top: Path) -> dict[str, object]:
    """Return what is in a workspace: rights, the contents of files, the targets of links.

    Of git's own folders those that are empty do not count.
    """
    found: dict[str, object] = {}
    for path in top.rglob("*"):
        name = path.relative_to(top).as_posix()
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_file():
            found[name] = path.read_bytes(), path.stat().st_mode & 0o700 | 0o200
        elif not name.startswith(".git/"):
            found[name] = path.stat().st_mode & 0o700
    return found


def _git(top: Path, *arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-c", "user.name=A", "-c", "user.email=a@b.c"]
    command += ["-C", str(top), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _commit(top: Path) -> None:
    (top / "calc.py").write_bytes(b"x = 3\n")
    _git(top, "add", "-A")
    _git(top, "commit", "-qm", "mine")
    _git(top, "branch", "other")
    (top / ".git/hooks").mkdir()
    (top / ".git/hooks/post-checkout").write_bytes(b"#!/bin/sh\n")
    with (top / ".git/config").open("a") as file:
        file.write("[core]\n\tfsmonitor = evil\n")


def _replace_folder(top: Path) -> None:
    shutil.rmtree(top / "pkg/deep")
    (top / "pkg/deep").mkdir()
    (top / "pkg/deep/a.py").write_bytes(b"a = 1\n")


def _link_two(top: Path) -> None:
    (top / "pkg/deep/b.py").unlink()
    os.link(top / "pkg/deep/a.py", top / "pkg/deep/b.py")


def _leave_caches(top: Path) -> None:
    for path in ("pkg/__pycache__/a.pyc", ".pytest_cache/v/x", ".coverage", "new/deep/b.log"):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(b"left")


def _plant(top: Path) -> None:
    (top / ".opencode").mkdir()
    (top / ".opencode/plugin.js").write_bytes(b"evil")


DEEDS: dict[str, Act] = {
    "nothing": lambda _top: None,
    "change": lambda top: (top / "calc.py").write_bytes(b"x = 2\n"),
    "new-file": lambda top: (top / "pkg/new.py").write_bytes(b"n"),
    "ignored-file": lambda top: (top / "pkg/new.log").write_bytes(b"n"),
    "empty-folder": lambda top: (top / "says something").mkdir(),
    "removal": lambda top: (top / "pkg/deep/a.py").unlink(),
    "removed-folder": lambda top: shutil.rmtree(top / "pkg/deep"),
    "replaced-folder": _replace_folder,
    "right-to-run": lambda top: (top / "calc.py").chmod(0o755),
    "no-rights": lambda top: (top / "calc.py").chmod(0),
    "folder-without-rights": lambda top: (top / "pkg/deep").chmod(0),
    "second-name": _link_two,
    "caches": _leave_caches,
    "hidden": _plant,
    "commit": _commit,
    "moved-repository": lambda top: shutil.move(top / ".git", top / "git"),
}


@pytest.mark.parametrize("act", DEEDS.values(), ids=DEEDS)
def test_all_of_it_is_undone(workspace: AnyWorkspace, base: Base, act: Act) -> None:
    before = _list(workspace.path)
    act(workspace.path)
    _put_back(workspace, base)
    assert _list(workspace.path) == before
    assert _git(workspace.path, "status", "--porcelain", "--ignored") == ""


def test_it_can_be_shown_another_base_then(workspace: AnyWorkspace, base: Base) -> None:
    """An earlier one had fixes in it and was made anew; the next one has others."""
    before = _list(workspace.path)
    for content, history in ((b"x = 5\n", History.ANEW), (b"x = 6\n", History.FORGOTTEN)):
        changes = ChangeSet({"calc.py": FileChange(content), "pkg/new.py": FileChange(content)})
        is_anew = write_changes(
            LocalSandbox(workspace.path),
            python=sys.executable,
            top=workspace.path,
            changes=changes,
            env=ENV,
            history=history,
            timeout=60,
        )
        assert is_anew
        workspace.expect(changes)
        assert workspace.collect(is_ignored=lambda _path: False) == Collected()
        assert _git(workspace.path, "status", "--porcelain") == ""
        _put_back(workspace, base)
        assert _list(workspace.path) == before


def _replace_by_folder(top: Path) -> None:
    (top / "calc.py").unlink()
    (top / "calc.py").mkdir()


def _change_symlink(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").symlink_to("/etc")


def _plant_repository(top: Path) -> None:
    for name in ("objects", "refs"):
        (top / "pkg" / name).mkdir()
    (top / "pkg/HEAD").write_bytes(b"ref: refs/heads/main\n")


def _fill(top: Path) -> None:
    for number in range(1001):
        (top / f"pkg/{number}").write_bytes(b"")


ODD: dict[str, Act] = {
    "symlink": lambda top: (top / "to").symlink_to("/etc"),
    "changed-symlink": _change_symlink,
    "removed-symlink": lambda top: (top / "link").unlink(),
    "pipe": lambda top: os.mkfifo(top / "pipe"),
    "second-name-of-a-change": lambda top: os.link(top / "calc.py", top / "calc2.py"),
    "folder-in-the-place-of-a-file": _replace_by_folder,
    "repository": _plant_repository,
    "name": lambda top: (top / os.fsdecode(b"\xff")).write_bytes(b""),
    "many": _fill,
}


@pytest.mark.parametrize("act", ODD.values(), ids=ODD)
def test_what_is_odd_is_refused(workspace: AnyWorkspace, base: Base, act: Act) -> None:
    act(workspace.path)
    with pytest.raises(SandboxError):
        _put_back(workspace, base)


@pytest.mark.parametrize("processes", [1, 3])
def test_another_number_of_processes_is_refused(
    workspace: AnyWorkspace, base: Base, processes: int
) -> None:
    with pytest.raises(SandboxError, match=f"{processes} processes are left"):
        _put_back(workspace, base, processes=processes)


def test_a_program_that_does_nothing_is_noticed(
    workspace: AnyWorkspace, base: Base, tmp_path: Path
) -> None:
    """As one would that something inside has got at."""
    liar = tmp_path / "python"
    liar.write_text("#!/bin/sh\necho '{\"has_snapshot\": false}'\n")
    liar.chmod(0o755)
    _put_back(workspace, base, python=str(liar))
    (workspace.path / "pkg/new.log").write_bytes(b"n")
    with pytest.raises(SandboxError, match="something is not as it was"):
        _put_back(workspace, base, python=str(liar))


def test_mounts_stay(workspace: AnyWorkspace, base: Base) -> None:
    mount = workspace.path / "venv/lib"
    mount.mkdir(parents=True)
    (mount / "module.py").write_bytes(b"mounted")
    (workspace.path / "venv/left").write_bytes(b"left")
    _put_back(workspace, base, skip=("venv/lib",))
    assert [path.name for path in (workspace.path / "venv").rglob("*")] == ["lib", "module.py"]


def test_nothing_is_emptied_outside_of_a_sandbox(
    workspace: AnyWorkspace, base: Base, tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    (folder / "mine").write_bytes(b"mine")
    with pytest.raises(SandboxError, match="this is no sandbox"):
        _put_back(workspace, base, emptied=(str(folder),))
    assert (folder / "mine").exists()


def test_a_temporary_folder_is_emptied(tmp_path: Path) -> None:
    folder, other = tmp_path / "temporary", tmp_path / "other"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/file").write_bytes(b"")
    (folder / ".hidden").write_bytes(b"")
    other.mkdir()
    (other / "stays").write_bytes(b"")
    (folder / "to").symlink_to(other)
    assert empty(str(folder))
    assert list(folder.iterdir()) == []
    assert [path.name for path in other.iterdir()] == ["stays"]


def test_what_is_mounted_in_a_temporary_folder_stays(tmp_path: Path) -> None:
    """As the workspace is, where the user's repository is in such a folder."""
    mount = tmp_path / "above/project"
    mount.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mount], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (mount / "stays").write_bytes(b"")
        (tmp_path / "above/goes").write_bytes(b"")
        assert not empty(str(tmp_path))
        left = sorted(path.name for path in tmp_path.rglob("*"))
        assert left == ["above", "project", "stays"]
    finally:
        subprocess.run(["umount", mount], check=True)
