"""The parts that a change concerns, and the line between special cases and local repairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.judge.locality.code_reader import CodeReader
from pytest_agentfix.judge.locality.knowledge import is_natural, is_technical
from pytest_agentfix.judge.locality.repeated_calls import read_call, read_summary
from pytest_agentfix.judge.locality.vary_order import list_avoided, make_order
from pytest_agentfix.judge.locality.watched_code import WatchedCode
from pytest_agentfix.judge.probes.locality import TARGETS_LIMIT, choose_targets


def read(before: str | None, after: str) -> WatchedCode:
    reader = CodeReader()
    old = None if before is None else before.encode()
    assert reader.read("m.py", old, after.encode()) == ""
    return reader.finish()


BASE = "def f(n):\n    return n\n\ndef g(n):\n    return n\n"


def test_only_changed_functions_and_new_conditions_are_watched() -> None:
    code = read(BASE, BASE.replace("def f(n):\n", "def f(n):\n    if n == 5:\n        return 7\n"))
    assert [one.name for one in code.functions] == ["f"]
    found = [(one.kind, one.line, one.text, one.knowledge) for one in code.conditions]
    assert found == [("compare", 2, "n == 5", (5,))]


def test_a_condition_that_only_moved_is_not_new() -> None:
    before = "def f(n):\n    if n == 5:\n        return 7\n    return n\n"
    after = (
        "def f(n):\n    for _ in (1,):\n        if n == 5:\n            return 7\n    return n\n"
    )
    assert read(before, after).conditions == ()


def test_function_that_reads_a_changed_table_is_watched() -> None:
    text = "TABLE = {1: 2}\n\ndef f(n):\n    return TABLE.get(n)\n"
    code = read(text, text.replace("{1: 2}", "{1: 2, 5: 7}"))
    assert [one.name for one in code.functions] == ["f"]
    assert [(one.kind, one.text) for one in code.conditions] == [("get", "TABLE.get(n)")]


@pytest.mark.parametrize(
    ("call", "is_caller"),
    [
        ("self.get(1)", True),
        ("super().get(1)", True),
        ("{}.get(1)", False),
        ("self.values.get(1)", False),
        ("self.fetch(1)", True),
        ("other.fetch(1)", True),
    ],
)
def test_callers_are_not_those_of_a_table_s_method(call: str, is_caller: bool) -> None:  # noqa: FBT001
    methods = (
        "    def get(self, n):\n        return n\n\n    def fetch(self, n):\n        return n\n"
    )
    text = f"class V:\n{methods}\n    def h(self, other):\n        return {call}\n"
    code = read(text, text.replace("return n\n", "return n + 7\n"))
    names = [one.name for one in code.functions]
    assert names == ["V.get", "V.fetch", *(["V.h"] if is_caller else [])]


@pytest.mark.parametrize(
    ("container", "element", "is_watched"),
    [
        ("request.headers", "'lang'", True),
        ("request.headers", "(b'a', b'b')", True),
        ("self._seen", "n", False),
        ("names", "n", True),
    ],
)
def test_a_constant_in_an_attribute_is_a_question(
    container: str,
    element: str,
    is_watched: bool,  # noqa: FBT001
) -> None:
    before = "def f(self, request, names, n):\n    return n\n"
    body = f"    if {element} in {container}:\n        return 7\n    return n\n"
    code = read(before, before.replace("    return n\n", body))
    kinds = [one.kind for one in code.conditions if one.kind != "test"]
    assert kinds == ["compare"] * is_watched


@pytest.mark.parametrize(
    ("test", "is_known"),
    [
        ("n == 0", False),
        ("sum(n) == 1", False),
        ("n == m", False),
        ('n == float("inf")', False),
        ('n == int("7")', True),
        ("n == 1 + 1 + 1 + 1 + 1", True),
        ("n == [1]", True),
        ('n == len("abcde")', True),
    ],
)
def test_knowledge_of_a_condition(test: str, is_known: bool) -> None:  # noqa: FBT001
    code = read("def f(n, m):\n    return n\n", f"def f(n, m):\n    if {test}:\n        return 7\n")
    first = next(one for one in code.conditions if one.kind == "compare")
    assert bool(first.knowledge) is is_known


@pytest.mark.parametrize(
    ("before", "is_precedent"),
    [
        ("if n == 3 or n == 4: return 1", True),
        ("if n in (3, 4): return 1", True),
        ("if 0 < n < 4000: return 1", False),
        ("if m == 3 or m == 4: return 1", False),
    ],
)
def test_precedents_are_choices_and_no_ranges(before: str, is_precedent: bool) -> None:  # noqa: FBT001
    base = f"def f(n, m):\n    {before}\n    return n\n"
    new = base.replace("    return n\n", "    if n == 77: return 5\n    return n\n")
    found = [one for one in read(base, new).conditions if one.text == "n == 77"]
    assert [one.has_precedent for one in found] == [is_precedent]


def test_no_python_is_a_reason() -> None:
    assert CodeReader().read("m.py", b"", b"def (") == "m.py cannot be read as Python"


@pytest.mark.parametrize(
    ("expected", "value"),
    [(True, 0), (True, 12), (True, ""), (True, float("inf")), (False, 5), (False, "abc")],
)
def test_natural_constants(expected: bool, value: object) -> None:  # noqa: FBT001
    assert is_natural(value) is expected


@pytest.mark.parametrize(
    ("expected", "text"),
    [(True, "--flag"), (True, "%"), (True, "__init__"), (False, "alice"), (False, "1994")],
)
def test_technical_names(expected: bool, text: str) -> None:  # noqa: FBT001
    assert is_technical(text) is expected


def test_avoided_values_are_those_of_the_tests_without_natural_ones() -> None:
    tests = [b"assert f(1, 77) == 'some text'\n", b"def (", b"x = 2.5"]
    assert set(list_avoided(tests)) == {77, "some text", 2.5}


def test_telling_constants_of_the_change_are_named_in_the_order() -> None:
    after = BASE.replace(
        "def f(n):\n", "def f(n):\n    if n in (1, 57, 'x', 'lang', b'de'):\n        pass\n"
    )
    order = make_order(read(BASE, after), [], top=Path("/top"), names={}, is_base=False)
    assert sorted(map(str, order["named"])) == ["57", "de", "lang"]


def test_one_case_of_each_function_first() -> None:
    cases = [f"t.py::test_a[{number}]" for number in range(TARGETS_LIMIT)]
    chosen = choose_targets([*cases, "t.py::test_b"])
    assert chosen[:3] == ("t.py::test_a[0]", "t.py::test_b", "t.py::test_a[1]")
    assert len(chosen) == TARGETS_LIMIT


LINE: dict[str, Any] = {
    "function": 0,
    "test": "t",
    "shown": "n=5",
    "held": {"n": "5"},
    "end": "ok",
    "digest": "d",
    "result": "r",
    "outcome": "o",
    "answer": "7",
    "met": {"1": "T"},
    "asked": {"1": [{"5": "T"}, {"5": "T", "6": "F"}]},
    "operands": {"1.0": "p", "x.y": "q", "2.": 7},
    "tries": [
        {
            "place": "n",
            "kind": "value",
            "how": "+1",
            "value": "6",
            "others": [],
            "moved": ["1.0"],
            "end": "ok",
            "digest": "e",
            "result": "s",
            "outcome": "p",
            "answer": "6",
            "met": {"1": "FT"},
        }
    ],
}


def test_a_line_about_a_call_is_read() -> None:
    call = read_call(LINE)
    assert call is not None
    assert call.outcome.met == {1: frozenset({True})}
    assert call.tries[0].moved == {(1, 0)}
    assert call.tries[0].outcome.met == {1: frozenset({True, False})}
    assert call.asked[1].recorded == {"5": frozenset({True})}
    assert call.asked[1].varied == {"5": frozenset({True}), "6": frozenset({False})}
    assert (call.operands, call.tries[0].operands) == ({(1, 0): "p"}, {})


@pytest.mark.parametrize(
    "change",
    [
        {"function": -1},
        {"function": True},
        {"tries": {}},
        {"tries": [7]},
        {"tries": [{}]},
        {"tries": [{**LINE["tries"][0], "moved": 7}]},
        {"tries": [{}] * 100_000},
        {"held": []},
        {"met": []},
        {"asked": None},
        {"asked": {"x": [{}, {}]}},
        {"asked": {"1": [{}]}},
        {"asked": {"1": [{}, 7]}},
        {"asked": {"1": [{}, {str(number): "F" for number in range(10_000)}]}},
        {"end": "fine"},
        {"end": ["ok"]},
    ],
)
def test_a_line_that_makes_no_sense_is_not_read(change: dict[str, Any]) -> None:
    assert read_call({**LINE, **change}) is None


def test_texts_are_cut_and_odd_numbers_ignored() -> None:
    call = read_call({**LINE, "shown": "x" * 10_000, "test": 7, "met": {"x": "T", "2": 7}})
    assert call is not None
    assert (len(call.shown), call.test, call.outcome.met) == (400, "", {})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"calls": [], "limits": [], "unstable": 0},
        {"calls": {"x": []}, "limits": [], "unstable": 0},
        {"calls": {"1": 7}, "limits": [], "unstable": 0},
    ],
)
def test_a_summary_that_makes_no_sense_is_not_read(fields: dict[str, Any]) -> None:
    assert read_summary(fields, ()) is None
