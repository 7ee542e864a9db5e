"""What the plugin costs a green suite: installed and off, and on with nothing to repair.

The same 10,000 trivial tests run in pairs, with the plugin and with ``-p no:agentfix``, who goes
first changing from pair to pair. Compared is the median of the pairs' ratios, of wall clock and of
processor time, because machines are shared and noisy.

    python benchmarks/off.py [--tests N] [--rounds N]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from figures import make_parser, middle, show, tell
from growth import make_trivial
from kit import PYTEST, Done, Project, make_project
from timed_model import Knowing, TimedModel

OFF_GOAL = 1.01
ON_GOAL, ON_SECONDS = 1.02, 1.0  # at most so many times, plus so many seconds


def run_off(project: Project) -> Done:
    """A plain ``pytest`` with the plugin installed."""
    return project.run(*PYTEST)


def run_on(project: Project) -> Done:
    """``pytest --agent-fix`` with all it checks beforehand; the model is never asked."""
    with TimedModel(Knowing(project.path, [])) as model:
        done = project.run_ours(model.url)
        if model.arrivals:
            raise SystemExit("the model was asked although nothing failed")
    return done


def measure(
    name: str, run: Callable[[Project], Done], project: Project, rounds: int
) -> dict[str, Any]:
    """The pairs of one way to run, against ``-p no:agentfix``."""
    pairs: list[tuple[Done, Done]] = []
    for number in range(rounds):
        tell(f"{name}, pair {number + 1}")
        if number % 2:
            mine = run(project).expect(0)
            plain = project.run_plainly().expect(0)
        else:
            plain = project.run_plainly().expect(0)
            mine = run(project).expect(0)
        pairs.append((mine, plain))
    spare = ON_SECONDS if name == "on" else 0.0
    goal = ON_GOAL if name == "on" else OFF_GOAL
    wall = middle((mine.seconds - spare) / plain.seconds for mine, plain in pairs)
    cpu = middle((mine.cpu_seconds - spare) / plain.cpu_seconds for mine, plain in pairs)
    return {
        "plugin": name,
        "seconds": middle(mine.seconds for mine, _ in pairs),
        "plain_seconds": middle(plain.seconds for _, plain in pairs),
        "spare_seconds": spare,
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
    with make_project(make_trivial(given.tests, "test")) as project:
        for run in (Project.run_plainly, run_off, run_on):
            run(project).expect(0)  # bytecode is written, the engine's image is there
        rows = [
            measure("off", run_off, project, given.rounds),
            measure("on", run_on, project, given.rounds),
        ]
    show("off", rows, given)


if __name__ == "__main__":
    main()
