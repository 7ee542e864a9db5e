"""The summary at the end of a run, and the lines shown while it works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core import figures
from pytest_agentfix.core.model import (
    ClusterResult,
    Drop,
    Evidence,
    FileStat,
    Landing,
    Neighbours,
    ProbeResult,
    RunResult,
    Verdict,
)
from pytest_agentfix.core.text import clean, quote_path
from pytest_agentfix.report.totals import Bug, Totals, add_up, find_bugs, known_cost

_TITLE_LIMIT: Final = 160
_ADVICE_LIMIT: Final = 1000  # a command is of no use with its middle cut out
_WIDTH: Final = 90  # columns of facts on one line
_SHOWN: Final = 3  # files, and changes left out, named before "and N more"
_SHOWN_TESTS: Final = 5  # tests not judged or excused, and kinds of their errors
_SHOWN_BROKEN: Final = 20  # the JSON report has them all
_HASH_LENGTH: Final = 7
REMARK: Final = "to be looked at"  # begins the detail of a check that passed with a remark
# Checks whose numbers a reader wants to see; for the others the name is enough.
_WITH_NUMBERS: Final = frozenset({"fail-before", "target", "pass-to-pass"})
_OPINIONS: Final = frozenset({"review"})  # told in its own words: nothing can stand up to it

# Yellow: nothing is wrong with the repair itself, somebody has to look or decide.
_YELLOW: Final = frozenset(
    {Verdict.NOT_REPRODUCED, Verdict.TEST_SUSPECT, Verdict.BUDGET, Verdict.SKIPPED}
)


@dataclass(frozen=True)
class SummaryLine:
    """One line of the summary; ``markup`` are names that pytest's ``TerminalWriter`` takes."""

    text: str
    markup: tuple[str, ...] = ()


def summary_lines(result: RunResult) -> list[SummaryLine]:
    """Return the outcome of every bug, then the run's notices and its totals.

    A bug takes two to six lines: verdict and test, the cause that several test functions share, the
    reason, what else turned green with the fix, then what changed and what it took; advice and
    things left behind follow where there are any. No line holds a control character, whatever the
    run brought back. A run without clusters and notices gives no lines.
    """
    lines = [line for each in _blocks(find_bugs(result.clusters)) for line in each]
    lines += [SummaryLine(f"note: {clean(notice)}", ("yellow",)) for notice in result.notices]
    if result.clusters:
        lines.append(_totals_line(add_up(result)))
    return lines


def _blocks(bugs: Sequence[Bug]) -> Iterator[list[SummaryLine]]:
    width = max((len(each.main.verdict.value) for each in bugs), default=0)
    for each in bugs:
        indent = " " * (width + 2)
        head = f"{each.main.verdict.value:<{width}}  {_title(each.main)}"
        rest = [SummaryLine(indent + line.text, line.markup) for line in _detail_lines(each)]
        yield [SummaryLine(head, _markup(each.main)), *rest]


def _detail_lines(bug: Bug) -> Iterator[SummaryLine]:
    result = bug.bill
    functions = len(result.cluster.functions)
    if functions > 1 and result.cluster.cause:
        yield SummaryLine(f"cause: {clean(result.cluster.cause)}, in {functions} test functions")
    if reason := _reason(result):
        yield SummaryLine(reason)
    if others := [_title(one) for one in bug.results if one is not bug.main]:
        yield SummaryLine(f"green with it: {_name_some(others, 'more')}")
    if result.verdict.is_green:
        yield from map(SummaryLine, _proof(result.probes))
    yield from map(SummaryLine, _layout(list(_outcome(result)), list(_effort(result))))
    yield from _neighbour_lines(result.neighbours, told=reason)
    if result.dropped:
        yield SummaryLine(
            "left out: " + _name_some([_dropped(drop) for drop in result.dropped], "more")
        )
    if result.landing and result.landing.advice:
        yield SummaryLine(
            f"to bring it in: {clean(result.landing.advice, limit=_ADVICE_LIMIT)}", ("bold",)
        )
    for place in result.kept:
        yield SummaryLine(f"kept: {clean(place, limit=_ADVICE_LIMIT)}")


def _neighbour_lines(neighbours: Neighbours, *, told: str) -> Iterator[SummaryLine]:
    """Name the tests that count against the change, and those of which nothing is known.

    ``told`` is the reason, which may name the former already.
    """
    names = [clean(outcome.nodeid) for outcome in neighbours.broken]
    if not all(name in told for name in names):
        yield SummaryLine(f"broken by it: {_name_some(names, 'more', shown=_SHOWN_BROKEN)}")
    for one in neighbours.excused[:_SHOWN_TESTS]:
        yield SummaryLine(f"excused: {clean(one.nodeid)} ({clean(one.reason)})")
    unjudged = neighbours.unjudged
    if not unjudged:
        return
    names = [clean(outcome.nodeid) for outcome in unjudged]
    yield SummaryLine(
        f"not judged: {len(unjudged)} of {neighbours.total} tests that passed for you fail in the "
        f"sandbox without any change: {_name_some(names, 'more', shown=_SHOWN_TESTS)}",
        ("yellow",),
    )
    for group in neighbours.groups[:_SHOWN_TESTS]:
        number = figures.count(len(group.nodeids), "test")
        advice = f"; {clean(group.advice, limit=_ADVICE_LIMIT)}" if group.advice else ""
        yield SummaryLine(f"  {number}: {clean(group.error)}{advice}", ("yellow",))


def _title(result: ClusterResult) -> str:
    title = clean(result.cluster.title, limit=_TITLE_LIMIT)
    others = len(result.cluster.targets) - 1
    return f"{title} and {others} more" if others else title


def _reason(result: ClusterResult) -> str:
    """Return the reason for the verdict; for a fix, the judge's evidence, which says more."""
    measured = [probe for probe in result.probes if probe.name in _WITH_NUMBERS]
    if result.verdict is not Verdict.FIXED or not measured:
        return clean(result.reason)
    text = "; ".join(map(_evidence, measured))
    return clean(text if result.is_green else f"held back: {text}")


def _proof(probes: Sequence[Evidence]) -> Iterator[str]:
    """Name the other checks that passed, and those that could not be made, with the reason."""
    others = [probe for probe in probes if probe.name not in _WITH_NUMBERS]
    passed = [probe for probe in others if probe.result is ProbeResult.PASSED]
    if checks := [clean(probe.name) for probe in passed if probe.name not in _OPINIONS]:
        yield f"stood up to: {', '.join(checks)}"
    missing = [probe for probe in others if probe.result is ProbeResult.NOT_APPLICABLE]
    if missing:
        yield "not applicable: " + "; ".join(
            f"{clean(probe.name)} ({clean(probe.detail)})" for probe in missing
        )
    for probe in others:
        is_opinion = probe.name in _OPINIONS and probe.result is ProbeResult.PASSED
        if is_opinion or probe.detail.startswith(REMARK):
            yield f"{clean(probe.name)}: {clean(probe.detail)}"


def _evidence(probe: Evidence) -> str:
    """Return the check's detail; a result other than passed is named as well."""
    if probe.result is ProbeResult.PASSED:
        return clean(probe.detail or probe.name)
    return clean(f"{probe.name} {probe.result.value.replace('-', ' ')}: {probe.detail}")


def _outcome(result: ClusterResult) -> Iterator[str]:
    """Yield the changed files, and the commit or patch that holds them."""
    if result.files:
        yield _name_some([_file(stat) for stat in result.files], "more files")
    if result.landing:
        yield from _places(result.landing)


def _effort(result: ClusterResult) -> Iterator[str]:
    """Yield attempts, time, tokens and money, where there are any."""
    if result.attempts:
        yield figures.count(result.attempts, "attempt")
    if result.seconds:
        yield figures.duration(result.seconds)
    if used := figures.tokens(result.tokens):
        yield used
    cost = known_cost(result)
    if cost is not None:
        yield figures.money(cost)


def _places(landing: Landing) -> Iterator[str]:
    if landing.commit is not None:
        branch = "" if landing.branch is None else f" on {clean(landing.branch)}"
        yield f"commit {clean(landing.commit)[:_HASH_LENGTH]}{branch}"
    if landing.patch is not None:
        yield f"patch {quote_path(str(landing.patch), limit=_ADVICE_LIMIT)}"


def _file(stat: FileStat) -> str:
    return f"{quote_path(stat.path)} +{stat.added} -{stat.removed}"


def _dropped(drop: Drop) -> str:
    return f"{quote_path(drop.path)} ({clean(drop.reason)})"


def _name_some(names: Sequence[str], others: str, *, shown: int = _SHOWN) -> str:
    left = len(names) - shown
    if left == 1 and others == "more files":
        others = "more file"
    text = ", ".join(names[:shown])
    return f"{text} and {left} {others}" if left > 0 else text


def _layout(outcome: Sequence[str], effort: Sequence[str]) -> list[str]:
    """Join both on one line if it is short enough, else use a line for each."""
    together = "; ".join([*outcome, *effort])
    lines = [together] if len(together) <= _WIDTH else ["; ".join(outcome), "; ".join(effort)]
    return [line for line in lines if line]


def _markup(result: ClusterResult) -> tuple[str, ...]:
    if result.is_green:
        return ("green",)
    is_for_a_person = result.verdict in _YELLOW or result.verdict.is_green
    return ("yellow",) if is_for_a_person else ("red",)


def _totals_line(totals: Totals) -> SummaryLine:
    verdicts = [
        f"{number} {verdict.value}" for verdict, number in totals.verdicts.items() if number
    ]
    counts = (
        f"{figures.count(totals.failures, 'failure')}, {figures.count(totals.clusters, 'cause')}"
    )
    if totals.bugs != totals.clusters:
        counts += f", {figures.count(totals.bugs, 'bug')}"
    parts = [f"{counts}: {', '.join(verdicts)}", figures.duration(totals.seconds)]
    if used := figures.tokens(totals.tokens):
        parts.append(used)
    if totals.cost_usd is not None:
        at_least = "" if totals.is_cost_complete else "at least "
        parts.append(at_least + figures.money(totals.cost_usd))
    return SummaryLine("; ".join(parts), ("green" if totals.is_green else "red", "bold"))
