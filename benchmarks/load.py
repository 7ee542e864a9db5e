"""Verdicts on an overloaded machine: the same red suite alone, and beside busy processes.

24 functions have one wrong line each, a cluster each. The model knows how to mend all but every
fourth of them, for which it only talks. The busy processes compute for as long as a run takes. The
goal is that no verdict is another one than on the quiet machine; ``slower`` is the time of a run
over that of the quiet one.

    python benchmarks/load.py [--clusters N] [--busy N ...] [--rounds N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from figures import make_parser, middle, show, tell
from kit import make_project
from many_bugs import make_red_suite
from timed_model import KnownBugs, TimedModel

CLUSTERS: Final = 24
UNKNOWN: Final = 4  # of so many bugs one that the model cannot mend
TIMEOUT: Final = 7200  # seconds for a cluster: the machine's speed must not be what ends it


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Compute in ``number`` processes beside the block."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def repair(clusters: int, busy: int) -> tuple[dict[str, str], float]:
    """Return the verdict of each target with its reason, and the seconds of the run."""
    suite = make_red_suite(clusters)
    known = [bug for number, bug in enumerate(suite.bugs) if number % UNKNOWN]
    with make_project(suite.files) as project, busy_processes(busy):
        with TimedModel(KnownBugs(project.path, known)) as model:
            done = project.run_ours(
                model.url,
                f"--agent-fix-max-clusters={clusters}",
                f"--agent-fix-timeout={TIMEOUT}",
                "--agent-fix-max-attempts=1",
            )
        done.expect(0, 1)
    return dict(_read_verdicts(done.report)), done.seconds


def _read_verdicts(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for cluster in report["clusters"]:
        for target in cluster["tests"]:
            yield target, cluster["verdict"]


def measure(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Run the quiet machine first in each round, and then beside the busy processes."""
    rows = []
    quiet: list[tuple[dict[str, str], float]] = []
    for number in range(given.rounds):
        tell(f"nothing beside it, round {number + 1}")
        quiet.append(repair(given.clusters, 0))
    for busy in given.busy:
        others, slower = [], []
        for number, (usual, seconds) in enumerate(quiet):
            tell(f"{busy} busy processes, round {number + 1}")
            verdicts, took = repair(given.clusters, busy)
            others += [
                f"{target}: {usual.get(target)} -> {verdict}"
                for target, verdict in verdicts.items()
                if usual.get(target) != verdict
            ]
            slower.append(took / seconds)
            tell(f"{len(others)} other verdicts, {slower[-1]:.2f} times as long")
        rows.append(
            {
                "busy": busy,
                "clusters": given.clusters,
                "verdicts": _count(quiet[0][0]),
                "other_verdicts": others,
                "slower": middle(slower),
                "goal": 0,
                "is_met": not others,
            }
        )
    return rows


def _count(verdicts: Mapping[str, str]) -> dict[str, int]:
    found = list(verdicts.values())
    return {verdict: found.count(verdict) for verdict in sorted(set(found))}


def main() -> None:
    parser = make_parser(__doc__, rounds=1, delays=())
    parser.add_argument("--clusters", type=int, default=CLUSTERS)
    parser.add_argument("--busy", type=int, nargs="+", default=[2, 8])
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.clusters, given.busy = 1, 2, [2]
    show("load", measure(given), given)


if __name__ == "__main__":
    main()
