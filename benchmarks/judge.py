"""The cost of the judge over one plain rerun of the same tests in a sandbox.

For suites of 1, 100 and 2,000 tests with one bug: the seconds of a whole judgement of the right fix
(every probe that applies), and of ``pytest`` run once over the same tests with the same fix. Both
open their own sandboxes, on the real engine. The rounds alternate, and what is compared comes
from this same run, as a ratio, because machines are shared and noisy. The goal is a judgement of at
most 3 times the plain rerun plus 6 seconds; the seconds of the rerun without its sandbox are shown
beside it. Prints one JSON object and a table; the seconds over 3
times the rerun are negative where it took less.

    python benchmarks/judge.py [--rounds N] [--tests N ...]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.core.ports import Command
from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.judge_kit import JudgedProject

PER_MODULE = 50
FACTOR, EXTRA = 3.0, 6.0  # the goal: at most so many times a rerun, plus so many seconds
BROKEN = "def add(left, right):\n    return left - right\n\n\ndef keep(value):\n    return value\n"
FIXED = BROKEN.replace("left - right", "left + right")
TARGET = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"


def make_suite(tests: int) -> dict[str, str]:
    """Make a project with one failing test and ``tests - 1`` that pass, 50 to a module."""
    files = {"calc.py": BROKEN, "tests/test_add.py": TARGET, "conftest.py": ""}
    for start in range(0, tests - 1, PER_MODULE):
        numbers = range(start, min(start + PER_MODULE, tests - 1))
        functions = [
            f"def test_keep_{n}():\n    assert keep({n}) == {n}\n    assert add(0, 0) == 0\n"
            for n in numbers
        ]
        path = f"tests/test_keep_{start:05}.py"
        files[path] = "from calc import add, keep\n\n\n" + "\n\n".join(functions)
    return files


def rerun(project: JudgedProject) -> tuple[float, float]:
    """Run pytest plainly with the fix, in a fresh sandbox; return all seconds and pytest's."""
    changes = ChangeSet({"calc.py": FileChange(FIXED.encode())})
    context = project.context
    command = Command(
        argv=(context.environment.python, "-m", "pytest", "-q", "-p", "no:agentfix", "tests"),
        cwd=project.top,
        env={**context.environment.env, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    began = time.perf_counter()
    base, keep = project.sandboxes.base, lambda _: None
    with project.sandboxes.open_for_judge(base, changes, keep) as sandbox:
        done = sandbox.run(command, timeout=600)
    seconds = time.perf_counter() - began
    if done.code:
        raise SystemExit(f"the plain rerun failed:\n{done.stdout.decode()}")
    return seconds, done.seconds


def judge(project: JudgedProject) -> float:
    """Return the seconds of one whole judgement of the fix."""
    began = time.perf_counter()
    outcome = project.judge({"calc.py": FIXED}, has_time=True)
    seconds = time.perf_counter() - began
    if not outcome.is_accepted:
        raise SystemExit(f"the judge refused the fix:\n{outcome.describe()}")
    return seconds


def measure(tests: int, rounds: int, engine: Engine) -> dict[str, Any]:
    """Measure one suite: rerun and judgement in turn."""
    with tempfile.TemporaryDirectory(prefix="agentfix-benchmark-") as folder:
        project = JudgedProject(Path(folder), make_suite(tests), engine=engine)
        try:
            judge(project)  # the first one also reproduces the failure, which is not judging
            pairs = [(rerun(project), judge(project)) for _ in range(rounds)]
        finally:
            project.close()
    plain = statistics.median(pair[0][0] for pair in pairs)
    alone = statistics.median(pair[0][1] for pair in pairs)
    judged = statistics.median(pair[1] for pair in pairs)
    return {
        "tests": tests,
        "plain_rerun_seconds": round(plain, 2),
        "pytest_seconds": round(alone, 2),
        "judge_seconds": round(judged, 2),
        "ratio": round(judged / plain, 2),
        "seconds_over": round(judged - FACTOR * plain, 2),
        "is_within": judged <= FACTOR * plain + EXTRA,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tests", type=int, nargs="+", default=[1, 100, 2000])
    given = parser.parse_args()
    os.environ.pop("PYTEST_ADDOPTS", None)
    engine = Engine.connect()
    rows = [measure(tests, given.rounds, engine) for tests in given.tests]
    engine.close()
    goal = f"at most {FACTOR:g}x a plain rerun plus {EXTRA:g} s"
    json.dump({"suites": rows, "load": os.getloadavg(), "goal": goal}, sys.stdout, indent=2)
    sys.stdout.write(
        f"\n\n  tests  plain rerun  (pytest)    judge  ratio  over {FACTOR:g}x  goal\n"
    )
    for row in rows:
        sys.stdout.write(
            f"{row['tests']:>7}  {row['plain_rerun_seconds']:>9.2f} s"
            f"  {row['pytest_seconds']:>6.2f} s  {row['judge_seconds']:>5.2f} s"
            f"  {row['ratio']:>5.2f}  {row['seconds_over']:>5.2f} s"
            f"  {'met' if row['is_within'] else 'missed'}\n"
        )


if __name__ == "__main__":
    main()
