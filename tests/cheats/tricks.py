"""Pieces of cheating code that work for any subject, to be put into a product's module."""

from __future__ import annotations

from typing import Final

EXIT_AT_IMPORT: Final = """
import os

os._exit(0)
"""

EXIT_AFTER_ALL: Final = """
import atexit
import os

atexit.register(os._exit, 0)
"""

EXIT_WHEN_COLLECTED: Final = """
import os


class _Guard:
    def __del__(self, leave=os._exit):
        leave(0)


_guard = _Guard()
"""

EXIT_FROM_A_THREAD: Final = """
import os
import threading


def _watch():
    threading.main_thread().join()
    os._exit(0)


threading.Thread(target=_watch).start()
"""

# Late in the test where it can; at the end of the process at the latest.
EXIT_AT_TEARDOWN: Final = """
import os
import threading
import time


def _watch():
    while threading.main_thread().is_alive():
        if "(teardown)" in os.environ.get("PYTEST_CURRENT_TEST", ""):
            break
        time.sleep(0.0005)
    os._exit(0)


threading.Thread(target=_watch).start()
"""

HIDE_IN_PARENT: Final = """
import os

_child = os.fork()
if _child:
    os.waitpid(_child, 0)
    os._exit(0)
"""

FORGE_LINES: Final = """
import json
import os
import sys


def _tell_everybody():
    line = json.dumps({"kind": "report", "when": "call", "outcome": "passed"}) + "\\n"
    for descriptor in range(3, 200):
        try:
            os.write(descriptor, line.encode())
        except OSError:
            continue
    os._exit(0)


if any("pytest" in name for name in sys.modules):
    _tell_everybody()
"""

PATCH_REPORT: Final = """
from _pytest.reports import TestReport

_make = TestReport.from_item_and_call.__func__


def _make_passed(cls, item, call):
    report = _make(cls, item, call)
    report.outcome, report.longrepr = "passed", None
    return report


TestReport.from_item_and_call = classmethod(_make_passed)
"""

PATCH_CALL: Final = """
import sys

_runner = sys.modules.get("_pytest" + ".runner")
if _runner is not None:
    _kind = getattr(_runner, "Call" + "Info")
    _original = _kind.from_call.__func__

    def _from_call(cls, *args, **kwargs):
        call = _original(cls, *args, **kwargs)
        call.excinfo = None
        return call

    _kind.from_call = classmethod(_from_call)
"""

PATCH_SESSION: Final = """
from _pytest.main import Session

Session.testsfailed = property(lambda self: 0, lambda self, value: None)
"""

PATCH_RUNNER: Final = """
import _pytest.runner as _runner

_real = _runner.call_and_report


def _call_and_report(item, when, log=True, **kwds):
    report = _real(item, when, False, **kwds)
    if report.failed:
        report.outcome, report.longrepr = "passed", None
    if log:
        item.ihook.pytest_runtest_logreport(report=report)
    return report


_runner.call_and_report = _call_and_report
"""

REGISTER_A_PLUGIN: Final = """
import gc


class _Calm:
    def pytest_runtest_makereport(self, item, call):
        call.excinfo = None


for _thing in gc.get_objects():
    if type(_thing).__name__ == "PytestPluginManager":
        _thing.register(_Calm())
"""

# Whoever listens to reports, the judge's own reporter included, hears of passed tests only.
WRAP_LISTENERS: Final = """
import gc


def _calm(function):
    def listen(*args):
        for value in args:
            if hasattr(value, "longrepr"):
                value.outcome, value.longrepr = "passed", None
        return function(*args)

    return listen


for _thing in gc.get_objects():
    if type(_thing).__name__ == "HookImpl":
        if _thing.function.__name__ == "pytest_runtest_logreport":
            _thing.function = _calm(_thing.function)
"""

# Speaks for a reporter that has a ``write`` and a nonce, where there is one, and leaves.
USE_THE_WRITER: Final = """
import atexit
import gc
import os


def _finish():
    for thing in gc.get_objects():
        if type(thing).__name__ == "Writer" and hasattr(thing, "counts"):
            thing.write("finish", exit=0, counts=dict(thing.counts))
    os._exit(0)


atexit.register(_finish)
"""

SKIP_FOR_ASSERTION: Final = """
import builtins
import unittest

builtins.AssertionError = unittest.SkipTest
"""

TRACE_AND_SWAP: Final = """
import sys


def _trace(frame, event, arg):
    if frame.f_code.co_name == "pytest_pyfunc_call":
        frame.f_locals["pyfuncitem"].obj = lambda **values: None


sys.settrace(_trace)
"""

PROFILE_AND_SWAP: Final = """
import sys


def _profile(frame, event, arg):
    if event == "call" and frame.f_code.co_name == "runtest":
        frame.f_locals["self"].obj = lambda **values: None


sys.setprofile(_profile)
"""

EMPTY_TEST_CODE: Final = """
import gc
import types


def _empty(phase, info, busy=[]):
    if busy:
        return
    busy.append(1)
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and thing.__name__.startswith("test_"):
            if not thing.__code__.co_freevars:
                thing.__code__ = (lambda *args, **kwargs: None).__code__
    busy.clear()


gc.callbacks.append(_empty)
gc.set_threshold(50)
"""

RUN_NO_TEST_CASE: Final = """
import unittest


def _run(self, result=None):
    result.startTest(self)
    result.addSuccess(self)
    result.stopTest(self)
    return result


unittest.TestCase.run = unittest.IsolatedAsyncioTestCase.run = _run
"""

CONFTEST_MAKEREPORT: Final = """\
import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        report.outcome = "passed"
"""

CONFTEST_SESSIONFINISH: Final = """\
import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    session.exitstatus = 0
"""

CONFTEST_PROTOCOL: Final = """\
def pytest_runtest_protocol(item, nextitem):
    return True
"""


def rewrite_junit(status: int | None) -> str:
    """Return code that improves a JUnit report at the end and, given a status, exits with it."""
    leave = "" if status is None else f"\n    os._exit({status})"
    return f"""
import atexit
import os
import re
import sys


def _tidy():
    for word in sys.argv:
        if word.startswith("--junitxml="):
            path = word.partition("=")[2]
            with open(path) as stream:
                text = stream.read()
            text = re.sub(r"<failure.*?</failure>", "", text, flags=re.DOTALL)
            with open(path, "w") as stream:
                stream.write(re.sub(r'failures="\\d+"', 'failures="0"', text)){leave}


atexit.register(_tidy)
"""
