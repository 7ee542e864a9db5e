"""Group the tests that cannot be judged by what keeps them from passing in a sandbox (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pytest_agentfix.core.model import Neighbours, TestOutcome, UnjudgedGroup, Want

_ERROR_MARK: Final = "E  "  # begins the lines of pytest's text that tell of the exception
_LIMIT: Final = 500  # characters of an error


def explain_unjudged(neighbours: Neighbours, advise: Callable[[Want], str]) -> Neighbours:
    """Return ``neighbours`` with its unjudged tests in groups, the largest first.

    ``advise`` tells what would bring something into sandboxes that they lack.
    """
    by_error: dict[str, list[TestOutcome]] = {}
    for outcome in neighbours.unjudged:
        by_error.setdefault(describe_error(outcome), []).append(outcome)
    groups = [
        UnjudgedGroup(
            error=error,
            nodeids=tuple(outcome.nodeid for outcome in outcomes),
            advice=next((advise(one.want) for one in outcomes if one.want is not None), ""),
        )
        for error, outcomes in by_error.items()
    ]
    groups.sort(key=lambda group: -len(group.nodeids))
    return replace(neighbours, groups=tuple(groups))


def describe_error(outcome: TestOutcome) -> str:
    """Return the error of a red test in one line."""
    if outcome.exception:
        text = ": ".join(filter(None, (outcome.exception, outcome.message)))
    else:
        lines = [line.strip() for line in outcome.detail.splitlines() if line.strip()]
        errors = [line[1:].strip() for line in lines if line.startswith(_ERROR_MARK)]
        text = (errors or lines or [outcome.outcome])[0]
    return text[:_LIMIT]
