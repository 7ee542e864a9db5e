"""The list of tests, and the command that runs them."""

from __future__ import annotations

from pytest_agentfix.core.model import HoldOut
from pytest_agentfix.repair.prompts.test_list import list_tests, make_command

CASES = [f"test_a.py::test_x[{number}]" for number in range(40)]


def run(nodeids: list[str], hold_out: HoldOut = HoldOut()) -> str:  # noqa: B008 - immutable
    return make_command(nodeids, "python3", hold_out)


def test_cases_of_one_function_are_listed_together() -> None:
    text = list_tests(["test_a.py::test_y", *CASES[:14]])
    assert text == (
        "- test_a.py::test_y\n- test_a.py::test_x[0], [1], [2], [3], [4], [5], and 8 more"
    )


def test_list_of_functions_is_bounded() -> None:
    lines = list_tests([f"test_a.py::test_{number}" for number in range(50)]).split("\n")
    assert len(lines) == 21
    assert lines[-1] == "- and 30 more tests"
    hostile = [f"test_{number}.py::test[{'x' * 9_000}\n]" for number in range(50)]
    assert len(list_tests(hostile)) <= 6_000


def test_one_case_is_run_by_its_own_id() -> None:
    assert run(["a.py::test[it's]"]) == r"python3 -m pytest 'a.py::test[it'\''s]'"


def test_function_stands_for_its_cases() -> None:
    assert run(CASES) == "python3 -m pytest 'test_a.py::test_x'"


def test_function_stands_for_its_cases_where_withheld_ones_were_taken_out() -> None:
    hold_out = HoldOut(withheld=("test_a.py::test_x[41]",), files={"test_a.py": b""})
    assert run(CASES[:2], hold_out) == "python3 -m pytest 'test_a.py::test_x'"


def test_no_withheld_case_is_run_where_it_is_still_in_the_file() -> None:
    hold_out = HoldOut(withheld=("test_a.py::test_x[41]",), reason="it cannot be taken out")
    assert run(CASES[:2], hold_out) == (
        "python3 -m pytest 'test_a.py::test_x[0]' 'test_a.py::test_x[1]'"
    )


def test_command_is_bounded_and_says_what_it_leaves_out() -> None:
    many = [f"test_a.py::test_{number}" for number in range(12)]
    assert run(many).endswith("test_a.py::test_9'  # and 2 more")
    long = [f"test_{number}.py::test_{'x' * 3_000}" for number in range(10)]
    assert run(long).endswith("# and 9 more")
