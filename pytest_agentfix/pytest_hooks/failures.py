"""Turn pytest's reports into failures and passed tests, and select the failures to repair."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Failure, Frame, InstalledCopy, ItemKind, Phase
from pytest_agentfix.judge.in_sandbox.exception_facts import FrameFacts
from pytest_agentfix.pytest_hooks.imported import IMPORTED
from pytest_agentfix.pytest_hooks.installed_copies import CopyFacts
from pytest_agentfix.pytest_hooks.items import FACTS, Facts
from pytest_agentfix.pytest_hooks.markers import load_policy

TEXT_LIMIT = 200_000  # characters kept of a traceback, and of captured output
_LINE_LIMIT = 500
# xdist says which worker it was: no part of the failure.
_XDIST_HEAD = re.compile(r"\A\[gw\d+\] .*\n\n?")
_BITS = {"setup": 1, "call": 2, "teardown": 4}  # of the phases that passed
_ALL_PHASES = 7


class FailureCollector:
    """All reports of a run, those of xdist's workers too, in the order they come."""

    def __init__(self, rootdir: Path, *, is_loadgroup: bool = False) -> None:
        self._rootdir = rootdir
        self._is_loadgroup = is_loadgroup
        self._failures: list[Failure] = []
        self._failed: Counter[str] = Counter()
        self._passed_phases: dict[str, int] = {}  # node id -> bits
        self._places: dict[tuple[str, int, str], Frame] = {}  # thousands of failures share few
        self._not_passed: set[str] = set()
        self._slowest_setup = 0.0  # seconds; of fixtures that a test run by itself has to set up
        self.imported: set[str] = set()  # files, as far as xdist's workers have told

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The failures, one per failed phase."""
        return tuple(self._failures)

    @property
    def failed(self) -> frozenset[str]:
        """The node ids with at least one failure."""
        return frozenset(self._failed)

    @property
    def passed(self) -> tuple[str, ...]:
        """The node ids whose set-up, call and tear-down passed; a skip or xfail is no pass."""
        return tuple(
            nodeid
            for nodeid, phases in self._passed_phases.items()
            if phases == _ALL_PHASES and nodeid not in self._not_passed
        )

    @property
    def has_run(self) -> bool:
        """Tell whether any test was run at all."""
        return bool(self._passed_phases or self._not_passed)

    def count_reports(self, nodeids: Collection[str]) -> int:
        """Count the failed reports of these tests; one test may fail in call and tear-down."""
        return sum(self._failed[nodeid] for nodeid in nodeids)

    def add_test_report(self, report: pytest.TestReport) -> None:
        """Take note of one phase of one test."""
        # Three times for every test of the suite: what is usual comes first.
        nodeid = self.strip_group(report.nodeid) if self._is_loadgroup else report.nodeid
        outcome = report.outcome
        if hasattr(report, "wasxfail"):
            if outcome in ("passed", "skipped"):
                self._not_passed.add(nodeid)
        elif outcome == "passed":
            if report.when == "setup" and report.duration > self._slowest_setup:
                self._slowest_setup = report.duration
            phases = self._passed_phases
            phases[nodeid] = phases.get(nodeid, 0) | _BITS.get(report.when, 0)
        elif outcome == "failed":
            self._not_passed.add(nodeid)
            self._failed[nodeid] += 1
            self._failures.append(self._make_failure(nodeid, report))
        elif outcome == "skipped":  # "rerun": pytest-rerunfailures goes on
            self._not_passed.add(nodeid)

    def add_collect_report(self, report: pytest.CollectReport) -> None:
        """Take note of a collector that failed; each xdist worker may report it."""
        if not report.failed:
            return
        self._failed[report.nodeid] += 1
        if self._failed[report.nodeid] == 1:
            self._failures.append(self._make_failure(report.nodeid, report))

    def strip_group(self, nodeid: str) -> str:
        """Restore the node id as the user knows it: ``--dist loadgroup`` appends ``@group``."""
        at = nodeid.rfind("@")
        has_group = self._is_loadgroup and at > nodeid.rfind("]")
        return nodeid[:at] if has_group and at > 0 else nodeid

    def _make_failure(
        self, nodeid: str, report: pytest.TestReport | pytest.CollectReport
    ) -> Failure:
        facts: Facts | None = getattr(report, FACTS, None)
        self.imported.update(getattr(report, IMPORTED, ()))
        traceback = _XDIST_HEAD.sub("", report.longreprtext).strip()
        phase = _find_phase(report)
        return Failure(
            nodeid=nodeid,
            phase=phase,
            kind=ItemKind(facts["kind"]) if facts else _guess_kind(phase),
            path=Path(facts["path"]) if facts else self._rootdir / nodeid.partition("::")[0],
            line=facts["line"] if facts else None,
            exception=facts["exception"] if facts else "",
            message=(facts["message"] if facts else "") or _find_telling_line(traceback),
            traceback=cut_text(traceback),
            output=cut_text(_join_sections(report)),
            policy=load_policy(facts["policy"]) if facts else None,
            case=facts["case"] if facts else {},
            frames=self._make_frames(facts["frames"]) if facts else (),
            fixture=facts["fixture"] if facts else "",
            missing=facts["missing"] if facts else "",
            seconds=self._find_seconds(report),
            installed=self._make_copy(facts["installed"]) if facts else None,
            test_edit=facts["test_edit"] if facts else "",
            chosen=facts["chosen"] if facts else {},
        )

    def _make_copy(self, facts: CopyFacts | None) -> InstalledCopy | None:
        if facts is None:
            return None
        return InstalledCopy(
            distribution=facts["distribution"],
            folder=Path(facts["folder"]),
            file=Path(facts["file"]),
            source=Path(facts["source"]),
            project=Path(facts["project"]),
            own=tuple(map(Path, facts["own"])),
            is_editable=facts["is_editable"],
        )

    def _find_seconds(self, report: pytest.TestReport | pytest.CollectReport) -> float | None:
        if not isinstance(report, pytest.TestReport):
            return None
        return report.duration + self._slowest_setup

    def _make_frames(self, facts: Iterable[FrameFacts]) -> tuple[Frame, ...]:
        return tuple(self._make_frame(*each) for each in facts)

    def _make_frame(self, path: str, line: int, function: str) -> Frame:
        key = (path, line, function)
        if key not in self._places:
            self._places[key] = Frame(Path(path), line, function)
        return self._places[key]


def cut_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """Cut the middle out of ``text`` when it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def _find_phase(report: pytest.TestReport | pytest.CollectReport) -> Phase:
    try:
        return Phase(report.when)
    except ValueError:  # xdist's report of a crashed worker has "???"
        return Phase.CALL


def _guess_kind(phase: Phase) -> ItemKind:
    return ItemKind.COLLECTOR if phase is Phase.COLLECT else ItemKind.OTHER


def _find_telling_line(traceback: str) -> str:
    """Return the line that raised, as pytest marks it; else the error's, else the first one.

    It stands in for the message of an exception that has none, such as a bare ``assert``.
    """
    lines = [line for line in traceback.splitlines() if line.strip()]
    for mark in (">", "E "):
        marked = [line for line in lines if line.startswith(mark)]
        if marked:
            return marked[-1].removeprefix(mark).strip()[:_LINE_LIMIT]
    is_native = traceback.startswith("Traceback (")
    return lines[-1 if is_native else 0].strip()[:_LINE_LIMIT] if lines else ""


def _join_sections(report: pytest.TestReport | pytest.CollectReport) -> str:
    return "\n".join(f"--- {title} ---\n{content}" for title, content in report.sections)


def select_failures(
    failures: Sequence[Failure],
    select: str,
    *,
    decide: Callable[[Failure], bool | None] = lambda _: None,
) -> tuple[Failure, ...]:
    """Return the failures to repair: all or the marked ones, none with ``enabled=False``.

    ``decide`` beats both where it does not return ``None``.
    """

    def is_selected(failure: Failure) -> bool:
        decided = decide(failure)
        if decided is not None:
            return decided
        return select == "all" if failure.policy is None else failure.policy.enabled

    return tuple(filter(is_selected, failures))


def describe_left_out(failures: Sequence[Failure], selected: Sequence[Failure]) -> tuple[str, ...]:
    """Return a notice about the tests that were not selected; none when all were."""
    left_out = {failure.nodeid for failure in failures} - {failure.nodeid for failure in selected}
    if not left_out:
        return ()
    count = f"{len(left_out)} failing test{'s were' if len(left_out) > 1 else ' was'}"
    return (f"{count} left alone, as --agent-fix-select, the agent_fix marker or a hook says",)
