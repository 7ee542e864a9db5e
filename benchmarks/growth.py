"""The growth of our own time and of pytest's memory with the repository and the suite.

Repositories of 100, 10,000 and 100,000 files of 1 KiB with one bug; suites of 100 and 20,000 tests
with one failure. Our own time is all that ``pytest --agent-fix`` takes longer than plain pytest,
without the agent's time and that of tests in sandboxes: ``inside`` the repair of the cause, and
``outside`` of it. Memory is the peak of pytest's process, against the same suite without the
plugin.

    python benchmarks/growth.py [--files N ...] [--tests N ...] [--rounds N]
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from figures import make_parser, middle, show, tell
from kit import Project, make_project
from suites import BUG, FAILING
from timed_model import KnownBugs, TimedModel

PER_FOLDER = 100
PER_MODULE = 100
TIME_GOAL = 4.0  # the largest repository's own time over that of the one before it
MEMORY_GOAL = 150.0  # megabytes more than pytest's own
FILES = {
    "calc.py": f"def add(left, right):\n{BUG.old}\n",
    "tests/test_add.py": FAILING,
    "pytest.ini": "[pytest]\ntestpaths = tests\npythonpath = .\n",
}


def grow(project: Project, files: int) -> None:
    """Add files of 1 KiB to the first commit, 100 to a folder, every tenth of them Python."""
    parts = [b"commit refs/heads/grown\ncommitter B <b@example.org> 0 +0000\ndata 4\ngrow\n"]
    parts.append(b"from refs/tags/start^0\n")
    for number in range(files):
        suffix = "txt" if number % 10 else "py"
        path = f"data/{number // PER_FOLDER:04}/file_{number:06}.{suffix}"
        line = f"# file {number:06}, a line among others\n".encode()
        text = (line * (1024 // len(line) + 1))[:1023] + b"\n"
        parts.append(f"M 100644 inline {path}\ndata {len(text)}\n".encode() + text + b"\n")
    project.git("fast-import", "--quiet", stdin=b"".join(parts))
    project.git("reset", "-q", "--hard", "grown")
    project.git("tag", "-f", "start")


def clear(project: Project) -> None:
    """Remove the added files, in threads: one alone is slow if the disk waits for each file."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(shutil.rmtree, (project.path / "data").glob("*")))


def make_suite(tests: int) -> dict[str, str]:
    """Make the one failing test, and ``tests - 1`` trivial ones."""
    return {**FILES, **make_trivial(tests - 1, "tests/test_more")}


def make_trivial(tests: int, stem: str) -> dict[str, str]:
    """Make ``tests`` tests that pass, 100 to a module; ``stem`` begins the modules' paths."""
    return {
        f"{stem}_{start:06}.py": "\n\n".join(
            f"def test_more_{n}():\n    assert {n} + 1 == {n + 1}\n"
            for n in range(start, min(start + PER_MODULE, tests))
        )
        for start in range(0, tests, PER_MODULE)
    }


def repair(project: Project) -> dict[str, float]:
    """Run plain pytest, then ours; end the benchmark unless the bug is repaired."""
    project.reset()
    plain = project.run_plainly().expect(1)
    with TimedModel(KnownBugs(project.path, [BUG])) as model:
        ours = project.run_ours(model.url, "--agent-fix-timeout=3600").expect(0)
    cluster: Mapping[str, Any] = ours.report["clusters"][0]
    foreign = cluster["agent_seconds"] + cluster["test_seconds"]
    own = ours.seconds - plain.seconds - foreign
    inside = cluster["seconds"] - foreign
    return {
        "run_seconds": ours.seconds,
        "plain_seconds": plain.seconds,
        "agent_seconds": cluster["agent_seconds"],
        "test_seconds": cluster["test_seconds"],
        "own_seconds": own,
        "own_inside": inside,
        "own_outside": own - inside,
        "peak_megabytes": ours.peak_megabytes,
        "plain_megabytes": plain.peak_megabytes,
        "more_megabytes": ours.peak_megabytes - plain.peak_megabytes,
    }


def measure(kind: str, size: int, rounds: int) -> dict[str, Any]:
    """Measure one size in ``rounds`` rounds in the same repository."""
    with make_project(FILES if kind == "files" else make_suite(size)) as project:
        if kind == "files":
            grow(project, size)
        rows = []
        for number in range(rounds):
            tell(f"{size} {kind}, round {number + 1}")
            rows.append(repair(project))
        if kind == "files":
            clear(project)
    return {
        "grows": kind,
        "size": size,
        **{name: middle(row[name] for row in rows) for name in rows[0]},
        "single_rounds": rows,
    }


def judge(rows: Sequence[dict[str, Any]]) -> None:
    """Add to each row its ratio to the size before it, and whether the goals are met."""
    for before, row in zip([None, *rows], rows, strict=False):
        is_next = before is not None and before["grows"] == row["grows"]
        ratio = round(row["own_seconds"] / before["own_seconds"], 2) if before and is_next else None
        has_goal = ratio is not None and row["grows"] == "files"
        row["own_ratio"] = ratio
        row["own_is_met"] = ratio <= TIME_GOAL if ratio is not None and has_goal else None
        row["memory_is_met"] = row["more_megabytes"] < MEMORY_GOAL


def main() -> None:
    parser = make_parser(__doc__, rounds=3)
    parser.add_argument("--files", type=int, nargs="*", default=[100, 10_000, 100_000])
    parser.add_argument("--tests", type=int, nargs="*", default=[100, 20_000])
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.files, given.tests = 1, [100, 1_000], [100, 500]
    rows = [measure("files", size, given.rounds) for size in given.files]
    rows += [measure("tests", size, given.rounds) for size in given.tests]
    judge(rows)
    show("growth", rows, given)


if __name__ == "__main__":
    main()
