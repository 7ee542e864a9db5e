"""The base where it takes a git, a socket or a disk of its own."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import DiskFullError
from pytest_agentfix.repository import make_snapshot
from pytest_agentfix.sandbox.workspace import Base, Workspace

FILES = ["calc.py", "pkg/a.py"]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "pkg").mkdir(parents=True)
    for path in FILES:
        (top / path).write_text(path)
    return top


def test_the_snapshot_moves_on_with_the_tree(top: Path, tmp_path: Path) -> None:
    base = Base.create(top=top, files=FILES, folder=tmp_path / "base", snapshot=make_snapshot)
    before = (base.place.plain / ".git/refs/heads/main").read_text()
    (top / "calc.py").write_text("changed")
    again, _ = base.refresh(FILES)
    assert (again.place.plain / ".git/refs/heads/main").read_text() != before


def test_what_is_no_file_is_left_out_with_a_notice(top: Path, tmp_path: Path) -> None:
    os.mkfifo(top / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(top / "sock"))
    base = Base.create(top=top, files=["fifo", "sock", "pkg"], folder=tmp_path / "base")
    assert (dict(base.files), base.notices) == (
        {},
        tuple(
            f"{name} is not in the sandbox: it is no regular file"
            for name in ("fifo", "sock", "pkg")
        ),
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_full_disk_is_called_so(top: Path, tmp_path: Path, small_disk: Path) -> None:
    (top / "big.bin").write_bytes(b"x" * 100_000)
    with pytest.raises(DiskFullError, match=r"big\.bin.*TMPDIR"):
        Base.create(top=top, files=["big.bin"], folder=small_disk / "base")
    base = Base.create(top=top, files=["big.bin"], folder=tmp_path / "base")
    with pytest.raises(DiskFullError, match=r"big\.bin.*TMPDIR"):
        Workspace.create(base, small_disk / "copy")
    assert not (small_disk / "copy").exists()
