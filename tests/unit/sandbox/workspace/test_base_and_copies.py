"""The base and its copies, on a real file system."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import DiskFullError, WorkspaceError
from pytest_agentfix.core.model import ChangeSet, Collected, FileChange
from pytest_agentfix.sandbox.workspace import Base, BaseFile, Workspace, make_mount_points
from pytest_agentfix.sandbox.workspace.files import translated

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _write(top: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)


def _tree(folder: Path) -> dict[str, str]:
    """Paths -> text, with symlinks as ``-> target`` and empty folders as ``/``."""
    found = {}
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        for name in (*folders, *files):
            path = here / name
            if path.is_symlink():
                found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
            elif path.is_file():
                found[str(path.relative_to(folder))] = path.read_text()
            elif not any(path.iterdir()):
                found[str(path.relative_to(folder))] = "/"
    return found


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    _write(top, {"calc.py": "x = 1\n", "pkg/deep/a.py": "", "run.sh": "#!/bin/sh\n"})
    (top / "run.sh").chmod(0o775)
    (top / "link").symlink_to("pkg/deep")
    (top / "dangling").symlink_to("/nowhere/at/all")
    return top


FILES = ["calc.py", "pkg/deep/a.py", "run.sh", "link", "dangling"]


@pytest.fixture
def base(top: Path, tmp_path: Path) -> Base:
    return Base.create(top=top, files=FILES, folder=tmp_path / "base")


def test_the_base_knows_its_files(base: Base, top: Path, tmp_path: Path) -> None:
    assert (base.top, base.place.plain) == (top, tmp_path / "base" / "plain")
    assert dict(base.files) == {
        "calc.py": BaseFile(kind="file"),
        "pkg/deep/a.py": BaseFile(kind="file"),
        "run.sh": BaseFile(kind="file", executable=True),
        "link": BaseFile(kind="symlink", target="pkg/deep"),
        "dangling": BaseFile(kind="symlink", target="/nowhere/at/all"),
    }
    assert _tree(base.place.plain) == _tree(top)


def test_the_base_is_a_copy(base: Base, top: Path) -> None:
    (top / "calc.py").write_text("changed")
    assert base.read("calc.py") == (b"x = 1\n", False)
    assert base.read("run.sh") == (b"#!/bin/sh\n", True)


@pytest.mark.parametrize("path", ["link", "dangling", "pkg", "nothing.py"])
def test_only_regular_files_can_be_read(base: Base, path: str) -> None:
    assert base.read(path) is None


def test_times_stay_as_they_were(top: Path, tmp_path: Path) -> None:
    os.utime(top / "calc.py", ns=(10**18, 10**18))
    base = Base.create(top=top, files=FILES, folder=tmp_path / "base")
    copy = Workspace.create(base, tmp_path / "copy")
    assert (copy.path / "calc.py").stat().st_mtime_ns == 10**18


def test_files_that_vanished_are_skipped(top: Path, tmp_path: Path) -> None:
    files = ["gone.py", "calc.py/beyond.py", "calc.py", "calc.py"]
    base = Base.create(top=top, files=files, folder=tmp_path / "base")
    assert (list(base.files), base.notices) == (["calc.py"], ())


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", ".git/config", "link/a.py", "a//b", ""]
)
def test_paths_that_lead_out_are_left_out(top: Path, tmp_path: Path, path: str) -> None:
    base = Base.create(top=top, files=[path], folder=tmp_path / "base")
    expected = (f"{path} is not in the sandbox: its path leads out of the tree",)
    assert (dict(base.files), base.notices) == ({}, expected)


@is_root
def test_unreadable_file_is_named() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "calc.py").touch(mode=0o600)
        Path(scratch).chmod(0o777)
        os.seteuid(65534)
        try:
            with pytest.raises(WorkspaceError, match=r"calc\.py.*\.gitignore"):
                Base.create(top=Path(scratch), files=["calc.py"], folder=Path(scratch) / "base")
        finally:
            os.seteuid(0)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EACCES, WorkspaceError),
        (errno.EIO, WorkspaceError),
    ],
)
def test_errors_name_the_file_and_the_next_step(
    number: int, expected: type[WorkspaceError | DiskFullError]
) -> None:
    with pytest.raises(expected, match=r"a\\x1b\.py") as caught, translated("a\x1b.py", "copying"):
        raise OSError(number, os.strerror(number))
    assert caught.value.next_step


CHANGES = ChangeSet(
    {
        "calc.py": FileChange(b"x = 2\n", executable=True),
        "pkg/deep/a.py": FileChange(None),
        "new/b.py": FileChange(b"b\n"),
    }
)


def test_mount_points_are_the_users_and_never_behind_a_link(tmp_path: Path) -> None:
    workspace, elsewhere = tmp_path / "workspace", tmp_path / "elsewhere"
    for folder in (workspace, elsewhere, workspace / "there"):
        folder.mkdir(mode=0o700)
    (workspace / "link").symlink_to(elsewhere)
    inside = [".tox/py311", "there/venv", "link/venv"]
    make_mount_points(workspace, inside, owner=(os.getuid(), os.getgid()))
    made = {str(path.relative_to(workspace)) for path in workspace.rglob("*")}
    assert made == {".tox", ".tox/py311", "there", "there/venv", "link"}
    assert (workspace / ".tox/py311").stat().st_mode & 0o777 == 0o755
    assert (workspace / "there").stat().st_mode & 0o777 == 0o700
    assert list(elsewhere.iterdir()) == []


def test_a_base_with_changes_is_a_new_base(base: Base) -> None:
    before = _tree(base.place.plain)
    changed = base.with_changes(CHANGES)
    assert (changed.read("calc.py"), base.read("calc.py")) == (
        (b"x = 2\n", True),
        (b"x = 1\n", False),
    )
    assert (changed.read("pkg/deep/a.py"), changed.read("new/b.py")) == (None, (b"b\n", False))
    assert sorted(changed.files) == ["calc.py", "dangling", "link", "new/b.py", "run.sh"]
    assert _tree(base.place.plain) == before


def test_changes_on_top_of_changes(base: Base) -> None:
    again = base.with_changes(CHANGES).with_changes(
        ChangeSet({"new/b.py": FileChange(None), "calc.py": FileChange(b"x = 3\n")})
    )
    assert again.read("calc.py") == (b"x = 3\n", False)
    assert "new/b.py" not in again.files
    assert base.with_changes(ChangeSet()) is base


@pytest.mark.parametrize(
    "path", ["../x", "/x", ".git/hooks/x", "link/x", "dangling/x", "calc.py/x", "pkg", "a/./b"]
)
def test_changes_that_do_not_fit_are_refused(base: Base, path: str) -> None:
    with pytest.raises(WorkspaceError):
        base.with_changes(ChangeSet({path: FileChange(b"")}))


def test_a_workspace_is_a_full_copy(base: Base, top: Path, tmp_path: Path) -> None:
    copy = Workspace.create(base, tmp_path / "copy")
    assert _tree(copy.path) == _tree(top)
    assert (copy.path / "run.sh").stat().st_mode & 0o777 == 0o755
    (copy.path / "calc.py").write_text("written through?")
    assert base.read("calc.py") == (b"x = 1\n", False)
    assert {path.stat().st_nlink for path in copy.path.rglob("*.py")} == {1}


def test_changes_are_laid_out(base: Base, tmp_path: Path) -> None:
    copy = Workspace.create(base, tmp_path / "copy", changes=CHANGES)
    assert _tree(copy.path) == {
        "calc.py": "x = 2\n",
        "new/b.py": "b\n",
        "run.sh": "#!/bin/sh\n",
        "link": "-> pkg/deep",
        "dangling": "-> /nowhere/at/all",
    }
    assert os.access(copy.path / "calc.py", os.X_OK)
    assert copy.collect(is_ignored=lambda _path: False) == Collected()


def test_a_file_may_become_a_folder_and_a_link_a_file(base: Base, tmp_path: Path) -> None:
    changes = ChangeSet(
        {
            "calc.py": FileChange(None),
            "calc.py/x": FileChange(b"x"),
            "link": FileChange(b"file"),
        }
    )
    copy = Workspace.create(base, tmp_path / "copy", changes=changes)
    assert (_tree(copy.path)["calc.py/x"], _tree(copy.path)["link"]) == ("x", "file")


def test_hidden_paths_stay_out_both_ways(top: Path, tmp_path: Path) -> None:
    _write(top, {".opencode/agent.md": "be evil", "opencode.json": "{}"})
    files = [*FILES, ".opencode/agent.md", "opencode.json"]
    base = Base.create(top=top, files=files, folder=tmp_path / "base")
    copy = Workspace.create(
        base, tmp_path / "copy", is_hidden=lambda path: "opencode" in path.split("/")[0]
    )
    assert not (copy.path / ".opencode").exists()
    _write(copy.path, {".opencode/mine.md": "x"})
    assert copy.collect(is_ignored=lambda _path: False) == Collected()


def test_folders_are_open_whatever_the_umask(base: Base, tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        (tmp_path / "copy").mkdir(mode=0o700)
        copy = Workspace.create(base, tmp_path / "copy")
    finally:
        os.umask(before)
    folders = [copy.path, *(path for path in copy.path.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o755}


@is_root
def test_everything_goes_to_the_owner_after_the_snapshot(base: Base, tmp_path: Path) -> None:
    def snapshot(folder: Path) -> None:
        assert (folder / "dangling").is_symlink()
        _write(folder, {".git/HEAD": "ref: refs/heads/main\n"})

    copy = Workspace.create(base, tmp_path / "copy", owner=(1234, 2345), snapshot=snapshot)
    paths = [copy.path, *copy.path.rglob("*")]
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in paths} == {(1234, 2345)}
    assert copy.path / ".git/HEAD" in paths
    assert copy.collect(is_ignored=lambda _path: False) == Collected()


def test_a_folder_in_use_is_refused_and_left_alone(base: Base, tmp_path: Path) -> None:
    _write(tmp_path, {"copy/mine": "precious"})
    with pytest.raises(WorkspaceError, match="not empty"):
        Workspace.create(base, tmp_path / "copy")
    assert _tree(tmp_path / "copy") == {"mine": "precious"}


def test_a_copy_that_failed_leaves_nothing(base: Base, tmp_path: Path) -> None:
    def fail(_folder: Path) -> None:
        raise WorkspaceError("git is not there.", "Install it.")

    with pytest.raises(WorkspaceError, match="git is not there"):
        Workspace.create(base, tmp_path / "copy", snapshot=fail)
    assert not (tmp_path / "copy").exists()
