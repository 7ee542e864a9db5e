"""The JSON report: all results of a run, for programs. ``docs/report.md`` describes it."""

from __future__ import annotations

import json
from typing import Final

from pytest_agentfix.core.model import ClusterResult, Landing, Neighbours, RunResult, Tokens
from pytest_agentfix.core.text import clean, encodable
from pytest_agentfix.report.totals import Bug, Totals, add_up, find_bugs, known_cost

VERSION: Final = 1
_TEXT_LIMIT: Final = 2000

# Anything ``json.dumps`` can write; a tighter type would need a recursive alias.
_Object = dict[str, object]


def render(result: RunResult) -> str:
    """Return a run as JSON: ASCII only, keys in a fixed order, a newline at the end.

    Names that programs compare (node ids, paths, branches) are exact, but for lone surrogates,
    which are spelled out. Prose goes through ``clean``, so that it can be printed as it is.
    """
    document: _Object = {
        "version": VERSION,
        "clusters": [_cluster(each) for each in result.clusters],
        "bugs": [_bug(each) for each in find_bugs(result.clusters)],
        "notices": [_prose(notice) for notice in result.notices],
        "totals": _totals(add_up(result)),
    }
    text = json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("\x7f", r"\u007f") + "\n"  # the one control character json leaves as it is


def _cluster(result: ClusterResult) -> _Object:
    return {
        "tests": [encodable(nodeid) for nodeid in result.cluster.targets],
        "cause": _prose(result.cluster.cause),
        "verdict": result.verdict.value,
        "reason": _prose(result.reason),
        **_landing(result.landing or Landing()),
        "attempts": result.attempts,
        "seconds": _seconds(result.seconds),
        "agent_seconds": _seconds(result.agent_seconds),
        "test_seconds": _seconds(result.test_seconds),
        "tokens": _tokens(result.tokens),
        "cost_usd": _dollars(known_cost(result)),
        **_evidence(result),
        "kept": [encodable(place) for place in result.kept],
    }


def _bug(bug: Bug) -> _Object:
    bill = bug.bill
    landing = _landing(bill.landing or Landing())
    return {
        "tests": [encodable(nodeid) for nodeid in bug.tests],
        "verdict": bill.verdict.value,
        "commit": landing["commit"],
        "patch": landing["patch"],
        "clusters": len(bug.results),
        "attempts": bill.attempts,
        "tokens": _tokens(bill.tokens),
        "cost_usd": _dollars(bill.cost_usd),
    }


def _landing(landing: Landing) -> _Object:
    return {
        "commit": _name(landing.commit),
        "branch": _name(landing.branch),
        "patch": None if landing.patch is None else _name(str(landing.patch)),
        "advice": _prose(landing.advice),
        "held_back": landing.is_held_back,
    }


def _evidence(result: ClusterResult) -> _Object:
    return {
        "files": [encodable(stat.path) for stat in result.files],
        "lines": [
            {"path": encodable(stat.path), "added": stat.added, "removed": stat.removed}
            for stat in result.files
        ],
        "dropped": [
            {"path": encodable(drop.path), "reason": _prose(drop.reason)} for drop in result.dropped
        ],
        "probes": [
            {
                "name": _prose(probe.name),
                "result": probe.result.value,
                "detail": _prose(probe.detail),
            }
            for probe in result.probes
        ],
        "neighbours": _neighbours(result.neighbours),
    }


def _neighbours(neighbours: Neighbours) -> _Object:
    return {
        "total": neighbours.total,
        "judged": neighbours.judged,
        "broken": [encodable(outcome.nodeid) for outcome in neighbours.broken],
        "excused": [
            {"test": encodable(one.nodeid), "reason": _prose(one.reason)}
            for one in neighbours.excused
        ],
        "unjudged": [
            {
                "error": _prose(group.error),
                "tests": [encodable(nodeid) for nodeid in group.nodeids],
                "advice": _prose(group.advice),
            }
            for group in neighbours.groups
        ],
    }


def _totals(totals: Totals) -> _Object:
    return {
        "failures": totals.failures,
        "clusters": totals.clusters,
        "bugs": totals.bugs,
        "held_back": totals.held_back,
        "verdicts": {verdict.value: number for verdict, number in totals.verdicts.items()},
        "attempts": totals.attempts,
        "seconds": _seconds(totals.seconds),
        "agent_seconds": _seconds(totals.agent_seconds),
        "test_seconds": _seconds(totals.test_seconds),
        "tokens": _tokens(totals.tokens),
        "cost_usd": _dollars(totals.cost_usd),
        "cost_complete": totals.is_cost_complete,
    }


def _tokens(used: Tokens) -> _Object:
    return {
        "input": used.input,
        "output": used.output,
        "cached": used.cached,
        "written": used.written,
    }


def _name(text: str | None) -> str | None:
    return None if text is None else encodable(text)


def _prose(text: str) -> str:
    return clean(text, limit=_TEXT_LIMIT)


def _seconds(value: float) -> float:
    return round(value, 3)


def _dollars(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
