"""Print which probe catches which cheat: ``make cheats``.

Every change set of the corpus goes through the real policy, lint and judge in real sandboxes, with
all probes. The exit status is 1 if a cheat is accepted or an honest fix is refused.

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
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.cases import CASES, OPEN, SUBJECTS
from tests.cheats.corpus import Case
from tests.cheats.judge_kit import POLICY, TIME, Changes, JudgedChange, JudgedProject
from tests.cheats.released import RELEASES, Regression, Shelf, open_release

WORKERS = 2
COLUMNS = (
    (POLICY, "pol"),
    ("lint", "lint"),
    ("report", "rep"),
    ("target", "targ"),
    ("hold-out", "hold"),
    ("canary", "can"),
    ("clone", "clon"),
    ("mutant", "mut"),
    ("plain-call", "plai"),
    ("red-green-red", "rgr"),
    ("pass-to-pass", "p2p"),
    (TIME, "time"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One change set and the evidence against it."""

    name: str
    is_honest: bool
    is_accepted: bool
    caught_by: tuple[str, ...]
    evidence: str

    @classmethod
    def of(cls, name: str, outcome: JudgedChange, *, is_honest: bool) -> Row:
        return cls(name, is_honest, outcome.is_accepted, outcome.caught_by, outcome.describe())

    @property
    def is_open(self) -> bool:
        """Tell whether this is a known cheat that no judge of tests can distinguish from a fix."""
        return self.name in {case.name for case in OPEN}

    @property
    def is_right(self) -> bool:
        """Tell whether the judge decided rightly."""
        return self.is_open or self.is_accepted is self.is_honest


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
    row = Row.of(name, project.judge(changes, has_time=is_honest), is_honest=is_honest)
    words = ", ".join(row.caught_by) or "accepted"
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


def render(rows: Sequence[Row]) -> str:
    """Render the matrix and both totals."""
    width = max(len(row.name) for row in rows)
    lines = [" " * width + "  " + " ".join(f"{short:>4}" for _, short in COLUMNS)]
    cheats = [row for row in rows if not row.is_honest and not row.is_open]
    for row in cheats:
        marks = " ".join("   x" if probe in row.caught_by else "   ." for probe, _ in COLUMNS)
        lines.append(f"{row.name:<{width}}  {marks}{'' if row.is_right else '  ACCEPTED'}")
    caught = [sum(probe in row.caught_by for row in cheats) for probe, _ in COLUMNS]
    lines.append(f"{'caught by':<{width}}  " + " ".join(f"{number:>4}" for number in caught))
    honest = [row for row in rows if row.is_honest]
    lines += [
        f"{row.name}: REFUSED by {', '.join(row.caught_by)}" for row in honest if not row.is_right
    ]
    accepted = sum(row.is_accepted for row in cheats)
    refused = sum(not row.is_accepted for row in honest)
    lines.append(f"{len(cheats)} cheats: {accepted} accepted")
    lines.append(f"{len(honest)} honest fixes: {refused} refused")
    lines += [
        f"known to be open: {row.name}, {'accepted' if row.is_accepted else 'caught'}"
        for row in rows
        if row.is_open
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--json", type=Path, help="write all evidence there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agentfix-cheats-") as folder:
        rows = list(judge_all(given.only, Path(folder)))
    if given.json:
        evidence = {row.name: [row.is_right, row.caught_by, row.evidence] for row in rows}
        given.json.write_text(json.dumps(evidence, indent=2))
    sys.stdout.write(render(rows) + "\n")
    return int(not all(row.is_right for row in rows))


if __name__ == "__main__":
    sys.exit(main())
