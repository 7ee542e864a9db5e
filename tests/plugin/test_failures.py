"""The repair phase gets every kind of failure, and the tests that passed."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.model import Failure, ItemKind, Phase
from pytest_agentfix.pytest_hooks.failures import FailureCollector, cut_text
from tests.plugin.conftest import Runner

TESTS = """
import sys, unittest, logging, pytest

@pytest.fixture
def bad_setup(): raise ValueError("in set-up")

@pytest.fixture
def bad_teardown():
    yield
    raise OSError("in tear-down")

def test_good(): pass

def test_call():
    assert 1 == 2

def test_setup(bad_setup): pass

def test_teardown(bad_teardown): pass

def test_twice(bad_teardown): raise KeyError("k")

@pytest.mark.parametrize("x", [1, 2])
def test_param(x): assert x == 1

class TestClass:
    def test_method(self): raise RuntimeError("first line\\nsecond line")

class TestUnit(unittest.TestCase):
    def test_unit(self): self.assertEqual(1, 2)

@pytest.mark.xfail(strict=True, reason="known")
def test_strict(): pass

@pytest.mark.xfail
def test_xfail(): assert False

@pytest.mark.xfail
def test_xpass(): pass

@pytest.mark.skip
def test_skip(): pass

class Odd(Exception):
    def __str__(self): raise ValueError
def test_odd(): raise Odd
"""

FAILURES = [
    ("test_call", Phase.CALL, 13, "AssertionError", "assert 1 == 2"),
    ("test_setup", Phase.SETUP, 16, "ValueError", "in set-up"),
    ("test_teardown", Phase.TEARDOWN, 18, "OSError", "in tear-down"),
    ("test_twice", Phase.CALL, 20, "KeyError", "'k'"),
    ("test_twice", Phase.TEARDOWN, 20, "OSError", "in tear-down"),
    ("test_param[2]", Phase.CALL, 22, "AssertionError", "assert 2 == 1"),
    ("TestClass::test_method", Phase.CALL, 26, "RuntimeError", "first line"),
    ("TestUnit::test_unit", Phase.CALL, 29, "AssertionError", "1 != 2"),
    ("test_strict", Phase.CALL, 31, "", "[XPASS(strict)] known"),
    ("test_odd", Phase.CALL, 45, "Odd", "(its message could not be made)"),
]


def _sort(failures: tuple[Failure, ...]) -> list[Failure]:
    return sorted(failures, key=lambda failure: (failure.nodeid, failure.phase.value))


def _without_cause(failures: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Without the facts that tell the cause: further down they have tests of their own."""
    return tuple(
        replace(failure, frames=(), fixture="", missing="", test_edit="", chosen={})
        for failure in failures
    )


def test_every_kind(any_runner: Runner) -> None:
    path = any_runner.pytester.makepyfile(test_it=TESTS)
    any_runner.run()
    expected = tuple(
        Failure(
            nodeid=f"test_it.py::{name}",
            phase=phase,
            kind=ItemKind.UNITTEST if "Unit" in name else ItemKind.FUNCTION,
            path=path,
            line=line,
            exception=exception,
            message=message,
            traceback="",
            case={"x": 1} if name == "test_param[2]" else {},
        )
        for name, phase, line, exception, message in FAILURES
    )
    request = any_runner.request
    assert _sort(_without_cause(request.failures)) == _sort(expected)
    assert sorted(request.passed) == ["test_it.py::test_good", "test_it.py::test_param[1]"]
    assert not request.is_cut_short


NO_MESSAGE = {
    "helper": "def same(left, right):\n    assert left == right\n",
    "mod": "def check(value):\n    if value < 0:\n        raise ValueError\n    return value\n",
    "test_it": """\
        import helper, mod

        def test_helper():
            helper.same([1], [2])

        def test_one():
            mod.check(-1)

        def test_two():
            mod.check(-2)
        """,
}


def test_a_failure_without_a_message_is_told_by_the_line_that_raised(runner: Runner) -> None:
    runner.pytester.makepyfile(**NO_MESSAGE)
    runner.run()
    messages = [failure.message for failure in runner.request.failures]
    assert messages == ["assert left == right", "raise ValueError", "raise ValueError"]


@pytest.mark.parametrize("style", ["short", "native", "line"])
def test_a_shorter_traceback_tells_by_the_exception_instead(runner: Runner, style: str) -> None:
    runner.pytester.makepyfile(**NO_MESSAGE)
    runner.run(f"--tb={style}")
    messages = [failure.message for failure in runner.request.failures]
    assert messages == ["AssertionError", "ValueError", "ValueError"]


def test_time_is_that_of_the_phase_and_of_the_slowest_set_up(runner: Runner) -> None:
    runner.pytester.makepyfile(
        test_it="""
import time, pytest
@pytest.fixture(scope="module")
def slow(): time.sleep(0.3)
def test_good(slow): pass
def test_bad(): time.sleep(0.2); assert 0
"""
    )
    runner.run()
    (failure,) = runner.request.failures
    assert failure.seconds is not None
    assert failure.seconds >= 0.5


def test_order_is_kept(runner: Runner) -> None:
    runner.pytester.makepyfile(test_it=TESTS)
    runner.run()
    names = [failure.nodeid.partition("::")[2] for failure in runner.request.failures]
    assert names == [name for name, *_ in FAILURES]


def test_doctest(any_runner: Runner) -> None:
    path = any_runner.pytester.makepyfile(mod='"""\n>>> 1 + 1\n3\n"""')
    any_runner.run("--doctest-modules")
    (failure,) = _without_cause(any_runner.request.failures)
    assert replace(failure, message="") == Failure(
        nodeid="mod.py::mod",
        phase=Phase.CALL,
        kind=ItemKind.DOCTEST,
        path=path,
        line=failure.line,
        exception=failure.exception,
        message="",
        traceback="",
    )
    assert "--doctest-modules" in any_runner.request.invocation.arguments


@pytest.mark.parametrize(
    ("source", "exception", "message"),
    [
        ("import nowhere", "ModuleNotFoundError", "No module named 'nowhere'"),
        ("def broken(:", "SyntaxError", "invalid syntax (test_bad.py, line 1)"),
        ("raise ValueError('at import')", "ValueError", "at import"),
    ],
)
def test_collection_error(any_runner: Runner, source: str, exception: str, message: str) -> None:
    good = any_runner.pytester.makepyfile(test_good="def test_a(): pass\ndef test_b(): pass")
    path = any_runner.pytester.makepyfile(test_bad=source)
    result = any_runner.run()
    request = any_runner.request
    assert _without_cause(request.failures) == (
        Failure(
            nodeid="test_bad.py",
            phase=Phase.COLLECT,
            kind=ItemKind.COLLECTOR,
            path=path,
            line=None,
            exception=exception,
            message=message,
            traceback="",
        ),
    )
    # xdist goes on after collection errors.
    assert (sorted(request.passed), request.is_cut_short) == (
        [f"{good.name}::test_a", f"{good.name}::test_b"],
        not any_runner.jobs,
    )
    assert result.ret == 0


PARAMETRISED = """
import pytest

@pytest.fixture(params=["a", "b"])
def fixture(request): return request.param

@pytest.mark.parametrize(("x", "y"), [(1, 1), (2, 3), pytest.param(3, 4, id="last")])
def test_two_names(x, y): assert x == y

@pytest.mark.parametrize("x", [1, 2])
def test_with_fixture(fixture, x): assert (fixture, x) == ("a", 1)

@pytest.mark.parametrize("x", [])
def test_no_case(x): assert False

def test_plain(): assert False

def pytest_generate_tests(metafunc):
    if "odd" in metafunc.fixturenames:
        metafunc.parametrize("odd", [True, False])

def test_generated(odd): assert odd
"""


def test_the_case_of_a_parametrised_failure(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it=PARAMETRISED)
    any_runner.run()
    request = any_runner.request
    cases = {failure.nodeid.partition("::")[2]: failure.case for failure in request.failures}
    assert cases.pop("test_with_fixture[a-2]").keys() == {"fixture", "x"}
    assert cases.pop("test_with_fixture[b-1]")["fixture"] == 1
    assert cases.pop("test_with_fixture[b-2]")["fixture"] == 1
    assert cases == {
        "test_two_names[2-3]": {"x": 1, "y": 1},
        "test_two_names[last]": {"x": 2, "y": 2},
        "test_plain": {},
        "test_generated[False]": {"odd": 1},
    }
    assert all(type(failure.case) is dict for failure in request.failures)
    assert len({*request.failures}) == len(request.failures)  # still hashable


ODD_CALLSPECS = """
class Strange(str): pass
class Spec:
    indices = {"x": 2, "y": True, "z": "1", 4: 4, Strange("s"): 0}
def test_it(request):
    request.node.callspec = Spec()
    assert False
def test_none(request):
    request.node.callspec = None
    assert False
"""


def test_a_case_that_pytest_would_not_make(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it=ODD_CALLSPECS)
    any_runner.run()
    cases = {failure.nodeid: dict(failure.case) for failure in any_runner.request.failures}
    assert cases == {"test_it.py::test_it": {"x": 2}, "test_it.py::test_none": {}}


def test_collection_error_with_the_rest_run(runner: Runner) -> None:
    runner.pytester.makepyfile(
        test_bad="import nowhere", test_good="def test_a(): pass\ndef test_b(): assert False"
    )
    runner.run("--continue-on-collection-errors")
    request = runner.request
    assert {failure.nodeid for failure in request.failures} == {
        "test_bad.py",
        "test_good.py::test_b",
    }
    assert (request.passed, request.is_cut_short) == (("test_good.py::test_a",), False)


def test_only_collection_errors(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_bad="import nowhere")
    result = any_runner.run()
    assert (result.ret, any_runner.request.passed) == (0, ())
    result.stdout.fnmatch_lines(["*= 1 fixed in*"])


def test_traceback_and_output_are_the_same_under_xdist(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(
        test_it="""
        import sys
        def test_it():
            print("to stdout")
            print("to stderr", file=sys.stderr)
            assert False
        """
    )
    any_runner.run()
    (failure,) = pickle.loads((any_runner.path / "request.pickle").read_bytes()).failures
    assert failure.output == (
        "--- Captured stdout call ---\nto stdout\n\n--- Captured stderr call ---\nto stderr\n"
    )
    assert failure.traceback.startswith("def test_it():\n")
    assert failure.traceback.endswith("test_it.py:5: AssertionError")


PROJECT = {
    "calc.py": """
def divide(a, b):
    return a / b

def again(n):
    return again(n + 1)

class Cart:
    pass
""",
    "broken.py": "def broken(:\n    pass\n",
    "conftest.py": """
import pytest

@pytest.fixture(name="db")
def make_db():
    raise ConnectionError("no port 5432")

@pytest.fixture
def app(db): pass

@pytest.fixture(scope="session")
def server():
    yield 1
    raise OSError("in use")

@pytest.fixture
def dynamic(request):
    return request.getfixturevalue("db")
""",
    "test_it.py": """
import calc

def test_divide(): calc.divide(1, 0)
def test_own(): assert calc.divide(1, 1) == 2
def test_deep(): calc.again(0)
def test_app(app): pass
def test_app_again(app): pass
def test_dynamic(dynamic): pass
def test_in_call(request): request.getfixturevalue("db")
def test_not_found(nowhere): pass
def test_import():
    import calc.more
def test_no_module():
    import not_there
def test_from():
    from calc import multiply
def test_name(): multiply(1, 2)
def test_attribute(): calc.multiply(1, 2)
def test_method(): calc.Cart().total()
def test_none(): None.total()
def test_syntax():
    import broken
def test_local():
    x
    x = 1
def test_server(server): pass
""",
}


def _lay_out(runner: Runner, files: dict[str, str]) -> None:
    for name, text in files.items():
        (runner.path / name).write_text(text.lstrip("\n"), "utf-8")


def test_what_tells_the_cause(any_runner: Runner) -> None:
    _lay_out(any_runner, PROJECT)
    any_runner.run("--dist=loadfile" if any_runner.jobs else "-v")
    failures = {
        failure.nodeid.partition("::")[2]: failure for failure in any_runner.request.failures
    }
    places = {
        name: [f"{frame.path.name}:{frame.line} {frame.function}" for frame in failure.frames]
        for name, failure in failures.items()
        if name != "test_deep"
    }
    own = {f"test_{name}": f"test_it.py:{line} test_{name}" for name, line in [
        ("divide", 3), ("own", 4), ("in_call", 9), ("import", 12), ("no_module", 14), ("from", 16),
        ("name", 17), ("attribute", 18), ("method", 19), ("none", 20), ("syntax", 22),
        ("local", 24),
    ]}  # fmt: skip
    db = "conftest.py:5 make_db"
    assert places == {
        **{name: [place] for name, place in own.items()},
        "test_divide": [own["test_divide"], "calc.py:2 divide"],
        "test_in_call": [own["test_in_call"], db],
        "test_syntax": [own["test_syntax"], "broken.py:1 <module>"],
        "test_app": [db],
        "test_app_again": [db],
        "test_dynamic": ["conftest.py:17 dynamic", db],
        "test_not_found": [],
        "test_server": ["conftest.py:13 server"],
    }
    assert {frame.path.parent for each in failures.values() for frame in each.frames} == {
        any_runner.path
    }
    assert {name: each.fixture for name, each in failures.items() if each.fixture} == {
        "test_app": "db",
        "test_app_again": "db",
        "test_dynamic": "db",
        "test_in_call": "db",
        "test_not_found": "nowhere",
        "test_server": "server",
    }
    assert {name: each.missing for name, each in failures.items() if each.missing} == {
        "test_import": "calc.more",
        "test_no_module": "not_there",
        "test_from": "calc.multiply",
        "test_name": "multiply",
        "test_attribute": "calc.multiply",
        "test_method": "calc.Cart.total",
    }
    deep = failures["test_deep"]
    assert (deep.exception, len(deep.frames)) == ("RecursionError", 30)
    assert {frame.line for frame in deep.frames} == {5}
    assert failures["test_not_found"].message == "fixture 'nowhere' not found"


def test_what_tells_the_cause_of_a_collection_error(any_runner: Runner) -> None:
    _lay_out(any_runner, PROJECT)
    any_runner.pytester.makepyfile(
        test_it="",
        test_a="import broken",
        test_b="from calc import multiply",
        test_c="import calc\ncalc.divide(1, 0)",
    )
    any_runner.run()
    told = {
        failure.nodeid: (failure.frames[-1].path.name, failure.frames[-1].line, failure.missing)
        for failure in any_runner.request.failures
    }
    assert told == {
        "test_a.py": ("broken.py", 1, ""),
        "test_b.py": ("test_b.py", 1, "calc.multiply"),
        "test_c.py": ("calc.py", 2, ""),
    }


HOSTILE = """
import pytest

class Text(str):
    def strip(self): raise SystemExit
    def __getitem__(self, at): raise SystemExit

class Odd(Exception):
    def __str__(self): raise SystemExit("in __str__")
    def __getattribute__(self, name):
        if name in ("exceptions", "name", "obj"): raise SystemExit(name)
        return super().__getattribute__(name)

class Sub(Exception):
    def __str__(self): return Text("sub")

def test_odd(): raise Odd
def test_sub(): raise Sub
def test_huge(): raise ValueError("x" * 1_000_000)
def test_name(): raise ModuleNotFoundError("m", name=Text("mod"))
def test_no_traceback(): raise ValueError("plain").with_traceback(None) from None
def test_frames(): exec(compile("1 / 0", "<" + "s" * 10_000, "exec"))
def test_loop():
    error = ValueError("loop")
    error.exceptions = (error,)
    error.__cause__ = error
    raise error
"""


def test_an_exception_may_be_as_odd_as_it_likes(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it=HOSTILE)
    result = any_runner.run("--tb=no")
    failures = {
        failure.nodeid.partition("::")[2]: failure for failure in any_runner.request.failures
    }
    assert {
        name: (each.exception, each.message, each.missing) for name, each in failures.items()
    } == {
        "test_odd": ("Odd", "(its message could not be made)", ""),
        "test_sub": ("Sub", "sub", ""),
        "test_huge": ("ValueError", "x" * 500, ""),
        "test_name": ("ModuleNotFoundError", "m", ""),
        "test_no_traceback": ("ValueError", "plain", ""),
        "test_frames": ("ZeroDivisionError", "division by zero", ""),
        "test_loop": ("ValueError", "loop", ""),
    }
    assert result.ret == 0


def test_a_group_of_tear_downs_is_known_by_its_first(runner: Runner) -> None:
    runner.pytester.makepyfile(
        test_it="""
        import pytest
        @pytest.fixture
        def one():
            yield
            raise OSError("one")
        @pytest.fixture(scope="module")
        def two():
            yield
            raise OSError("two")
        def test_it(one, two): pass
        """
    )
    runner.run()
    (failure,) = runner.request.failures
    assert failure.exception == "ExceptionGroup"
    (frame,) = failure.frames
    assert (frame.line, frame.function) in [(5, "one"), (9, "two")]  # the order is pytest's


def test_an_environment_inside_the_project_is_not_its_own(runner: Runner) -> None:
    package = runner.path / ".venv" / "lib" / "python3" / "site-packages"
    package.mkdir(parents=True)
    (package / "foreign.py").write_text("def call(): raise OSError('foreign')", "utf-8")
    runner.pytester.makepyfile(
        test_it=f"""
        import sys
        sys.path.insert(0, {str(package)!r})
        import foreign
        def test_it(): foreign.call()
        """
    )
    runner.run()
    (failure,) = runner.request.failures
    assert [(frame.path.name, frame.line) for frame in failure.frames] == [("test_it.py", 4)]


def test_a_crashed_worker(any_runner: Runner) -> None:
    if not any_runner.jobs:
        pytest.skip("a crash needs a worker")
    path = any_runner.pytester.makepyfile(test_it="import os\ndef test_it(): os._exit(1)")
    any_runner.run("--max-worker-restart=0")
    (failure,) = any_runner.request.failures
    assert (failure.nodeid, failure.phase, failure.kind, failure.path) == (
        "test_it.py::test_it",
        Phase.CALL,
        ItemKind.OTHER,
        path,
    )
    assert "crashed while running 'test_it.py::test_it'" in failure.message


def test_node_ids_are_as_the_user_knows_them_with_loadgroup(any_runner: Runner) -> None:
    if not any_runner.jobs:
        pytest.skip("groups are xdist's")
    any_runner.pytester.makepyfile(
        test_it="""
        import pytest
        @pytest.mark.xdist_group("g")
        def test_a(): assert False
        @pytest.mark.xdist_group("g")
        def test_b(): pass
        """
    )
    result = any_runner.run("--dist=loadgroup")
    request = any_runner.request
    assert ([f.nodeid for f in request.failures], request.passed, result.ret) == (
        ["test_it.py::test_a"],
        ("test_it.py::test_b",),
        0,
    )


def test_lf_and_the_cache_still_work(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it="def test_a(): assert False\ndef test_b(): pass")
    any_runner.run(on=False)
    assert any_runner.run("--lf").ret == 0
    request = any_runner.request
    assert ([f.nodeid for f in request.failures], request.passed) == (["test_it.py::test_a"], ())
    assert "--lf" not in request.invocation.arguments


def test_deselected_tests_are_not_passed(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(
        test_it="def test_a(): assert False\ndef test_b(): pass\ndef test_c(): pass"
    )
    any_runner.run("-k", "not test_c")
    assert any_runner.request.passed == ("test_it.py::test_b",)


def _make_report(when: str, outcome: str) -> pytest.TestReport:
    # pytest's types know neither "rerun" nor a plain text for these.
    known: Any = {"when": when, "outcome": outcome}
    return pytest.TestReport(
        nodeid="t.py::t", location=("t.py", 0, "t"), keywords={}, longrepr=None, **known
    )


def test_a_rerun_is_no_failure_and_no_obstacle() -> None:
    collector = FailureCollector(Path("/root"))
    for when, outcome in [
        ("setup", "passed"),
        ("call", "rerun"),
        ("setup", "passed"),
        ("call", "passed"),
        ("teardown", "passed"),
    ]:
        collector.add_test_report(_make_report(when, outcome))
    assert (collector.failures, collector.passed) == ((), ("t.py::t",))


def test_long_text_loses_its_middle() -> None:
    assert cut_text("short") == "short"
    assert cut_text("a" * 10 + "b" * 10, limit=6) == ("aaa\n[... 14 characters left out ...]\nbbb")
