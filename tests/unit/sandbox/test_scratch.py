"""Scratch folders: private, locked while their session lives, swept once it is dead."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import WorkspaceError
from pytest_agentfix.sandbox.scratch import (
    LOCK,
    MAKING,
    Scratch,
    check_root,
    is_alive,
    owner_name,
    scratch_root,
    sweep,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_it_is_private_and_gone_afterwards(root: Path) -> None:
    scratch = Scratch(root)
    folders = [scratch.folder("base"), scratch.folder("base")]
    assert len(set(folders)) == 2
    for path in (root, scratch.path, *folders):
        assert path.stat().st_mode & 0o777 == 0o700
    assert scratch.path == root / scratch.session
    scratch.close()
    scratch.close()
    assert list(root.iterdir()) == []


def test_what_is_kept_is_not_swept(root: Path) -> None:
    scratch = Scratch(root)
    scratch.folder("workspace")
    scratch.close(is_kept=True)
    assert is_alive(root, scratch.session)
    assert sweep(root, lambda _: None) == []
    assert any(path.name.startswith("workspace-") for path in scratch.path.iterdir())


def test_two_sweeps_at_once_do_not_meet(root: Path) -> None:
    (root / "dead").mkdir(parents=True)
    (root / "dead" / LOCK).touch()
    seen: list[list[str]] = []

    def sweep_again(name: str) -> None:
        seen.append(sweep(root, lambda _: seen.append(["twice"])))

    assert len(sweep(root, sweep_again)) == 1
    assert seen == [[]]


def test_sweeping_where_nothing_ever_was(root: Path) -> None:
    assert sweep(root, lambda _: None) == []
    assert not root.exists()


def test_what_is_not_a_session_is_left_alone(root: Path) -> None:
    root.mkdir(mode=0o700)
    (root / "file").write_text("")
    (root / "young").mkdir()
    assert sweep(root, lambda _: None) == []
    assert sorted(path.name for path in root.iterdir()) == ["file", "young"]
    assert not is_alive(root, "young")
    assert not is_alive(root, "nobody")


@pytest.mark.parametrize("name", [".draft", "half-removed"])
def test_what_was_cut_short_is_swept_an_hour_later(root: Path, name: str) -> None:
    folder = root / name
    (folder / "workspace").mkdir(parents=True)
    assert sweep(root, lambda _: None) == []
    past = time.time() - MAKING - 10
    os.utime(folder, (past, past))
    assert sweep(root, lambda _: None) == [name]
    assert list(root.iterdir()) == []


def test_a_hostile_tree_is_removed_without_following_it(root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    scratch = Scratch(root)
    folder = scratch.folder("workspace")
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "link").symlink_to(precious)
    (folder / "link").symlink_to(precious / "file")
    os.link(precious / "file", deep / "hard")
    os.mkfifo(deep / "fifo")
    (deep / "locked").write_text("")
    (deep / "locked").chmod(0)
    deep.chmod(0)
    deep.parent.chmod(0)
    scratch.close()
    assert list(root.iterdir()) == []
    assert (precious / "file").read_text() == "mine"
    assert precious.stat().st_mode & 0o777 != 0


def test_a_root_that_others_may_read_is_refused(root: Path) -> None:
    root.mkdir(mode=0o700)
    check_root(root)
    for mode in (0o750, 0o701, 0o777):
        root.chmod(mode)
        with pytest.raises(WorkspaceError, match="is not a private folder of this user"):
            check_root(root)
        with pytest.raises(WorkspaceError, match="is not a private folder of this user"):
            Scratch(root)
    assert list(root.iterdir()) == []


def test_a_root_that_is_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceError, match="set TMPDIR to a folder of your own"):
        check_root(root)
    with pytest.raises(WorkspaceError):
        Scratch(root)


def test_a_root_of_another_user_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir(mode=0o700)
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.raises(WorkspaceError):
        check_root(root)


def test_a_root_that_is_not_there_yet_is_fine(root: Path) -> None:
    check_root(root)
    assert not root.exists()


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="Set TMPDIR to a folder this user can write to"):
        Scratch(tmp_path / "file" / "root")


def test_where_it_is_and_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("platform.node", lambda: "box")
    root = tmp_path.resolve() / f"pytest-agentfix-{os.getuid()}"
    assert scratch_root() == root
    assert owner_name(root) == f"box:{root}"
