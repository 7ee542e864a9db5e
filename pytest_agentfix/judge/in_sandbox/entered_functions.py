"""Note the project's functions that each test of a session enters.

Standard library and pytest only; ``sessions/orders.py`` inlines this text in that of
``pytest_runner.py``. It is for guesses about failing tests, so it may miss some: functions entered
in other threads and processes, and all after so many calls that noting them would take long.
"""

import sys
from collections.abc import Generator
from types import CodeType, FrameType
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.exception_facts import Project, call_safely, cut_name
from pytest_agentfix.judge.in_sandbox.signed_report import ReportWriter, shorten_id

EVENTS_LIMIT = 200_000  # of a session, where each call is one
FUNCTIONS_LIMIT = 200  # of one test
ENTRIES_LIMIT = 5_000  # of all tests; so many fit into one line of a report, whatever their names
PATH_LIMIT = 500  # characters
TOOL = 4  # of sys.monitoring; no number that Python has given to anybody


class EntryRecorder:
    """A pytest plugin that notes the functions of ``project`` that each test enters.

    Where Python has ``sys.monitoring``, a function costs once for each test; else every call does,
    and after ``EVENTS_LIMIT`` of them nothing is noted any more.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._tests: dict[str, dict[CodeType, None]] = {}
        self._current: dict[CodeType, None] = {}
        self._events = 0
        self._rows = 0
        self._monitoring: Any = getattr(sys, "monitoring", None)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> "Generator[None, Any, None]":
        """Attribute the functions that are entered from now on to this test."""
        self._current = self._tests.setdefault(shorten_id(item.nodeid), {})
        call_safely(self._start, None)
        yield
        call_safely(self._stop, None)

    def _start(self) -> None:
        if self._monitoring is None:
            if self._events < EVENTS_LIMIT and sys.getprofile() is None:
                sys.setprofile(self._profile)
            return
        self._monitoring.use_tool_id(TOOL, "agentfix")
        self._monitoring.register_callback(TOOL, self._monitoring.events.PY_START, self._enter)
        self._monitoring.restart_events()
        self._monitoring.set_events(TOOL, self._monitoring.events.PY_START)

    def _stop(self) -> None:
        if self._monitoring is not None:
            self._monitoring.free_tool_id(TOOL)
        elif sys.getprofile() == self._profile:
            sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Note a call; the interpreter calls this."""
        self._events += 1
        if event == "call":
            self._enter(frame.f_code, 0)
        if self._events >= EVENTS_LIMIT:
            sys.setprofile(None)

    def _enter(self, code: CodeType, _offset: int) -> Any:
        """Note that a function is entered; the interpreter calls this, here once for each test."""
        is_new = code not in self._current and len(self._current) < FUNCTIONS_LIMIT
        if is_new and self._rows < ENTRIES_LIMIT and self._project.has(code.co_filename):
            self._current[code] = None
            self._rows += 1
        return None if self._monitoring is None else self._monitoring.DISABLE

    def report(self, writer: ReportWriter) -> None:
        """Report what was entered."""
        tests = {
            nodeid: [
                (code.co_filename, code.co_firstlineno, cut_name(code.co_name))
                for code in codes
                if len(code.co_filename) <= PATH_LIMIT
            ]
            for nodeid, codes in self._tests.items()
            if codes
        }
        writer.write("entered", tests=tests)
