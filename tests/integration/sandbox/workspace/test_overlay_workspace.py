"""The marks in an overlay's upper folder, honest and forged."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_agentfix.core.errors import OverlayUnavailableError
from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange
from pytest_agentfix.sandbox.workspace import Base, OverlayWorkspace, Workspace, remove_tree
from pytest_agentfix.sandbox.workspace.mounts import has_kernel_files
from tests.kits.overlay_kit import MountedOverlay

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

FILES = {
    "calc.py": b"x = 1\n",
    "pkg/a.py": b"a\n",
    "pkg/deep/b.py": b"b\n",
    "pkg/deep/c.py": b"c\n",
    "objects/x": b"x",
    "refs/x": b"x",
    ".opencode/agent.md": b"mine",
}


def _never(_path: str) -> bool:
    return False


def _is_hidden(path: str) -> bool:
    return path.startswith(".opencode")


@pytest.fixture
def base(tmp_path: Path) -> Base:
    top = tmp_path / "top"
    for path, content in FILES.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(content)
    (top / "link").symlink_to("pkg")
    folder = tmp_path / "base"
    return Base.create(top=top, files=[*FILES, "link"], folder=folder, is_hidden=_is_hidden)


@pytest.fixture
def judges(base: Base, tmp_path: Path) -> Iterator[MountedOverlay]:
    overlay = MountedOverlay(base, tmp_path)
    yield overlay
    overlay.remove()


@pytest.fixture
def agents(base: Base, tmp_path: Path) -> Iterator[MountedOverlay]:
    overlay = MountedOverlay(base, tmp_path, is_hidden=_is_hidden)
    yield overlay
    overlay.remove()


def test_judges_see_what_agents_do_not(judges: MountedOverlay) -> None:
    assert (judges.path / ".opencode/agent.md").read_bytes() == b"mine"
    (judges.path / ".opencode/agent.md").unlink()
    gone = ChangeSet({".opencode/agent.md": FileChange(None)})
    assert judges.collect(is_ignored=_never).changes == gone


def test_agents_do_not_see_what_is_hidden(agents: MountedOverlay) -> None:
    assert not (agents.path / ".opencode").exists()
    (agents.path / ".opencode").mkdir()
    (agents.path / ".opencode/agent.md").write_bytes(b"evil")
    assert agents.collect(is_ignored=_never) == Collected()


def test_nothing_reaches_the_base(agents: MountedOverlay, base: Base) -> None:
    (agents.path / "calc.py").write_bytes(b"x = 2\n")
    shutil.rmtree(agents.path / "pkg")
    assert base.read("calc.py") == (b"x = 1\n", False)
    assert base.read("pkg/deep/b.py") == (b"b\n", False)


def test_a_folder_that_was_removed_and_made_anew(agents: MountedOverlay) -> None:
    shutil.rmtree(agents.path / "pkg")
    (agents.path / "pkg/deep").mkdir(parents=True)
    (agents.path / "pkg/deep/c.py").write_bytes(b"c\n")
    changes = {"pkg/a.py": FileChange(None), "pkg/deep/b.py": FileChange(None)}
    assert agents.collect(is_ignored=_never).changes == ChangeSet(changes)


def test_a_bare_repository_made_of_what_the_base_has(agents: MountedOverlay) -> None:
    """Only ``HEAD`` is new, and git would take the folder for a repository all the same."""
    (agents.path / "HEAD").write_bytes(b"ref: refs/heads/main\n")
    reason = "bare git repository"
    drops = tuple(Drop(name, reason) for name in ("HEAD", "objects", "refs"))
    assert agents.collect(is_ignored=_never) == Collected(irregular=drops)
    shutil.rmtree(agents.path / "refs")
    assert agents.collect(is_ignored=_never).changes == ChangeSet(
        {"HEAD": FileChange(b"ref: refs/heads/main\n"), "refs/x": FileChange(None)}
    )


def test_a_folder_and_a_file_change_places_at_once(agents: MountedOverlay) -> None:
    """By a call that leaves no moment in between: the folder lands where the base has a file."""
    (agents.path / "new").mkdir()
    (agents.path / "new/n.py").write_bytes(b"n")
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = (os.fsencode(agents.path / name) for name in ("calc.py", "new"))
    if libc.renameat2(-100, first, -100, second, 2):  # AT_FDCWD, RENAME_EXCHANGE
        pytest.skip(os.strerror(ctypes.get_errno()))
    assert agents.collect(is_ignored=_never).changes == ChangeSet(
        {
            "calc.py": FileChange(None),
            "calc.py/n.py": FileChange(b"n"),
            "new": FileChange(b"x = 1\n"),
        }
    )


FIX = ChangeSet(
    {
        "calc.py": FileChange(b"x = 2\n"),
        "new/n.py": FileChange(b"n\n"),
        "pkg/deep/b.py": FileChange(None),
        "pkg/deep/c.py": FileChange(None),
    }
)


def _write(top: Path, changes: ChangeSet) -> None:
    for path, change in changes.files.items():
        if change.content is None:
            (top / path).unlink()
        else:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_bytes(change.content)


def test_a_fix_that_was_laid_out_is_no_change(agents: MountedOverlay) -> None:
    agents.expect(FIX)
    assert agents.base.delta() == FIX
    _write(agents.path, FIX)
    (agents.path / "pkg/deep").rmdir()
    assert agents.collect(is_ignored=_never) == Collected()


def test_changes_after_a_fix(agents: MountedOverlay) -> None:
    agents.expect(FIX)
    _write(agents.path, FIX)
    shutil.rmtree(agents.path / "new")
    (agents.path / "calc.py").write_bytes(b"x = 1\n")
    (agents.path / "pkg/deep/b.py").write_bytes(b"b\n")
    assert agents.collect(is_ignored=_never).changes == ChangeSet(
        {
            "calc.py": FileChange(b"x = 1\n"),
            "new/n.py": FileChange(None),
            "pkg/deep/b.py": FileChange(b"b\n"),
        }
    )


def test_a_fix_that_was_not_laid_out_is_seen(agents: MountedOverlay) -> None:
    agents.expect(FIX)
    reason = "it is as it was before the fix"
    paths = ("calc.py", "pkg/deep/b.py", "pkg/deep/c.py")
    collected = agents.collect(is_ignored=_never)
    assert collected.irregular == tuple(Drop(path, reason) for path in paths)
    assert collected.changes == ChangeSet({"new/n.py": FileChange(None)})


@is_root
def test_the_marks_cannot_be_made_through_the_mount(agents: MountedOverlay) -> None:
    """Even by root; in a sandbox nobody is."""
    with pytest.raises(OSError, match="not permitted"):
        os.mknod(agents.path / "calc2.py", 0o20666, os.makedev(0, 0))
    for name in ("opaque", "redirect", "metacopy"):
        with contextlib.suppress(OSError):  # refused, or kept under another name
            os.setxattr(agents.path / "pkg", f"user.overlay.{name}", b"y")
    assert agents.collect(is_ignored=_never) == Collected()


def test_marks_as_a_kernel_makes_them(base: Base, tmp_path: Path) -> None:
    """The same for everybody, also for those who may not mount an overlay to try it."""
    workspace = OverlayWorkspace.create(base, tmp_path / "overlay")
    (workspace.path / "pkg/deep").mkdir(parents=True)
    (workspace.path / "pkg/deep/c.py").write_bytes(b"changed")
    os.setxattr(workspace.path / "pkg", "user.overlay.opaque", b"y")
    os.mknod(workspace.path / "calc.py", stat.S_IFCHR, os.makedev(0, 0))  # anybody may: a whiteout
    assert workspace.collect(is_ignored=_never).changes == ChangeSet(
        {
            "calc.py": FileChange(None),
            "pkg/a.py": FileChange(None),
            "pkg/deep/b.py": FileChange(None),
            "pkg/deep/c.py": FileChange(b"changed"),
        }
    )


UNREADABLE = "it cannot be read"


@pytest.mark.parametrize("mark", ["redirect", "metacopy", "whiteout"])
@pytest.mark.parametrize("path", ["pkg", "calc.py"])
def test_marks_that_mislead_are_not_taken(base: Base, tmp_path: Path, mark: str, path: str) -> None:
    workspace = OverlayWorkspace.create(base, tmp_path / "overlay")
    (workspace.path / "pkg").mkdir()
    (workspace.path / "pkg/new.py").write_bytes(b"new")
    (workspace.path / "calc.py").write_bytes(b"changed")
    os.setxattr(workspace.path / path, f"user.overlay.{mark}", b"y")
    found = workspace.collect(is_ignored=_never)
    assert found.irregular == (Drop(path, UNREADABLE),)
    assert path not in {name.partition("/")[0] for name in found.changes.files}


def test_a_folder_that_is_half_opaque_is_not_taken(base: Base, tmp_path: Path) -> None:
    workspace = OverlayWorkspace.create(base, tmp_path / "overlay")
    (workspace.path / "pkg").mkdir()
    os.setxattr(workspace.path / "pkg", "user.overlay.opaque", b"x")
    expected = Collected(irregular=(Drop("pkg", UNREADABLE),))
    assert workspace.collect(is_ignored=_never) == expected


@pytest.mark.parametrize("name", ["a:b", "a,b", "a\\b", "/".join(["x" * 250] * 8)])
def test_paths_that_a_mount_cannot_say(base: Base, tmp_path: Path, name: str) -> None:
    with pytest.raises(OverlayUnavailableError, match="path of the folder"):
        OverlayWorkspace.create(base, tmp_path / name)


@is_root
def test_the_kernels_own_folder_goes_with_the_rest(base: Base) -> None:
    """An ordinary user's overlay holds an empty folder of root's."""
    scratch = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    (scratch / "work/work").mkdir(parents=True)
    (scratch / "work/work").chmod(0)
    os.chown(scratch / "work", 65534, 65534)
    os.chown(scratch, 65534, 65534)
    os.seteuid(65534)
    try:
        remove_tree(scratch / "work")
        assert not (scratch / "work").exists()
    finally:
        os.seteuid(0)
        shutil.rmtree(scratch)


@is_root
def test_what_only_the_kernel_may_remove_stays_for_later(
    base: Base, caplog: pytest.LogCaptureFixture
) -> None:
    """An ordinary user's overlay in which a file of the base was removed; nothing is warned of."""
    scratch = Path(tempfile.mkdtemp())
    scratch.chmod(0o777)
    workspace = OverlayWorkspace.create(base, scratch / "workspace", owner=(65534, 65534))
    kernels = workspace.mount.work / "work"
    kernels.mkdir(mode=0)
    (kernels / "#1").touch()
    try:
        for is_empty in (False, True):
            if is_empty:
                (kernels / "#1").unlink()
            os.setresuid(65534, 65534, 0)  # the one that ``os.getuid`` tells, too
            try:
                assert has_kernel_files(workspace.mount.work) is not is_empty
                workspace.remove()
            finally:
                os.setresuid(0, 0, 0)
            assert not workspace.path.exists()
            assert kernels.exists() is not is_empty
        assert caplog.text == ""
    finally:
        shutil.rmtree(scratch)


NAMES = st.sampled_from(["calc.py", "pkg", "a.py", "deep", "b.py", "new", "link"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "folder", "move", "link", "mode"]), PATHS, PATHS),
    max_size=12,
)


def _do(top: Path, step: tuple[str, str, str]) -> None:
    """Do at random what anybody might do in a tree, as far as it works."""
    action, first, second = step
    path = top / first
    try:
        if action == "write":
            path.write_bytes(second.encode())
        elif action == "remove":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        elif action == "folder":
            path.mkdir()
        elif action == "move":
            shutil.move(path, top / second)
        elif action == "link":
            path.symlink_to("pkg")
        else:
            path.chmod(0o755)
    except (OSError, shutil.Error):
        pass


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, after=STEPS)
def test_both_kinds_of_workspace_say_the_same(
    base: Base,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, str, str]],
    after: list[tuple[str, str, str]],
) -> None:
    folder = tmp_path_factory.mktemp("both")
    copy = Workspace.create(base, folder / "copy")
    overlay = MountedOverlay(base, folder)
    try:
        for step in steps:
            _do(copy.path, step)
            _do(overlay.path, step)
        first = copy.collect(is_ignored=_never)
        assert overlay.collect(is_ignored=_never) == first
        for step in after:
            _do(copy.path, step)
            _do(overlay.path, step)
        assert overlay.collect(is_ignored=_never) == copy.collect(is_ignored=_never)
    finally:
        overlay.remove()
        copy.remove()
