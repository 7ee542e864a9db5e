"""Failures -> clusters: what has one presumed cause becomes one repair. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_agentfix.core.model import Cluster, Failure, TestPolicy
from pytest_agentfix.repair.causes import Cause, describe, find_cause

SLUG_LENGTH = 40  # characters of the readable part
_LONGEST_PARENT = 60  # characters of a slug that go on in the slugs of its parts
_SAME_FUNCTION = "same test function"
_LEFT_OVER = "still red after what turned the others green"

# What the members of one cluster have in common: a cause, or else their test function.
_Key = tuple[TestPolicy | None, Cause | str]


def make_clusters(
    failures: Iterable[Failure], *, is_test: Callable[[Path], bool] = lambda _: False
) -> tuple[Cluster, ...]:
    """Group failures by their presumed cause, in the order of each one's first failure.

    A cause that several test functions show makes a cluster: a broken fixture, a name that is
    missing, one place in the code under test (``is_test`` says of an absolute path that it is
    none) that raised one kind of exception. All else stays with its test function, or with the
    module that cannot be collected. Every test is in one cluster, that of its first failure, and
    all tests of a cluster have the same policy.
    """
    by_test: dict[str, list[Failure]] = {}
    for failure in failures:
        by_test.setdefault(failure.nodeid, []).append(failure)
    groups: dict[_Key, list[Failure]] = {}
    for key, group in zip(_find_keys(by_test.values(), is_test), by_test.values(), strict=True):
        groups.setdefault(key, []).extend(group)
    return _name_clusters(groups)


def split_cluster(cluster: Cluster, red: Collection[str]) -> tuple[Cluster, Cluster]:
    """Split off what was merged wrongly: first the part that is not ``red``, then the red one.

    ``red`` are node ids, others than the cluster's targets among them. ``ValueError`` where one
    of the parts would be empty.
    """
    nodeids = frozenset(red)
    rest = [failure for failure in cluster.failures if failure.nodeid not in nodeids]
    left = [failure for failure in cluster.failures if failure.nodeid in nodeids]
    if not rest or not left:
        raise ValueError(f"{cluster.slug} has no two parts")
    return (
        _make_part(cluster, rest, cause=cluster.cause),
        _make_part(cluster, left, cause=_LEFT_OVER),
    )


def join_clusters(clusters: Sequence[Cluster]) -> Cluster:
    """Put several clusters into one, for a run of all their tests; never for an agent."""
    names = "\0".join(cluster.slug for cluster in clusters)
    failures = tuple(failure for cluster in clusters for failure in cluster.failures)
    return Cluster(slug=f"rerun-{_digest(names)[:12]}", failures=failures)


def make_slug(name: str) -> str:
    """A short name fit for branches and files: ``[a-z0-9-]`` only, one per ``name``."""
    last = name.rpartition("::")[2] or name
    # What is cut off could not be seen anyway; a name may be of any length.
    readable = re.sub(r"[^a-z0-9]+", "-", last[: 10 * SLUG_LENGTH].lower()).strip("-")
    readable = readable[:SLUG_LENGTH].strip("-")
    digest = _digest(name)[:8]
    return f"{readable}-{digest}" if readable else digest


def _find_keys(tests: Collection[list[Failure]], is_test: Callable[[Path], bool]) -> Iterable[_Key]:
    """Find the key of each test, given by its failures."""
    known: dict[Path, bool] = {}

    def is_known_test(path: Path) -> bool:
        if path not in known:
            known[path] = is_test(path)
        return known[path]

    firsts = [test[0] for test in tests]
    causes = [find_cause(first, is_known_test) for first in firsts]
    showing: dict[_Key, str] = {}  # the function that shows a cause, "" for several
    for first, cause in zip(firsts, causes, strict=True):
        if cause is not None:
            function = first.function
            if showing.setdefault((first.policy, cause), function) != function:
                showing[first.policy, cause] = ""
    for first, cause in zip(firsts, causes, strict=True):
        # What one function alone shows is no reason to tear its cases apart.
        is_shared = cause is not None and not showing[first.policy, cause]
        yield (first.policy, cause if cause is not None and is_shared else first.function)


def _name_clusters(groups: dict[_Key, list[Failure]]) -> tuple[Cluster, ...]:
    clusters: dict[str, Cluster] = {}
    for (_, what), group in groups.items():
        name = what if isinstance(what, str) else _name_cause(what)
        slug, number = make_slug(name), 1
        while slug in clusters:  # the same function under another policy, say
            number += 1
            slug = make_slug(f"{name} {number}")
        clusters[slug] = Cluster(slug=slug, failures=tuple(group), cause=_explain(what, group))
    return tuple(clusters.values())


def _name_cause(cause: Cause) -> str:
    """Name a cause for its slug: the part after ``::`` is what can be read there."""
    readable = f"{cause.kind.value} {cause.name or cause.path.rpartition('/')[2]} {cause.exception}"
    readable = readable.replace("::", " ")
    return f"{cause.path}:{cause.line}:{cause.message}::{readable}"


def _explain(what: Cause | str, group: list[Failure]) -> str:
    if isinstance(what, Cause):
        return describe(what, group[0])
    return _SAME_FUNCTION if any(one.nodeid != group[0].nodeid for one in group) else ""


def _make_part(cluster: Cluster, failures: list[Failure], *, cause: str) -> Cluster:
    names = "\0".join([cluster.slug, *dict.fromkeys(failure.nodeid for failure in failures)])
    parent = cluster.slug[:_LONGEST_PARENT].rstrip("-")
    is_single = all(one.nodeid == failures[0].nodeid for one in failures)
    return replace(
        cluster,
        slug=f"{parent}-{_digest(names)[:12]}",
        failures=tuple(failures),
        cause="" if is_single else cause,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
