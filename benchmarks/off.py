"""The cost of the plugin for a green suite: off, and on with nothing to repair.

The same 10,000 trivial tests run in pairs, with the plugin and with ``-p no:agentfix``, in an order
that changes from pair to pair. The result is the median of the pairs' ratios, of wall clock and of
processor time, because machines are shared and noisy. The cost of a mere start is measured with ten
tests: so small a difference drowns in the noise of ten thousand.

    python benchmarks/off.py [--tests N] [--rounds N]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from figures import make_parser, middle, show, tell
from growth import make_trivial
from kit import PYTEST, Done, Project, make_project
from timed_model import KnownBugs, TimedModel

OFF_GOAL = 1.01
STARTS, FEW = 4, 10  # starts for each pair, of a suite with a few tests
Pair = tuple[Done, Done]  # with the plugin and without
ON_GOAL, ON_SECONDS = 1.02, 1.0  # at most so many times, plus so many seconds


def run_off(project: Project) -> Done:
    """Run a plain ``pytest`` with the plugin installed."""
    return project.run(*PYTEST)


def run_on(project: Project) -> Done:
    """Run ``pytest --agent-fix`` with all its checks; the model is never asked."""
    with TimedModel(KnownBugs(project.path, [])) as model:
        done = project.run_ours(model.url)
        if model.arrivals:
            raise SystemExit("the model was asked although nothing failed")
    return done


def take_pairs(run: Callable[[Project], Done], project: Project, rounds: int) -> list[Pair]:
    """Run ``rounds`` pairs, with the plugin and without; the order changes each time."""
    pairs: list[Pair] = []
    for number in range(rounds):
        if number % 2:
            mine = run(project).expect(0)
            plain = project.run_plainly().expect(0)
        else:
            plain = project.run_plainly().expect(0)
            mine = run(project).expect(0)
        pairs.append((mine, plain))
    return pairs


def measure(
    name: str, run: Callable[[Project], Done], project: Project, small: Project, rounds: int
) -> dict[str, Any]:
    """Measure ``run`` against ``-p no:agentfix``; ``small`` shows the cost of a mere start."""
    tell(f"{name}, {STARTS * rounds} starts")
    starts = take_pairs(run, small, STARTS * rounds)
    tell(f"{name}, {rounds} pairs")
    pairs = take_pairs(run, project, rounds)
    spare = ON_SECONDS if name == "on" else 0.0
    goal = ON_GOAL if name == "on" else OFF_GOAL
    wall = middle((mine.seconds - spare) / plain.seconds for mine, plain in pairs)
    cpu = middle((mine.cpu_seconds - spare) / plain.cpu_seconds for mine, plain in pairs)
    return {
        "plugin": name,
        "seconds": middle(mine.seconds for mine, _ in pairs),
        "plain_seconds": middle(plain.seconds for _, plain in pairs),
        "spare_seconds": spare,
        "start_seconds": middle(mine.seconds - plain.seconds for mine, plain in starts),
        "wall_ratio": wall,
        "cpu_seconds": middle(mine.cpu_seconds for mine, _ in pairs),
        "plain_cpu_seconds": middle(plain.cpu_seconds for _, plain in pairs),
        "cpu_ratio": cpu,
        "more_megabytes": middle(
            mine.peak_megabytes - plain.peak_megabytes for mine, plain in pairs
        ),
        "goal": goal,
        "is_met": wall <= goal,
        "cpu_is_met": cpu <= goal,
        "single_rounds": [
            [mine.seconds, plain.seconds, mine.cpu_seconds, plain.cpu_seconds]
            for mine, plain in pairs
        ],
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=10)
    parser.add_argument("--tests", type=int, default=10_000)
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.tests = 2, 500
    with (
        make_project(make_trivial(given.tests, "test")) as project,
        make_project(make_trivial(FEW, "test")) as small,
    ):
        for run in (Project.run_plainly, run_off, run_on):
            for each in (project, small):
                run(each).expect(0)  # bytecode is written, the engine's image is there
        rows = [
            measure("off", run_off, project, small, given.rounds),
            measure("on", run_on, project, small, given.rounds),
        ]
    show("off", rows, given)


if __name__ == "__main__":
    main()
