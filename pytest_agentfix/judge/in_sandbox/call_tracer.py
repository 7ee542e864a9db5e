"""Record the calls of some functions for each test: how they end, and by which lines.

Standard library only; ``sessions/orders.py`` inlines this text in that of ``pytest_runner.py``.
The host compares the calls of two sessions, one with a change and one without it. For each function
it says which lines both versions have in common, and gives those the same numbers.
"""

import dis
import inspect
import itertools
import os
import sys
import threading
from collections import Counter
from collections.abc import Generator
from types import CodeType, FrameType
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.line_coverage import UNSEEN
from pytest_agentfix.judge.in_sandbox.signed_report import ReportWriter, shorten_id
from pytest_agentfix.judge.in_sandbox.value_digest import digest, name_of

CALLS_LIMIT = 5_000  # of one test
ROWS_LIMIT = 1_000  # different ones of one test
PRIME, MODULUS = 1_000_003, 2**61 - 1  # of the number that stands for a path

_DISCARDED: "dict[CodeType, set[int]]" = {}  # code -> the calls whose result it throws away

# Number of the function, whether another recorded call was going on, end, path.
Row = tuple[int, bool, str, str]


class TestCalls:
    """The calls that one test makes, directly or not.

    ``entered``: a line of one version only ran. ``outside``: a function of one version only was
    called by code that both versions have in common. ``gap`` says why calls may be missing.
    """

    __test__ = False  # for pytest, in spite of its name

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.entered = False
        self.outside = False
        self.gap = ""

    def add(self, row: Row) -> None:
        """Add a call that has ended."""
        if len(self.rows) < CALLS_LIMIT:
            self.rows.append(row)
        else:
            self.gap = f"more than {CALLS_LIMIT} calls of changed functions"

    def describe(self) -> "dict[str, Any]":
        """Return the fields that the host reads."""
        counted = sorted(Counter(self.rows).items())
        if len(counted) > ROWS_LIMIT:
            counted, self.gap = [], f"more than {ROWS_LIMIT} different calls"
        return {
            "calls": [[*row, count] for row, count in counted],
            "entered": self.entered,
            "outside": self.outside,
            "gap": self.gap,
        }


class Depth(threading.local):
    """The number of recorded calls that are going on in the current thread."""

    value = 0


class Call:
    """One call, or one turn of a generator or coroutine, from its start to its end."""

    __slots__ = ("_depth", "_function", "_is_nested", "_path", "_raised", "_test")

    def __init__(self, function: "dict[str, Any]", test: TestCalls, depth: Depth) -> None:
        self._function = function
        self._test = test
        self._depth = depth
        self._is_nested = depth.value > 0
        self._path = 0
        self._raised: Any = None
        depth.value += 1

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Follow the frame; the interpreter calls this."""
        if event == "line":
            self._enter(frame.f_lineno)
        elif event == "exception":
            self._raised = argument[0]
        elif event == "return":
            self._depth.value -= 1
            has_raised = self._raised is not None and argument is None and not has_value(frame)
            value = None if is_discarded(frame) else argument
            end = ("raised", name_of(self._raised)) if has_raised else ("returned", value)
            number, path = self._function["number"], format(self._path, "x")
            self._test.add((number, self._is_nested, digest(end), path))
        return self.trace

    def _enter(self, line: "int | None") -> None:
        lines = self._function["lines"]
        index = -1 if line is None else line - self._function["first"]
        if not 0 <= index < len(lines):
            return
        if lines[index]:
            self._path = (self._path * PRIME + lines[index]) % MODULUS
        else:
            self._test.entered = True


def has_value(frame: FrameType) -> bool:
    """Return whether a frame ends with a value, and not with an exception."""
    operation = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    return operation.startswith(("RETURN", "YIELD"))


def is_discarded(frame: FrameType) -> bool:
    """Return whether a caller in the same file throws away what it gets: ``self.expire()`` alone.

    Callers elsewhere, such as tests and event loops, may have called what calls this one.
    """
    caller = frame.f_back
    if caller is None or caller.f_code.co_filename != frame.f_code.co_filename:
        return False
    code = caller.f_code
    if code not in _DISCARDED:
        rows = list(dis.get_instructions(code))
        _DISCARDED[code] = {
            offset
            for one, following in itertools.pairwise(rows)
            if one.opname.startswith("CALL") and following.opname == "POP_TOP"
            for offset in range(one.offset, following.offset)  # its caches are beside it
        }
    return caller.f_lasti in _DISCARDED[code]


class CallTracer:
    """A pytest plugin that records the calls of ``functions`` (path -> ``TracedFunction``)."""

    def __init__(self, functions: "dict[str, list[dict[str, Any]]]") -> None:
        self._find_path = os.path.realpath  # a test may have another in its place
        self._functions = {
            self._find_path(path): {(one["first"], one["name"]): one for one in ones}
            for path, ones in functions.items()
        }
        self._files: dict[str, Any] = {}  # as compiled code names them -> their functions
        self._tests: dict[str, TestCalls] = {}
        self._current: TestCalls | None = None
        self._depth = Depth()
        self._tracer = self._trace
        self.problem = ""

    def start(self) -> None:
        """Trace the threads that begin from now on, and note what takes a tracer's place."""
        if sys.gettrace() is not None:
            self.problem = "something else traces this process"
            return
        threading.settrace(self._tracer)
        sys.addaudithook(self._note_unseen)

    def _note_unseen(self, event: str, _arguments: object) -> None:
        if event not in UNSEEN or self._current is None:
            return
        caller = inspect.currentframe().f_back  # type: ignore[union-attr]
        if event != "sys.settrace":
            self._current.gap = "a process is started"
        elif caller is None or caller.f_globals.get("__name__") not in (__name__, "threading"):
            self._current.gap = "something else is tracing"

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> "Generator[None, Any, None]":
        """Attribute the calls that follow to this test."""
        if self.problem:
            yield
            return
        self._current = self._tests.setdefault(shorten_id(item.nodeid), TestCalls())
        self._depth.value = 0
        sys.settrace(self._tracer)
        yield
        sys.settrace(None)
        self._current = None

    def _trace(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        """Follow a call of a wanted function; the interpreter calls this for every call."""
        functions = self._find_functions(frame.f_code)
        test = self._current
        if functions is None or test is None:
            return None
        function = functions.get((frame.f_code.co_firstlineno, frame.f_code.co_name))
        if function is None:
            return None
        if function["number"]:
            return Call(function, test, self._depth).trace
        test.entered = True
        test.outside |= self._depth.value == 0
        return None

    def _find_functions(self, code: CodeType) -> Any:
        name = code.co_filename
        if name not in self._files:
            path = self._find_path(name) if name.startswith("/") else ""
            self._files[name] = self._functions.get(path)
        return self._files[name]

    def report(self, writer: ReportWriter) -> None:
        """Stop recording and report the calls."""
        threading.settrace(None)
        tests = {nodeid: test.describe() for nodeid, test in self._tests.items()}
        writer.write("traced", tests=tests, problem=self.problem)
