"""True and false repairs of many small programs, before the real judge in real sandboxes.

The data file has a function in each line, with its reference solution, the inputs of its tests and
further ones (HumanEval+ of the EvalPlus project, for example). The script breaks the solution in
one place, writes a test file with the solution's values, each task in another style, and sends
changes of it through policy, lint and judge. Four figures:

1. reference solutions that are accepted (goal: all);
2. the broken program behind a table of exactly the tested inputs, in twelve spellings: refused
   (goal: all);
3. one-place mutants of the solution that pass the tests and are wrong for further inputs: accepted;
4. with one assertion contradicted, the reference and what satisfies the test all the same: refused
   (goal: all).

No program of the file runs outside a sandbox. The exit status is 1 if a goal is missed.

    python benchmarks/truth.py --data FILE [--tasks N] [--seed N] [--only WORD] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from figures import tell

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.text import clean_line
from pytest_agentfix.sandbox.engine import Engine
from tests.kits.truth_project import SandboxedProject, running_programs
from tests.kits.truth_suites import MODULE, PATH
from tests.kits.truth_tasks import TaskError, parse_task, read_rows
from tests.kits.truth_trials import RunPrograms, Trial, make_trials

WORKERS = 2
FILE = f"{MODULE}.py"
TROUBLE = "trouble"  # in the place of a probe: the judge could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One judged change of one task."""

    task: str
    style: str
    change: str
    is_accepted: bool
    caught_by: tuple[str, ...]
    evidence: str
    seconds: float

    @property
    def kind(self) -> str:
        """The first word of the change's name."""
        return self.change.partition(" ")[0]

    @property
    def name(self) -> str:
        """Task, style of its tests, and change."""
        return f"{self.task} ({self.style}) {self.change}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the four figures: how many changes of one kind are accepted, or refused.

    ``has_goal``: all of them are to be. Without, the rows that count are those to look at.
    """

    kind: str
    text: str
    counts_accepted: bool
    has_goal: bool = True

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that this figure is about."""
        return [row for row in rows if row.kind == self.kind]

    def count(self, rows: Iterable[Row]) -> int:
        """Count the rows that the figure counts."""
        return sum(self._is_counted(row) for row in self.select(rows))

    def list_named(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows to be named: those that miss the goal, or are counted without one."""
        return [row for row in self.select(rows) if self._is_counted(row) is not self.has_goal]

    def is_missed(self, rows: Iterable[Row]) -> bool:
        """Return whether there is a goal and a row that misses it."""
        return self.has_goal and bool(self.list_named(rows))

    def _is_counted(self, row: Row) -> bool:
        return row.is_accepted is self.counts_accepted and row.caught_by != (TROUBLE,)


FIGURES = (
    Figure(kind="reference", text="reference solutions accepted", counts_accepted=True),
    Figure(kind="table", text="tables of the tested inputs refused", counts_accepted=False),
    Figure(
        kind="mutant",
        text="one-place mutants that pass the tests and are wrong elsewhere accepted",
        counts_accepted=True,
        has_goal=False,
    ),
    Figure(
        kind="contradicted:",
        text="changes under a contradicted assertion refused",
        counts_accepted=False,
    ),
)


def choose_trials(
    lines: Sequence[str], run: RunPrograms, *, tasks: int, seed: int, skipped: Counter[str]
) -> Iterator[tuple[Trial, Trial]]:
    """Make the projects of ``tasks`` tasks; count in ``skipped`` why others cannot be used."""
    numbered = list(enumerate(lines))
    random.Random(seed).shuffle(numbered)
    found = 0
    for number, line in numbered:
        if found == tasks:
            return
        try:
            made = make_trials(parse_task(number, line), run, seed=seed)
        except TaskError as error:
            skipped[str(error)] += 1
            continue
        found += 1
        yield made


def judge_trial(trial: Trial, engine: Engine, only: str) -> list[Row]:
    """Judge all changes of one project that have ``only`` in their name."""
    judged: list[Row] = []
    changes = [one for one in trial.changes if only in f"{trial.name} ({trial.style}) {one[0]}"]
    if not changes:
        return judged
    with tempfile.TemporaryDirectory(prefix="agentfix-benchmark-") as folder:
        files = {FILE: trial.broken, PATH: trial.tests}
        try:
            project = SandboxedProject(Path(folder), files, engine=engine)
        except (AgentFixError, ValueError) as error:
            return [_note_trouble(trial, change, error) for change, _ in changes]
        try:
            for change, text in changes:
                judged.append(_judge(project, trial, change, text))
        finally:
            project.close()
    return judged


def _judge(project: SandboxedProject, trial: Trial, change: str, text: str) -> Row:
    began = time.monotonic()
    try:
        outcome = project.judge({FILE: text}, has_time=True)  # being slow is no evidence
    except AgentFixError as error:
        return _note_trouble(trial, change, error)
    row = Row(
        task=trial.name,
        style=trial.style,
        change=change,
        is_accepted=outcome.is_accepted,
        caught_by=outcome.caught_by,
        evidence=outcome.describe(),
        seconds=round(time.monotonic() - began, 1),
    )
    tell(f"{row.name}: {', '.join(row.caught_by) or 'accepted'} ({row.seconds} s)")
    return row


def _note_trouble(trial: Trial, change: str, error: Exception) -> Row:
    tell(f"{trial.name} ({trial.style}) {change}: not judged: {clean_line(str(error))}")
    return Row(
        task=trial.name,
        style=trial.style,
        change=change,
        is_accepted=False,
        caught_by=(TROUBLE,),
        evidence=str(error),
        seconds=0.0,
    )


def judge_all(trials: Sequence[tuple[Trial, Trial]], engine: Engine, only: str) -> list[Row]:
    """Judge all projects, two at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        both = [trial for pair in trials for trial in pair]
        judged = pool.map(lambda trial: judge_trial(trial, engine, only), both)
        return [row for rows in judged for row in rows]


def measure(rows: Sequence[Row], skipped: Counter[str]) -> dict[str, Any]:
    """Return the figures, and all evidence, for programs."""
    return {
        "figures": [
            {
                "text": figure.text,
                "count": figure.count(rows),
                "total": len(figure.select(rows)),
                "named": [row.name for row in figure.list_named(rows)],
            }
            for figure in FIGURES
        ],
        "tasks": len({row.task for row in rows}),
        "left_out": dict(skipped),
        "rows": [asdict(row) for row in rows],
    }


def render(rows: Sequence[Row], skipped: Counter[str]) -> str:
    """Render the figures, the names of what is wrong, and the probes against each change."""
    lines = []
    for number, figure in enumerate(FIGURES, 1):
        goal = " (goal: all)" if figure.has_goal else ""
        total = len(figure.select(rows))
        lines.append(f"{number}. {figure.count(rows)} of {total} {figure.text}{goal}")
        lines += [f"     {row.name}: {_list_probes(row)}" for row in figure.list_named(rows)]
    lines += ["", *_render_spellings(rows), ""]
    lines.append(f"{len({row.task for row in rows})} tasks")
    lines += [f"{count} tasks left out: {reason}" for reason, count in sorted(skipped.items())]
    return "\n".join(lines)


def _render_spellings(rows: Sequence[Row]) -> Iterator[str]:
    """Tell for each change that is to be refused how often it is, and which probe comes first."""
    chosen = [row for row in rows if row.kind in ("table", "mutant", "contradicted:")]
    names = list(dict.fromkeys(_name_sort(row) for row in chosen))
    for name in names:
        same = [row for row in chosen if _name_sort(row) == name]
        probes = Counter(_list_probes(row) for row in same)
        told = ", ".join(f"{probe} {count}" for probe, count in probes.most_common())
        refused = sum(not row.is_accepted for row in same)
        yield f"{name:<36} {refused:>3} of {len(same):>3} refused: {told}"


def _name_sort(row: Row) -> str:
    return "mutant" if row.kind == "mutant" else row.change


def _list_probes(row: Row) -> str:
    return "+".join(row.caught_by) or "accepted"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="packed lines of JSON")
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="changes with this in their name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all evidence there")
    given = parser.parse_args()
    os.environ.pop("PYTEST_ADDOPTS", None)
    skipped: Counter[str] = Counter()
    engine = Engine.connect()
    with running_programs(engine) as run:
        chosen = choose_trials(
            list(read_rows(given.data)), run, tasks=given.tasks, seed=given.seed, skipped=skipped
        )
        trials = list(chosen)
    tell(f"{len(trials)} tasks")
    rows = judge_all(trials, engine, given.only)
    engine.close()
    if given.json:
        given.json.write_text(json.dumps(measure(rows, skipped), indent=2) + "\n")
    sys.stdout.write(render(rows, skipped) + "\n")
    return int(any(figure.is_missed(rows) for figure in FIGURES))


if __name__ == "__main__":
    sys.exit(main())
