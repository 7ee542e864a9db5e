"""A pytest plugin for runs inside tests: puts a double in the repairer's place.

``fake.json`` in the folder pytest is started from scripts it; ``events.txt`` and
``request.pickle`` tell what it met. Standard library, pytest and this project only.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.errors import DockerUnreachableError, PreflightError
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Failure,
    Fix,
    Invocation,
    Judgement,
    Landing,
    RunRequest,
    RunResult,
    Verdict,
)
from pytest_agentfix.core.ports import Extensions, Progress
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.pytest_hooks.session import PREPARE


class FakeRepairer:
    """Gives every test a cluster with the verdict of the script, ``fixed`` if it has none."""

    def __init__(self, script: dict[str, Any], extensions: Extensions) -> None:
        self._script = script
        self._extensions = extensions
        self._done: list[ClusterResult] = []

    def repair(self, request: RunRequest, progress: Progress) -> RunResult:
        log("repair")
        logging.getLogger("pytest_agentfix.gateway").info("a model was asked")
        Path("request.pickle").write_bytes(pickle.dumps(request))
        if self._script.get("asks_hooks"):
            self._ask_hooks(request)
        for number, failures in enumerate(self._group(request.failures), start=1):
            cluster = Cluster(slug=f"c{number}", failures=failures)
            progress.say(cluster, "reproducing")
            self._done.append(self._decide(cluster))
            self._extensions.tell_verdict(self._done[-1])
            self._misbehave()
        return self.result_so_far()

    def _ask_hooks(self, request: RunRequest) -> None:
        extensions = self._extensions
        clusters = extensions.cluster(request.failures)
        cluster = Cluster(slug="c", failures=request.failures)
        fix = Fix(cluster=cluster, changes=ChangeSet(), judgement=Judgement(probes=()), model="a/b")
        paths = ("src/shop/generated/api.py", "src/shop/cart.py")
        answers = {
            "clusters": clusters and {one.slug: one.targets for one in clusters},
            "notes": extensions.prompt_notes(cluster, "a prompt"),
            "open": {path: extensions.is_open(path, cluster) for path in paths},
            "message": extensions.commit_message(fix, "Fix it"),
        }
        Path("hooks.json").write_text(json.dumps(answers), "utf-8")

    def get_ready(self, failures: Sequence[Failure], imported: Sequence[str]) -> None:
        Path("imported.txt").write_text("\n".join(imported), encoding="utf-8")
        with Path("ready.txt").open("a", encoding="utf-8") as stream:
            stream.write(" ".join(failure.nodeid for failure in failures) + "\n")
        if self._script.get("get_ready") == "error":
            raise OSError("nothing is ready")

    def result_so_far(self) -> RunResult:
        return RunResult(clusters=tuple(self._done))

    def close(self) -> None:
        log("close")
        if self._script.get("close") == "error":
            raise OSError("close failed")

    def _group(self, failures: tuple[Failure, ...]) -> list[tuple[Failure, ...]]:
        groups: dict[str, tuple[Failure, ...]] = {}
        for failure in failures:
            by_phase = failure.phase.value if self._script.get("by_phase") else ""
            key = failure.nodeid + by_phase
            groups[key] = (*groups.get(key, ()), failure)
        return list(groups.values())

    def _decide(self, cluster: Cluster) -> ClusterResult:
        verdicts = self._script.get("verdicts", {})
        phase = cluster.failures[0].phase.value
        value = verdicts.get(cluster.title, verdicts.get(phase, "fixed"))
        verdict = Verdict(value)
        landing = Landing(commit="a" * 40, branch="main") if verdict.is_green else None
        return ClusterResult(
            cluster=cluster, verdict=verdict, reason="as the script says", landing=landing
        )

    def _misbehave(self) -> None:
        how = self._script.get("repair")
        if how == "error":
            raise RuntimeError("something nobody thought of")
        if how == "trouble":
            raise PreflightError("The sandbox has a network.", "Upgrade the engine.")
        if how == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        if how == "terminate":
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            except Exception:  # noqa: BLE001 - must not be able to keep it
                log("kept the signal")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[PREPARE] = prepare


def prepare(settings: Settings, invocation: Invocation, extensions: Extensions) -> FakeRepairer:
    log("prepare")
    Path("settings.pickle").write_bytes(pickle.dumps(settings))
    script = Path("fake.json")
    known = json.loads(script.read_text("utf-8")) if script.exists() else {}
    if known.get("prepare") == "error":
        raise DockerUnreachableError("No Docker engine answers.", "Start one.")
    if known.get("prepare") == "trouble":
        raise PreflightError("The sandbox has a network.", "Upgrade the engine.")
    if known.get("prepare") == "unforeseen":
        raise LookupError("\x1b[31mnobody thought of it.")
    if known.get("prepare") == "exit":
        sys.exit("as a script does")
    if known.get("prepare") == "fail":
        pytest.fail("as a test does")
    assert invocation.rootdir.is_absolute()
    return FakeRepairer(known, extensions)


def log(event: str) -> None:
    with Path("events.txt").open("a", encoding="utf-8") as events:
        events.write(event + "\n")
