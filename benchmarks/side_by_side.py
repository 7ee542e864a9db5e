"""Causes repaired side by side: the same red suite with ``--agent-fix-jobs`` 1, 2, 4 and 8.

Eight modules have one bug each, and the model takes seconds for an answer, so that jobs can wait
side by side; more jobs bring no more computing power. ``speed`` is the time with
the first of the jobs given over the time with so many: of the repair (``totals.seconds`` of the
report), and of the whole run.

    python benchmarks/side_by_side.py [--delay SECONDS ...] [--jobs N ...] [--rounds N]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from figures import make_parser, middle, show, tell
from kit import make_project
from timed_model import Bug, KnownBugs, TimedModel

GOAL = {8: 6.0}  # jobs -> at least so many times as fast
# The wrong line, and the right one.
LINES = (
    ("return left - right", "return left + right"),
    ("return left + right + 1", "return left + right - 1"),
    ("return left * right", "return left * left + right"),
    ("return max(left, right)", "return min(left, right)"),
    ("return left // right", "return left / right"),
    ("return [right, left]", "return [left, right]"),
    ("return left > right", "return left < right"),
    ("return str(left)", "return str(left) + str(right)"),
)


def make_files(count: int) -> tuple[dict[str, str], list[Bug]]:
    """Make ``count`` modules with one bug each, and a test for each."""
    files, bugs = {}, []
    for number, (wrong, right) in enumerate(LINES[:count]):
        name = f"compute_{number}"
        start = f"def {name}(left, right):\n    "
        space: dict[str, Any] = {}
        exec(start + right, space)  # of this file
        expected = [(pair, space[name](*pair)) for pair in ((2, 3), (9, 4), (1, 7))]
        files[f"part_{number}.py"] = f"{start}{wrong}\n"
        files[f"test_part_{number}.py"] = (
            f"from part_{number} import {name}\n\n\ndef test_{name}():\n"
            + "".join(f"    assert {name}{pair} == {result!r}\n" for pair, result in expected)
        )
        bugs.append(Bug(file=f"part_{number}.py", test=f"test_{name}", old=wrong, new=right))
    return files, bugs


def repair(clusters: int, delay: float, jobs: int) -> dict[str, float]:
    """Time one run with ``jobs`` causes at once; end the benchmark unless all is green."""
    files, bugs = make_files(clusters)
    with make_project(files) as project:
        with TimedModel(KnownBugs(project.path, bugs), delay=delay) as model:
            done = project.run_ours(
                model.url, f"--agent-fix-jobs={jobs}", f"--agent-fix-max-clusters={clusters}"
            )
        done.expect(0)
    return {"repair": done.report["totals"]["seconds"], "run": done.seconds}


def measure(delay: float, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all numbers of jobs in turn, forwards and backwards from round to round."""
    found: dict[int, list[dict[str, float]]] = {jobs: [] for jobs in given.jobs}
    for number in range(given.rounds):
        for jobs in given.jobs[:: -1 if number % 2 else 1]:
            tell(f"{jobs} jobs, {delay:g} s per answer, round {number + 1}")
            found[jobs].append(repair(given.clusters, delay, jobs))
    return [_compare(delay, jobs, found[given.jobs[0]], found[jobs]) for jobs in given.jobs]


def _compare(
    delay: float, jobs: int, one: Sequence[dict[str, float]], many: Sequence[dict[str, float]]
) -> dict[str, Any]:
    speed = {
        part: middle(a[part] / b[part] for a, b in zip(one, many, strict=True))
        for part in ("repair", "run")
    }
    goal = GOAL.get(jobs)
    return {
        "delay": delay,
        "jobs": jobs,
        "repair_seconds": middle(row["repair"] for row in many),
        "run_seconds": middle(row["run"] for row in many),
        "repair_speed": speed["repair"],
        "run_speed": speed["run"],
        "goal": goal,
        "is_met": None if goal is None else min(speed.values()) >= goal,
        "single_rounds": list(many),
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=3, delays=(5,))
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--clusters", type=int, default=len(LINES), help="at most 8")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.clusters, given.jobs = 1, 2, [1, 2]
        given.delay = given.delay or [1.0]
    delays = given.delay or given.delays
    show("side_by_side", [row for delay in delays for row in measure(delay, given)], given)


if __name__ == "__main__":
    main()
