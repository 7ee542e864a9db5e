"""Hooks of this plugin, for ``conftest.py`` files and other plugins.

pytest knows them whether ``--agent-fix`` is on or not; they are called only when it is. A hook that
raises is reported in the summary with its plugin's name, and the run goes on as if it had returned
``None``: no verdict depends on it. Hooks are called one at a time, in the main thread of pytest's
process: the repair, a process of its own, asks for their answers. Wrappers are not supported.
docs/hooks.md has an example of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_agentfix.core.model import (
        Cluster,
        ClusterResult,
        Failure,
        Fix,
        RunResult,
        Verdict,
    )
    from pytest_agentfix.judge.probe import Probe
    from pytest_agentfix.sandbox.environments import EnvironmentKind


@pytest.hookspec(firstresult=True)
def pytest_agentfix_select(failure: Failure) -> bool | None:
    """Return ``True`` to have ``failure`` repaired and ``False`` to leave it alone.

    The first answer that is not ``None`` counts, and beats ``--agent-fix-select`` and the marker.
    Called once for each failing report.
    """


@pytest.hookspec(firstresult=True)
def pytest_agentfix_cluster(failures: Sequence[Failure]) -> Sequence[Cluster] | None:
    """Return ``failures`` as clusters, one for each presumed cause; ``None`` leaves it to ours.

    Every failure has to be in exactly one cluster, and no two clusters share a ``slug`` (letters
    a to z, digits and dashes; it becomes part of branch and file names). Clusters that do not hold
    to this are reported, and ours are used.
    """


@pytest.hookspec
def pytest_agentfix_prompt(cluster: Cluster, prompt: str) -> str | None:
    """Return text to add to the first prompt of ``cluster``: a convention, where to look.

    ``prompt`` is the prompt as it is without any hook. The texts of all plugins are added, in the
    order in which pytest calls them.
    """


@pytest.hookspec(firstresult=True)
def pytest_agentfix_policy(path: str, cluster: Cluster) -> bool | None:
    """Return whether a fix of ``cluster`` may touch ``path``; ``None`` leaves it to the policy.

    ``path`` is relative to the repository's top, with ``/`` between its parts. ``True`` opens it as
    a glob in ``agent_fix_allow`` does, a test file too; ``False`` drops the agent's change to it.
    What no project can open, such as git's own files, stays closed. Called for every path that an
    agent changed, and for the files of the cluster's own tests.
    """


@pytest.hookspec
def pytest_agentfix_environment(config: pytest.Config) -> Mapping[str, EnvironmentKind] | None:
    """Return further kinds of environment by their name in ``--agent-fix-environment``.

    Called once, before the first test runs. A name that is taken already is a usage error.
    """


@pytest.hookspec
def pytest_agentfix_probes() -> Sequence[Probe] | None:
    """Return further checks of a change, which the judge makes beside its own.

    Called once, before the first test runs; the probes' methods are called for each change set. A
    probe can only speak against a change: nothing that failed elsewhere
    passes because of it. One that raises counts as not applicable. A name that is taken already is
    a usage error.
    """


@pytest.hookspec(firstresult=True)
def pytest_agentfix_commit_message(fix: Fix, message: str) -> str | None:
    """Return the message of the commit that brings in ``fix``; ``None`` keeps ``message``.

    The trailers (``Agent-Fix-Test:`` and so on) are added where the text leaves them out.
    Failures in ``fix`` hold text that tests or an agent chose: control characters are taken out.
    """


@pytest.hookspec
def pytest_agentfix_verdict(cluster: Cluster, verdict: Verdict, result: ClusterResult) -> None:
    """Called for each cluster when its verdict is there.

    ``result`` has the reason, the evidence, the commit, and what it cost.
    """


@pytest.hookspec
def pytest_agentfix_report_formats() -> Mapping[str, Callable[[RunResult], str]] | None:
    """Return further formats of ``--agent-fix-report``: a suffix (``".csv"``) and what writes it.

    Called once, before the first test runs. A suffix that is taken already is a usage error.
    """
