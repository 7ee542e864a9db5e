"""The limits of sessions of a cluster's targets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_agentfix.judge.time_limits import limit_on_base, limit_with_change
from tests.kits.judge_project import cluster, failure


@pytest.mark.parametrize(
    ("seconds", "on_base", "with_change"),
    [
        ((None,), 300.0, 300.0),
        ((1.0, None), 300.0, 300.0),
        ((0.0,), 60.0, 60.0),
        ((3.0,), 75.0, 90.0),
        ((1.0, 2.0), 75.0, 90.0),
        ((100.0,), 300.0, 300.0),
    ],
)
def test_limits(seconds: tuple[float | None, ...], on_base: float, with_change: float) -> None:
    made = cluster(*(replace(failure(f"t.py::t{n}"), seconds=one) for n, one in enumerate(seconds)))
    assert limit_on_base(made, longest=300.0) == on_base
    assert limit_with_change(made, 0.0, longest=300.0) == with_change


def test_what_it_took_in_the_sandbox_counts_too() -> None:
    made = cluster(replace(failure("t.py::t"), seconds=0.5))
    assert limit_with_change(made, 9.0, longest=300.0) == 150.0
