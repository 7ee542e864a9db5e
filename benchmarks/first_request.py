"""Seconds from the end of the suite's last test to the first request at the model.

For a failure that came some seconds before the end (a repair can be prepared in that time), and for
one that is the last test. Requests without tools, for titles and the like, do not count. A negative
figure: the model was asked before the suite had ended. The plain suite's wall clock stands beside
it, with the ratio of the two.

    python benchmarks/first_request.py [--rounds N] [--tail SECONDS]
"""

from __future__ import annotations

from typing import Any

from figures import make_parser, middle, show, tell
from kit import make_project
from suites import Suite, make_early, make_last
from timed_model import KnownBugs, TimedModel

GOALS = {"early": 0.5, "last": 5.0}  # seconds


def measure(suite: Suite, rounds: int) -> dict[str, Any]:
    """Return the medians of ``rounds`` runs, and of plain pytest between them."""
    waits, plain = [], []
    for number in range(rounds):
        tell(f"{suite.name}, round {number + 1}")
        with make_project(suite.files) as project:
            plain.append(project.run_plainly().expect(1).seconds)
            with TimedModel(KnownBugs(project.path, suite.bugs)) as model:
                done = project.run_ours(model.url)
            done.expect(0)
            waits.append(model.work[0].at - project.read_clock())
    goal = GOALS[suite.name]
    return {
        "failure": suite.name,
        "seconds_to_request": middle(waits),
        "worst_seconds": round(max(waits), 3),
        "plain_pytest_seconds": middle(plain),
        "ratio_to_plain": middle(wait / run for wait, run in zip(waits, plain, strict=True)),
        "goal": goal,
        "is_met": middle(waits) < goal,
        "single_rounds": waits,
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=5)
    parser.add_argument("--tail", type=float, default=6.5, help="seconds after the early failure")
    given = parser.parse_args()
    if given.quick:
        given.rounds = 1
    suites = [make_early(given.tail), make_last()]
    show("first_request", [measure(suite, given.rounds) for suite in suites], given)


if __name__ == "__main__":
    main()
