"""Tests that no change to the tree can turn green, as they run an installed copy of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pytest_agentfix.core.errors import InstalledCopyError
from pytest_agentfix.core.model import Cluster, Failure, InstalledCopy
from pytest_agentfix.core.text import clean
from pytest_agentfix.repair.clustering import split_cluster

IsTest = Callable[[Path], bool]


def find_installed_copy(cluster: Cluster, is_test: IsTest) -> InstalledCopy | None:
    """Return the installed copy that all tests of ``cluster`` run, so that no change reaches them.

    ``None`` if any of them runs code of the tree's own as well, by what its failure shows;
    ``is_test`` tells of an absolute path whether it is a test file of the tree.
    """
    unreachable = _find_unreachable(cluster, is_test)
    if not unreachable.keys() >= set(cluster.targets):
        return None
    return next(iter(unreachable.values()))


def split_unreachable(cluster: Cluster, is_test: IsTest) -> tuple[Cluster, ...]:
    """Put the tests of ``cluster`` that no change reaches into a cluster of their own."""
    unreachable = _find_unreachable(cluster, is_test)
    if not unreachable or unreachable.keys() >= set(cluster.targets):
        return (cluster,)
    reachable, rest = split_cluster(cluster, unreachable)
    return reachable, replace(rest, cause=rest.cause and cluster.cause)


def describe_copy(copy: InstalledCopy, top: Path) -> InstalledCopyError:
    """Return the reason why no change to the tree can help, with what to do about it."""
    project, source = (
        clean(str(path.relative_to(top) if path.is_relative_to(top) else path))
        for path in (copy.project, copy.source)
    )
    kind = "another checkout" if copy.is_editable else "an installed copy"
    return InstalledCopyError(
        f"The tests run {kind} of {clean(copy.distribution)}, {clean(str(copy.file))}, and not "
        f"this tree's {source}: no change here could turn them green.",
        f"Install it with -e: pip install -e {project} (tox: package = editable; "
        f'nox: session.install("-e", "{project}")).',
    )


def _find_unreachable(cluster: Cluster, is_test: IsTest) -> dict[str, InstalledCopy]:
    """Return the tests that run an installed copy and, beside it, no code of the tree's own."""
    return {
        failure.nodeid: failure.installed
        for failure in cluster.failures
        if failure.installed is not None and not _runs_own_code(failure, failure.installed, is_test)
    }


def _runs_own_code(failure: Failure, copy: InstalledCopy, is_test: IsTest) -> bool:
    paths = {*(frame.path for frame in failure.frames), *copy.own}
    return any(
        not (path.name == "conftest.py" or is_test(path) or path.is_relative_to(copy.folder))
        for path in paths
    )
