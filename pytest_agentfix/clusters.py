"""Failures -> clusters. In this version: one cluster per test function. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from pytest_agentfix.model import Cluster, Failure

SLUG_LENGTH = 40  # characters of the readable part


def make_clusters(failures: Iterable[Failure]) -> tuple[Cluster, ...]:
    """Group failures by test function (or module that cannot be collected), in order."""
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        groups.setdefault(failure.function, []).append(failure)
    return tuple(
        Cluster(slug=make_slug(function), failures=tuple(group))
        for function, group in groups.items()
    )


def make_slug(name: str) -> str:
    """A short name fit for branches and files: ``[a-z0-9-]`` only, one per ``name``."""
    last = name.rpartition("::")[2] or name
    readable = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:SLUG_LENGTH].strip("-")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{readable}-{digest}" if readable else digest
