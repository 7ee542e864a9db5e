"""Calls the hooks of ``hookspecs.py``, and keeps what goes wrong in them away from the repair."""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.model import Cluster, ClusterResult, Failure, Fix
from pytest_agentfix.core.options import ENVIRONMENTS
from pytest_agentfix.core.text import clean
from pytest_agentfix.report.formats import FORMATS, ReportFormat

if TYPE_CHECKING:
    from pytest_agentfix.judge.probe import Probe
    from pytest_agentfix.sandbox.environments import EnvironmentKind

logger = logging.getLogger(__name__)


_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_RENAME = "Give it another name, or leave the plugin out with -p no:NAME."


class PytestExtensions:
    """Implements ``ports.Extensions`` with the hooks of one pytest run; any thread may use it.

    ``complaints`` has a line for each hook that raised or returned something unusable.
    ``environments`` are further kinds of environment, ``report_formats`` all formats, ``probes``
    those of other plugins; hooks are asked for them at once, which raises ``SettingError`` where a
    name is taken already.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._one_at_a_time = threading.RLock()
        self.complaints: dict[str, None] = {}
        self.environments: Mapping[str, EnvironmentKind] = self._merge(
            "pytest_agentfix_environment", ("auto", *ENVIRONMENTS), config=config
        )
        self.report_formats: Mapping[str, ReportFormat] = {
            **FORMATS,
            **self._merge("pytest_agentfix_report_formats", tuple(FORMATS)),
        }
        self.probes: Sequence[Probe] = self._list_probes()
        self._told: set[str] = set()  # slugs
        self._selected: dict[tuple[str, str], bool | None] = {}

    def list_hooks(self) -> frozenset[str]:
        """Return the names of the hooks that some plugin implements now."""
        callers = vars(self._config.pluginmanager.hook)
        return frozenset(
            name
            for name, caller in callers.items()
            if name.startswith("pytest_agentfix_") and caller.get_hookimpls()
        )

    def select(self, failure: Failure) -> bool | None:
        """Return the first plugin's opinion; each failure is asked about once."""
        key = _identify(failure)
        if key not in self._selected:
            answer = self._ask_first("pytest_agentfix_select", bool, failure=failure)
            self._selected[key] = None if answer is None else answer[1]
        return self._selected[key]

    def cluster(self, failures: Sequence[Failure]) -> tuple[Cluster, ...] | None:
        """Return a plugin's clusters, checked; ``None`` where ours are to be used."""
        answer = self._ask_first("pytest_agentfix_cluster", Sequence, failures=failures)
        if answer is None:
            return None
        plugin, clusters = answer
        problem = _find_problem(failures, clusters)
        if problem:
            self._report(plugin, "pytest_agentfix_cluster", f"returned {problem}")
            return None
        return tuple(clusters)

    def prompt_notes(self, cluster: Cluster, prompt: str) -> tuple[str, ...]:
        """Return what plugins add to a cluster's first prompt."""
        answers = self._ask("pytest_agentfix_prompt", str, cluster=cluster, prompt=prompt)
        return tuple(text.strip() for _, text in answers if text.strip())

    def is_open(self, path: str, cluster: Cluster) -> bool | None:
        """Return whether a plugin opens (or closes) ``path`` for a fix of ``cluster``."""
        answer = self._ask_first("pytest_agentfix_policy", bool, path=path, cluster=cluster)
        return None if answer is None else answer[1]

    def commit_message(self, fix: Fix, message: str) -> str | None:
        """Return a plugin's message for ``fix``."""
        answer = self._ask_first("pytest_agentfix_commit_message", str, fix=fix, message=message)
        return None if answer is None or not answer[1].strip() else answer[1]

    def tell_verdict(self, result: ClusterResult) -> None:
        """Tell every plugin how a cluster ended, once for each cluster."""
        if result.cluster.slug in self._told:
            return
        self._told.add(result.cluster.slug)
        for _ in self._ask(
            "pytest_agentfix_verdict",
            object,
            cluster=result.cluster,
            verdict=result.verdict,
            result=result,
        ):
            pass

    def _merge(self, hook: str, known: Sequence[str], **facts: object) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for plugin, entries in self._ask(hook, Mapping, **facts):
            for name, value in entries.items():
                if name in merged or name in known:
                    raise SettingError(
                        f"{hook} of {plugin} returns {name!r}, which is there already.", _RENAME
                    )
                merged[name] = value
        return merged

    def _list_probes(self) -> tuple[Probe, ...]:
        hook = "pytest_agentfix_probes"
        if hook not in self.list_hooks():
            return ()
        from pytest_agentfix.judge.probe import PROBE_NAMES  # noqa: PLC0415 - hardly anybody has one
        from pytest_agentfix.pytest_hooks.foreign_probe import ForeignProbe  # noqa: PLC0415

        probes: dict[str, Probe] = {}
        for plugin, given in self._ask(hook, Sequence):
            for one in given:
                name = getattr(one, "name", None)
                if not isinstance(name, str) or not _SLUG.fullmatch(name):
                    self._report(plugin, hook, f"returned {type(one).__name__}, which is no probe")
                    continue
                if name in probes or name in PROBE_NAMES:
                    raise SettingError(
                        f"{hook} of {plugin} returns {name!r}, which is there already.", _RENAME
                    )
                report = partial(self._report, plugin, f"the probe {name}")
                probes[name] = ForeignProbe(one, self._one_at_a_time, report)
        return tuple(probes.values())

    def _ask_first(self, hook: str, kind: type[Any], **facts: object) -> tuple[str, Any] | None:
        return next(self._ask(hook, kind, **facts), None)

    def _ask(self, hook: str, kind: type[Any], **facts: object) -> Iterator[tuple[str, Any]]:
        """Yield each plugin's name and answer, in pytest's order, without ``None``.

        Each implementation is called by itself, so that one that raises takes no other along.
        """
        caller = getattr(self._config.hook, hook)
        for one in reversed(caller.get_hookimpls()):
            if one.hookwrapper or one.wrapper:
                continue
            answer: object = None
            try:
                with self._one_at_a_time:
                    answer = one.function(*(facts[name] for name in one.argnames))
            except (Exception, SystemExit, pytest.skip.Exception, pytest.fail.Exception) as error:
                logger.warning("%s of %s raised", hook, one.plugin_name, exc_info=True)
                self._report(one.plugin_name, hook, f"raised {type(error).__name__}: {error}")
            if isinstance(answer, kind):
                yield one.plugin_name, answer
            elif answer is not None:
                given = type(answer).__name__
                self._report(one.plugin_name, hook, f"returned {given}, not {kind.__name__}")

    def _report(self, plugin: str, hook: str, problem: str) -> None:
        self.complaints[clean(f"{hook} of {plugin} {problem}; it is left out")] = None


def _find_problem(failures: Sequence[Failure], clusters: Sequence[object]) -> str:
    """Tell in words why ``clusters`` are none of ``failures``, "" where they are."""
    real = [one for one in clusters if isinstance(one, Cluster) and one.failures]
    slugs = [cluster.slug for cluster in real]
    tests = [nodeid for cluster in real for nodeid in cluster.targets]
    given, found = (
        Counter(map(_identify, failures)),
        Counter(_identify(failure) for cluster in real for failure in cluster.failures),
    )
    is_one_policy = all(
        one.policy == cluster.failures[0].policy for cluster in real for one in cluster.failures
    )
    problems = {
        "something that is no Cluster, or one without a failure": len(real) != len(clusters),
        "slugs that are no plain names": not all(map(_SLUG.fullmatch, slugs)),
        "one slug twice": len(set(slugs)) != len(slugs),
        "clusters that do not hold every failure exactly once": given != found,
        "one test in two clusters": len(set(tests)) != len(tests),
        "a cluster of tests with different agent_fix markers": not is_one_policy,
    }
    return next((words for words, is_so in problems.items() if is_so), "")


def _identify(failure: Failure) -> tuple[str, str]:
    return failure.nodeid, failure.phase.value
