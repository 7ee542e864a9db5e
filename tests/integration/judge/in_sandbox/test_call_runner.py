"""The program that calls tests without pytest: its lines and its exit status."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.kits.variants_kit import run_plain, write


def call(name: str, kind: str = "function", **more: Any) -> dict[str, Any]:
    one = {"id": name, "kind": kind, "name": name.split("."), "is_async": False, "parameters": []}
    return {**one, **more}


def outcomes(top: Path, source: str, *calls: dict[str, Any], **order: Any) -> list[tuple[str, ...]]:
    lines, _ = run_plain(top, {"source": dedent(source), "calls": list(calls), **order})
    return [
        (line["outcome"], line["exception"], line["message"])
        for line in lines
        if line["kind"] == "call"
    ]


def test_all_lines(tmp_path: Path) -> None:
    source = "def a(): pass\ndef b(): raise KeyError('no\\nmore')\n"
    lines, done = run_plain(tmp_path, {"source": source, "calls": [call("a"), call("b")]})
    assert lines == [
        {"kind": "start", "python": sys.version.split()[0]},
        {"kind": "call", "id": "a", "outcome": "passed", "exception": "", "message": ""},
        {
            "kind": "call",
            "id": "b",
            "outcome": "failed",
            "exception": "KeyError",
            "message": "'no\\nmore'",
        },
        {
            "kind": "finish",
            "exit": 1,
            "counts": {"start": 1, "call": 2},
            "has_pytest": False,
        },
    ]
    assert done.code == 1


def test_exit_status_when_all_pass(tmp_path: Path) -> None:
    _, done = run_plain(tmp_path, {"source": "def a(): pass\n", "calls": [call("a"), call("a")]})
    assert done.code == 0


def test_what_the_module_sees(tmp_path: Path) -> None:
    source = """
    import os, sys
    def a():
        seen = [__name__, __package__, __file__, sys.path[0], sys.argv]
        seen += [sys.modules[__name__].a is a, "pytest" in sys.modules]
        seen += [[name for name in os.environ if "PYTEST" in name], a.__code__.co_filename]
        raise RuntimeError(seen)
    """
    seen = ["somewhere", "", str(tmp_path / "test_it.py"), str(tmp_path), [""], True, False, []]
    expected = [("failed", "RuntimeError", str([*seen, "/somewhere.py"]))]
    assert outcomes(tmp_path, source, call("a")) == expected


def test_import_of_pytest_is_seen(tmp_path: Path) -> None:
    lines, _ = run_plain(tmp_path, {"source": "import pytest\ndef a(): pass", "calls": [call("a")]})
    assert lines[-1]["has_pytest"] is True


@pytest.mark.parametrize("ending", ["SystemExit(0)", "KeyboardInterrupt()", "GeneratorExit()"])
def test_every_exception_is_a_failure(tmp_path: Path, ending: str) -> None:
    source = f"def a(): raise {ending}\ndef b(): pass\n"
    found = outcomes(tmp_path, source, call("a"), call("b"))
    assert [one[:2] for one in found] == [
        ("failed", ending.partition("(")[0]),
        ("passed", ""),
    ]


def test_exception_that_cannot_be_described(tmp_path: Path) -> None:
    source = """
    class Odd(Exception):
        def __str__(self): raise SystemExit(0)
    def a(): raise Odd
    """
    assert outcomes(tmp_path, source, call("a")) == [("failed", "Odd", "")]


def test_long_message_is_cut(tmp_path: Path) -> None:
    source = "def a(): raise ValueError('x' * 600)\n"
    assert outcomes(tmp_path, source, call("a")) == [("failed", "ValueError", "x" * 500)]


@pytest.mark.parametrize(
    ("source", "exception"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError"),
        ("raise SystemExit", "SystemExit"),
        ("def (", "SyntaxError"),
    ],
)
def test_module_that_cannot_be_made(tmp_path: Path, source: str, exception: str) -> None:
    found = outcomes(tmp_path, source, call("a"), call("b"))
    assert [one[:2] for one in found] == [("failed", exception)] * 2


def test_process_that_is_ended_says_nothing_more(tmp_path: Path) -> None:
    source = "import os\ndef a(): os._exit(0)\n"
    lines, done = run_plain(tmp_path, {"source": source, "calls": [call("a")]})
    assert ([line["kind"] for line in lines], done.code) == (["start"], 0)


def test_kinds_of_calls(tmp_path: Path) -> None:
    source = """
    import asyncio, unittest
    CASES = [1, 2]
    PAIRS = [(1, 2), [3, 4]]
    def a(n, x, y): assert (n, x, y) == (2, 1, 2)
    async def b():
        await asyncio.sleep(0)
    class C:
        class D:
            n = 1
            def e(self): assert self.n
            @staticmethod
            def f(n): assert n == 1
    class F(unittest.IsolatedAsyncioTestCase):
        @classmethod
        def setUpClass(cls): cls.n = 1
        async def asyncSetUp(self): self.m = 2
        async def test_g(self): assert (self.n, self.m) == (1, 2)
    """
    cases = {"names": ["n"], "list": "CASES"}
    pairs = {"names": ["x", "y"], "list": "PAIRS", "index": 0}
    calls = [
        call("a", parameters=[{**cases, "index": 1}, pairs]),
        call("b", is_async=True),
        call("C.D.e", "method"),
        call("C.D.f", "method", parameters=[{**cases, "index": 0}]),
        call("F.test_g", "unittest"),
    ]
    assert outcomes(tmp_path, source, *calls) == [("passed", "", "")] * 5


@pytest.mark.parametrize("index", [None, 9])
def test_case_that_is_not_there(tmp_path: Path, index: int | None) -> None:
    parameters = [{"names": ["n"], "list": "CASES", "index": index}]
    found = outcomes(tmp_path, "CASES = [1]\ndef a(n): pass\n", call("a", parameters=parameters))
    assert [one[0] for one in found] == ["failed"]


@pytest.mark.parametrize(
    ("member", "exception"),
    [
        ("def test_a(self): self.assertEqual(1, 2)", "AssertionError"),
        ("def test_a(self): 1 / 0", "ZeroDivisionError"),
        ("def test_a(self): self.skipTest('no')", "NotRunError"),
        ("test_a = unittest.expectedFailure(lambda self: 1 / 0)", "NotRunError"),
        ("test_a = unittest.expectedFailure(lambda self: 1)", "NotRunError"),
        (
            "@classmethod\n  def setUpClass(cls): 1 / 0\n  def test_a(self): pass",
            "ZeroDivisionError",
        ),
        ("def tearDown(self): 1 / 0\n  def test_a(self): pass", "ZeroDivisionError"),
        (
            "def test_a(self):\n    with self.subTest(): 1 / 0\n    with self.subTest(): pass",
            "ZeroDivisionError",
        ),
    ],
)
def test_test_case_that_does_not_pass(tmp_path: Path, member: str, exception: str) -> None:
    source = f"import unittest\nclass T(unittest.TestCase):\n  {member}\n"
    found = outcomes(tmp_path, source, call("T.test_a", "unittest"))
    assert [one[:2] for one in found] == [("failed", exception)]


def test_relative_imports_of_a_module_in_a_package(tmp_path: Path) -> None:
    write(tmp_path, {"p/__init__.py": "", "p/tests/__init__.py": "", "p/tests/kit.py": "N = 1\n"})
    source = "from .kit import N\nfrom .. import tests\ndef a(): assert N\n"
    assert outcomes(tmp_path, source, call("a"), name="p.tests.x") == [("passed", "", "")]


def test_source_can_be_inspected(tmp_path: Path) -> None:
    source = "import inspect\ndef a(): assert 'of its own' in inspect.getsource(a)\n"
    assert outcomes(tmp_path, source, call("a")) == [("passed", "", "")]
