"""The container engine. This module and ``engine_client`` alone import ``docker``.

Works with every engine that speaks Docker's API. What a container may do is fixed here and cannot
be widened by any setting: there is no field for extra mounts of the user's, capabilities, devices,
networks or a socket.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import docker
import docker.errors
import docker.types

from pytest_agentfix.core.errors import (
    DiskFullError,
    EnvironmentUnavailableError,
    SandboxError,
)
from pytest_agentfix.core.progress import Work
from pytest_agentfix.sandbox.attached_socket import AttachedSocket
from pytest_agentfix.sandbox.engine_client import API_ERRORS, connect_client, message_of
from pytest_agentfix.sandbox.loopback import WITH_IPV6, has_ipv6_loopback, is_about_sysctls
from pytest_agentfix.sandbox.workspace.mounts import BindMount, OverlayMount, unavailable

logger = logging.getLogger(__name__)

SESSION_LABEL: Final = "pytest-agentfix.session"
OWNER_LABEL: Final = "pytest-agentfix.owner"
MEMORY: Final = 4 * 1024**3  # bytes per sandbox, swap included
PROCESSES: Final = 1024
TEMPORARY: Final = 2 * 1024**3  # bytes of /tmp, counted against the memory
REMOVAL_LIMIT: Final = 60.0  # seconds; while the engine is removing the container by itself
REMOVAL_RETRY_DELAY: Final = 0.05  # seconds between two of them
PAUSE_TRIES: Final = 20
PAUSE_RETRY_DELAY: Final = 0.25  # seconds between two of them
# The engine is at it already, or has not noticed yet that the processes have died.
_UNDER_WAY: Final = (
    "already in progress",
    "is zombie and can not be killed",
    "did not receive an exit event",
)
_NOT_FROZEN: Final = "unable to freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One sandbox: what is in it and where the workspace goes. Paths are absolute, host side."""

    image: str
    argv: Sequence[str]
    user: str  # "uid:gid", never root
    workspace: BindMount | OverlayMount
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
        self._has_overlays = False  # it has made one as it was asked to
        # A remote engine can have it where this machine has not; it says so if it cannot.
        self._has_ipv6 = not self.is_local or has_ipv6_loopback()

    @classmethod
    def connect(cls) -> Engine:
        """Reach the engine that environment and context name; raises ``SetupError``."""
        return cls(connect_client(os.environ))

    @property
    def is_local(self) -> bool:
        """Return whether the engine shares this machine's file system."""
        return self._api.base_url.startswith(("http+docker://local", "http+unix"))

    def has_image(self, name: str) -> bool:
        """Return whether the engine holds image ``name`` already; nothing is ever pulled."""
        try:
            self._client.images.get(name)
        except docker.errors.ImageNotFound:
            return False
        except API_ERRORS as error:
            raise _as_error("look for an image", error) from None
        return True

    def image_environment(self, name: str) -> dict[str, str]:
        """Return the variables that the image sets."""
        try:
            config = self._client.images.get(name).attrs["Config"]
        except docker.errors.ImageNotFound:
            raise EnvironmentUnavailableError(
                f"The engine has no image {name!r}, and images are never pulled here.",
                f"Run `docker pull {name}` or `docker build -t {name} .` first.",
            ) from None
        except API_ERRORS as error:
            raise _as_error("look for an image", error) from None
        return dict(entry.partition("=")[::2] for entry in config.get("Env") or [])

    def import_image(self, name: str, archive: bytes) -> None:
        """Make image ``name`` out of a tar archive of its files."""
        repository, _, tag = name.partition(":")
        try:
            self._api.import_image_from_data(archive, repository=repository, tag=tag)
        except API_ERRORS as error:
            raise _as_error("import the empty image", error) from None

    def start(self, spec: ContainerSpec) -> AttachedSocket:
        """Create and start a container with its pipe attached; leaves nothing when it fails.

        Where the engine cannot give it ``::1``, this and all later ones go without.
        """
        try:
            return self._start(spec)
        except SandboxError as error:
            if not (self._has_ipv6 and is_about_sysctls(error.problem)):
                raise
            logger.info("sandboxes have no ::1: %s", error.problem)
        self._has_ipv6 = False
        return self._start(spec)

    def _start(self, spec: ContainerSpec) -> AttachedSocket:
        identity = ""
        connection: AttachedSocket | None = None
        try:
            identity = self._create(spec)
            self._check_overlay(identity, spec)
            connection = self._attach(identity)
            self._api.start(identity)
        except BaseException as error:
            if connection is not None:
                connection.close()
            self.remove(identity)
            if isinstance(error, API_ERRORS):
                raise _as_start_error(spec, error) from None
            raise
        return connection

    def _attach(self, identity: str) -> AttachedSocket:
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        connection = self._api.attach_socket(identity, params=streams)
        return AttachedSocket(identity, connection, partial(self.is_out_of_memory, identity))

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
            use_config_proxy=False,  # proxies are of no use there, and their URLs hold passwords
            host_config=self._host_config(spec),
        )
        return str(created["Id"])

    def _check_overlay(self, identity: str, spec: ContainerSpec) -> None:
        """Check once that the engine made an overlay, and not an ordinary, empty volume instead."""
        if self._has_overlays or not isinstance(spec.workspace, OverlayMount):
            return
        mounts = self._api.inspect_container(identity)["Mounts"]
        names = [mount["Name"] for mount in mounts if mount.get("Type") == "volume"]
        options = [self._api.inspect_volume(name).get("Options") or {} for name in names]
        if not any(found.get("o") == spec.workspace.options for found in options):
            raise unavailable("the engine makes none")
        self._has_overlays = True

    def _host_config(self, spec: ContainerSpec) -> dict[str, Any]:
        mounts = [_workspace(spec)]
        mounts += [_bind(*pair, read_only=True) for pair in spec.read_only.items()]
        config: dict[str, Any] = self._api.create_host_config(
            mounts=mounts,
            network_mode="none",
            sysctls=dict(WITH_IPV6) if self._has_ipv6 else None,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit=MEMORY,
            memswap_limit=MEMORY,
            pids_limit=PROCESSES,
            tmpfs={"/tmp": f"rw,exec,nosuid,nodev,size={TEMPORARY},mode=1777"},  # noqa: S108
            ulimits=[docker.types.Ulimit(name="core", soft=0, hard=0)],
            ipc_mode="private",
            log_config=docker.types.LogConfig(type=docker.types.LogConfig.types.NONE),
            auto_remove=not spec.is_kept,
            restart_policy={"Name": "no"},
            init=False,
            privileged=False,
        )
        return config

    def pause(self, identity: str) -> None:
        """Let every process of the container stand still."""
        for tries_left in reversed(range(PAUSE_TRIES)):
            try:
                self._api.pause(identity)
            except API_ERRORS as error:  # noqa: PERF203 - a try is what the loop is for
                # A loaded kernel takes longer to freeze processes than the engine waits for it.
                if not tries_left or _NOT_FROZEN not in str(error):
                    raise _as_error("hold the sandbox still", error) from None
                time.sleep(PAUSE_RETRY_DELAY)
            else:
                return

    def unpause(self, identity: str) -> None:
        """Let them go on."""
        try:
            self._api.unpause(identity)
        except API_ERRORS as error:
            raise _as_error("let the sandbox go on", error) from None

    def count_processes(self, identity: str) -> int:
        """Count what runs in the container, by the kernel's own account of it."""
        try:
            return len(self._api.top(identity)["Processes"])
        except (*API_ERRORS, LookupError, TypeError) as error:
            raise _as_error("list a sandbox's processes", error) from None

    def is_out_of_memory(self, identity: str) -> bool:
        """Return whether the engine knows that the kernel ended the container for its memory."""
        try:
            return bool(self._api.inspect_container(identity)["State"]["OOMKilled"])
        except (*API_ERRORS, KeyError):
            return False

    def find_work(self, identity: str) -> Work | None:
        """Return what a container has done so far, ``None`` where the engine does not tell."""
        try:
            found = self._api.stats(identity, stream=False, one_shot=True)
            seconds = found["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
            blocks = found["blkio_stats"].get("io_service_bytes_recursive") or ()
            read = sum(one["value"] for one in blocks if one["op"].lower() == "read")
        except (*API_ERRORS, LookupError, TypeError, ValueError):
            return None
        return Work(seconds, read)

    def stop(self, identity: str) -> None:
        """End the container but leave it there (``--agent-fix-keep``)."""
        with contextlib.suppress(*API_ERRORS):
            self._api.kill(identity)

    def remove(self, identity: str) -> None:
        """Take the container away and wait until it is gone; fine when it is gone already."""
        until = time.monotonic() + REMOVAL_LIMIT
        while identity:
            try:
                self._api.remove_container(identity, force=True, v=True)
            except docker.errors.NotFound:  # noqa: PERF203 - a try is what the loop is for
                return
            except API_ERRORS as error:
                is_under_way = any(sign in str(error) for sign in _UNDER_WAY)
                if not is_under_way or time.monotonic() > until:
                    logger.warning("could not remove a container: %s", message_of(error))
                    return
                time.sleep(REMOVAL_RETRY_DELAY)
            else:
                return

    def sessions(self, owner: str) -> Mapping[str, list[str]]:
        """Return the containers of ``owner`` by their session: id -> container ids."""
        filters = {"label": [f"{OWNER_LABEL}={owner}"]}
        try:
            found = self._api.containers(all=True, filters=filters)
        except API_ERRORS as error:
            raise _as_error("list containers", error) from None
        sessions: dict[str, list[str]] = {}
        for container in found:
            sessions.setdefault(container["Labels"].get(SESSION_LABEL, ""), []).append(
                container["Id"]
            )
        return sessions

    def volumes(self, owner: str) -> Mapping[str, list[str]]:
        """Return the volumes of ``owner`` by their session: id -> names.

        They go with their containers, but not where the engine itself was ended in between.
        """
        filters = {"label": [f"{OWNER_LABEL}={owner}"]}
        try:
            found = self._api.volumes(filters=filters)["Volumes"] or []
        except API_ERRORS as error:
            raise _as_error("list volumes", error) from None
        sessions: dict[str, list[str]] = {}
        for volume in found:
            session = (volume.get("Labels") or {}).get(SESSION_LABEL, "")
            sessions.setdefault(session, []).append(volume["Name"])
        return sessions

    def remove_volume(self, name: str) -> None:
        """Take a volume away; fine when it is gone or in use."""
        try:
            self._api.remove_volume(name)
        except API_ERRORS as error:
            logger.info("could not remove a volume: %s", message_of(error))

    def mount_once(
        self, image: str, mounts: Sequence[OverlayMount], labels: Mapping[str, str]
    ) -> None:
        """Mount overlays and unmount them; nothing is run. Raises ``SandboxError``."""
        identity = ""
        places = [_overlay(f"/tmp/{at}", one, labels) for at, one in enumerate(mounts)]  # noqa: S108
        try:
            created = self._api.create_container(
                image,
                command=["/none"],  # is not there: the engine gives up when all is mounted
                user="65534:65534",
                network_disabled=True,
                labels=dict(labels),
                use_config_proxy=False,
                host_config=self._api.create_host_config(
                    mounts=places,
                    network_mode="none",
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges:true"],
                    log_config=docker.types.LogConfig(type=docker.types.LogConfig.types.NONE),
                ),
            )
            identity = str(created["Id"])
            with contextlib.suppress(docker.errors.APIError):
                self._api.start(identity)
        except API_ERRORS as error:
            raise _as_error("clean up after sandboxes", error) from None
        finally:
            self.remove(identity)

    def close(self) -> None:
        """Let go of the connections to the engine."""
        self._client.close()


def _bind(source: Path, target: Path, *, read_only: bool) -> docker.types.Mount:
    # Not the short form "source:target", which cannot carry a path with a colon.
    return docker.types.Mount(str(target), str(source), type="bind", read_only=read_only)


def _workspace(spec: ContainerSpec) -> docker.types.Mount:
    """Return the one mount that can be written to."""
    if isinstance(spec.workspace, BindMount):
        return _bind(spec.workspace.folder, spec.mounted_at, read_only=False)
    return _overlay(str(spec.mounted_at), spec.workspace, spec.labels)


def _overlay(target: str, mount: OverlayMount, labels: Mapping[str, str]) -> docker.types.Mount:
    # A volume without a name goes when its container goes.
    options = {"type": "overlay", "device": "overlay", "o": mount.options}
    return docker.types.Mount(
        target,
        None,
        type="volume",
        no_copy=True,
        labels=dict(labels),
        driver_config=docker.types.DriverConfig("local", options),
    )


def _as_start_error(spec: ContainerSpec, error: BaseException) -> SandboxError | DiskFullError:
    words = message_of(error)
    python = spec.argv[0]
    is_missing = "executable file not found" in words or "no such file or directory" in words
    if is_missing and f'exec: "{python}"' in words:
        return SandboxError(
            f"The environment has no {python}: it is not in the image {spec.image!r}.",
            "Give --agent-fix-image an image that holds Python and the packages of the tests.",
        )
    if isinstance(spec.workspace, OverlayMount) and _is_about_volume(words):
        return unavailable(words)
    return _as_error("start a sandbox", error)


def _is_about_volume(words: str) -> bool:
    """Return whether an engine's words are about making or mounting the overlay."""
    return any(sign in words.lower() for sign in ("overlay", "volume", "mount"))


def _as_error(doing: str, error: BaseException) -> SandboxError | DiskFullError:
    words = message_of(error)
    if "no space left" in words.lower():
        return DiskFullError(
            f"The engine could not {doing}: {words}.", "Make room (`docker system df`) and rerun."
        )
    return SandboxError(
        f"The engine could not {doing}: {words}.",
        "Check that the engine is well (`docker info`), then run pytest again.",
    )
