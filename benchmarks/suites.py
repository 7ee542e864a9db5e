"""A red suite repaired by ``pytest --agent-fix``, against the same repaired by hand.

By hand is a shell loop: pytest, then for each failing test a plain ``docker run ... opencode run``,
pytest again, ``git commit``. Four suites: one failure that is the last test; the same after a run
of plain pytest, whose cache knows it; one that came some seconds before the end; and 40 bugs that
redden 187 tests. Both sides are timed from the start of pytest, ours until it has ended, the loop
until its last commit; ``after_`` is the part of it after the suite's last test. The goal is stated
for a loop that works through its whole list: a session for a test that is green by then finds
nothing to do. ``skipping_ratio`` compares with a cleverer loop that begins no such session.
``processor_seconds`` are those of the whole machine for each bug, so other work counts too; the
model's are taken off.

    python benchmarks/suites.py [--delay SECONDS ...] [--suite last|known|early|many ...] [--full]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from by_hand import HandRun, loop_by_hand
from figures import make_parser, middle, show, tell
from kit import CLOCK_CONFTEST, Done, find_binary, make_project
from many_bugs import make_red_suite
from timed_model import Bug, KnownBugs, TimedModel

BUG = Bug(
    file="calc.py", test="test_add", old="    return left - right", new="    return left + right"
)
CALC = f"def add(left, right):\n{BUG.old}\n\n\ndef keep(value):\n    return value\n"
FAILING = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
PASSING = "from calc import keep\n\n\n"
NAP = 0.25  # seconds of a test that only takes time
SESSIONS_GOAL = 44


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A project, what is wrong in it, and the goal: ours over by hand."""

    name: str
    files: Mapping[str, str]
    bugs: Sequence[Bug]
    goals: Mapping[float, float]  # by the model's seconds for an answer
    is_known: bool = False  # a plain run has failed before, which pytest's cache knows


def make_last(tests: int = 20) -> Suite:
    """Make a suite whose one failure is its last test."""
    passing = "\n\n".join(
        f"def test_keep_{n}():\n    assert keep({n}) == {n}\n" for n in range(tests)
    )
    files = {"calc.py": CALC, "test_a_keep.py": PASSING + passing, "test_b_add.py": FAILING}
    goals = {0: 1.25, 1: 1.1, 5: 1.0}
    return Suite(name="last", files=_with_clock(files), bugs=[BUG], goals=goals)


def make_known() -> Suite:
    """Make the same suite, which plain pytest has run before."""
    return replace(make_last(), name="known", goals={0: 1.0, 1: 0.95, 5: 0.9}, is_known=True)


def make_early(tail: float) -> Suite:
    """Make a suite that fails first, then sleeps in other tests for ``tail`` seconds."""
    naps = "\n\n".join(
        f"def test_nap_{n}():\n    time.sleep({NAP})\n" for n in range(round(tail / NAP))
    )
    files = {"calc.py": CALC, "test_a_add.py": FAILING, "test_b_nap.py": "import time\n\n\n" + naps}
    return Suite(
        name="early", files=_with_clock(files), bugs=[BUG], goals=dict.fromkeys((0, 1, 5), 0.75)
    )


def make_many(functions: int) -> Suite:
    """Make a suite of many functions with one wrong line and several failing cases each."""
    red = make_red_suite(functions)
    goals = {0: 0.18, 1: 0.12, 5: 0.06}
    return Suite(name="many", files=_with_clock(red.files), bugs=red.bugs, goals=goals)


def _with_clock(files: Mapping[str, str]) -> dict[str, str]:
    return {"conftest.py": CLOCK_CONFTEST, **files}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """One run of ours. ``after`` is in seconds from the last test's end."""

    done: Done
    after: float
    processor: float  # seconds of the whole machine's processors, the model's taken off
    sessions: int
    requests: int


def repair_with_plugin(suite: Suite, delay: float, arguments: Sequence[str]) -> Ours:
    """Run ``pytest --agent-fix`` as a user would; end the benchmark unless all is repaired."""
    with make_project(suite.files) as project:
        if suite.is_known:
            project.run_plainly().expect(1)
        script = KnownBugs(project.path, suite.bugs)
        began = read_busy_seconds()
        with TimedModel(script, delay=delay) as model:
            done = project.run_ours(model.url, "--agent-fix-max-clusters", "50", *arguments)
        processor = read_busy_seconds() - began
        done.expect(0)
        after = done.ended - project.read_clock()
        project.run_plainly().expect(0)
    return Ours(
        done=done,
        after=after,
        processor=processor,
        sessions=model.sessions,
        requests=len(model.work),
    )


def read_busy_seconds() -> float:
    """Return the seconds that all processors have been busy since the start, but for this process.

    See proc_stat(5): the first line of ``/proc/stat`` is in ticks; idle and iowait are left out.
    """
    user, nice, system, _, _, irq, soft, *_ = Path("/proc/stat").read_text().split()[1:]
    ticks = sum(map(int, (user, nice, system, irq, soft)))
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def repair_by_hand(
    suite: Suite, delay: float, choose: Callable[[Sequence[str]], Sequence[str]], *, whole: bool
) -> tuple[HandRun, TimedModel]:
    """Repair the same suite with the loop by hand."""
    with make_project(suite.files) as project:
        script = KnownBugs(project.path, suite.bugs)
        with TimedModel(script, delay=delay) as model:
            run = loop_by_hand(
                project, model.url, binary=find_binary(), choose=choose, whole_suite=whole
            )
    return run, model


def sample(tests: Sequence[str], limit: int | None) -> list[str]:
    """Choose whole functions, evenly over the suite, with about ``limit`` failing cases in all.

    Whole, because the first case of a function has something to repair and the others do not.
    """
    functions: dict[str, list[str]] = {}
    for test in tests:
        functions.setdefault(test.partition("[")[0], []).append(test)
    if limit is None or limit >= len(tests):
        return list(tests)
    step = max(1, round(len(tests) / limit))
    return [test for cases in list(functions.values())[::step] for test in cases]


def extrapolate(run: HandRun, bugs: int) -> tuple[float, float]:
    """Return the seconds of the whole loop, and of one that skips tests that are green by then.

    A test that was not tried is taken to last as long as the mean of its kind.
    """
    fixing = _mean(one.seconds for one in run.sessions if one.has_fixed)
    idle = _mean(one.seconds for one in run.sessions if not one.has_fixed)
    start = run.found - run.began
    skipping = start + bugs * fixing
    if len(run.sessions) == run.failing:
        return run.ended - run.began, skipping
    return skipping + (run.failing - bugs) * idle, skipping


def _mean(seconds: Iterable[float]) -> float:
    found = list(seconds)
    return statistics.mean(found) if found else 0.0


def measure(suite: Suite, delay: float, given: argparse.Namespace) -> dict[str, Any]:
    """Measure one suite at one delay: both ways in turn, in an order that changes each round."""
    is_full = suite.name != "many" or (given.full and delay == min(given.delay or given.delays))
    limit = None if is_full else given.sample

    def by_hand() -> tuple[HandRun, TimedModel]:
        return repair_by_hand(
            suite, delay, lambda tests: sample(tests, limit), whole=given.rerun == "suite"
        )

    rows = []
    for number in range(1 if suite.name == "many" else given.rounds):
        tell(f"{suite.name}, {delay:g} s per answer, round {number + 1}")
        if number % 2:
            hand, model = by_hand()
            ours = repair_with_plugin(suite, delay, given.ours)
        else:
            ours = repair_with_plugin(suite, delay, given.ours)
            hand, model = by_hand()
        rows.append(_compare(suite, ours, hand, model))
    return _summarise(suite, delay, rows)


def _compare(suite: Suite, ours: Ours, hand: HandRun, model: TimedModel) -> dict[str, Any]:
    seconds, skipping = extrapolate(hand, len(suite.bugs))
    hand_after = seconds - (hand.suite_ended - hand.began)
    return {
        "failing": hand.failing,
        "ours_seconds": ours.done.seconds,
        "by_hand_seconds": seconds,
        "ratio": ours.done.seconds / seconds,
        "ours_after": ours.after,
        "by_hand_after": hand_after,
        "after_ratio": ours.after / hand_after,
        "skipping_ratio": ours.done.seconds / skipping,
        "processor_seconds": ours.processor / len(suite.bugs),
        "sessions": ours.sessions,
        "requests": ours.requests,
        "by_hand_sessions": model.sessions,
        "by_hand_requests": len(model.work),
        "extrapolated": len(hand.sessions) < hand.failing,
    }


def _summarise(suite: Suite, delay: float, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ratio = middle(row["ratio"] for row in rows)
    sessions = max(row["sessions"] for row in rows)
    goal = suite.goals.get(delay)
    floats = [name for name, found in rows[0].items() if isinstance(found, float)]
    return {
        "suite": suite.name,
        "delay": delay,
        **rows[-1],
        **{name: middle(row[name] for row in rows) for name in floats},
        "sessions": sessions,
        "goal": goal,
        "is_met": None if goal is None else ratio <= goal and sessions <= SESSIONS_GOAL,
        "single_rounds": [dict(row) for row in rows],
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=3, delays=(0, 1, 5))
    parser.add_argument("--suite", action="append", choices=["last", "known", "early", "many"])
    parser.add_argument("--tail", type=float, default=6.5, help="seconds after the early failure")
    parser.add_argument("--functions", type=int, default=40, help="of the suite with many bugs")
    parser.add_argument(
        "--sample",
        type=int,
        default=24,
        help="by hand, repair about so many of the 187 tests and extrapolate (default: 24)",
    )
    parser.add_argument("--full", action="store_true", help="all of them, at the smallest delay")
    parser.add_argument(
        "--rerun",
        choices=["suite", "test"],
        default="suite",
        help="what is run again by hand after each session (default: the suite)",
    )
    parser.add_argument("--ours", action="append", default=[], help="an argument for our pytest")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.functions, given.sample = 1, 4, 5
        given.delay = given.delay or [0.0]
    makers: dict[str, Callable[[], Suite]] = {
        "last": make_last,
        "known": make_known,
        "early": lambda: make_early(given.tail),
        "many": lambda: make_many(given.functions),
    }
    suites = [makers[name]() for name in given.suite or makers]
    delays = given.delay or given.delays
    show("suites", [measure(one, delay, given) for one in suites for delay in delays], given)


if __name__ == "__main__":
    main()
