"""The tasks of a data file of small programs, read strictly; nothing in it is run (pure)."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.kits.truth_tables import calls_itself, find_function, list_parameters

FEWEST_INPUTS: Final = 3  # so that one can be contradicted by the others
MOST_INPUTS: Final = 30
LONGEST_INPUT: Final = 300  # characters of its source text
_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,100}")  # it is printed
_SIZE_LIMIT: Final = 50_000_000  # bytes of the whole file, unpacked


class TaskError(ValueError):
    """The message says in a few words why a task cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One function: ``source`` is the module with the reference solution.

    ``base_inputs`` are the arguments that the tests use, ``more_inputs`` further ones, none of
    them equal to one of the tests'. Results of floats may differ by ``tolerance``.
    """

    number: int
    name: str
    function: str
    source: str
    base_inputs: Sequence[Sequence[Any]]
    more_inputs: Sequence[Sequence[Any]]
    tolerance: float


def read_rows(path: Path) -> Iterator[str]:
    """Return the lines of a packed data file; raises ``TaskError`` if it is too large."""
    with gzip.open(path) as file:
        content = file.read(_SIZE_LIMIT + 1)
    if len(content) > _SIZE_LIMIT:
        raise TaskError("the data file is too large")
    return (line for line in content.decode().splitlines() if line.strip())


def parse_task(number: int, line: str) -> Task:
    """Return the task of one line of JSON; raises ``TaskError`` if it cannot be used."""
    row = _load(line)
    source = f"{row['prompt'].strip()}\n{row['canonical_solution'].rstrip()}\n"
    base = _drop_repeats(row["base_input"])
    task = Task(
        number=number,
        name=row["task_id"],
        function=row["entry_point"],
        source=source,
        base_inputs=base,
        more_inputs=[one for one in _drop_repeats(row["plus_input"]) if one not in base],
        tolerance=float(row["atol"]),
    )
    _check(task)
    return task


def _load(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise TaskError("is no JSON, or has numbers that are no literals") from error
    texts = ("task_id", "prompt", "canonical_solution", "entry_point")
    lists = ("base_input", "plus_input")
    if (
        not isinstance(row, dict)
        or not all(isinstance(row.get(name), str) for name in texts)
        or not all(_is_list_of_lists(row.get(name)) for name in lists)
        or not isinstance(row.get("atol"), int | float)
        or not row["entry_point"].isidentifier()
        or not _NAME.fullmatch(row["task_id"])
    ):
        raise TaskError("does not have the fields of a task")
    return row


def _refuse(_constant: str) -> None:
    raise ValueError


def _is_list_of_lists(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, list) for one in value)


def _drop_repeats(inputs: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    kept: list[Sequence[Any]] = []
    for one in inputs:
        if one not in kept:
            kept.append(one)
    return kept


def _check(task: Task) -> None:
    if len(task.base_inputs) < FEWEST_INPUTS:
        raise TaskError(f"fewer than {FEWEST_INPUTS} tested inputs")
    if len(task.base_inputs) > MOST_INPUTS:
        raise TaskError(f"more than {MOST_INPUTS} tested inputs")
    if any(len(repr(one)) > LONGEST_INPUT for one in task.base_inputs):
        raise TaskError("an input that nobody would write into a test")
    try:
        definition = find_function(task.source, task.function)
        is_recursive = calls_itself(task.source, task.function)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise TaskError("no plain function") from error
    if is_recursive:  # behind a table it would be repaired for other inputs, too
        raise TaskError("calls itself")
    plain, count = definition.args, len(list_parameters(definition))
    if plain.posonlyargs or plain.kwonlyargs or plain.vararg or plain.kwarg or plain.defaults:
        raise TaskError("other than plain parameters")
    if any(len(one) != count for one in (*task.base_inputs, *task.more_inputs)):
        raise TaskError("inputs that do not fit the parameters")
