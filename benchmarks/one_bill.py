"""Agent sessions for 20 bugs that 60 plain assertions show: one bug, one bill.

Each of 20 functions has one wrong line and three test functions with one failing assertion each,
which nothing but the function ties together. In the suite ``helper`` every test calls one more
function of the product, which is right. ``tokens_per_bug`` is the model's own count.

    python benchmarks/one_bill.py [--delay SECONDS ...] [--jobs N ...]
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from figures import make_parser, show, tell
from kit import make_project
from many_bugs import PLAIN, make_plain_suite
from timed_model import KnownBugs, TimedModel

SPARE = 2  # sessions more than there are bugs


def measure(name: str, functions: int, delay: float, jobs: str) -> dict[str, Any]:
    """Repair the suite, and tell on standard error what was not fixed and why."""
    suite = make_plain_suite(functions, has_helper=name == "helper")
    tell(f"{name}, {delay:g} s per answer, {jobs} jobs")
    with make_project(suite.files) as project:
        with TimedModel(KnownBugs(project.path, suite.bugs), delay=delay) as model:
            done = project.run_ours(
                model.url, f"--agent-fix-jobs={jobs}", f"--agent-fix-max-clusters={suite.failing}"
            ).expect(0, 1)
        landed = int(project.git("rev-list", "--count", "start..HEAD"))
        clusters, totals = done.report["clusters"], done.report["totals"]
    for cluster in clusters:
        if cluster["verdict"] != "fixed":
            tell(f"{cluster['tests'][0]}: {cluster['verdict']}: {cluster['reason']}")
    spent = sum(totals["tokens"].values())
    return {
        "suite": name,
        "delay": delay,
        "jobs": jobs,
        "failures": suite.failing,
        "landed": landed,
        "sessions": model.sessions,
        "is_met": landed == functions and model.sessions <= functions + SPARE,
        "attempts": totals["attempts"],
        "tokens_per_bug": round(spent / functions),
        "repair_seconds": totals["seconds"],
        "run_seconds": round(done.seconds, 1),
        **Counter(cluster["verdict"] for cluster in clusters),
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=1, delays=(1,))
    parser.add_argument("--suite", action="append", choices=["plain", "helper"])
    parser.add_argument("--jobs", nargs="+", default=["8"], help="default: 8")
    parser.add_argument("--functions", type=int, default=PLAIN, help="at most 40")
    given = parser.parse_args()
    if given.quick:
        given.functions, given.jobs, given.delay = 2, ["4"], given.delay or [0.0]
    rows = [
        measure(name, given.functions, delay, jobs)
        for name in given.suite or ["plain", "helper"]
        for delay in given.delay or given.delays
        for jobs in given.jobs
    ]
    show("one_bill", rows, given)


if __name__ == "__main__":
    main()
