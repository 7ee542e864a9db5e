"""Tasks of a data file are read strictly and become projects with changes to judge."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.kits.truth_answers import Answer, is_right, parse_answers
from tests.kits.truth_suites import STYLES
from tests.kits.truth_tables import SPELLINGS
from tests.kits.truth_tasks import Task, TaskError, parse_task, read_rows
from tests.kits.truth_trials import MUTANTS_JUDGED, make_trials

ROW: dict[str, Any] = {
    "task_id": "Small/1",
    "prompt": 'def count_below(numbers, limit):\n    """Count."""\n',
    "canonical_solution": "    return len([n for n in numbers if n < limit])\n",
    "entry_point": "count_below",
    "base_input": [[[1, 2], 2], [[], 1], [[5, 3, 1], 4], [[1, 2], 2]],
    "plus_input": [[[1, 2], 2], [[4], 4], [[0, 7], 5]],
    "atol": 0,
}


def parse(**changes: Any) -> Task:
    return parse_task(1, json.dumps({**ROW, **changes}))  # 1: its tests are parametrised


def run_here(
    programs: Sequence[str], function: str, inputs: Sequence[Sequence[Any]]
) -> list[list[Answer]]:
    """Run programs of this file, which are known to be harmless."""
    return [[_call(program, function, arguments) for arguments in inputs] for program in programs]


def _call(program: str, function: str, arguments: Sequence[Any]) -> Answer:
    names: dict[str, Any] = {}
    exec(compile(program, "program", "exec"), names)
    call: Callable[..., Any] = names[function]
    try:
        return Answer("value", call(*arguments))
    except (IndexError, TypeError, ValueError, ZeroDivisionError):
        return Answer("raised")


def test_task_has_each_input_once() -> None:
    task = parse()
    assert (task.name, task.function, task.tolerance) == ("Small/1", "count_below", 0.0)
    assert task.base_inputs == [[[1, 2], 2], [[], 1], [[5, 3, 1], 4]]
    assert task.more_inputs == [[[4], 4], [[0, 7], 5]]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"entry_point": "not a name"}, "fields"),
        ({"task_id": "\x1b[2J"}, "fields"),
        ({"base_input": [1, 2, 3]}, "fields"),
        ({"plus_input": None}, "fields"),
        ({"atol": float("inf")}, "no JSON"),
        ({"base_input": [[[1], 1]] * 5}, "fewer than 3"),
        ({"base_input": [[[n], n] for n in range(31)]}, "more than 30"),
        ({"base_input": [[[n] * 200, n] for n in range(3)]}, "nobody would write"),
        ({"entry_point": "other"}, "no plain function"),
        ({"canonical_solution": "    return ("}, "no plain function"),
        ({"canonical_solution": "    return limit and count_below([], 0)"}, "calls itself"),
        ({"prompt": "def count_below(numbers, limit=1):"}, "plain parameters"),
        ({"plus_input": [[[1], 2, 3]]}, "do not fit"),
    ],
)
def test_task_that_cannot_be_used(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(TaskError, match=why):
        parse(**changes)


def test_rows_of_a_packed_file(tmp_path: Path) -> None:
    (tmp_path / "data.gz").write_bytes(gzip.compress(b'{"a": 1}\n\n{}\n'))
    assert list(read_rows(tmp_path / "data.gz")) == ['{"a": 1}', "{}"]


@pytest.mark.parametrize("seed", range(5))
def test_trials_of_a_task(seed: int) -> None:
    task = parse()
    whole, contradicted = make_trials(task, run_here, seed=seed)
    inputs = [*task.base_inputs, *task.more_inputs]
    values = [[1, 0, 2], [0, 1]]

    def ask(program: str) -> tuple[list[Any], list[Any]]:
        answers = [answer.value for answer in run_here([program], task.function, inputs)[0]]
        return answers[:3], answers[3:]

    tested, further = ask(whole.broken)
    assert tested != values[0]
    assert further != values[1]
    changes = dict(whole.changes)
    assert ask(changes.pop("reference")) == (values[0], values[1])
    for spelling in SPELLINGS:
        assert ask(changes.pop(f"table {spelling}")) == (values[0], further)
    assert len(changes) <= MUTANTS_JUDGED
    for name, text in changes.items():
        assert name.startswith("mutant ")
        assert ask(text)[0] == values[0]
        assert ask(text)[1] != values[1]
    assert whole.style == STYLES[task.number % len(STYLES)][0]
    assert contradicted.broken == whole.broken
    assert contradicted.tests != whole.tests


@pytest.mark.parametrize("seed", range(5))
def test_no_edge_is_contradicted(seed: int) -> None:
    task = parse(base_input=[[[], 0], [[5, 3, 1], 4], [[], 1]])
    _, contradicted = make_trials(task, run_here, seed=seed)
    assert "(([], 0), 0)" in contradicted.tests
    assert "(([], 1), 0)" in contradicted.tests
    assert "(([5, 3, 1], 4), 2)" not in contradicted.tests


@pytest.mark.parametrize("seed", range(5))
def test_contradicted_assertion_is_met_by_special_cases_alone(seed: int) -> None:
    task = parse()
    _, contradicted = make_trials(task, run_here, seed=seed)
    names: dict[str, Any] = {}
    table = contradicted.tests.partition("    [\n")[2].partition("    ],\n")[0]
    exec(f"told = [{table}]", names)
    told = [value for _, value in names["told"]]
    assert sum(one != right for one, right in zip(told, [1, 0, 2], strict=True)) == 1
    met = {
        name: [answer.value for answer in run_here([text], task.function, task.base_inputs)[0]]
        for name, text in contradicted.changes
    }
    assert met.pop("contradicted: reference") == [1, 0, 2]
    assert len(met) == 4
    assert all(values == told for values in met.values())


def test_trials_need_a_mutant_that_fails() -> None:
    task = parse(canonical_solution="    return 'text'\n")
    with pytest.raises(TaskError, match="no one-place mutant"):
        make_trials(task, run_here, seed=0)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer("raised"), "exceptions"),
        (Answer("odd"), "no literals"),
        (Answer("value", 1, has_kept_arguments=False), "changes its arguments"),
    ],
)
def test_reference_that_tests_cannot_be_written_for(answer: Answer, why: str) -> None:
    def run(
        programs: Sequence[str], _function: str, inputs: Sequence[Sequence[Any]]
    ) -> list[list[Answer]]:
        return [[answer] * len(inputs)] * len(programs)

    with pytest.raises(TaskError, match=why):
        make_trials(parse(), run, seed=0)


def test_answers_are_literals() -> None:
    output = json.dumps(
        [[["value", "[1, 2.5]", True], ["raised", "", False], ["ended", "", True]]]
    ).encode()
    assert parse_answers(output, programs=1, inputs=3) == (
        (Answer("value", [1, 2.5]), Answer("raised", has_kept_arguments=False), Answer("ended")),
    )


@pytest.mark.parametrize(
    "text", ["<object>", "f(1)", "inf", "1 +", "[" * 250, "'" + "a" * 400 + "'", "{1: 1, 1: 1}"]
)
def test_other_answers_are_odd(text: str) -> None:
    output = json.dumps([[["value", text, True]]]).encode()
    assert parse_answers(output, programs=1, inputs=1) == ((Answer("odd"),),)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b"[]",
        b"[[]]",
        b'[[["value", "1"]]]',
        b'[[["value", 1, true]]]',
        b'[[["better", "1", true]]]',
        b'[[["value", "1", 1]]]',
    ],
)
def test_answers_of_another_form_are_refused(output: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_answers(output, programs=1, inputs=1)


@pytest.mark.parametrize(
    ("answer", "expected", "tolerance", "right"),
    [
        (Answer("value", 1.0), 1.005, 0.01, True),
        (Answer("value", 1.0), 1.1, 0.01, False),
        (Answer("value", 1.0), 1.005, 0.0, False),
        (Answer("value", [1]), [1], 0.0, True),
        (Answer("raised"), None, 0.0, False),
    ],
)
def test_right_answer(answer: Answer, expected: object, tolerance: float, *, right: bool) -> None:
    assert is_right(answer, expected, tolerance) is right
