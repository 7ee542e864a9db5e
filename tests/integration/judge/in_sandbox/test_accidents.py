"""Honest suites that do odd things to the process they run in: none of it is forgery."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pytest_agentfix.judge.in_sandbox.signed_report import ID_LIMIT, shorten_id
from pytest_agentfix.judge.sessions.session_end import SessionEnd, UsualSession
from pytest_agentfix.judge.sessions.session_result import SessionResult
from tests.kits.session_kit import run_session, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A module of tests of which ``test_red`` alone fails, and the way it is run."""

    test: str = ""
    conftest: str = ""
    ini: str = ""
    arguments: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, top: Path) -> SessionResult:
        files = {
            "calc.py": "def add(a, b):\n    return a + b\n",
            "conftest.py": self.conftest,
            "pytest.ini": f"[pytest]\n{self.ini}",
        }
        write(top, files)
        text = "from calc import add\n\ndef test_first(): assert add(1, 1) == 2\n"
        (top / "test_it.py").write_text(
            f"{text}{self.test}\ndef test_red(): assert add(1, 1) == 3\n", encoding="utf-8"
        )
        calc = {str(top / "calc.py"): [1, 2]}
        return run_session(
            top,
            ["test_it.py"],
            arguments=self.arguments,
            environ=self.environ,
            cover=calc,
            around=calc,
            watch=True,
        )


HARMLESS = {
    "warnings are errors": Suite(environ={"PYTHONWARNINGS": "error"}),
    "warnings are errors and nothing is covered": Suite(
        environ={"PYTHONWARNINGS": "error"}, test="def test_next(): import warnings\n"
    ),
    "warnings are errors by option": Suite(arguments=("-W", "error")),
    "warnings are errors by ini": Suite(ini="filterwarnings = error\n"),
    "optimised": Suite(environ={"PYTHONOPTIMIZE": "2"}),
    "development mode": Suite(environ={"PYTHONDEVMODE": "1"}),
    "another encoding": Suite(
        environ={"PYTHONIOENCODING": "utf-16", "PYTHONUTF8": "0"}, test="def test_ü(): print('ü')\n"
    ),
    "ascii only": Suite(environ={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}),
    "faulthandler": Suite(
        environ={"PYTHONFAULTHANDLER": "1"},
        test="def test_it():\n    import faulthandler\n    faulthandler.enable(open('x', 'w'))\n",
    ),
    "shallow stack": Suite(test="def test_it():\n    import sys\n    sys.setrecursionlimit(150)\n"),
    "stack as shallow as it gets": Suite(
        test="""
def test_it():
    import sys
    for limit in range(20, 1000):
        try:
            sys.setrecursionlimit(limit)
        except RecursionError:
            continue
        sys.setrecursionlimit(limit + 40)
        break
"""
    ),
    "exception in the summary": Suite(conftest="def pytest_terminal_summary(): 1 / 0\n"),
    "stdout closed": Suite(test="def test_it():\n    import os\n    os.close(1)\n"),
    "stdout replaced": Suite(
        test="def test_it():\n    import sys\n    sys.stdout = None\n", arguments=("-s",)
    ),
    "an exit of their own": Suite(
        test="def test_it():\n    import sys\n    sys.exit = lambda *_: None\n"
    ),
    "another folder": Suite(test="def test_it(tmp_path):\n    import os\n    os.chdir(tmp_path)\n"),
    "a folder that is gone": Suite(
        test="""
def test_it():
    import os, tempfile
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
"""
    ),
    "functions of ours replaced": Suite(
        test="""
def test_it(monkeypatch):
    import json, os
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(os, "write", lambda *_: 1 / 0)
    monkeypatch.setattr(json, "dumps", lambda *_: 1 / 0)
"""
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_suite_does_to_its_process_is_no_trouble(tmp_path: Path, name: str) -> None:
    run = HARMLESS[name].run(tmp_path / "top")
    assert (run.trouble, run.is_forged, run.end) == ("", False, SessionEnd())
    red = [nodeid for nodeid, one in run.report.outcomes.items() if not one.is_passed]
    assert red == ["test_it.py::test_red"]
    assert len(run.report.outcomes) == len(run.report.collected)


ODD_ENDS = {
    "leaked socket": (
        "PytestUnraisableExceptionWarning",
        Suite(
            ini="filterwarnings = error\n",
            test="""
import socket
class Cycle:
    pass
def test_it():
    cycle = Cycle()
    cycle.self, cycle.socket = cycle, socket.socket()
    import gc
    gc.disable()
""",
        ),
    ),
    "pytest_sessionfinish": (
        "ValueError",
        Suite(conftest="def pytest_sessionfinish(): raise ValueError\n"),
    ),
    "pytest_unconfigure": ("KeyError", Suite(conftest="def pytest_unconfigure(): {}['x']\n")),
    "sys.exit": (
        "SystemExit",
        Suite(conftest="def pytest_sessionfinish():\n    raise SystemExit(0)\n"),
    ),
    "exception without a name": (
        "Error",
        Suite(
            conftest="""
            class Error(BaseException):
                def __str__(self): raise SystemExit(7)
            def pytest_unconfigure(): raise Error
            """
        ),
    ),
    "names that cannot be written into the cache": (
        "UnicodeEncodeError",
        Suite(
            ini="disable_test_id_escaping_and_forfeit_all_rights_to_community_support = true\n",
            test="""
import pytest
@pytest.mark.parametrize("x", [1], ids=["\\udc80 \\ud800"])
def test_it(x): pass
""",
            arguments=("-rA",),
        ),
    ),
}


@pytest.mark.parametrize("name", ODD_ENDS)
def test_an_exception_at_the_end_is_odd_and_no_forgery(tmp_path: Path, name: str) -> None:
    if name == "leaked socket" and pytest.version_tuple < (8, 4):
        pytest.skip("before 8.4 pytest does not look for objects that are left at its end")
    raised, suite = ODD_ENDS[name]
    run = suite.run(tmp_path / "top")
    assert (run.trouble, run.is_forged, run.is_broken) == (
        f"pytest ended with {raised}",
        False,
        False,
    )
    assert (run.end, run.has_odd_tally) == (SessionEnd(raised=raised), False)
    # All the rest of it adds up, so it is believed where the base ends like this as well.
    assert replace(run, usual=UsualSession(end=run.end)).trouble == ""
    other = SessionEnd(raised="OSError")
    assert replace(run, usual=UsualSession(end=other)).trouble == f"pytest ended with {raised}"


ODD_STATUSES = {
    "of pytest": (
        SessionEnd(pytest_code=7),
        "exit status 7 where the outcomes mean 1",
        Suite(conftest="def pytest_sessionfinish(session): session.exitstatus = 7\n"),
    ),
    "of the process": (
        SessionEnd(process_code=0),
        "the process ended with exit status 0, pytest with 1",
        Suite(conftest="import atexit, os\natexit.register(os._exit, 0)\n"),
    ),
}


@pytest.mark.parametrize("name", ODD_STATUSES)
def test_a_changed_exit_status_is_believed_where_the_base_has_it(tmp_path: Path, name: str) -> None:
    end, trouble, suite = ODD_STATUSES[name]
    run = suite.run(tmp_path / "top")
    assert (run.end, run.trouble, run.is_forged) == (end, trouble, True)
    known = replace(run, usual=UsualSession(end=end))
    assert (known.trouble, known.is_forged) == ("", False)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (-11, "import atexit, os\natexit.register(lambda: os.kill(os.getpid(), 11))\n"),
        (120, "import atexit, os\natexit.register(lambda: (os.close(1), print('x')))\n"),
    ],
)
def test_a_crash_at_the_interpreters_end_is_odd_and_no_forgery(
    tmp_path: Path, code: int, text: str
) -> None:
    run = Suite(conftest=text).run(tmp_path / "top")
    assert run.end == SessionEnd(process_code=code)
    assert (bool(run.trouble), run.is_forged) == (True, False)
    assert replace(run, usual=UsualSession(end=run.end)).trouble == ""


@pytest.mark.parametrize(
    ("trouble", "text"),
    [
        ("would not start (exit status 4)", "raise ImportWarning"),
        ("broke with SystemExit (exit status 3)", "raise SystemExit(0)"),
        ("broke (exit status 3)", "def pytest_configure(): raise ValueError"),
        ("broke (exit status 3)", "def pytest_sessionstart(): raise ValueError"),
        ("broke (exit status 3)", "def pytest_collection_modifyitems(): raise ValueError"),
    ],
)
def test_a_pytest_that_never_gets_to_the_tests_is_broken(
    tmp_path: Path, trouble: str, text: str
) -> None:
    run = Suite(conftest=text).run(tmp_path / "top")
    assert (run.is_broken, run.is_forged) == (True, False)
    assert run.trouble == f"pytest {trouble}"


def test_a_process_that_a_test_ends_is_no_forgery_where_the_base_has_it(tmp_path: Path) -> None:
    run = Suite(test="def test_it():\n    import os\n    os._exit(3)\n").run(tmp_path / "top")
    assert (run.end, run.is_forged) == (SessionEnd(stop_code=3), True)
    known = replace(run, usual=UsualSession(end=run.end))
    assert known.is_forged is False
    assert known.trouble == "pytest ended with exit status 3 before it had reported everything"


def test_other_lies_of_a_session_with_a_usual_end_are_noticed(tmp_path: Path) -> None:
    run = ODD_ENDS["pytest_unconfigure"][1].run(tmp_path / "top")
    known = replace(run, usual=UsualSession(end=run.end))
    assert known.tally is not None
    for lie in (
        replace(known, tally=None),
        replace(known, tally=replace(known.tally, failed=0)),
        replace(known, completed=replace(known.completed, code=0)),
        replace(known, report=replace(known.report, is_consistent=False)),
        replace(known, report=replace(known.report, exit_code=0)),
    ):
        assert lie.trouble
        assert lie.is_forged


def test_what_interrupts_or_breaks_pytest_is_no_forgery(tmp_path: Path) -> None:
    interrupting = Suite(test="def test_it(): raise KeyboardInterrupt\n").run(tmp_path / "a")
    assert (interrupting.trouble, interrupting.is_forged) == (
        "pytest was interrupted (exit status 2)",
        False,
    )
    breaking = Suite(conftest="def pytest_runtest_logreport(): raise ValueError\n")
    broken = breaking.run(tmp_path / "b")
    assert (broken.trouble, broken.is_forged) == ("pytest broke (exit status 3)", False)


def test_a_long_node_id_is_shortened_and_nothing_else_suffers(tmp_path: Path) -> None:
    text = """
import pytest
@pytest.mark.parametrize("x", ["a", "b"], ids=["a" * 20_000, "a" * 20_000 + "b"])
def test_long(x): assert x == "a"
"""
    run = Suite(test=text).run(tmp_path / "top")
    assert run.trouble == ""
    long = [f"test_it.py::test_long[{'a' * 20_000}]", f"test_it.py::test_long[{'a' * 20_000}b]"]
    assert [run.report.outcome_of(shorten_id(nodeid)).outcome for nodeid in long] == [
        "passed",
        "failed",
    ]
    assert [run.report.outcome_of(nodeid).outcome for nodeid in long] == ["missing"] * 2
    assert run.report.outcome_of("test_it.py::test_first").is_passed
    assert all(len(nodeid) < ID_LIMIT for nodeid in run.report.collected)


SHARED_IDS = """
import pytest
def pytest_collection_modifyitems(items):
    first = next(item for item in items if item.name == "test_first")
    for text in ("pass", "{}"):
        twin = pytest.Function.from_parent(
            first.parent, name="test_twin", callobj=lambda text=text: exec(text)
        )
        items.append(twin)
"""


@pytest.mark.parametrize(("text", "expected"), [("pass", "passed"), ("assert 0", "failed")])
def test_two_items_with_one_node_id_count_twice(tmp_path: Path, text: str, expected: str) -> None:
    run = Suite(conftest=SHARED_IDS.format(text)).run(tmp_path / "top")
    assert run.report.collected.count("test_it.py::test_twin") == 2
    assert run.report.outcome_of("test_it.py::test_twin").outcome == expected
    assert run.trouble == ""
