"""The source that is shown of a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Failure, Frame, ItemKind, Phase
from pytest_agentfix.repair.prompts.excerpts import FUNCTION_BUDGET, Excerpt, Sources, fill
from pytest_agentfix.repair.prompts.relevant_source import find_excerpts

TOP = Path("/project")
CART = """\
from shop.rates import rate_for

LIMIT = 3
OTHER = 4


class Cart:
    def __init__(self):
        self.items = []

    @property
    def total(self):
        return rate_for(sum(self.items[:LIMIT]))
"""
TEST = """\
import shop.rates
from shop import Cart


def make():
    return Cart()


class TestCart:
    @staticmethod
    def test_total():
        assert make().total == 4


def test_rate():
    assert shop.rates.rate_for(1) == 2
"""
FILES = {
    "src/shop/__init__.py": "from .cart import Cart\n",
    "src/shop/cart.py": CART,
    "src/shop/rates.py": "def rate_for(whole):\n    return TABLE[whole]\n",
    "tests/test_cart.py": TEST,
}


def failing(line: int, *frames: tuple[str, int, str], exception: str = "KeyError") -> Failure:
    return Failure(
        nodeid="tests/test_cart.py::test",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=TOP / "tests/test_cart.py",
        line=line,
        exception=exception,
        message="",
        traceback="",
        frames=tuple(Frame(TOP / path, place, name) for path, place, name in frames),
    )


def find(*failures: Failure, files: Mapping[str, str] = FILES) -> list[tuple[str, int, int]]:
    def read(path: str) -> tuple[bytes, bool] | None:
        return (files[path].encode(), False) if path in files else None

    found = fill(find_excerpts(failures, Sources(TOP, read)), 6_000)
    return [(excerpt.path, excerpt.first, excerpt.last) for excerpt in found]


def test_test_comes_first_then_what_raised_then_its_callers() -> None:
    failure = failing(
        10,
        ("tests/test_cart.py", 12, "test_total"),
        ("src/shop/cart.py", 13, "total"),
        ("src/shop/rates.py", 2, "rate_for"),
    )
    assert find(failure) == [
        ("tests/test_cart.py", 10, 12),
        ("src/shop/rates.py", 1, 2),
        ("src/shop/cart.py", 11, 13),
        ("src/shop/cart.py", 3, 3),
    ]


def test_of_an_assertion_what_the_test_calls_is_shown() -> None:
    """By way of a helper, a package that passes a name on, and what a class is made of."""
    failure = failing(10, ("tests/test_cart.py", 12, "test_total"), exception="AssertionError")
    assert find(failure) == [
        ("tests/test_cart.py", 10, 12),
        ("src/shop/cart.py", 7, 13),
        ("src/shop/cart.py", 3, 3),
        ("tests/test_cart.py", 5, 6),
    ]


def test_names_are_followed_through_modules() -> None:
    assert find(failing(15, ("tests/test_cart.py", 16, "test_rate"))) == [
        ("tests/test_cart.py", 15, 16),
        ("src/shop/rates.py", 1, 2),
    ]


def test_fixtures_are_found_by_their_names_in_conftest_files_above() -> None:
    files = {
        "shop.py": "def load():\n    return 1\n",
        "tests/conftest.py": "from shop import load\n\n\ndef data():\n    return load()\n",
        "tests/test_cart.py": "def test(data):\n    assert data == 2\n",
    }
    assert find(failing(1), files=files) == [
        ("tests/test_cart.py", 1, 2),
        ("shop.py", 1, 2),
        ("tests/conftest.py", 4, 5),
    ]


def test_what_makes_a_tests_cases_is_not_shown() -> None:
    """Neither the table, nor the function that makes them, nor a fixture's parameters."""
    text = (
        "CASES = [1, 2]\n"
        "def make_cases():\n    return CASES\n"
        "@fixture(params=CASES)\ndef data(request):\n    return request.param\n"
        "@parametrize('case', make_cases())\n@parametrize('other', CASES)\n"
        "def test(case, other, data):\n    assert case\n"
    )
    failure = failing(7, ("tests/test_cart.py", 10, "test"), ("tests/test_cart.py", 6, "data"))
    for one in (failure, replace(failure, frames=())):
        assert find(one, files={"tests/test_cart.py": text}) == [
            ("tests/test_cart.py", 7, 10),
            ("tests/test_cart.py", 5, 6),
        ]


def test_no_source_is_shown_twice() -> None:
    one = failing(10, ("src/shop/rates.py", 2, "rate_for"))
    other = replace(one, nodeid="tests/test_cart.py::other", line=15)
    assert find(one, other) == [
        ("tests/test_cart.py", 10, 12),
        ("src/shop/rates.py", 1, 2),
        ("tests/test_cart.py", 15, 16),
    ]


def test_function_that_moved_is_found_by_its_name() -> None:
    moved = {**FILES, "src/shop/rates.py": "#\n" * 40 + FILES["src/shop/rates.py"]}
    failure = failing(10, ("src/shop/rates.py", 2, "rate_for"))
    assert find(failure, files=moved)[1] == ("src/shop/rates.py", 41, 42)


def test_frames_of_other_places_and_files_that_are_gone_are_left_out() -> None:
    failure = failing(10, ("gone.py", 1, "f"), ("../../etc/passwd", 1, "f"))
    outside = replace(failure, frames=(*failure.frames, Frame(Path("/etc/passwd"), 1, "f")))
    assert find(outside) == [("tests/test_cart.py", 10, 12)]


@pytest.mark.parametrize(
    "text", ["def f(:\n" * 50, "((" * 5_000, "x = 1\n" * 50], ids=["broken", "deep", "module"]
)
def test_of_what_has_no_function_the_lines_around_are_shown(text: str) -> None:
    failure = failing(1, ("bad.py", 20, "<module>"))
    lines = text.count("\n")
    found = find(failure, files={"bad.py": text + "#\n" * 50})
    assert found == [("bad.py", 10, 30)], lines


def test_large_function_is_cut_around_its_line() -> None:
    body = [f"    step_{number} = {number}\n" for number in range(1_000)]
    text = "def large():\n" + "".join(body)
    sources = Sources(TOP, lambda _: (text.encode(), False))
    file = sources.open("large.py")
    assert file is not None
    excerpt = file.cut(file.find("large"), 502)
    lines = excerpt.text.split("\n")
    assert lines[0] == "def large():"
    assert "    step_500 = 500" in lines
    assert lines[-1].endswith("lines left out ...]")
    assert len(excerpt.text) <= FUNCTION_BUDGET
    assert (excerpt.first, excerpt.last) == (1, 1_001)


def test_recursion_shows_each_function_once() -> None:
    frames = [("src/shop/rates.py", 2, "rate_for")] * 900
    assert find(failing(10, *frames)) == [
        ("tests/test_cart.py", 10, 12),
        ("src/shop/rates.py", 1, 2),
    ]


def test_budget_is_kept_by_leaving_whole_excerpts_out() -> None:
    texts = ["a" * 50, "b" * 80, "c" * 40]
    excerpts = [Excerpt(path=f"{text[0]}.py", first=1, last=1, text=text) for text in texts]
    assert fill(excerpts, 100) == [excerpts[0], excerpts[2]]
