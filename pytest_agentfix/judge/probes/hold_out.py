"""The hold-out probe: inputs and tests that the agent was not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_agentfix.core.model import TestOutcome
from pytest_agentfix.judge.findings import Finding, count_tests, describe_outcome

HOLD_OUT: Final = "hold-out"


def probe_hold_out(
    withheld: Sequence[TestOutcome], *, note: str, covering: Sequence[str], problem: str
) -> Finding:
    """Check inputs the agent was not shown.

    ``withheld`` are the outcomes of the targets' cases that were kept from the agent, ``note`` says
    why there are none or no more. ``covering`` are other tests that run the changed lines;
    ``problem`` says why these are not known.
    """
    red = tuple(outcome for outcome in withheld if not outcome.is_passed)
    if red:
        detail = f"{len(red)} of {len(withheld)} withheld cases {describe_outcome(red[0])}"
        return Finding.failed(HOLD_OUT, detail, red=red)
    said = []
    if withheld:
        cases = "1 withheld case" if len(withheld) == 1 else f"{len(withheld)} withheld cases"
        said.append(f"{cases} passed" + (f" ({note})" if note else ""))
    if covering:
        verbs = ("was", "runs") if len(covering) == 1 else ("were", "run")
        number = count_tests(len(covering))
        said.append(f"{number} that {verbs[0]} not shown {verbs[1]} the changed lines")
    if said:
        return Finding.passed(HOLD_OUT, "; ".join(said))
    reasons = [note, problem or "no other test that passed before runs the changed lines"]
    return Finding.impossible(HOLD_OUT, "; ".join(filter(None, reasons)))
