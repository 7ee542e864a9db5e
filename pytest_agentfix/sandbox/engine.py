"""The container engine. The only module that imports ``docker``.

Works with every engine that speaks Docker's API. What a container may do is fixed here and cannot
be widened by any setting: there is no field for extra mounts of the user's, capabilities, devices,
networks or a socket.
"""

from __future__ import annotations

import contextlib
import io
import logging
import select
import socket
import struct
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import docker
import docker.errors
import requests.exceptions

from pytest_agentfix.errors import (
    DiskFullError,
    DockerUnreachableError,
    EnvironmentUnavailableError,
    OutOfMemoryError,
    SandboxError,
)

logger = logging.getLogger(__name__)

SESSION_LABEL: Final = "pytest-agentfix.session"
OWNER_LABEL: Final = "pytest-agentfix.owner"
MEMORY: Final = 4 * 1024**3  # bytes per sandbox, swap included
PROCESSES: Final = 1024
TEMPORARY: Final = 2 * 1024**3  # bytes of /tmp, counted against the memory
SEND_PATIENCE: Final = 30.0  # seconds a guest may leave the pipe unread
API_TIMEOUT: Final = 60  # seconds for any one call of the engine's API
TROUBLE = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)
START_DOCKER: Final = (
    "Start a Docker engine (`sudo systemctl start docker`, Docker Desktop, or `dockerd &` as root), "
    "make sure that `docker version` shows a server for this user, and run pytest again. "
    "Nothing is ever run on the host instead."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One sandbox: what is in it and where the workspace goes. Paths are absolute, host side."""

    image: str
    argv: Sequence[str]
    user: str  # "uid:gid", never root
    workspace: Path  # the copy, on the host
    mounted_at: Path  # where the sandbox sees it: the repository's own place
    read_only: Mapping[Path, Path] = field(default_factory=dict)  # host -> inside
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    is_kept: bool = False


class Engine:
    """A Docker engine that answered."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client
        self._api = client.api

    @classmethod
    def connect(cls) -> Engine:
        """Reach the engine that the environment names; raises ``DockerUnreachableError``."""
        try:
            client = docker.from_env(timeout=API_TIMEOUT)
            client.ping()
        except TROUBLE as error:
            problem = f"--agent-fix needs a Docker engine, and none answers ({_words(error)})."
            raise DockerUnreachableError(problem, START_DOCKER) from None
        return cls(client)

    @property
    def is_local(self) -> bool:
        """Whether the engine shares this machine's file system."""
        return self._api.base_url.startswith(("http+docker://local", "http+unix"))

    def has_image(self, name: str) -> bool:
        """Whether the engine holds image ``name`` already; nothing is ever pulled."""
        try:
            self._client.images.get(name)
        except docker.errors.ImageNotFound:
            return False
        except TROUBLE as error:
            raise _trouble("look for an image", error) from None
        return True

    def image_environment(self, name: str) -> dict[str, str]:
        """The variables that the image sets."""
        try:
            config = self._client.images.get(name).attrs["Config"]
        except docker.errors.ImageNotFound:
            raise EnvironmentUnavailableError(
                f"The engine has no image {name!r}, and images are never pulled here.",
                f"Run `docker pull {name}` or `docker build -t {name} .` first.",
            ) from None
        return dict(entry.partition("=")[::2] for entry in config.get("Env") or [])

    def import_image(self, name: str, archive: bytes) -> None:
        """Make image ``name`` out of a tar archive of its files."""
        repository, _, tag = name.partition(":")
        try:
            self._api.import_image_from_data(archive, repository=repository, tag=tag)
        except TROUBLE as error:
            raise _trouble("import the empty image", error) from None

    def start(self, spec: ContainerSpec) -> Container:
        """Create and start a container with its pipe attached; leaves nothing when it fails."""
        identity = ""
        try:
            identity = self._create(spec)
            attached = self._api.attach_socket(
                identity, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
            self._api.start(identity)
        except TROUBLE as error:
            self.remove(identity)
            raise _trouble("start a sandbox", error) from None
        except BaseException:
            self.remove(identity)
            raise
        return Container(self, identity, attached)

    def _create(self, spec: ContainerSpec) -> str:
        created = self._api.create_container(
            spec.image,
            command=list(spec.argv),
            entrypoint=[],
            user=spec.user,
            working_dir="/",
            environment=dict(spec.env),
            labels=dict(spec.labels),
            hostname="sandbox",
            stdin_open=True,
            tty=False,
            healthcheck={"test": ["NONE"]},
            host_config=self._host_config(spec),
        )
        return str(created["Id"])

    def _host_config(self, spec: ContainerSpec) -> dict[str, Any]:
        binds = [f"{spec.workspace}:{spec.mounted_at}:rw"]
        binds += [f"{source}:{target}:ro" for source, target in spec.read_only.items()]
        config: dict[str, Any] = self._api.create_host_config(
            binds=binds,
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit=MEMORY,
            memswap_limit=MEMORY,
            pids_limit=PROCESSES,
            tmpfs={"/tmp": f"rw,exec,nosuid,nodev,size={TEMPORARY},mode=1777"},  # noqa: S108
            ulimits=[{"Name": "core", "Soft": 0, "Hard": 0}],
            ipc_mode="private",
            log_config={"Type": "none"},
            auto_remove=not spec.is_kept,
            restart_policy={"Name": "no"},
            init=False,
            privileged=False,
        )
        return config

    def pause(self, identity: str) -> None:
        """Let every process of the container stand still."""
        try:
            self._api.pause(identity)
        except TROUBLE as error:
            raise _trouble("hold the sandbox still", error) from None

    def unpause(self, identity: str) -> None:
        """Let them go on."""
        try:
            self._api.unpause(identity)
        except TROUBLE as error:
            raise _trouble("let the sandbox go on", error) from None

    def is_out_of_memory(self, identity: str) -> bool:
        """Whether the kernel ended the container for its memory, as far as the engine knows."""
        try:
            return bool(self._api.inspect_container(identity)["State"]["OOMKilled"])
        except (*TROUBLE, KeyError):
            return False

    def stop(self, identity: str) -> None:
        """End the container but leave it there (``--agent-fix-keep``)."""
        with contextlib.suppress(*TROUBLE):
            self._api.kill(identity)

    def remove(self, identity: str) -> None:
        """Take the container away and wait until it is gone; fine when it is gone already."""
        if not identity:
            return
        for _ in range(100):
            try:
                self._api.remove_container(identity, force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if "already in progress" not in str(error):
                    logger.warning("could not remove a container: %s", _words(error))
                    return
                time.sleep(0.05)
            except TROUBLE as error:
                logger.warning("could not remove a container: %s", _words(error))
                return
            else:
                return

    def sessions(self, owner: str) -> Mapping[str, list[str]]:
        """The containers of ``owner`` by their session: id -> container ids."""
        filters = {"label": [f"{OWNER_LABEL}={owner}"]}
        try:
            found = self._api.containers(all=True, filters=filters)
        except TROUBLE as error:
            raise _trouble("list containers", error) from None
        sessions: dict[str, list[str]] = {}
        for container in found:
            sessions.setdefault(container["Labels"].get(SESSION_LABEL, ""), []).append(
                container["Id"]
            )
        return sessions

    def close(self) -> None:
        """Let go of the connections to the engine."""
        self._client.close()


class Container:
    """A started container with its pipe. Implements ``pipe.Connection``."""

    def __init__(self, engine: Engine, identity: str, attached: Any) -> None:
        self.identity = identity
        self._engine = engine
        self._attached = attached  # keeps the HTTP response, and with it the socket, alive
        self._socket = cast("socket.socket", getattr(attached, "_sock", attached))
        self._socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._demux = _Demux()
        self._complaints = bytearray()  # what the guest wrote to stderr

    def receive(self) -> bytes:
        """The guest's next bytes; its complaints on stderr are kept aside."""
        while True:
            select.select([self._socket], [], [])
            try:
                data = self._socket.recv(256 * 1024)
            except BlockingIOError:
                continue
            if not data:
                return b""
            frames = b"".join(self._split(data))
            if frames:
                return frames

    def _split(self, data: bytes) -> Iterator[bytes]:
        for stream, part in self._demux.feed(data):
            if stream == 1:
                yield part
            else:
                self._complaints = (self._complaints + part)[-4000:]

    def send(self, data: bytes) -> None:
        """Send all; ``OSError`` when nobody has read for ``SEND_PATIENCE`` seconds."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                _, writable, _ = select.select([], [self._socket], [], SEND_PATIENCE)
                if not writable:
                    raise TimeoutError("the sandbox does not read its pipe") from None

    def describe_end(self) -> SandboxError:
        """Why the container went away, as far as can be known."""
        next_step = "Run pytest again; `docker events` and the engine's log may tell more."
        if self._engine.is_out_of_memory(self.identity):
            return OutOfMemoryError("The sandbox ran out of its memory.", next_step)
        words = self._complaints.decode("utf-8", "replace").strip().splitlines()
        detail = f" Its last words: {words[-1]}" if words else ""
        return SandboxError(
            f"The sandbox ended before its work did (was the engine stopped?).{detail}", next_step
        )

    def close(self) -> None:
        """Close the pipe, which ends everything inside."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._socket.close()
        with contextlib.suppress(OSError):
            self._attached.close()


class _Demux:
    """Takes the engine's framing (stream number, length) off an attached container's output."""

    HEADER = struct.Struct(">BxxxI")

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        view = memoryview(data)
        while view:
            if not self._left:
                missing = self.HEADER.size - len(self._header)
                self._header += view[:missing]
                view = view[missing:]
                if len(self._header) < self.HEADER.size:
                    return
                self._stream, self._left = self.HEADER.unpack(self._header)
                self._header.clear()
            part = view[: self._left]
            self._left -= len(part)
            view = view[len(part) :]
            if part:
                yield self._stream, bytes(part)


def make_archive(files: Mapping[str, tuple[int, bytes | None]]) -> bytes:
    """A tar archive: path -> (mode, content), ``None`` for a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (mode, content) in files.items():
            member = tarfile.TarInfo(name)
            member.mode = mode
            member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()


def _words(error: BaseException) -> str:
    text = str(getattr(error, "explanation", None) or error)
    return " ".join(text.split())[:300]


def _trouble(doing: str, error: BaseException) -> SandboxError | DiskFullError:
    words = _words(error)
    if "no space left" in words.lower():
        return DiskFullError(
            f"The engine could not {doing}: {words}.", "Make room (`docker system df`) and rerun."
        )
    return SandboxError(
        f"The engine could not {doing}: {words}.",
        "Check that the engine is well (`docker info`), then run pytest again.",
    )
