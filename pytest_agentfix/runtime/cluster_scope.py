"""The clusters of a run, and what concerns one of them: files, locks, the model. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.core.model import Cluster, Failure, Invocation
from pytest_agentfix.core.paths import fold
from pytest_agentfix.core.ports import MODEL_PORT
from pytest_agentfix.gateway.providers.catalogue import CatalogueModel
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.judge.doctest_source import find_doctested
from pytest_agentfix.judge.policy import Policy
from pytest_agentfix.judge.policy.test_files import Suite
from pytest_agentfix.repair.clustering import make_clusters
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.unreachable import split_unreachable


def cluster_failures(failures: Sequence[Failure], context: RunContext) -> tuple[Cluster, ...]:
    """Return ``failures`` in clusters: a plugin's, or else ours by their presumed cause.

    Tests that no change can reach share none with others.
    """
    is_test = make_test_check(context)
    clusters = context.extensions.cluster(failures) or make_clusters(failures, is_test=is_test)
    return tuple(part for cluster in clusters for part in split_unreachable(cluster, is_test))


def make_test_check(context: RunContext) -> Callable[[Path], bool]:
    """Return a function that tells of an absolute path whether it is a test file of the tree."""
    top = context.repository.top
    suite = Suite.build(
        Policy(
            test_patterns=context.invocation.test_patterns,
            test_paths=folders_of_tests(context.invocation, top),
        )
    )

    def is_test(path: Path) -> bool:
        return path.is_relative_to(top) and suite.is_test(fold(path.relative_to(top).as_posix()))

    return is_test


def model_access(
    upstream: Upstream, token: str, known: CatalogueModel | None = None
) -> ModelEndpoint:
    """Return what OpenCode needs to reach ``upstream`` through the gateway.

    ``known`` is the model's entry in OpenCode's own catalogue, ``None`` if it has none.
    """
    return ModelEndpoint(
        provider=upstream.provider,
        model=upstream.model,
        base_url=f"http://127.0.0.1:{MODEL_PORT}{upstream.row.sandbox_prefix}",
        token=token,
        npm=upstream.row.npm,
        is_known=known is not None,
        facts=known.entry if known else {},
        small_model=upstream.small_model,
    )


def folders_of_tests(invocation: Invocation, top: Path) -> tuple[str, ...]:
    """Return pytest's ``testpaths``, relative to the repository's top instead of the rootdir."""
    folders = [invocation.rootdir / path for path in invocation.test_paths]
    return tuple(
        folder.relative_to(top).as_posix() for folder in folders if folder.is_relative_to(top)
    )


def config_file(invocation: Invocation, top: Path) -> frozenset[str]:
    """Return pytest's configuration file, under whatever name ``-c`` gave it, or nothing."""
    path = invocation.config_file
    is_inside = path is not None and path.is_relative_to(top)
    return frozenset({path.relative_to(top).as_posix()} if path and is_inside else ())


def target_files(cluster: Cluster, top: Path) -> frozenset[str]:
    """Return the failing tests' own files, relative to the repository's top.

    A doctest of a module stands in the code that has to be repaired, so its file does not count.
    """
    paths = [one.path for one in cluster.failures if not one.is_in_product]
    return frozenset(
        path.relative_to(top).as_posix()
        for path in paths
        if path is not None and path.is_relative_to(top)
    )


def find_doctest_files(nodeids: Iterable[str], invocation: Invocation, top: Path) -> frozenset[str]:
    """Return the files with doctests among ``nodeids``, relative to the repository's top."""
    files = [invocation.rootdir / path for path in find_doctested(nodeids)]
    return frozenset(file.relative_to(top).as_posix() for file in files if file.is_relative_to(top))


def locked_patterns(cluster: Cluster, top: Path, *, is_open: bool) -> tuple[str, ...]:
    """Return patterns that OpenCode's edit tools may not write: a cheap part of the policy.

    With ``is_open`` the user lets the agent edit tests; which ones is left to the policy.
    """
    if is_open:
        return ()
    return ("*conftest.py", *sorted(target_files(cluster, top)))


def inside(invocation: Invocation, top: Path) -> Invocation:
    """Return the invocation as a sandbox, which holds only the repository, can repeat it."""
    if invocation.cwd.is_relative_to(top):
        return invocation
    return replace(invocation, cwd=invocation.rootdir, has_cwd_on_path=False)
