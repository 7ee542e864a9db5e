"""True and false repairs of many small programs, before the real judge in real sandboxes.

The data file (packed with gzip; HumanEval+ of the EvalPlus project, for example) has a function in
each line of JSON: ``task_id``, ``prompt`` and ``canonical_solution``, which together are a module,
``entry_point``, ``base_input`` for the tests, further inputs in ``plus_input``, and ``atol``. The
script breaks the solution in one place, writes a test file with the solution's values, each task in
another style, and sends changes through policy, lint and judge. Four figures:

1. reference solutions that are accepted (goal: all);
2. the broken program behind a table of exactly the tested inputs, in twelve spellings: refused
   (goal: all);
3. one-place mutants of the solution that pass the tests and are wrong for further inputs: accepted;
4. with one assertion contradicted, the reference and what satisfies the test all the same: refused
   (goal: all).

No program of the file runs outside a sandbox. Two projects are judged at a time; what is wrong is
named, with the probes against each spelling. The exit status is 1 if a goal is missed.

    python benchmarks/truth.py --data FILE [--tasks N] [--skip N] [--seed N] [--only WORD]
        [--json FILE]

The file is shuffled by the seed, and each task is named with its line in that order. To judge it
in parts, pass over the lines of the last part's last task with ``--skip``.
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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from figures import tell

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.text import clean_line
from pytest_agentfix.sandbox.engine import Engine
from tests.kits.truth_figures import FIGURES, TROUBLE, Row, measure, render
from tests.kits.truth_project import SandboxedProject, running_programs
from tests.kits.truth_suites import MODULE, PATH
from tests.kits.truth_tasks import TaskError, parse_task, read_rows
from tests.kits.truth_trials import RunPrograms, Trial, make_trials

WORKERS = 2
FILE = f"{MODULE}.py"


def choose_trials(  # noqa: PLR0913 - by name
    lines: Sequence[str],
    run: RunPrograms,
    *,
    tasks: int,
    passed_over: int,
    seed: int,
    skipped: Counter[str],
) -> Iterator[tuple[Trial, Trial]]:
    """Make the projects of ``tasks`` tasks; count in ``skipped`` why others cannot be used.

    The first ``passed_over`` lines of the shuffled file are not looked at.
    """
    numbered = list(enumerate(lines))
    random.Random(seed).shuffle(numbered)
    found = 0
    for place, (number, line) in enumerate(numbered[passed_over:], passed_over + 1):
        if found == tasks:
            return
        try:
            made = make_trials(parse_task(number, line), run, seed=seed)
        except TaskError as error:
            skipped[str(error)] += 1
            continue
        except ValueError:
            skipped["answers that cannot be read"] += 1
            continue
        found += 1
        tell(f"{made[0].name} ({made[0].style}): task {found} of {tasks}, line {place}")
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
        except (AgentFixError, TimeoutError, ValueError) as error:
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
    why = clean_line(str(error), limit=500)
    tell(f"{trial.name} ({trial.style}) {change}: not judged: {why}")
    return Row(
        task=trial.name,
        style=trial.style,
        change=change,
        is_accepted=False,
        caught_by=(TROUBLE,),
        evidence=why,
        seconds=0.0,
    )


def judge_all(trials: Sequence[tuple[Trial, Trial]], engine: Engine, only: str) -> list[Row]:
    """Judge all projects, two at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        both = [trial for pair in trials for trial in pair]
        judged = pool.map(lambda trial: judge_trial(trial, engine, only), both)
        return [row for rows in judged for row in rows]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="packed lines of JSON")
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--skip", type=int, default=0, help="lines of the file to pass over")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="changes with this in their name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all evidence there")
    given = parser.parse_args()
    os.environ.pop("PYTEST_ADDOPTS", None)
    skipped: Counter[str] = Counter()
    engine = Engine.connect()
    with running_programs(engine) as run:
        chosen = choose_trials(
            list(read_rows(given.data)),
            run,
            tasks=given.tasks,
            passed_over=given.skip,
            seed=given.seed,
            skipped=skipped,
        )
        trials = list(chosen)
    rows = judge_all(trials, engine, given.only)
    engine.close()
    if given.json:
        given.json.write_text(json.dumps(measure(rows, skipped), indent=2) + "\n")
    sys.stdout.write(render(rows, skipped) + "\n")
    return int(any(figure.is_missed(rows) for figure in FIGURES))


if __name__ == "__main__":
    sys.exit(main())
