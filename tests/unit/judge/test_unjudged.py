"""Tests that cannot be judged, grouped by their error."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.model import Neighbours, TestOutcome, UnjudgedGroup, Want, WantKind
from pytest_agentfix.judge.unjudged import describe_error, explain_unjudged

TEXT = """\
    def test_rates():
>       assert rates()
tests/test_rates.py:4:
E       FileNotFoundError: [Errno 2] No such file or directory: 'rates.json'
E       and more
"""
RATES = Want(WantKind.FILE, "rates.json")


def make_outcome(name: str, *, message: str = "no rates", want: Want | None = None) -> TestOutcome:
    return TestOutcome(
        nodeid=name, outcome="failed", exception="OSError", message=message, want=want
    )


def test_groups_by_error() -> None:
    unjudged = (
        make_outcome("a", message="other"),
        make_outcome("b"),
        make_outcome("c", want=RATES),
        make_outcome("d"),
    )
    found = explain_unjudged(
        Neighbours(total=9, unjudged=unjudged), lambda want: f"include {want.name}"
    )
    assert found.groups == (
        UnjudgedGroup(
            error="OSError: no rates", nodeids=("b", "c", "d"), advice="include rates.json"
        ),
        UnjudgedGroup(error="OSError: other", nodeids=("a",)),
    )
    assert found.unjudged == unjudged
    assert found.unjudged_share == pytest.approx(4 / 9)


def test_all_judged() -> None:
    assert explain_unjudged(Neighbours(total=3), lambda _: "x") == Neighbours(total=3)
    assert Neighbours().unjudged_share == 0


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (make_outcome("a"), "OSError: no rates"),
        (make_outcome("a", message=""), "OSError"),
        (
            TestOutcome(nodeid="a", outcome="failed", detail=TEXT),
            "FileNotFoundError: [Errno 2] No such file or directory: 'rates.json'",
        ),
        (TestOutcome(nodeid="a", outcome="error", detail="\n  it broke \n"), "it broke"),
        (TestOutcome(nodeid="a", outcome="missing"), "missing"),
    ],
)
def test_error_in_one_line(outcome: TestOutcome, error: str) -> None:
    assert describe_error(outcome) == error
