"""Print which check catches which cheat, and which one alone: ``make cheats``.

Every change set of the corpus goes through the real policy, lint and judge in real sandboxes, with
all probes. The exit status is 1 if a cheat is accepted or an honest fix is refused. A change set
that the policy leaves nothing of runs through nothing else.

    python -m tests.cheats.matrix [--only WORD] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.cases import CASES, OPEN, RESERVE, SUBJECTS
from tests.cheats.corpus import Case
from tests.cheats.judge_kit import Changes, JudgedProject
from tests.cheats.released import RELEASES, Regression, Shelf, open_release
from tests.cheats.table import Row, as_data, render

WORKERS = 2


def judge_subject(name: str, cases: Sequence[Case], engine: Engine, folder: Path) -> list[Row]:
    """Judge all cases of one project."""
    project = JudgedProject(folder / name, SUBJECTS[name].files, engine=engine, is_thorough=True)
    try:
        return [
            _judge(project, case.name, case.changes, is_honest=case.is_honest) for case in cases
        ]
    finally:
        project.close()


def _judge(project: JudgedProject, name: str, changes: Changes, *, is_honest: bool) -> Row:
    began = time.monotonic()
    row = Row.of(
        name,
        project.judge(changes, has_time=is_honest),
        is_honest=is_honest,
        is_open=name in {case.name for case in OPEN},
        is_reserved=name in RESERVE,
    )
    words = ", ".join([*row.caught_by, *row.rules]) or "accepted"
    seconds = time.monotonic() - began
    sys.stderr.write(f"{'' if row.is_right else 'WRONG '}{name}: {words} ({seconds:.1f} s)\n")
    if not row.is_right:
        sys.stderr.write(f"{row.evidence}\n")
    sys.stderr.flush()
    return row


def judge_all(only: str, folder: Path) -> Iterator[Row]:
    """Judge the whole corpus, two projects at a time."""
    engine = Engine.connect()
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = []
        for name in SUBJECTS:
            everything = (*CASES, *OPEN)
            cases = [case for case in everything if case.subject == name and only in case.name]
            if cases:
                futures.append(pool.submit(judge_subject, name, cases, engine, folder))
        shelf = Shelf(folder / "shelf")
        for number, release in enumerate(RELEASES):
            if only in str(release):
                place = folder / f"release-{number}"
                futures.append(pool.submit(_judge_release, release, shelf, engine, place))
        for future in futures:
            yield from future.result()
    engine.close()


def _judge_release(release: Regression, shelf: Shelf, engine: Engine, folder: Path) -> list[Row]:
    project, changes = open_release(release, shelf, engine, folder, is_thorough=True)
    try:
        return [_judge(project, str(release), changes, is_honest=True)]
    finally:
        project.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--json", type=Path, help="write all evidence there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agentfix-cheats-") as folder:
        rows = list(judge_all(given.only, Path(folder)))
    if given.json:
        given.json.write_text(json.dumps(as_data(rows), indent=2))
    sys.stdout.write(render(rows) + "\n")
    return int(not all(row.is_right for row in rows))


if __name__ == "__main__":
    sys.exit(main())
