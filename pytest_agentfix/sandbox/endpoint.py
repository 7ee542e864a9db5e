"""The address of the container engine, found as the ``docker`` command finds it.

docker-py before 7.2 knows no contexts, and later ones take the default where one is missing or
damaged: containers would then be started on another engine than the user's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.errors import DockerUnreachableError
from pytest_agentfix.core.text import clean

_DEFAULT: Final = "default"
_CHOOSE: Final = (
    "`docker context ls` shows those that are there; choose one with `docker context use NAME`, "
    "or unset DOCKER_CONTEXT."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One engine's address.

    ``host`` is of the form that ``DOCKER_HOST`` has, "" for the usual socket; ``origin`` tells
    where it was found, for messages. ``certificates`` is a folder with ``ca.pem``, ``cert.pem`` and
    ``key.pem``, as far as they are there.
    """

    host: str = ""
    origin: str = ""
    certificates: Path | None = None
    is_verified: bool = True


def find_endpoint(environ: Mapping[str, str]) -> Endpoint:
    """Find the engine that ``DOCKER_HOST``, else the current context names.

    Raises ``DockerUnreachableError`` where that context is missing or damaged.
    """
    host = environ.get("DOCKER_HOST", "")
    if host:
        return Endpoint(host=host, origin="DOCKER_HOST")
    file = config_file(environ)
    name = environ.get("DOCKER_CONTEXT", "") or _read_current(file)
    if name in ("", _DEFAULT):
        return Endpoint()
    return _read_context(file.parent / "contexts", name)


def config_file(environ: Mapping[str, str]) -> Path:
    """Return where the user's settings of Docker's client are; the file may be missing."""
    folder = environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")  # noqa: PTH111 - never raises
    return Path(folder, "config.json")


def _read_current(file: Path) -> str:
    """Return the context that the settings name; like ``docker``, take damaged ones for none."""
    try:
        name = _read_object(file).get("currentContext", "")
    except (OSError, ValueError):
        return ""
    return name if isinstance(name, str) else ""


def _read_context(contexts: Path, name: str) -> Endpoint:
    identity = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    file = contexts / "meta" / identity / "meta.json"
    shown = clean(name)
    try:
        given = _read_object(file)["Endpoints"]["docker"]
        host = _check_text(given["Host"])
        is_verified = not given.get("SkipTLSVerify", False)
    except FileNotFoundError:
        raise DockerUnreachableError(
            f"--agent-fix needs a Docker engine, and there is no Docker context {shown!r}.", _CHOOSE
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DockerUnreachableError(
            f"--agent-fix needs a Docker engine, and the Docker context {shown!r} cannot be read "
            f"from {file}: {type(error).__name__}: {clean(str(error))}.",
            "Make it anew with `docker context rm` and `docker context create`, or choose another: "
            + _CHOOSE,
        ) from error
    certificates = contexts / "tls" / identity / "docker"
    return Endpoint(
        host=host,
        origin=f"the Docker context {shown!r}",
        certificates=certificates if certificates.is_dir() else None,
        is_verified=is_verified,
    )


def _check_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is no address")


def _read_object(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raises ``OSError``, or ``ValueError`` for anything else."""
    found = json.loads(file.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{file} holds no object")  # noqa: TRY004 - as for text that is no JSON
    return found
