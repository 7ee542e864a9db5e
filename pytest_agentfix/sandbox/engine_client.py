"""The connection to the container engine: reach it, or say what is in the way."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import docker
import docker.errors
import docker.tls
import docker.utils
import requests.exceptions

from pytest_agentfix.core.errors import DockerUnreachableError, SetupError
from pytest_agentfix.core.replaced import describe_replaced
from pytest_agentfix.core.text import clean
from pytest_agentfix.core.unforeseen import make_setup_error
from pytest_agentfix.sandbox.endpoint import Endpoint, config_file, find_endpoint

API_TIMEOUT: Final = 180  # seconds for any one call of the engine's API, however loaded it is
API_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)
_START: Final = (
    "Start a Docker engine (`sudo systemctl start docker`, Docker Desktop, or `dockerd &` as "
    "root), make sure that `docker version` shows a server for this user, and run pytest again."
)
_NEVER_ON_HOST: Final = "Nothing is ever run on the host instead."


def connect_client(environ: Mapping[str, str]) -> docker.DockerClient:
    """Return a client of the engine that environment and context name, which has answered.

    Raises ``DockerUnreachableError``, or ``UnforeseenSetupError`` for settings of Docker's client
    that docker-py cannot read.
    """
    endpoint = find_endpoint(environ)
    _check_address(endpoint)
    try:
        client = _make_client(endpoint, environ)
        client.ping()
    except docker.errors.InvalidConfigFile as error:
        raise _as_settings_error(config_file(environ), error) from error
    except API_ERRORS as error:
        words = clean(message_of(error))
    except Exception as error:  # docker-py does not check the settings that it reads
        raise _as_settings_error(config_file(environ), error) from error
    else:
        return client
    _collect_sockets()
    place = f"; tried {clean(endpoint.host)}, from {endpoint.origin}" if endpoint.origin else ""
    problem = f"--agent-fix needs a Docker engine, and none answers ({words}{place})."
    raise DockerUnreachableError(
        f"{problem} {describe_replaced()}".strip(),
        f"{_advise_unreachable(endpoint, words)} {_NEVER_ON_HOST}",
    )


def _check_address(endpoint: Endpoint) -> None:
    try:
        docker.utils.parse_host(endpoint.host)
    except Exception as error:
        raise DockerUnreachableError(
            f"--agent-fix needs a Docker engine, and {endpoint.origin} has no address of one but "
            f"{clean(endpoint.host)!r} ({clean(str(error))}).",
            "Correct it (tcp://HOST:PORT with the port's number, or unix:///PATH), or leave it out "
            f"for this machine's own engine. {_NEVER_ON_HOST}",
        ) from error


def _make_client(endpoint: Endpoint, environ: Mapping[str, str]) -> docker.DockerClient:
    if endpoint.origin in ("", "DOCKER_HOST"):
        return docker.DockerClient(
            timeout=API_TIMEOUT, **docker.utils.kwargs_from_env(dict(environ))
        )
    folder = endpoint.certificates
    tls: docker.tls.TLSConfig | bool = False
    if folder is not None:
        ca, *pair = (str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))
        has_pair = all(map(os.path.exists, pair))
        tls = docker.tls.TLSConfig(
            client_cert=(pair[0], pair[1]) if has_pair else None,
            ca_cert=ca if os.path.exists(ca) else None,  # noqa: PTH110 - a text for docker-py
            verify=endpoint.is_verified,
        )
    return docker.DockerClient(base_url=endpoint.host or None, timeout=API_TIMEOUT, tls=tls)


def _as_settings_error(file: Path, error: Exception) -> SetupError:
    """Return the error for settings that docker-py cannot read; it says nothing about an engine."""
    next_step = "Make sure that `docker version` shows a server for this user."
    if file.is_file():
        next_step = (
            f"Repair {file}, above all its `proxies` and `auths`, or have DOCKER_CONFIG name a "
            "folder with another config.json."
        )
    return make_setup_error("use Docker's client", error, next_step)


def _advise_unreachable(endpoint: Endpoint, words: str) -> str:
    if "PermissionError" in words or "ermission denied" in words:
        return (
            "This user may not use it: `sudo usermod -aG docker $USER`, log in again, and run "
            "pytest again; or choose an engine of this user's own with `docker context use NAME`."
        )
    if endpoint.host.startswith("ssh:"):
        return (
            "Engines behind ssh need `pip install paramiko`; or forward the engine's socket "
            "(`ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST`) and set "
            "DOCKER_HOST=unix:///tmp/docker.sock."
        )
    if endpoint.origin == "DOCKER_HOST":
        return f"Start that engine, or correct or unset DOCKER_HOST. {_START}"
    if endpoint.origin:
        return (
            "Start that engine, or choose another with `docker context use NAME` (`docker context "
            "ls` shows them)."
        )
    return _START


def _collect_sockets() -> None:
    # docker leaves the socket of a connection that failed to the garbage collector. At some later
    # moment that would be a warning, and an ugly end where the user's warnings are errors.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def message_of(error: BaseException) -> str:
    """Return the engine's or docker-py's own words, in one line of at most 300 characters."""
    text = str(getattr(error, "explanation", None) or error)
    return " ".join(text.split())[:300]
