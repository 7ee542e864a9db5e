"""Forty small bugs in a suite whose tests depend on each other, each repaired rightly at once.

Prints how many fixes landed, in how many agent sessions, and the causes' verdicts, for each seed.
The project's tests need pytest-timeout, so run it in the developers' environment:

    .venv/bin/python benchmarks/small_bugs.py [--seed N ...]
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from figures import make_parser, show, tell
from kit import make_project
from timed_model import Bug, KnownBugs, TimedModel

from tests.kits.small_bugs import FUNCTIONS, make_small_bugs

SESSIONS = 44  # the goal: all fixes land in so many agent sessions
CAUSES = 60  # that may be repaired; there are 40
FEW = 2  # of them, where a quick look is wanted


def measure(seed: int, causes: int) -> dict[str, Any]:
    """Repair up to ``causes`` of ``seed``, and tell on standard error what did not land and why."""
    suite = make_small_bugs(seed)
    bugs = [Bug(file=one.path, test=one.test, old=one.bad, new=one.good) for one in suite.bugs]
    with make_project(suite.files) as project:
        with TimedModel(KnownBugs(project.path, bugs)) as model:
            done = project.run_ours(
                model.url, "--agent-fix-jobs=auto", f"--agent-fix-max-clusters={causes}"
            ).expect(0, 1)
        landed = int(project.git("rev-list", "--count", "start..HEAD"))
        clusters = done.report["clusters"]
    for cluster in clusters:
        if cluster["verdict"] != "fixed":
            tell(f"{cluster['tests'][0]}: {cluster['verdict']}: {cluster['reason']}")
    verdicts = Counter(cluster["verdict"] for cluster in clusters)
    return {
        "seed": seed,
        "landed": landed,
        "sessions": model.sessions,
        "is_met": landed == FUNCTIONS and model.sessions <= SESSIONS,
        "prompt_tokens": model.prompt_tokens,
        "seconds": round(done.seconds, 1),
        **verdicts,
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=1)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    causes = FEW if given.quick else CAUSES
    show("small_bugs", [measure(seed, causes) for seed in given.seed], given)


if __name__ == "__main__":
    main()
