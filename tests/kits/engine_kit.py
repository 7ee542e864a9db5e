"""A look at the machine's Docker engine, and an engine of a test's own that may be killed.

Everything of one's own lives below one folder, so that what it started can be told by that
folder's path; the machine's engine is never touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from pytest_agentfix.sandbox.engine import SESSION_LABEL
from tests.kits.project_kit import Project, wait_for

PATIENCE = 60.0  # seconds
TRIES = 3


def list_containers(project: Project) -> list[str]:
    """The ids of the containers that runs in ``project`` have on the machine's engine."""
    return _list(project, is_any=True)


def list_running(project: Project) -> list[str]:
    """Those of them that are up."""
    return _list(project, is_any=False)


def _list(project: Project, *, is_any: bool) -> list[str]:
    client = docker.from_env()
    try:
        found = client.api.containers(all=is_any, filters={"label": SESSION_LABEL})
    finally:
        client.close()
    return [one["Id"] for one in found if str(project.scratch) in str(one["Labels"])]


class OwnEngine:
    """One ``dockerd`` with a containerd of its own. ``url`` is for ``DOCKER_HOST``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/sock"
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the daemon, after ``kill`` as if the machine had crashed; wait until it answers."""
        (self.folder / "daemon.json").write_text("{}")  # not the machine's configuration
        for _ in range(TRIES):  # on a busy machine, containerd is too slow for it at times
            self._clear_run_time()
            with (self.folder / "log").open("ab") as log:
                self._daemon = subprocess.Popen(self._command(), stdout=log, stderr=log)
            wait_for(lambda: self._is_answering() or self._has_ended(), seconds=PATIENCE)
            if not self._has_ended():
                return
        raise AssertionError((self.folder / "log").read_text()[-3000:])

    def _command(self) -> list[str]:
        folder = self.folder
        return [
            "dockerd",
            f"--config-file={folder}/daemon.json",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            f"--data-root={folder}/data",
            f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid",
            f"--host={self.url}",
        ]

    def _has_ended(self) -> bool:
        return self._daemon is None or self._daemon.poll() is not None

    def _is_answering(self) -> bool:
        # By hand: docker's client leaves a socket open when nobody listens.
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            connection.connect(f"{self.folder}/sock")
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 OK" in connection.recv(100)
        return False

    def containers(self) -> list[str]:
        """The ids of all its containers, whatever their state."""
        client = docker.DockerClient(base_url=self.url, timeout=30)
        try:
            return [one["Id"] for one in client.api.containers(all=True)]
        finally:
            client.close()

    def kill(self) -> None:
        """End the daemon as the kernel would; what it started runs on."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()

    def close(self) -> None:
        """End the daemon and all it started, and take its mounts and its folder away."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._daemon.wait(PATIENCE)
            self.kill()
        self._clear_run_time()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _clear_run_time(self) -> None:
        """What a crash of the machine would not leave: processes, mounts, the folder of sockets."""
        self._end_processes()
        self._unmount()
        shutil.rmtree(self.folder / "exec", ignore_errors=True)
        (self.folder / "pid").unlink(missing_ok=True)

    def _end_processes(self) -> None:
        """End containerd and the shims, and what runs in their containers."""
        until = time.monotonic() + PATIENCE
        while found := self._find_processes():
            assert time.monotonic() < until, f"still there: {found}"
            for number in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.05)

    def _find_processes(self) -> set[int]:
        """Whoever names our folder on the command line, and their descendants."""
        parents = {int(folder.name): _read_parent(folder) for folder in _list_processes()}
        found = {
            int(folder.name)
            for folder in _list_processes()
            if f"{self.folder}/".encode() in _read(folder / "cmdline")
        }
        while more := {one for one, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {os.getpid()}

    def _unmount(self) -> None:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        points = [line.split()[4] for line in lines]
        for point in reversed(points):
            if point.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", point], check=False)


def _list_processes() -> list[Path]:
    return list(Path("/proc").glob("[0-9]*"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _read_parent(folder: Path) -> int:
    after_name = _read(folder / "stat").rpartition(b")")[2].split()
    return int(after_name[1]) if len(after_name) > 1 else 0


@contextmanager
def own_engine() -> Iterator[OwnEngine]:
    """An engine that runs, and is gone with everything of it afterwards; needs root."""
    if os.getuid() or shutil.which("dockerd") is None:
        pytest.skip("an engine of its own needs root and dockerd")
    # A socket's path takes 107 bytes, and containerd's are some folders down.
    with contextlib.ExitStack() as stack:
        engine = OwnEngine(Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp")))
        stack.callback(engine.close)
        engine.start()
        yield engine
