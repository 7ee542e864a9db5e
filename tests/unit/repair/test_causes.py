"""Failures of one cause have an equal cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Failure, Frame, ItemKind, Phase
from pytest_agentfix.repair.causes import Cause, CauseKind, describe, find_cause, normalise

ROOT = Path("/home/me/shop")
IN_TEST = Frame(ROOT / "tests" / "test_a.py", 5, "test_a")
IN_CODE = Frame(ROOT / "shop" / "calc.py", 12, "divide")
FAILURE = Failure(
    nodeid="tests/test_a.py::test_a",
    phase=Phase.CALL,
    kind=ItemKind.FUNCTION,
    path=ROOT / "tests" / "test_a.py",
    line=5,
    exception="ZeroDivisionError",
    message="division by zero",
    traceback="",
    frames=(IN_TEST, IN_CODE),
)


def is_test(path: Path) -> bool:
    return "tests" in path.parts


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("division by zero", "division by zero"),
        ("", ""),
        ("'k'", "#"),
        ("invalid literal for int() with base 10: 'x y'", "invalid literal for int with base #"),
        ("cannot open /home/me/x.txt, try again", "cannot open # try again"),
        ("got [1, 2, 3]", "got #"),
        ("got [1.5, -2e10, +7]", "got #"),
        ("<Cart object at 0x7f3a9c>", "Cart object at #"),
        ("no user 123e4567-e89b-12d3-a456-426614174000", "no user #"),
        ("don't want 'a'", "don t want #"),
        ("don't want 'b' or \"c\"", "don t want # or #"),
        ("key b'abc' is missing", "key # is missing"),
        ("it begins 'and does not end", "it begins #"),
        ("a 'b\" c' d", "a # d"),
        ("C:\\x is no path", "C \\x is no path".replace("\\x", "#")),
    ],
)
def test_values_are_taken_out_of_a_message(message: str, expected: str) -> None:
    assert normalise(message) == expected


def test_a_normalised_message_is_bounded() -> None:
    assert len(normalise("word " * 100_000).split()) == 20
    assert len(normalise("x" * 1_000_000)) == 200


@pytest.mark.parametrize("text", ["'", "\"'", "b'", " '", "('a", "0", "/", "\\", "a'b ", "''"])
def test_a_message_of_values_is_a_value(text: str) -> None:
    """Nothing here ends where it should, a million times; that would take days if it mattered."""
    assert set(normalise(text * 1_000_000).split()) <= {"#", "a", "b"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {},
            Cause(
                CauseKind.RAISED,
                "",
                "ZeroDivisionError",
                str(IN_CODE.path),
                12,
                "division by zero",
            ),
        ),
        ({"frames": ()}, None),
        ({"frames": (IN_CODE, IN_TEST)}, None),
        (
            {"fixture": "db", "missing": "numpy", "frames": (IN_TEST,), "message": "port 5432"},
            Cause(CauseKind.FIXTURE, "db", "ZeroDivisionError", str(IN_TEST.path), 5, "port #"),
        ),
        (
            {"fixture": "db", "frames": ()},
            Cause(CauseKind.FIXTURE, "db", "ZeroDivisionError", "", 0, "division by zero"),
        ),
        (
            {"missing": "numpy", "exception": "ModuleNotFoundError", "frames": (IN_TEST,)},
            Cause(CauseKind.MISSING, "numpy", "ModuleNotFoundError", "", 0, ""),
        ),
        (
            {"missing": "total", "exception": "NameError"},
            Cause(CauseKind.MISSING, "total", "NameError", str(IN_CODE.path), 0, ""),
        ),
    ],
)
def test_the_first_cause_that_fits_counts(
    change: dict[str, object], expected: Cause | None
) -> None:
    assert find_cause(replace(FAILURE, **change), is_test) == expected  # type: ignore[arg-type]


def test_endless_recursion_has_one_cause_wherever_it_ended() -> None:
    cycle = [
        Frame(ROOT / "a.py", 3, "f"),
        Frame(ROOT / "b.py", 9, "g"),
        Frame(ROOT / "a.py", 7, "h"),
    ]
    causes = {
        find_cause(
            replace(FAILURE, exception="RecursionError", frames=tuple((cycle * 12)[n : n + 30])),
            is_test,
        )
        for n in range(4)
    }
    tip = (*(cycle * 9), Frame(ROOT / "a.py", 1, "tip"))
    causes.add(find_cause(replace(FAILURE, exception="RecursionError", frames=tip), is_test))
    (cause,) = causes
    assert cause is not None
    assert (cause.path, cause.line) == (str(ROOT / "a.py"), 3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "raised at shop/calc.py:12 (ZeroDivisionError)"),
        ({"exception": ""}, "raised at shop/calc.py:12"),
        ({"path": None}, "raised at calc.py:12 (ZeroDivisionError)"),
        ({"fixture": "db"}, "same fixture 'db' (ZeroDivisionError)"),
        (
            {"fixture": "_xunit_setup_module_fixture_tests.test_a"},
            "raised at shop/calc.py:12 (ZeroDivisionError)",
        ),
        ({"fixture": "_xunit_x", "frames": ()}, "same fixture '_xunit_x' (ZeroDivisionError)"),
        (
            {"missing": "numpy", "exception": "ModuleNotFoundError"},
            "no module named 'numpy'",
        ),
        ({"missing": "a.b", "exception": "ImportError"}, "no name 'a.b' (ImportError)"),
        ({"missing": "x", "exception": "NameError"}, "no name 'x' in shop/calc.py (NameError)"),
    ],
)
def test_a_cause_is_told_in_a_line(change: dict[str, object], expected: str) -> None:
    failure = replace(FAILURE, **change)  # type: ignore[arg-type]
    cause = find_cause(failure, is_test)
    assert cause is not None
    assert describe(cause, failure) == expected
