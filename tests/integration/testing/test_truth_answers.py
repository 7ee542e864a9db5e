"""Programs of a data file are run apart from each other, and cannot get out of their process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from tests.kits.truth_answers import Answer, run_programs

ENVIRONMENT = Environment(
    kind="local", image="", python=sys.executable, user=(0, 0), env={"PATH": os.defpath}
)


def run(folder: Path, *bodies: str) -> list[list[Answer]]:
    """Return the answers of ``double(value)`` with each body to 1 and then [2]."""
    programs = [f"def double(value):\n    {body}\n" for body in bodies]
    with LocalSandbox(folder) as sandbox:
        answers = run_programs(sandbox, ENVIRONMENT, programs, "double", [[1], [[2]]])
    return [list(row) for row in answers]


def test_answers_in_order(tmp_path: Path) -> None:
    assert run(tmp_path, "return value * 2", "return value + 1") == [
        [Answer("value", 2), Answer("value", [2, 2])],
        [Answer("value", 2), Answer("raised")],
    ]


def test_programs_get_arguments_of_their_own(tmp_path: Path) -> None:
    answers = run(tmp_path, "value.append(3)\n    return value", "return value")
    assert answers[0][1] == Answer("value", [2, 3], has_kept_arguments=False)
    assert answers[1] == [Answer("value", 1), Answer("value", [2])]


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "import os; os._exit(3)",
        "raise SystemExit",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "return 'a' * 10_000",
    ],
)
def test_a_program_that_ends_otherwise_takes_no_other_with_it(tmp_path: Path, body: str) -> None:
    lost, kept = run(tmp_path, body, "print('noise'); return value")
    assert lost == [Answer("ended")] * 2
    assert kept == [Answer("value", 1), Answer("value", [2])]


def test_a_broken_program(tmp_path: Path) -> None:
    assert run(tmp_path, "return (") == [[Answer("ended")] * 2]
