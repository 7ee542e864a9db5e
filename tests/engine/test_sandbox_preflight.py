"""The preflight passes in a sandbox that is right, and names what is wrong in one that is not."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from pytest_agentfix.core.errors import PreflightError
from pytest_agentfix.sandbox import container
from pytest_agentfix.sandbox.guest_source import read_source
from pytest_agentfix.sandbox.in_sandbox import guest
from pytest_agentfix.sandbox.preflight import check_sandbox
from tests.engine.sandbox_kit import TOP, Place, WrongEngine


@pytest.fixture
def network() -> Iterator[str]:
    """A network that leads nowhere but to the host: what some take for isolation enough."""
    name = f"pytest-agentfix-test-{secrets.token_hex(6)}"
    client = docker.from_env()
    network = client.networks.create(name, driver="bridge", internal=True)
    yield name
    network.remove()
    client.close()


def test_it_passes(place: Place) -> None:
    check_sandbox(place.open(), place.environment, workspace=TOP)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"CapDrop": []}, "it has capabilities (CapBnd"),
        ({"SecurityOpt": []}, "no-new-privileges is off"),
        ({"SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined"]}, "no seccomp filter"),
        ({"ReadonlyRootfs": False}, "/ is mounted writable"),
        ({"Memory": 0, "MemorySwap": 0}, "its memory is not limited"),
        ({"Memory": 5 << 30, "MemorySwap": 5 << 30}, "its memory is not limited"),
        ({"PidsLimit": 0}, "its processes are not limited"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_it_names_what_is_wrong(place: Place, config: dict[str, Any], words: str) -> None:
    sandbox = place.open(engine=WrongEngine(config))
    with pytest.raises(PreflightError) as caught:
        check_sandbox(sandbox, place.environment, workspace=TOP)
    assert words in caught.value.problem
    assert "Nothing was run in it." in caught.value.next_step


def test_it_has_no_network_not_even_an_internal_one(network: str, place: Place) -> None:
    sandbox = place.open(engine=WrongEngine({"NetworkMode": network}))
    with pytest.raises(PreflightError, match="it has the network interfaces eth0; it has a route"):
        check_sandbox(sandbox, place.environment, workspace=TOP)


def test_it_does_not_run_as_root(place: Place) -> None:
    sandbox = place.open(engine=WrongEngine(user="0:0"))
    with pytest.raises(PreflightError, match="it runs as root; it runs as user 0:0"):
        check_sandbox(sandbox, place.environment, workspace=TOP)


def test_it_does_not_run_as_somebody_else(place: Place) -> None:
    sandbox = place.open(engine=WrongEngine(user="4242:4242"))
    with pytest.raises(
        PreflightError, match=r"as user 4242:4242; the workspace is not writable \(Permission"
    ):
        check_sandbox(sandbox, place.environment, workspace=TOP)


def test_nothing_else_of_the_hosts_is_writable(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "precious"
    source.mkdir()
    mount = {"Type": "bind", "Source": str(source), "Target": "/opt/x", "ReadOnly": False}
    sandbox = place.open(engine=WrongEngine(mounts=(mount,)))
    with pytest.raises(PreflightError, match="promises: /opt/x is mounted writable"):
        check_sandbox(sandbox, place.environment, workspace=TOP)


def test_the_engines_socket_is_not_there(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "socket"
    os.mkfifo(source)
    target = "/run/docker.sock"
    mount = {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": True}
    sandbox = place.open(engine=WrongEngine(mounts=(mount,)))
    with pytest.raises(PreflightError, match=r"/run/docker\.sock is there"):
        check_sandbox(sandbox, place.environment, workspace=TOP)


def test_the_guest_is_closed_to_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    open_guest = read_source(guest).replace("PR_SET_DUMPABLE, 0", "PR_SET_DUMPABLE, 1")
    monkeypatch.setattr(container, "read_source", lambda _: open_guest)
    with pytest.raises(PreflightError) as caught:
        check_sandbox(place.open(), place.environment, workspace=TOP)
    assert "/proc/1/mem of the guest is open to others" in caught.value.problem
    assert "/proc/1/fd of the guest is open to others" in caught.value.problem


def test_a_check_that_does_not_run_is_no_pass(place: Place) -> None:
    environment = replace(place.environment, python="/bin/false")
    with pytest.raises(PreflightError, match=r"the check itself did not run \(1\)"):
        check_sandbox(place.open(), environment, workspace=TOP)
