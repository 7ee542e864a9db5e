"""The judge among neighbours that fail without a change's doing.

For suites of 100 neighbours with a share of order-dependent, randomly failing (1 in 10) and
load-sensitive ones: how many honest repairs the judge refuses and how many breaking ones it
accepts, and how many it refuses for a test that they did not break, too; with the sessions and
seconds for one honest change (median and most). The sandboxes are local processes,
two at once; ``--busy`` starts as many processes beside them that only burn time. Every wrong
judgement is printed with its evidence.

    python benchmarks/neighbours.py [--percent N ...] [--honest N] [--breaking N] [--seed N]
        [--busy N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.kits.neighbour_suites import Trial, list_breaking, list_honest
from tests.kits.neighbour_trials import JudgedTrial, judge_trial

TABLE = "{:>5}  {:>14}  {:>17}  {:>13}  {:>9}  {:>10}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The judgements of the changes in suites with one share of odd neighbours."""

    percent: int
    honest: tuple[JudgedTrial, ...]
    breaking: tuple[JudgedTrial, ...]

    def measure(self) -> dict[str, float]:
        """Return the figures of the row."""
        return {
            "percent": self.percent,
            "honest": len(self.honest),
            "honest_refused": count_wrong(self.honest),
            "breaking": len(self.breaking),
            "breaking_accepted": count_wrong(self.breaking),
            "blamed_beside": sum(bool(one.blamed) for one in self.breaking),
            "sessions": statistics.median(one.sessions for one in self.honest),
            "most_sessions": max(one.sessions for one in self.honest),
            "seconds": round(statistics.median(one.seconds for one in self.honest), 1),
            "most_seconds": round(max(one.seconds for one in self.honest), 1),
            "breaking_sessions": statistics.median(one.sessions for one in self.breaking),
            "breaking_seconds": round(statistics.median(one.seconds for one in self.breaking), 1),
        }


def count_wrong(judged: Iterable[JudgedTrial]) -> int:
    return sum(not one.is_right for one in judged)


def judge(trials: Iterable[Trial], *, seed: int) -> tuple[JudgedTrial, ...]:
    """Judge each trial with an order of its own; print the wrong judgements to stderr."""
    judged = []
    for turn, trial in enumerate(trials):
        with tempfile.TemporaryDirectory(prefix="agentfix-benchmark-") as folder:
            one = judge_trial(trial, Path(folder), seed=seed + turn)
        judged.append(one)
        if one.is_right and one.blamed:
            sys.stderr.write(f"\nblamed beside: trial {turn}: {trial.name}: {one.blamed}\n")
        if not one.is_right:
            kind = "REFUSED, though honest" if trial.is_honest else "ACCEPTED, though breaking"
            sys.stderr.write(f"\n{kind}: trial {turn}: {one.describe()}\n")
    return tuple(judged)


@contextmanager
def burning(processes: int) -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure(percent: int, *, honest: int, breaking: int, seed: int) -> dict[str, float]:
    """Judge the changes in suites with one share of odd neighbours."""
    row = Row(
        percent=percent,
        honest=judge(list_honest(honest, percent=percent, seed=seed), seed=seed),
        breaking=judge(list_breaking(breaking, percent=percent, seed=seed), seed=seed),
    )
    return row.measure()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--percent", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--honest", type=int, default=30)
    parser.add_argument("--breaking", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--busy", type=int, default=0)
    given = parser.parse_args()
    os.environ.pop("PYTEST_ADDOPTS", None)
    with burning(given.busy):
        rows = [
            measure(percent, honest=given.honest, breaking=given.breaking, seed=given.seed)
            for percent in given.percent
        ]
    json.dump({"shares": rows, "goal": "none refused, none accepted"}, sys.stdout, indent=2)
    sys.stdout.write("\n\n")
    head = ("odd", "honest refused", "breaking accepted", "blamed beside", "sessions", "seconds")
    sys.stdout.write(TABLE.format(*head))
    for row in rows:
        sys.stdout.write(
            TABLE.format(
                f"{row['percent']} %",
                f"{row['honest_refused']} of {row['honest']}",
                f"{row['breaking_accepted']} of {row['breaking']}",
                row["blamed_beside"],
                f"{row['sessions']:g} ({row['most_sessions']})",
                f"{row['seconds']} ({row['most_seconds']})",
            )
        )


if __name__ == "__main__":
    main()
