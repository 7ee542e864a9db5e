"""The engine's address: DOCKER_HOST, else the context, as the ``docker`` command has it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import DockerUnreachableError
from pytest_agentfix.sandbox.endpoint import Endpoint, find_endpoint

META = {"Name": "mine", "Endpoints": {"docker": {"Host": "unix:///mine.sock"}}}
MINE = Endpoint(host="unix:///mine.sock", origin="the Docker context 'mine'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with Docker's settings, in which there is a context ``mine``."""
    (tmp_path / "config.json").write_text('{"currentContext": "mine"}')
    write_meta(tmp_path, json.dumps(META))
    return tmp_path


def write_meta(folder: Path, text: str) -> Path:
    identity = hashlib.sha256(b"mine").hexdigest()
    file = folder / "contexts" / "meta" / identity / "meta.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return folder / "contexts" / "tls" / identity / "docker"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, MINE),
        ({"DOCKER_HOST": ""}, MINE),
        ({"DOCKER_CONTEXT": "mine"}, MINE),
        ({"DOCKER_CONTEXT": "default"}, Endpoint()),
        ({"DOCKER_HOST": "tcp://a:1"}, Endpoint(host="tcp://a:1", origin="DOCKER_HOST")),
        (
            {"DOCKER_HOST": "tcp://a:1", "DOCKER_CONTEXT": "mine"},
            Endpoint(host="tcp://a:1", origin="DOCKER_HOST"),
        ),
    ],
)
def test_precedence(folder: Path, environ: dict[str, str], expected: Endpoint) -> None:
    assert find_endpoint({"DOCKER_CONFIG": str(folder), **environ}) == expected


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"currentContext": 5}', '"x"'])
def test_settings_without_a_context_mean_the_usual_socket(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    assert find_endpoint({"DOCKER_CONFIG": str(folder)}) == Endpoint()
    (folder / "config.json").unlink()
    assert find_endpoint({"DOCKER_CONFIG": str(folder)}) == Endpoint()


def test_certificates_of_a_context(folder: Path) -> None:
    docker = {"Host": "tcp://a:2376", "SkipTLSVerify": True}
    certificates = write_meta(folder, json.dumps({"Endpoints": {"docker": docker}}))
    certificates.mkdir(parents=True)
    found = find_endpoint({"DOCKER_CONFIG": str(folder)})
    assert (found.certificates, found.is_verified) == (certificates, False)


def test_context_that_is_not_there(folder: Path) -> None:
    with pytest.raises(
        DockerUnreachableError, match=r"no Docker context 'other'.*`docker context ls`"
    ):
        find_endpoint({"DOCKER_CONFIG": str(folder), "DOCKER_CONTEXT": "other"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"Endpoints": []}',
        '{"Endpoints": {"docker": []}}',
        '{"Endpoints": {"docker": {}}}',
        '{"Endpoints": {"docker": {"Host": 5}}}',
    ],
)
def test_context_that_is_damaged(folder: Path, text: str) -> None:
    write_meta(folder, text)
    with pytest.raises(DockerUnreachableError, match=r"'mine' cannot be read from .*meta\.json"):
        find_endpoint({"DOCKER_CONFIG": str(folder)})
