"""The changes that come out of a workspace, after honest work and after attacks."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import WorkspaceError
from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange
from pytest_agentfix.core.paths import display
from pytest_agentfix.sandbox.workspace import Base, Limits, Workspace
from tests.kits.overlay_kit import MountedOverlay
from tests.kits.process_kit import open_descriptors

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

AnyWorkspace = Workspace | MountedOverlay

FILES = {
    "calc.py": b"x = 1\n",
    "run.sh": b"#!/bin/sh\n",
    "pkg/__init__.py": b"",
    "pkg/deep/a.py": b"a = 1\n",
    "pkg/deep/b.py": b"b = 1\n",
    "out/kept.log": b"tracked although ignored\n",
}


def _never(_path: str) -> bool:
    return False


@pytest.fixture(params=["copy", "overlay"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyWorkspace]:
    """Both kinds: what is done in either of them has to come out the same."""
    workspace: AnyWorkspace = (
        _make(tmp_path, FILES)
        if request.param == "copy"
        else MountedOverlay(_make_base(tmp_path, FILES), tmp_path)
    )
    yield workspace
    workspace.remove()  # pytest's own clean-up stumbles over what some tests make


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Workspace]:
    copy = _make(tmp_path, FILES)
    yield copy
    copy.remove()


def _make(tmp_path: Path, files: dict[str, bytes]) -> Workspace:
    return Workspace.create(_make_base(tmp_path, files), tmp_path / "copy")


def _make_base(tmp_path: Path, files: dict[str, bytes]) -> Base:
    top = tmp_path / "top"
    for path, content in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(content)
    if "run.sh" in files:
        (top / "run.sh").chmod(0o755)
    (top / "link").symlink_to("pkg")
    return Base.create(top=top, files=[*files, "link"], folder=tmp_path / "base")


def _collect(workspace: AnyWorkspace, *, limits: Limits | None = None) -> Collected:
    return workspace.collect(is_ignored=_never, limits=limits or Limits())


NOTHING_TAKEN = "; nothing of such a change is taken"


def _drops(*drops: tuple[str, str]) -> Collected:
    return Collected(irregular=tuple(Drop(path, reason) for path, reason in drops))


def test_nothing_done_is_nothing_collected(workspace: AnyWorkspace) -> None:
    assert _collect(workspace) == Collected()


def test_honest_edits(workspace: AnyWorkspace) -> None:
    top = workspace.path
    (top / "calc.py").write_bytes(b"x = 2\n")  # same size
    os.utime(top / "calc.py", ns=(0, 0))
    (top / "pkg/deep/a.py").unlink()
    (top / "new/deep").mkdir(parents=True)
    (top / "new/deep/module.py").write_bytes("ü = 1\n".encode())
    (top / "new/empty").mkdir()
    (top / "run.sh").chmod(0o644)
    assert _collect(workspace) == Collected(
        changes=ChangeSet(
            {
                "calc.py": FileChange(b"x = 2\n"),
                "new/deep/module.py": FileChange("ü = 1\n".encode()),
                "pkg/deep/a.py": FileChange(None),
                "run.sh": FileChange(b"#!/bin/sh\n", executable=False),
            }
        )
    )


def test_editors_that_rename(workspace: AnyWorkspace) -> None:
    draft = workspace.path / "calc.py.tmp"
    draft.write_bytes(b"x = 3\n")
    draft.rename(workspace.path / "calc.py")
    assert _collect(workspace) == Collected(changes=ChangeSet({"calc.py": FileChange(b"x = 3\n")}))


def test_a_collection_says_what_changed_since_the_changes_it_was_made_with(tmp_path: Path) -> None:
    base = _make(tmp_path, FILES).base
    changes = ChangeSet({"calc.py": FileChange(b"x = 2\n"), "pkg/deep/a.py": FileChange(None)})
    copy = Workspace.create(base, tmp_path / "second", changes=changes)
    (copy.path / "calc.py").write_bytes(b"x = 1\n")
    assert _collect(copy).changes == ChangeSet({"calc.py": FileChange(b"x = 1\n")})


def test_folders_and_files_may_change_places(workspace: AnyWorkspace) -> None:
    top = workspace.path
    (top / "calc.py").unlink()
    (top / "calc.py").mkdir()
    (top / "calc.py/x").write_bytes(b"x")
    for name in ("a.py", "b.py"):
        (top / "pkg/deep" / name).unlink()
    (top / "pkg/deep").rmdir()
    (top / "pkg/deep").write_bytes(b"file")
    assert _collect(workspace).changes == ChangeSet(
        {
            "calc.py": FileChange(None),
            "calc.py/x": FileChange(b"x"),
            "pkg/deep": FileChange(b"file"),
            "pkg/deep/a.py": FileChange(None),
            "pkg/deep/b.py": FileChange(None),
        }
    )


def test_caches_ignored_and_mounted_paths_are_left_out(workspace: AnyWorkspace) -> None:
    for path in (
        *("pkg/__pycache__/a.pyc", "stray.pyc", ".pytest_cache/v/x", ".mypy_cache/x"),
        *(".ruff_cache/x", ".hypothesis/x", ".coverage", ".coverage.host.1", "out/new.log"),
        *(".git/config", ".git/hooks/pre-commit", ".venv/bin/python", "mnt/venv/x"),
    ):
        (workspace.path / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace.path / path).write_bytes(b"new")
    (workspace.path / "out/link").symlink_to("/etc")
    (workspace.path / "out/kept.log").write_bytes(b"changed")
    collected = workspace.collect(
        is_ignored=lambda path: path.startswith("out/"), skip=(".venv", "mnt/venv/")
    )
    assert collected == Collected(changes=ChangeSet({"out/kept.log": FileChange(b"changed")}))


def test_base_files_below_mount_points_are_not_missed(tmp_path: Path) -> None:
    copy = _make(tmp_path, {"vendor/a.py": b"", "b.py": b""})
    (copy.path / "vendor/a.py").unlink()
    assert copy.collect(is_ignored=_never, skip=["vendor"]) == Collected()


def _symlink(top: Path) -> None:
    (top / "etc").symlink_to("/etc")


def _symlink_for_file(top: Path) -> None:
    (top / "calc.py").unlink()
    (top / "calc.py").symlink_to("/etc/passwd")


def _symlink_for_folder(top: Path) -> None:
    shutil.move(top / "pkg/deep", top.parent / "moved")
    (top / "pkg/deep").symlink_to("/etc")


def _symlink_elsewhere(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").symlink_to("/etc")


def _symlink_gone(top: Path) -> None:
    (top / "link").unlink()


def _symlink_is_file(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").write_bytes(b"x")


def _symlink_is_folder(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").mkdir()
    (top / "link/x.py").write_bytes(b"x")


def _fifo(top: Path) -> None:
    os.mkfifo(top / "fifo")


def _fifo_for_file(top: Path) -> None:
    (top / "calc.py").unlink()
    os.mkfifo(top / "calc.py")


def _socket(top: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(top / "sock"))


def _hard_link(top: Path) -> None:
    (top / "outside").write_bytes(b"secret")
    os.link(top / "outside", top / "pkg/secret.py")


def _hard_link_of_base(top: Path) -> None:
    os.link(top / "calc.py", top / "copy.py")  # calc.py itself is as it was


def _setuid(top: Path) -> None:
    (top / "calc.py").chmod(0o4755)


def _setgid(top: Path) -> None:
    (top / "new").write_bytes(b"x")
    (top / "new").chmod(0o2755)


def _nested_git(top: Path) -> None:
    (top / "pkg/.git/hooks").mkdir(parents=True)
    (top / "pkg/.git/config").write_bytes(b"[core]\nfsmonitor=evil\n")


def _git_file(top: Path) -> None:
    (top / "pkg/.git").write_bytes(b"gitdir: /somewhere\n")


def _git_alike(top: Path) -> None:
    (top / ".GIT").mkdir()
    (top / ".GIT/config").write_bytes(b"x")


def _bare(top: Path) -> None:
    for name in ("objects", "refs"):
        (top / "pkg/deep" / name).mkdir()
    (top / "pkg/deep/HEAD").write_bytes(b"ref: refs/heads/main\n")
    (top / "pkg/deep/a.py").unlink()


def _bare_at_top(top: Path) -> None:
    for name in ("objects", "refs"):
        (top / name).mkdir()
        (top / name / "x").write_bytes(b"x")
    (top / "HEAD").write_bytes(b"ref: refs/heads/main\n")


def _worktree(top: Path) -> None:
    (top / "pkg/wt").mkdir()
    (top / "pkg/wt/HEAD").write_bytes(b"ref: refs/heads/main\n")
    (top / "pkg/wt/commondir").write_bytes(b"../x\n")


def _not_utf8(top: Path) -> None:
    with open(os.fsencode(top) + b"/a\xff.py", "wb") as file:  # noqa: PTH123 - no text
        file.write(b"x")


def _control_characters(top: Path) -> None:
    os.mkfifo(top / "a\x1b[31m\nb")


ATTACKS: list[tuple[Callable[[Path], None], Collected]] = [
    (_symlink, _drops(("etc", "symbolic link"))),
    (_symlink_for_file, _drops(("calc.py", "symbolic link"))),
    (_symlink_for_folder, _drops(("pkg/deep", "symbolic link"))),
    (_symlink_elsewhere, _drops(("link", "symbolic link changed"))),
    (_symlink_gone, _drops(("link", "symbolic link removed"))),
    (_symlink_is_file, _drops(("link", "symbolic link replaced"))),
    (_symlink_is_folder, _drops(("link", "symbolic link replaced"))),
    (_fifo, _drops(("fifo", "named pipe"))),
    (_fifo_for_file, _drops(("calc.py", "named pipe"))),
    (_socket, _drops(("sock", "socket"))),
    (_hard_link, _drops(("outside", "hard link"), ("pkg/secret.py", "hard link"))),
    (_hard_link_of_base, _drops(("copy.py", "hard link"))),
    (_setuid, _drops(("calc.py", "setuid, setgid or sticky bit"))),
    (_setgid, _drops(("new", "setuid, setgid or sticky bit"))),
    (_nested_git, _drops(("pkg/.git", "nested git repository"))),
    (_git_file, _drops(("pkg/.git", "nested git repository"))),
    (_git_alike, _drops((".GIT", "nested git repository"))),
    (_bare, _drops(("pkg/deep", "bare git repository"))),
    (
        _bare_at_top,
        _drops(*((name, "bare git repository") for name in ("HEAD", "objects", "refs"))),
    ),
    (_worktree, _drops(("pkg/wt", "bare git repository"))),
    (_not_utf8, _drops((r"a\xff.py", "its name is not UTF-8"))),
    (_control_characters, _drops((r"a\x1b[31m\nb", "named pipe"))),
]


@pytest.mark.parametrize(
    ("attack", "expected"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS]
)
def test_attack(
    workspace: AnyWorkspace, attack: Callable[[Path], None], expected: Collected
) -> None:
    attack(workspace.path)
    assert _collect(workspace) == expected
    workspace.remove()
    assert not workspace.path.exists()


@is_root
def test_devices_are_not_opened(workspace: AnyWorkspace) -> None:
    os.mknod(workspace.path / "tape", 0o20666, os.makedev(1, 7))
    assert _collect(workspace) == _drops(("tape", "device"))


def test_honest_work_beside_an_attack_is_kept(workspace: AnyWorkspace) -> None:
    (workspace.path / "calc.py").write_bytes(b"x = 2\n")
    _symlink(workspace.path)
    _bare(workspace.path)
    assert _collect(workspace) == Collected(
        changes=ChangeSet({"calc.py": FileChange(b"x = 2\n")}),
        irregular=(
            Drop("etc", "symbolic link"),
            Drop("pkg/deep", "bare git repository"),
        ),
    )


def test_a_repository_that_the_base_has_is_no_attack(tmp_path: Path) -> None:
    copy = _make(tmp_path, {"demo/HEAD": b"x", "demo/objects/x": b"x", "demo/refs/x": b"x"})
    (copy.path / "demo/refs/x").write_bytes(b"y")
    assert _collect(copy).changes == ChangeSet({"demo/refs/x": FileChange(b"y")})


def test_names_that_are_not_utf8_are_fine_in_the_base(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff.py")
    copy = _make(tmp_path, {name: b"x"})
    assert _collect(copy) == Collected()
    (copy.path / name).unlink()
    assert _collect(copy) == _drops((r"a\xff.py", "its name is not UTF-8"))


def test_large_files(tmp_path: Path) -> None:
    files = dict.fromkeys(("same.bin", "changed.bin", "sparse.bin"), b"x" * 3000)
    copy = _make(tmp_path, files)
    (copy.path / "changed.bin").write_bytes(b"x" * 2999 + b"y")
    os.truncate(copy.path / "sparse.bin", 10**12)
    (copy.path / "new.bin").write_bytes(b"x" * 2001)
    (copy.path / "fits.bin").write_bytes(b"x" * 2000)
    reason = "too large: more than 2000 bytes"
    assert _collect(copy, limits=Limits(file_bytes=2000)) == Collected(
        changes=ChangeSet({"fits.bin": FileChange(b"x" * 2000)}),
        irregular=tuple(Drop(name, reason) for name in ("changed.bin", "new.bin", "sparse.bin")),
    )


def test_too_many_changed_files(workspace: AnyWorkspace) -> None:
    for number in range(6):
        (workspace.path / f"n{number}.py").write_bytes(b"x")
    (workspace.path / "calc.py").unlink()
    collected = _collect(workspace, limits=Limits(files=4))
    assert collected == Collected(
        changes=ChangeSet({f"n{number}.py": FileChange(b"x") for number in range(4)}),
        irregular=(Drop("n4.py", f"too many files: more than 4 changed{NOTHING_TAKEN}"),),
        is_complete=False,
    )


def test_too_much_in_all(workspace: AnyWorkspace) -> None:
    for number in range(4):
        (workspace.path / f"n{number}.py").write_bytes(b"x" * 10)
    collected = _collect(workspace, limits=Limits(total_bytes=25))
    assert collected == Collected(
        changes=ChangeSet({f"n{number}.py": FileChange(b"x" * 10) for number in range(2)}),
        irregular=(Drop("n2.py", f"too large: more than 25 bytes in all{NOTHING_TAKEN}"),),
        is_complete=False,
    )


def test_too_many_entries_end_the_walk_without_deletions(workspace: AnyWorkspace) -> None:
    (workspace.path / "pkg/deep/a.py").unlink()
    (workspace.path / "aa").mkdir()
    for number in range(60):
        (workspace.path / f"aa/{number}").write_bytes(b"")
    reason = "too many files: more than 50 entries that the base does not have"
    collected = _collect(workspace, limits=Limits(extra_entries=50))
    drop = Drop("aa", f"{reason}{NOTHING_TAKEN}")
    assert collected == Collected(irregular=(drop,), is_complete=False)


def test_too_many_irregular_entries(workspace: AnyWorkspace) -> None:
    for number in range(9):
        os.mkfifo(workspace.path / f"n{number}")
    assert _collect(workspace, limits=Limits(irregular=2)) == _drops(
        ("n0", "named pipe"),
        ("n1", "named pipe"),
        ("n2", "too many irregular entries; the rest is left out"),
    )


def _dig(folder: Path, depth: int) -> None:
    """Make folders in one another, further down than any path can say."""
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        deeper = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(os.open("bottom.py", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    os.close(fd)


def test_deep_nesting(workspace: AnyWorkspace) -> None:
    _dig(workspace.path, 5000)
    assert _collect(workspace) == _drops((display("/".join(["d"] * 129)), "nested too deeply"))
    workspace.remove()
    assert not workspace.path.exists()


def test_long_paths(workspace: AnyWorkspace) -> None:
    folder = workspace.path / "/".join(["x" * 200] * 5)
    folder.mkdir(parents=True)
    (folder / ("y" * 30)).write_bytes(b"")
    (collected,) = _collect(workspace).irregular
    assert collected.reason == "its path is too long"


def test_ten_thousand_files(tmp_path: Path) -> None:
    files = {f"d{number % 50}/f{number}.py": b"%d" % number for number in range(10_000)}
    copy = _make(tmp_path, files)
    assert _collect(copy) == Collected()
    (copy.path / "d7/f57.py").write_bytes(b"75")
    assert _collect(copy).changes == ChangeSet({"d7/f57.py": FileChange(b"75")})


def test_descriptors_are_given_back(workspace: AnyWorkspace) -> None:
    _dig(workspace.path, 200)
    before = open_descriptors()
    _collect(workspace)
    workspace.remove()
    assert open_descriptors() == before


def test_a_workspace_that_is_gone_is_an_error(copy: Workspace) -> None:
    copy.remove()
    with pytest.raises(WorkspaceError, match="reading back"):
        _collect(copy)


def test_a_workspace_that_became_a_symlink_is_not_followed(copy: Workspace, tmp_path: Path) -> None:
    copy.path.rename(tmp_path / "moved")
    copy.path.symlink_to(tmp_path / "moved")
    with pytest.raises(WorkspaceError):
        _collect(copy)
    copy.remove()
    assert (tmp_path / "moved/calc.py").exists()


def test_removing_twice_is_fine(workspace: AnyWorkspace) -> None:
    workspace.remove()
    workspace.remove()


def test_removing_does_not_follow(workspace: AnyWorkspace, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_bytes(b"x")
    (workspace.path / "pkg/out").symlink_to(tmp_path / "precious")
    workspace.remove()
    assert (tmp_path / "precious/file").read_bytes() == b"x"


def _lock_up(top: Path) -> None:
    for name, content in {"calc.py": b"x = 2\n", "new.py": b"n"}.items():
        (top / name).unlink(missing_ok=True)
        (top / name).write_bytes(content)
    (top / "calc.py").chmod(0)
    (top / "new.py").chmod(0)
    (top / "pkg/deep").chmod(0)
    (top / "pkg").chmod(0o400)
    top.chmod(0)


def test_rights_taken_away(workspace: AnyWorkspace) -> None:
    _check_rights(workspace)


@is_root
def test_rights_taken_away_from_somebody_else_than_root() -> None:
    """Root reads everything, so once more as a user who does not."""
    with tempfile.TemporaryDirectory() as scratch:
        os.chown(scratch, 65534, 65534)
        os.seteuid(65534)
        try:
            _check_rights(_make(Path(scratch), FILES))
        finally:
            os.seteuid(0)


def _check_rights(workspace: AnyWorkspace) -> None:
    _lock_up(workspace.path)
    assert _collect(workspace) == Collected(
        changes=ChangeSet({"calc.py": FileChange(b"x = 2\n"), "new.py": FileChange(b"n")})
    )
    _lock_up(workspace.path)
    workspace.remove()
    assert not workspace.path.exists()


@is_root
def test_what_belongs_to_somebody_else_is_unreadable_not_gone() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        os.chown(scratch, 65534, 65534)
        os.seteuid(65534)
        try:
            workspace = _make(Path(scratch), FILES)
            os.seteuid(0)
            for path in ("calc.py", "pkg/deep"):
                os.chown(workspace.path / path, 0, 0)
                (workspace.path / path).chmod(0)
            os.seteuid(65534)
            collected = _collect(workspace)
        finally:
            os.seteuid(0)
    reason = "it cannot be read"
    assert collected == _drops(("calc.py", reason), ("pkg/deep", reason))
