"""Workspaces that the engine lays over the base: what a sandbox sees, does and leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import OverlayUnavailableError
from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange
from pytest_agentfix.sandbox.cleanup import end_session
from pytest_agentfix.sandbox.engine import OWNER_LABEL, SESSION_LABEL
from pytest_agentfix.sandbox.file_writer import History, write_changes
from pytest_agentfix.sandbox.overlay_cleanup import clean_up_overlays
from pytest_agentfix.sandbox.scratch import owner_name
from pytest_agentfix.sandbox.workspace import Base, OverlayMount, OverlayWorkspace, mounts
from tests.engine.sandbox_kit import TOP, Place, volumes_of
from tests.kits.project_kit import wait_for

FILES = {
    "calc.py": b"x = 1\n",
    "pkg/a.py": b"a = 1\n",
    "pkg/deep/b.py": b"secret case\n",
}

WORK = """
import os, shutil
shutil.rmtree("pkg")
os.makedirs("pkg/deep")
with open("pkg/deep/c.py", "w") as file:
    file.write("c = 1\\n")
os.chmod("calc.py", 0o755)
os.symlink("calc.py", "link")
for name, kind in (("null", 0o20666), ("fifo", 0o10666)):
    try:
        os.mknod(name, kind, 0)
    except PermissionError:
        print(name)
for path in ("pkg/deep", "calc.py"):
    for mark in ("opaque", "redirect", "metacopy", "whiteout"):
        try:
            os.setxattr(path, "user.overlay." + mark, b"y")
        except OSError:
            pass
"""

GIT = """
import subprocess
for command in (["status", "--porcelain"], ["log", "--format=%s"], ["diff-files"], ["ls-files"]):
    done = subprocess.run(["git", *command], capture_output=True, text=True)
    print(done.stdout.strip() or done.stderr.strip())
"""


SEARCH = """
import os
for folder, _, files in os.walk("."):
    for name in files:
        with open(os.path.join(folder, name), "rb") as file:
            if b"secret case" in file.read():
                print(folder, name)
"""


@pytest.fixture
def base(place: Place, tmp_path: Path) -> Base:
    top = tmp_path / "top"
    for path, content in FILES.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(content)
    return place.copy_base(top, list(FILES))


@pytest.fixture
def workspace(place: Place, base: Base) -> OverlayWorkspace:
    return place.overlay(base)


def _collect(workspace: OverlayWorkspace) -> Collected:
    return workspace.collect(is_ignored=lambda _path: False)


def test_what_is_done_inside_comes_out(place: Place, workspace: OverlayWorkspace) -> None:
    sandbox = place.open(workspace=workspace, read_changes=lambda: _collect(workspace))
    runner = place.runner(sandbox)
    assert sandbox.collect() == Collected()
    done = sandbox.run(runner.command(WORK), timeout=30)
    assert (done.stdout.decode(), done.stderr.decode()) == ("null\n", "")
    assert sandbox.collect() == Collected(
        changes=ChangeSet(
            {
                "calc.py": FileChange(b"x = 1\n", executable=True),
                "pkg/a.py": FileChange(None),
                "pkg/deep/b.py": FileChange(None),
                "pkg/deep/c.py": FileChange(b"c = 1\n"),
            }
        ),
        irregular=(Drop("fifo", "named pipe"), Drop("link", "symbolic link")),
    )
    sandbox.close()
    assert not workspace.path.exists()


def test_a_base_serves_many_and_stays_as_it_is(place: Place, base: Base) -> None:
    first, second = place.overlay(base), place.overlay(base)
    one, other = place.open(workspace=first), place.open(workspace=second)
    one.run(place.runner(one).command(WORK), timeout=30)
    done = other.run(place.runner(other).command("print(open('pkg/deep/b.py').read())"), timeout=30)
    assert done.stdout == b"secret case\n\n"
    assert _collect(second) == Collected()
    assert {path: base.read(path) for path in FILES} == {
        path: (content, False) for path, content in FILES.items()
    }


def test_the_history_inside(place: Place, workspace: OverlayWorkspace) -> None:
    """git finds everything as it was without reading it, also after the commit was made anew."""
    sandbox = place.open(workspace=workspace)
    runner = place.runner(sandbox)
    shown = sandbox.run(runner.command(GIT), timeout=30).stdout.decode()
    assert shown == "\nThe tree as the tests saw it\n\ncalc.py\npkg/a.py\npkg/deep/b.py\n"
    changes = ChangeSet({"pkg/deep/b.py": FileChange(b"public\n"), "pkg/a.py": FileChange(None)})
    is_anew = write_changes(
        sandbox,
        python=runner.python,
        top=TOP,
        changes=changes,
        env=runner.env,
        history=History.FORGOTTEN,
        timeout=60,
    )
    assert is_anew
    workspace.expect(changes)
    shown = sandbox.run(runner.command(GIT), timeout=30).stdout.decode()
    assert shown == "\nThe tree as the tests saw it\n\ncalc.py\npkg/deep/b.py\n"
    assert sandbox.run(runner.command(SEARCH), timeout=30).stdout == b""
    assert _collect(workspace) == Collected()


def test_a_mount_that_the_engine_refuses(place: Place, base: Base, tmp_path: Path) -> None:
    workspace = place.overlay(base)
    mount = workspace.mount
    workspace.mount = OverlayMount(lower=(tmp_path / "none",), upper=mount.upper, work=mount.work)
    with pytest.raises(OverlayUnavailableError):
        place.open(workspace=workspace)
    assert not mount.upper.exists()


def test_no_volume_stays(place: Place, workspace: OverlayWorkspace) -> None:
    with place.open(workspace=workspace):
        assert len(volumes_of(place.engine, place.root)) == 1
    # The engine forgets the container first.
    wait_for(lambda: volumes_of(place.engine, place.root) == [])


def test_what_only_root_may_remove_is_emptied(
    place: Place, workspace: OverlayWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel keeps a mark in its folder wherever a file of the base was removed."""
    sandbox = place.open(workspace=workspace)
    sandbox.run(place.runner(sandbox).command("import os; os.unlink('pkg/a.py')"), timeout=30)
    place.engine.remove(sandbox.identity)
    kernels = workspace.mount.work / "work"
    if os.getuid() == kernels.stat().st_uid:  # shown as an ordinary user meets it
        assert list(kernels.iterdir()) != []
        monkeypatch.setattr(os, "getuid", lambda: 65534)
    workspace.remove()
    assert kernels.exists()
    assert not workspace.path.exists()
    clean_up_overlays(place.engine, place.scratch.path)
    kernels.rmdir()  # nothing is in it
    assert not mounts.has_kernel_files(workspace.mount.work)


def test_a_volume_that_outlived_its_container(place: Place, workspace: OverlayWorkspace) -> None:
    """As when the engine is ended in the middle of a run."""
    session, owner = place.scratch.session, owner_name(place.root)
    labels = {OWNER_LABEL: owner, SESSION_LABEL: session}
    name = place.engine._api.create_volume(labels=labels)["Name"]
    with place.open(workspace=workspace):
        used = [one for one in volumes_of(place.engine, place.root) if one != name]
        assert set(place.engine.volumes(owner)[session]) == {name, *used}
        for one in used:
            place.engine.remove_volume(one)  # is in use, and stays
        assert set(volumes_of(place.engine, place.root)) == {name, *used}
    end_session(place.engine, place.root, session)
    wait_for(lambda: volumes_of(place.engine, place.root) == [])
    place.engine.remove_volume(name)  # gone already
