"""Probes that read what a pytest session in a sandbox says about a change set (pure).

Each probe is a function from sessions to a piece of evidence and the tests that are red.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pytest_agentfix.core.model import (
    Cluster,
    Evidence,
    Failure,
    Judgement,
    Phase,
    ProbeResult,
    TestOutcome,
)
from pytest_agentfix.judge.in_sandbox.signed_report import ID_LIMIT, ID_START
from pytest_agentfix.judge.sessions.run_report import CollectError, RunReport
from pytest_agentfix.judge.sessions.session_result import SessionResult

FAIL_BEFORE: Final = "fail-before"
TARGET: Final = "target"
PASS_TO_PASS: Final = "pass-to-pass"  # noqa: S105 - a probe, no password

MOST_NAMES: Final = 5  # of tests in one line of evidence
RED: Final = frozenset({"failed", "error"})
_OUTCOMES: Final = {
    "passed": "passed",
    "failed": "failed",
    "error": "ended in an error",
    "missing": "was not run",
    "skipped": "was skipped",
    "xfailed": "was expected to fail",
    "xpassed": "passed unexpectedly",
}

_MODULE: Final = re.compile(r"No module named '([^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A probe's result and the tests it found red.

    With ``is_refusing`` a failure means that the change pretends. ``missing`` and ``unfit``: see
    ``ports.Reproduction``.
    """

    evidence: Evidence
    red: tuple[TestOutcome, ...] = ()
    is_refusing: bool = False
    missing: str = ""
    unfit: tuple[str, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Tell whether the probe speaks against the change."""
        return self.evidence.result is ProbeResult.FAILED

    @classmethod
    def passed(cls, name: str, detail: str, *, red: tuple[TestOutcome, ...] = ()) -> Finding:
        """Return what a probe finds that has nothing against the change."""
        return cls(evidence=Evidence(name, ProbeResult.PASSED, detail), red=red)

    @classmethod
    def failed(
        cls,
        name: str,
        detail: str,
        *,
        red: tuple[TestOutcome, ...] = (),
        missing: str = "",
        unfit: tuple[str, ...] = (),
    ) -> Finding:
        """Return what a probe finds that speaks against the change."""
        evidence = Evidence(name, ProbeResult.FAILED, detail)
        return cls(evidence=evidence, red=red, missing=missing, unfit=unfit)

    @classmethod
    def impossible(cls, name: str, reason: str) -> Finding:
        """Return the finding of a probe that does not apply."""
        detail = reason or "there is nothing it applies to"
        return cls(evidence=Evidence(name, ProbeResult.NOT_APPLICABLE, detail))


def make_judgement(findings: Sequence[Finding]) -> Judgement:
    """Combine all findings into a judgement."""
    failed = [finding for finding in findings if finding.has_failed]
    return Judgement(
        probes=tuple(finding.evidence for finding in findings),
        red=tuple(outcome for finding in failed for outcome in finding.red),
        is_refused=any(finding.is_refusing for finding in failed),
    )


NOTHING_ELSE_PASSED: Final = Finding.impossible(PASS_TO_PASS, "nothing else passed before")


def probe_fail_before(cluster: Cluster, run: SessionResult, *, is_on_top: bool = False) -> Finding:
    """Check that the targets fail without any change, and as they did for the user.

    With ``is_on_top`` the base holds other fixes of this run, and every target that does not pass
    is red: a fix that gets a test skipped, or a module collected whose tests fail, repaired
    nothing.
    """
    report, targets = run.report, cluster.targets
    outcomes = list_outcomes(cluster, targets, report)
    if is_on_top:
        red = tuple(_find_unpassed(cluster, report))
    else:  # the items of a collector do not count: in the user's run they never started
        red = tuple(o for o in outcomes if o.outcome in ("failed", "error") and o.nodeid in targets)
    reasons = {target: _find_missing(cluster, target, report) for target in targets}
    unfit = tuple(target for target, reason in reasons.items() if reason)
    missing = reasons[unfit[0]] if unfit else ""
    if missing:
        detail = f"cannot be run in the sandbox: {missing}"
    elif red:
        detail = f"{summarise(outcomes)} without the change"
        return Finding.passed(FAIL_BEFORE, detail, red=red)
    else:
        detail = f"{summarise(outcomes)} in the sandbox without any change"
    return Finding.failed(FAIL_BEFORE, detail, red=red, missing=missing, unfit=unfit)


def probe_targets(cluster: Cluster, run: SessionResult, *, withheld: Sequence[str] = ()) -> Finding:
    """Check that every target passes now; a skip or an expected failure is not a pass.

    Withheld targets have a probe of their own (``probes/hold_out.py``).
    """
    shown = [target for target in cluster.targets if target not in withheld]
    outcomes = list_outcomes(cluster, shown, run.report)
    red = tuple(outcome for outcome in outcomes if not outcome.is_passed)
    if run.trouble:
        return fail_untrusted(TARGET, run, red or outcomes)
    if red:
        return Finding.failed(TARGET, f"{summarise(red)} with the change", red=red)
    return Finding.passed(TARGET, f"{count_tests(len(shown))} passed with the change")


def has_red(ids: Iterable[str], run: SessionResult) -> bool:
    """Return whether anything in this session of a regression run is not green."""
    return bool(run.trouble) or not all(run.report.outcome_below(i).is_passed for i in ids)


def fail_untrusted(name: str, run: SessionResult, outcomes: Sequence[TestOutcome]) -> Finding:
    """Fail a session that cannot be trusted: nothing in it counts as green."""
    explanation = f"{run.trouble}\n{run.last_words}"
    red = tuple(
        TestOutcome(
            nodeid=outcome.nodeid,
            outcome="error" if outcome.is_passed else outcome.outcome,
            detail=outcome.detail or explanation,
        )
        for outcome in outcomes
    )
    return Finding.failed(name, run.trouble, red=red)


def outcomes_of(cluster: Cluster, target: str, report: RunReport) -> Sequence[TestOutcome]:
    """Return an item's outcome; of a collector its error, its red items, or one for all of it."""
    if _find_collect_failure(cluster, target) is None:
        return (report.outcome_of(target),)
    errors = report.errors_in(target) or _as_tuple(report.error_above(target))
    if errors:
        return (errors[0].as_outcome(target),)
    items = report.items_below(target)
    red = [item for item in items if item.outcome in ("failed", "error", "missing")]
    if red:
        return red
    if not items:
        return (TestOutcome(nodeid=target, outcome="missing", detail="It holds no tests."),)
    if not any(item.is_passed for item in items):
        return (TestOutcome(nodeid=target, outcome="skipped", detail="None of its tests passed."),)
    return (TestOutcome(nodeid=target, outcome="passed"),)


def list_outcomes(
    cluster: Cluster, targets: Iterable[str], report: RunReport
) -> tuple[TestOutcome, ...]:
    """Return the outcomes of several targets, one after the other."""
    return tuple(one for target in targets for one in outcomes_of(cluster, target, report))


def _find_unpassed(cluster: Cluster, report: RunReport) -> Iterator[TestOutcome]:
    """List the targets that do not pass, a collector with its first item that does not."""
    for target in cluster.targets:
        outcomes = outcomes_of(cluster, target, report)
        first = next((outcome for outcome in outcomes if not outcome.is_passed), None)
        if first is not None:
            yield replace(first, nodeid=target)


def _find_missing(cluster: Cluster, target: str, report: RunReport) -> str:
    """Explain why a target that the user's run collected is not collected in the sandbox."""
    failure = _find_collect_failure(cluster, target)
    error = report.error_above(target)
    if failure is not None:
        return error.summary if error and not _is_same_error(failure, error) else ""
    if report.outcome_of(target).outcome != "missing" or target in report.collected:
        return ""
    if len(target) > ID_LIMIT:
        return f"its node id is longer than {ID_LIMIT:,} characters: {target[:ID_START]}…"
    return error.summary if error else f"{target} is not collected"


def _is_same_error(failure: Failure, error: CollectError) -> bool:
    """Return whether a collection error is the user's: same type, and no other missing module."""
    wanted = failure.exception.rpartition(".")[2]
    if wanted not in ("", "CollectError", error.exception):
        return False
    module = _MODULE.search(error.message)
    return module is None or module.group() in f"{failure.message}\n{failure.traceback}"


def _find_collect_failure(cluster: Cluster, target: str) -> Failure | None:
    return next(
        (f for f in cluster.failures if f.nodeid == target and f.phase is Phase.COLLECT), None
    )


def _as_tuple(error: CollectError | None) -> tuple[CollectError, ...]:
    return () if error is None else (error,)


def summarise(outcomes: Sequence[TestOutcome]) -> str:
    """Count outcomes in words, such as ``2 failed, 1 skipped``."""
    words = [outcome.outcome for outcome in outcomes]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


def count_tests(number: int) -> str:
    """Return ``1 test`` or ``N tests``."""
    return "1 test" if number == 1 else f"{number} tests"


def name_tests(names: Sequence[str]) -> str:
    """Return the first names, separated by commas, and the number of the others."""
    left = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {left} more" if left > 0 else shown


def describe_outcome(outcome: TestOutcome) -> str:
    """Return the end of a test as the end of a sentence."""
    return _OUTCOMES[outcome.outcome]


def describe_gap(impossible: Mapping[str, str]) -> str:
    """Say for how many targets there was no such probe, and why."""
    if not impossible:
        return ""
    first = next(iter(impossible.values()))
    return f"; not applicable to {count_tests(len(impossible))}: {first}"
