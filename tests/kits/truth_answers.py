"""Run programs of a data file on inputs, in a sandbox, and read their answers strictly."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.ports import Command, Sandbox
from pytest_agentfix.sandbox.environments import Environment

LONGEST_ANSWER: Final = 300  # characters of its source text
SECONDS: Final = 1.0  # of processor time for all inputs of one program: the same when busy
PATIENCE: Final = 10.0  # seconds until a program that does not compute is ended
_KINDS: Final = ("value", "raised", "ended")
# Each program runs in a process of its own, which a timer ends. The answers come back as text.
_RUNNER: Final = """\
import copy, json, os, resource, signal, sys


def answer(function, arguments):
    given = copy.deepcopy(arguments)
    try:
        value = repr(function(*given))
    except Exception:
        return ["raised", "", given == arguments]
    return ["value", value, given == arguments]


def run(source, order, pipe):
    signal.setitimer(signal.ITIMER_PROF, order["seconds"])
    signal.setitimer(signal.ITIMER_REAL, order["patience"])
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    empty = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(empty, number)
    names = {"__name__": "solution"}
    exec(compile(source, "solution", "exec"), names)
    for arguments in order["inputs"]:
        row = answer(names[order["function"]], arguments)
        if len(row[1]) > order["longest"]:
            row = ["ended", "", True]
        os.write(pipe, json.dumps(row).encode() + b"\\n")


def run_apart(source, order):
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(ours)
            run(source, order, theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as file:
        lines = file.read().splitlines()
    os.waitpid(child, 0)
    rows = [json.loads(line) for line in lines]
    return rows + [["ended", "", True]] * (len(order["inputs"]) - len(rows))


order = json.load(sys.stdin)
json.dump([run_apart(source, order) for source in order["programs"]], sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one call: ``value`` only with the kind ``value``, and always a plain literal.

    ``kind`` is ``raised`` for an exception, ``ended`` where the process was stopped before, and
    ``odd`` for what is no literal.
    """

    kind: str
    value: Any = None
    has_kept_arguments: bool = True


def run_programs(
    sandbox: Sandbox,
    environment: Environment,
    programs: Sequence[str],
    function: str,
    inputs: Sequence[Sequence[Any]],
) -> tuple[tuple[Answer, ...], ...]:
    """Run ``programs`` in ``sandbox``; return for each the answers of ``function`` to all inputs.

    Raises ``ValueError`` if what comes back cannot be read.
    """
    order = {
        "programs": list(programs),
        "function": function,
        "inputs": [list(one) for one in inputs],
        "seconds": SECONDS,
        "patience": PATIENCE,
        "longest": LONGEST_ANSWER,
    }
    command = Command(
        argv=(environment.python, "-I", "-c", _RUNNER),
        cwd=Path("/"),
        env=environment.env,
        stdin=json.dumps(order).encode(),
        output_limit=10_000_000,
    )
    done = sandbox.run(command, timeout=PATIENCE * (1 + len(programs)))
    return parse_answers(done.stdout, programs=len(programs), inputs=len(inputs))


def parse_answers(output: bytes, *, programs: int, inputs: int) -> tuple[tuple[Answer, ...], ...]:
    """Return the answers that ``output`` claims; raises ``ValueError`` if it has another form."""
    try:
        rows = json.loads(output)
    except RecursionError as error:
        raise ValueError("the answers are nested too deeply") from error
    if not isinstance(rows, list) or len(rows) != programs:
        raise ValueError("not one row for each program")
    if not all(isinstance(row, list) and len(row) == inputs for row in rows):
        raise ValueError("not one answer for each input")
    return tuple(tuple(map(_parse_answer, row)) for row in rows)


def _parse_answer(found: Any) -> Answer:
    match found:
        case [str(kind), str(text), bool(is_kept)] if kind in _KINDS:
            pass
        case _:
            raise ValueError("an answer has another form")
    if kind != "value":
        return Answer(kind, has_kept_arguments=is_kept)
    try:
        value = ast.literal_eval(text) if len(text) <= LONGEST_ANSWER else ...
        is_same = repr(value) == text and value is not ...
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        is_same = False
    return Answer("value", value, is_kept) if is_same else Answer("odd", has_kept_arguments=is_kept)


def is_right(answer: Answer, expected: Any, tolerance: float) -> bool:
    """Return whether a test that expects this value would pass."""
    if answer.kind != "value":
        return False
    value = answer.value
    if tolerance and isinstance(value, int | float) and isinstance(expected, int | float):
        return abs(value - expected) <= tolerance
    return bool(value == expected)
