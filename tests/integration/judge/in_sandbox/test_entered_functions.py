"""The functions of the project that each test of a session enters."""

from __future__ import annotations

from pathlib import Path

from tests.kits.session_kit import run_session, write

FILES = {
    "calc.py": """\
        def add(left, right):
            return left - right

        def total(items):
            return sum(add(0, item) for item in items)

        class Cart:
            @property
            def size(self):
                return 0
        """,
    "test_it.py": """\
        import json
        import sys
        import pytest
        from calc import Cart, add, total

        @pytest.fixture
        def cart():
            return Cart()

        def test_add(): assert add(1, 2) == 3
        def test_total(): assert total([1, 2]) == 3
        def test_cart(cart): assert cart.size == 1
        def test_json(): assert json.loads("1") == 2
        def test_much():
            for number in range(300_000): add(number, 1)
            assert 0
        def test_profiler():
            sys.setprofile(None)
            assert add(1, 2) == 3
        """,
}
NAMES = ["test_add", "test_total", "test_cart", "test_json"]


def enter(top: Path, *names: str) -> dict[str, list[str]]:
    """Run tests; return the functions in ``calc.py`` that each has entered."""
    write(top, FILES)
    run = run_session(top, [f"test_it.py::{name}" for name in names], enter=True)
    assert run.trouble == ""
    assert [one.outcome for one in run.report.outcomes.values()] == ["failed"] * len(names)
    return {
        nodeid.partition("::")[2]: [
            f"{frame.function}:{frame.line}" for frame in frames if frame.path == top / "calc.py"
        ]
        for nodeid, frames in run.report.entered.items()
    }


def test_those_of_each_test_by_name_and_line(tmp_path: Path) -> None:
    entered = enter(tmp_path, *NAMES)
    assert entered["test_add"] == ["add:1"]
    assert set(entered["test_total"]) >= {"total:4", "add:1"}
    assert entered["test_cart"] == ["size:8"]
    assert entered["test_json"] == []


def test_many_calls_and_a_profiler_do_no_harm(tmp_path: Path) -> None:
    entered = enter(tmp_path, "test_much", "test_profiler")
    assert entered["test_much"] == ["add:1"]


def test_nothing_is_noted_unless_it_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    run = run_session(tmp_path, ["test_it.py::test_add"])
    assert (run.trouble, run.report.entered) == ("", {})
