"""What of a run concerns one cluster: its files, its locks, its way to the model. Pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.core.model import Cluster, Invocation, ItemKind
from pytest_agentfix.core.ports import MODEL_PORT
from pytest_agentfix.gateway.providers.catalogue import CatalogueModel
from pytest_agentfix.gateway.providers.upstream import Upstream


def model_access(
    upstream: Upstream, token: str, known: CatalogueModel | None = None
) -> ModelEndpoint:
    """How OpenCode is told to reach ``upstream`` through the gateway.

    ``known`` is what OpenCode's own catalogue says of the model, ``None`` if it says nothing.
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
    """Pytest's ``testpaths``, which count from its rootdir, relative to the repository's top."""
    folders = [invocation.rootdir / path for path in invocation.test_paths]
    return tuple(
        folder.relative_to(top).as_posix() for folder in folders if folder.is_relative_to(top)
    )


def config_file(invocation: Invocation, top: Path) -> frozenset[str]:
    """Pytest's configuration file, under whatever name ``-c`` gave it."""
    path = invocation.config_file
    is_inside = path is not None and path.is_relative_to(top)
    return frozenset({path.relative_to(top).as_posix()} if path and is_inside else ())


def target_files(cluster: Cluster, top: Path) -> frozenset[str]:
    """The failing tests' own files, relative to the repository's top.

    A doctest stands in the code that has to be repaired, so its file is none of them.
    """
    paths = [failure.path for failure in cluster.failures if failure.kind is not ItemKind.DOCTEST]
    return frozenset(
        path.relative_to(top).as_posix()
        for path in paths
        if path is not None and path.is_relative_to(top)
    )


def locked_patterns(cluster: Cluster, top: Path, *, is_open: bool) -> tuple[str, ...]:
    """Patterns for OpenCode's edit tools: the cheap half of what the policy keeps out anyway.

    With ``is_open`` the user lets the agent edit tests, which ones is left to the policy.
    """
    if is_open:
        return ()
    return ("*conftest.py", *sorted(target_files(cluster, top)))


def inside(invocation: Invocation, top: Path) -> Invocation:
    """The invocation as a sandbox can repeat it, which holds the repository and no more."""
    if invocation.cwd.is_relative_to(top):
        return invocation
    return replace(invocation, cwd=invocation.rootdir, has_cwd_on_path=False)
