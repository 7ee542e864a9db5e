"""One change of a small project, through the locality probe as a whole."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet, Cluster, FileChange
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.probe import ProbePlan, Subject
from pytest_agentfix.judge.probes.locality import LocalityProbe
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.session_result import SessionResult
from tests.kits.judge_project import failure
from tests.kits.locality_cases import LocalityCase
from tests.kits.session_kit import run_session, write


def probe_locality(
    folder: Path,
    files: Mapping[str, str],
    changes: Mapping[str, str],
    targets: list[str],
    *,
    others: Sequence[str] = (),
) -> tuple[Finding | str, list[SessionResult]]:
    """Run the planned sessions on copies of the project at one path; return the finding.

    ``others`` are failing tests of other clusters.
    """
    top = folder / "project"

    def read_base(path: str) -> tuple[bytes, bool] | None:
        return (files[path].encode(), False) if path in files else None

    subject = Subject(
        cluster=Cluster(slug="c", failures=tuple(failure(one) for one in targets)),
        changes=ChangeSet({path: FileChange(text.encode()) for path, text in changes.items()}),
        rootdir=top,
        top=top,
        read_base=read_base,
        red_on_base=tuple(targets),
        failures=tuple(failure(one) for one in (*targets, *others)),
    )
    probe = LocalityProbe()
    results: list[SessionResult] = []
    plan: ProbePlan | Finding | str = probe.plan(subject)
    while isinstance(plan, ProbePlan):
        for step in plan.steps:
            assert isinstance(step.task, Task)
            shutil.rmtree(top, ignore_errors=True)
            write(top, {**files, **(changes if step.has_change else {})})
            results.append(run_session(top, list(step.task.ids), vary=step.task.vary))
        plan = probe.verdict(subject, results)
    return plan, results


def list_targets(case: LocalityCase) -> list[str]:
    """List the node ids of a case's test: one function, or a method of one class."""
    function = re.findall(r"def (test_\w+)", case.test)[0]
    classes = re.findall(r"^class (Test\w+)", case.test, re.MULTILINE)
    name = "::".join(["test_m.py", *classes[:1], function])
    rows = re.findall(r'parametrize\("\w+", \[(.*?)\]\)', case.test)
    if not rows:
        return [name]
    return [f"{name}[{one.strip().strip(chr(34))}]" for one in rows[0].split(",")]
