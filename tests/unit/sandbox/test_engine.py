"""The engine's limits and errors, as far as they can be said without one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import docker.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.errors import (
    DiskFullError,
    OverlayUnavailableError,
    SandboxError,
)
from pytest_agentfix.sandbox import engine
from pytest_agentfix.sandbox.engine import PAUSE_TRIES, ContainerSpec, Engine
from pytest_agentfix.sandbox.workspace import BindMount, OverlayMount

TEXT = st.text(min_size=1, max_size=20)

PATHS = TEXT.map(lambda text: Path("/", text.replace("\0", "")))

WORKSPACES = st.one_of(
    st.builds(BindMount, PATHS),
    st.builds(OverlayMount, lower=st.tuples(PATHS), upper=PATHS, work=PATHS),
)

OVERLAY = OverlayMount(lower=(Path("/base"),), upper=Path("/upper"), work=Path("/work"))


class FakeApi:
    """The engine's HTTP API: fails as it is told to, and knows what is left."""

    base_url = "http+docker://localhost"

    def __init__(self, *, failing: str = "", error: Exception | None = None) -> None:
        self._failing = failing
        self._error = error
        self.containers_left: list[str] = []
        self.created: dict[str, Any] = {}
        self.is_attached = False
        self.ignores_drivers = False

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_container(self, image: str, **options: Any) -> dict[str, str]:
        self._fail("create")
        self.created = {"image": image, **options}
        self.containers_left.append("id")
        return {"Id": "id"}

    def inspect_container(self, _identity: str) -> dict[str, Any]:
        mounts = self.created["host_config"]["mounts"]
        return {"Mounts": [{"Type": mount["Type"], "Name": "volume"} for mount in mounts]}

    def inspect_volume(self, _name: str) -> dict[str, Any]:
        driver = self.created["host_config"]["mounts"][0]["VolumeOptions"]["DriverConfig"]
        return {"Options": None if self.ignores_drivers else driver["Options"]}

    def attach_socket(self, _identity: str, params: object) -> Any:
        self._fail("attach")
        self.is_attached = True
        return SimpleNamespace(settimeout=lambda _: None, shutdown=lambda _: None, close=self._let)

    def _let(self) -> None:
        self.is_attached = False

    def start(self, _identity: str) -> None:
        self._fail("start")

    def remove_container(self, identity: str, **_options: object) -> None:
        self._fail("remove")
        self.containers_left.remove(identity)

    def pause(self, _identity: str) -> None:
        self._fail("pause")

    def _fail(self, step: str) -> None:
        if step == self._failing and self._error is not None:
            raise self._error


def make_engine(api: FakeApi) -> Engine:
    return Engine(cast("docker.DockerClient", SimpleNamespace(api=api)))


def make_spec(**options: Any) -> ContainerSpec:
    given_options = {
        "image": "image",
        "argv": ["python3", "-c", "pass"],
        "user": "1000:1000",
        "workspace": BindMount(Path("/copy")),
        "mounted_at": Path("/top"),
        **options,
    }
    return ContainerSpec(**given_options)


@given(
    st.builds(
        make_spec,
        image=TEXT,
        argv=st.lists(TEXT, min_size=1),
        workspace=WORKSPACES,
        mounted_at=PATHS,
        read_only=st.dictionaries(PATHS, PATHS),
        env=st.dictionaries(TEXT, TEXT),
        labels=st.dictionaries(TEXT, TEXT),
        is_kept=st.booleans(),
    )
)
def test_no_spec_widens_what_a_container_may_do(spec: ContainerSpec) -> None:
    api = FakeApi()
    make_engine(api).start(spec)
    created = api.created
    config = created["host_config"]
    assert (config["network_mode"], config["ipc_mode"]) == ("none", "private")
    assert (config["cap_drop"], config["read_only"]) == (["ALL"], True)
    assert config["security_opt"] == ["no-new-privileges:true"]
    assert config["mem_limit"] == config["memswap_limit"] == 4 * 1024**3
    assert config["pids_limit"] == 1024
    assert (config["privileged"], config["init"]) == (False, False)
    assert config["auto_remove"] is not spec.is_kept
    assert not {"binds", "devices", "cap_add", "pid_mode", "userns_mode", "uts_mode"} & set(config)
    writable = [mount for mount in config["mounts"] if not mount["ReadOnly"]]
    assert [mount["Target"] for mount in writable] == [str(spec.mounted_at)]
    if isinstance(spec.workspace, BindMount):
        assert (writable[0]["Type"], writable[0]["Source"]) == ("bind", str(spec.workspace.folder))
    else:
        driver = writable[0]["VolumeOptions"]["DriverConfig"]
        assert (writable[0]["Type"], writable[0]["Source"]) == ("volume", None)
        assert driver["Name"] == "local"
        assert driver["Options"]["type"] == driver["Options"]["device"] == "overlay"
        assert driver["Options"]["o"].endswith(",nosuid,nodev")
    assert all(mount["Type"] == "bind" for mount in config["mounts"] if mount not in writable)
    assert (created["user"], created["entrypoint"], created["tty"]) == ("1000:1000", [], False)
    assert created["command"] == list(spec.argv)
    assert created["use_config_proxy"] is False


@pytest.mark.parametrize("step", ["create", "attach", "start"])
@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (docker.errors.APIError("on fire"), SandboxError, "could not start a sandbox: on fire"),
        (OSError("No space left on device"), DiskFullError, "No space left on device"),
        (ConnectionError("gone"), SandboxError, "could not start a sandbox: gone"),
        (KeyboardInterrupt(), KeyboardInterrupt, "^$"),
    ],
    ids=["api", "disk", "connection", "interrupt"],
)
def test_a_start_that_fails_leaves_nothing(
    step: str, error: Exception, kind: type[BaseException], words: str
) -> None:
    api = FakeApi(failing=step, error=error)
    with pytest.raises(kind, match=words):
        make_engine(api).start(make_spec())
    assert api.containers_left == []
    assert not api.is_attached


@pytest.mark.parametrize(
    "words",
    [
        "failed to mount local volume: mount overlay:/v/_data, flags: 0x6: invalid argument",
        "no such volume driver",
    ],
)
def test_an_engine_that_refuses_an_overlay(words: str) -> None:
    api = FakeApi(failing="start", error=docker.errors.APIError(words))
    with pytest.raises(OverlayUnavailableError, match=words.partition(",")[0]):
        make_engine(api).start(make_spec(workspace=OVERLAY))
    assert api.containers_left == []


def test_an_engine_that_makes_an_ordinary_volume_instead() -> None:
    api = FakeApi()
    api.ignores_drivers = True
    with pytest.raises(OverlayUnavailableError, match="the engine makes none"):
        make_engine(api).start(make_spec(workspace=OVERLAY))
    assert api.containers_left == []


@pytest.mark.parametrize(
    "words",
    [
        'OCI runtime create failed: exec: "python3": executable file not found in $PATH: unknown',
        'runc: exec: "python3": stat python3: no such file or directory: unknown',
    ],
)
def test_an_image_without_python(words: str) -> None:
    api = FakeApi(failing="start", error=docker.errors.APIError(words))
    with pytest.raises(SandboxError, match="has no python3: it is not in the image 'image'"):
        make_engine(api).start(make_spec())


def test_what_an_engine_says_is_cut_short() -> None:
    api = FakeApi(failing="pause", error=docker.errors.APIError("long\n words " * 1000))
    with pytest.raises(SandboxError) as caught:
        make_engine(api).pause("id")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


class BusyApi(FakeApi):
    """An engine that has something else to do, and answers one try after the other."""

    def __init__(self, *answers: Exception | None) -> None:
        super().__init__()
        self.answers = list(answers)

    def remove_container(self, identity: str, **options: object) -> None:
        self._answer()

    def pause(self, _identity: str) -> None:
        self._answer()

    def _answer(self) -> None:
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer


NOT_FROZEN = docker.errors.APIError("cannot pause container id: runc: unable to freeze")


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PAUSE_RETRY_DELAY", 0)


@pytest.mark.usefixtures("_no_pauses")
def test_a_kernel_gets_time_to_freeze_processes() -> None:
    api = BusyApi(*[NOT_FROZEN] * (PAUSE_TRIES - 1), None)
    make_engine(api).pause("id")
    assert api.answers == []


@pytest.mark.usefixtures("_no_pauses")
def test_a_kernel_that_does_not_freeze_them_is_not_waited_for_for_ever() -> None:
    api = BusyApi(*[NOT_FROZEN] * PAUSE_TRIES)
    with pytest.raises(SandboxError, match="unable to freeze"):
        make_engine(api).pause("id")
    assert api.answers == []


@pytest.mark.usefixtures("_no_pauses")
def test_no_other_trouble_is_tried_again() -> None:
    api = BusyApi(NOT_FROZEN, docker.errors.APIError("no such container"), None)
    with pytest.raises(SandboxError, match="could not hold the sandbox still: no such container"):
        make_engine(api).pause("id")
    assert api.answers == [None]


@pytest.mark.parametrize("last", [None, docker.errors.NotFound("gone")])
def test_removal_waits_for_the_engines_own(last: Exception | None) -> None:
    busy = docker.errors.APIError("removal of container id is already in progress")
    api = BusyApi(busy, busy, last)
    make_engine(api).remove("id")
    assert api.answers == []


def test_a_removal_that_fails_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    make_engine(BusyApi(docker.errors.APIError("no way"))).remove("id")
    assert caplog.messages == ["could not remove a container: no way"]


def test_what_only_mounts_can_be_swept_too() -> None:
    """It may be killed between its making and its removal."""
    api = FakeApi()
    mount = OverlayMount(lower=(Path("/l"),), upper=Path("/u"), work=Path("/w"))
    make_engine(api).mount_once("image", [mount], {"label": "mine"})
    [volume] = api.created["host_config"]["mounts"]
    assert api.created["labels"] == volume["VolumeOptions"]["Labels"] == {"label": "mine"}
    assert api.containers_left == []


def test_nothing_is_removed_without_a_name() -> None:
    make_engine(BusyApi()).remove("")


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http+docker://localhost", True),
        ("http+docker://localnpipe", True),
        ("http+docker://ssh", False),
        ("http://192.0.2.1:2375", False),
        ("https://example.com:2376", False),
    ],
)
def test_where_the_engine_is(url: str, is_local: bool) -> None:  # noqa: FBT001
    api = FakeApi()
    api.base_url = url
    assert make_engine(api).is_local is is_local
