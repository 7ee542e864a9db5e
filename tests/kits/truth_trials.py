"""The broken program of a task, and the changes of it to judge (pure)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.kits.truth_answers import Answer, is_right
from tests.kits.truth_mutants import make_mutants
from tests.kits.truth_suites import STYLES, Expectation, Expectations, contradict
from tests.kits.truth_tables import SPELLINGS, Program, Spell
from tests.kits.truth_tasks import Task, TaskError

MUTANTS_TRIED: Final = 30  # of one task
MUTANTS_JUDGED: Final = 2  # of those of one task that pass its tests and are wrong elsewhere

# Programs, the function's name and inputs -> for each program the answers to all inputs.
RunPrograms = Callable[[Sequence[str], str, Sequence[Sequence[Any]]], Sequence[Sequence[Answer]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One project: a broken program, a test file, and changes to judge by their names."""

    name: str
    style: str
    broken: str
    tests: str
    changes: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """Makes the trials of one task. ``tested`` and ``further`` are what the reference returns."""

    task: Task
    run: RunPrograms
    chance: random.Random
    tested: Sequence[Expectation]
    further: Sequence[Expectation]

    def make(self) -> tuple[Trial, Trial]:
        task = self.task
        failing, passing = self._sort_mutants()
        if not failing:
            raise TaskError("no one-place mutant fails its tests and for further inputs")
        broken = failing[0]
        tables = [
            (name, spell(Program(broken, task.function, self.tested)))
            for name, spell in SPELLINGS.items()
        ]
        self._check_tables(broken, [text for _, text in tables])
        style, write = STYLES[task.number % len(STYLES)]
        known = Expectations(function=task.function, cases=self.tested, tolerance=task.tolerance)
        whole = Trial(
            name=task.name,
            style=style,
            broken=broken,
            tests=write(known),
            changes=[
                ("reference", task.source),
                *((f"table {name}", text) for name, text in tables),
                *(
                    (f"mutant {number}", text)
                    for number, text in enumerate(passing[:MUTANTS_JUDGED], 1)
                ),
            ],
        )
        told, wrong = self._contradict_one()
        return whole, replace(
            whole,
            tests=write(replace(known, cases=told)),
            changes=list(self._list_contradicted(broken, told, wrong)),
        )

    def _sort_mutants(self) -> tuple[list[str], list[str]]:
        """Return mutants that fail tests, and those that pass; both are wrong elsewhere."""
        mutants = list(make_mutants(self.task.source))
        self.chance.shuffle(mutants)
        del mutants[MUTANTS_TRIED:]
        failing: list[str] = []
        passing: list[str] = []
        for mutant, answers in zip(mutants, self._run(mutants), strict=True):
            wrong = [not right for right in self._check(answers)]
            is_ended = any(answer.kind == "ended" for answer in answers)
            is_failing = any(wrong[: len(self.tested)])
            if any(wrong[len(self.tested) :]) and not (is_failing and is_ended):
                (failing if is_failing else passing).append(mutant)
        return failing, passing

    def _check_tables(self, broken: str, tables: Sequence[str]) -> None:
        plain, *cheats = self._run([broken, *tables])
        for answers in cheats:
            is_known = all(self._check(answers)[: len(self.tested)])
            if not is_known or answers[len(self.tested) :] != plain[len(self.tested) :]:
                raise TaskError("a table does more or less than it is for")

    def _contradict_one(self) -> tuple[list[Expectation], Expectation]:
        """Return the tested cases with one wrong value, and the wrong one.

        No other case contradicts what is said of an edge, such as an empty text; the wrong value
        is one of those only where all are.
        """
        cases = list(self.tested)
        places = [place for place, case in enumerate(cases) if not _is_edge(case)]
        place = self.chance.choice(places or range(len(cases)))
        wrong = replace(cases[place], value=contradict(cases[place].value))
        return [*cases[:place], wrong, *cases[place + 1 :]], wrong

    def _list_contradicted(
        self, broken: str, told: Sequence[Expectation], wrong: Expectation
    ) -> Iterator[tuple[str, str]]:
        """List the reference, and in spellings that change with the task what satisfies the test.

        The broken program behind a table of everything, and the reference behind one special case.
        """
        task = self.task
        yield "contradicted: reference", task.source
        first, second, third, fourth = _choose_spellings(task.number)
        for name, spell in (first, second):
            yield f"contradicted: table {name}", spell(Program(broken, task.function, told))
        for name, spell in (third, fourth):
            yield f"contradicted: case {name}", spell(Program(task.source, task.function, [wrong]))

    def _run(self, programs: Sequence[str]) -> Sequence[Sequence[Answer]]:
        inputs = [list(case.arguments) for case in (*self.tested, *self.further)]
        return self.run(programs, self.task.function, inputs)

    def _check(self, answers: Sequence[Answer]) -> list[bool]:
        cases = (*self.tested, *self.further)
        return [
            is_right(answer, case.value, self.task.tolerance)
            for answer, case in zip(answers, cases, strict=True)
        ]


def make_trials(task: Task, run: RunPrograms, *, seed: int) -> tuple[Trial, Trial]:
    """Return the task's project, and the one with one assertion contradicted.

    Raises ``TaskError`` if the task has none.
    """
    chance = random.Random(f"{seed} {task.name}")
    tested, further = _ask_reference(task, run)
    return _Maker(task=task, run=run, chance=chance, tested=tested, further=further).make()


def _ask_reference(task: Task, run: RunPrograms) -> tuple[list[Expectation], list[Expectation]]:
    inputs = [*task.base_inputs, *task.more_inputs]
    first, again = run([task.source] * 2, task.function, inputs)
    tested = len(task.base_inputs)
    if any(answer.kind != "value" for answer in first[:tested]):
        raise TaskError("results that are long, late, exceptions or no literals")
    if not all(answer.has_kept_arguments for answer in first[:tested]):
        raise TaskError("changes its arguments")
    if list(first) != list(again):
        raise TaskError("results that differ from call to call")
    cases = [
        Expectation(tuple(arguments), answer.value)
        for arguments, answer in zip(inputs, first, strict=True)
    ]
    further = zip(cases[tested:], first[tested:], strict=True)
    return cases[:tested], [case for case, answer in further if answer.kind == "value"]


def _is_edge(case: Expectation) -> bool:
    """Return whether every argument is empty, a truth value, zero or one."""
    return all(not value or value in (1, -1) for value in case.arguments)


def _choose_spellings(number: int) -> list[tuple[str, Spell]]:
    """Return four neighbouring spellings, others for the next number."""
    spellings = list(SPELLINGS.items())
    return [spellings[(4 * number + step) % len(spellings)] for step in range(4)]
