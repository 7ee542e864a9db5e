"""Call tests without pytest inside a sandbox, and report the results on descriptor 3.

Standard library only. ``sessions/orders.py`` passes this file's text to the sandbox's Python on the
command line (``python -I -c``), with ``signed_report.py`` in place of its import.

It takes one JSON object on stdin: ``key`` (signs the report), ``sys_path``, and a module as
``source`` with its ``name``, its ``file`` (the value of ``__file__``) and its ``filename`` (the one
in its code objects). ``calls`` are the tests to call, in order: ``id``, ``kind`` (function, method
or unittest), ``name`` (from the module downwards), ``is_async``, and ``parameters``, each with
``names``, the ``list`` of the module that has the values, and the ``index`` of the one to take.
A dotted name puts the module into a package, so that its relative imports work.

Its lines are ``start`` (``python``), one ``call`` for each in order (``id``, ``outcome``,
``exception``, ``message``), and ``finish`` (``exit``, ``counts``, ``has_pytest``). The exit status
is 0 if all passed and 1 otherwise.
"""

import importlib
import linecache
import os
import sys
import types
import unittest
from typing import Any

from pytest_agentfix.judge.in_sandbox.signed_report import (
    ReportWriter,
    claim_report,
    leave,
    own_settings,
    read_order,
)

MESSAGE_LIMIT = 500


class NotRunError(Exception):
    """A test case was skipped, or unittest did not run it at all."""


class Result(unittest.TestResult):
    """Keeps the first exception of a test case."""

    def __init__(self) -> None:
        super().__init__()
        self.first: BaseException | None = None

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's own name
        """Keep an error of the case, its set-up or its class's."""
        super().addError(test, err)
        self.first = self.first or err[1]

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's own name
        """Keep a failed assertion."""
        super().addFailure(test, err)
        self.first = self.first or err[1]

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802 - as above
        """Keep the failure of a subtest."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.first = self.first or err[1]


def prepare(order: "dict[str, Any]") -> None:
    """Make the process look as if pytest had never been near it."""
    for name in [name for name in os.environ if name.startswith("PYTEST")]:
        del os.environ[name]
    given = list(order["sys_path"])
    sys.path[:] = given + [path for path in sys.path if path not in given]
    sys.argv = [""]
    sys.dont_write_bytecode = True


def load(order: "dict[str, Any]") -> types.ModuleType:
    """Create the module from its text; raises whatever its code does."""
    name, filename, source = order["name"], order["filename"], order["source"]
    package = name.rpartition(".")[0]
    if package:
        importlib.import_module(package)
    module = types.ModuleType(name)
    module.__file__ = order["file"]
    module.__package__ = package
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    sys.modules[name] = module
    exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)
    return module


def call(module: types.ModuleType, one: "dict[str, Any]") -> None:
    """Call one test; raises whatever it does."""
    *above, name = one["name"]
    owner: Any = module
    for part in above:
        owner = getattr(owner, part)
    if one["kind"] == "unittest":
        run_case(owner(name))
        return
    if one["kind"] == "method":
        owner = owner()
    result = getattr(owner, name)(**take_arguments(module, one))
    if one["is_async"]:
        import asyncio  # noqa: PLC0415 - it takes as long as all other imports together

        asyncio.run(result)


def take_arguments(module: types.ModuleType, one: "dict[str, Any]") -> "dict[str, Any]":
    """Take the arguments of one case from the module's lists."""
    arguments: dict[str, Any] = {}
    for parameter in one["parameters"]:
        names = parameter["names"]
        value = getattr(module, parameter["list"])[parameter["index"]]
        values = list(value) if len(names) > 1 else [value]
        arguments.update({name: values[number] for number, name in enumerate(names)})
    return arguments


def run_case(case: unittest.TestCase) -> None:
    """Run a test case with all its set-up; raises the first exception."""
    result = Result()
    unittest.TestSuite([case]).run(result)
    if result.first is not None:
        raise result.first
    if result.testsRun != 1 or result.skipped or result.expectedFailures:
        raise NotRunError
    if not result.wasSuccessful():
        raise NotRunError


def describe(error: BaseException) -> "tuple[str, str]":
    """Return an exception's name and first line, whatever its own code does."""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - it is code nobody vouches for
        text = ""
    return type(error).__name__, (text.splitlines() or [""])[0][:MESSAGE_LIMIT]


def run_calls(order: "dict[str, Any]", writer: ReportWriter) -> int:
    """Run and report all calls; return the exit status.

    Every exception is a failure: nobody interrupts this from a keyboard, and a test that ends the
    process has not passed.
    """
    module, trouble = None, None
    try:
        module = load(order)
    except BaseException as error:  # noqa: BLE001 - see above
        trouble = describe(error)
    status = 0
    for one in order["calls"]:
        failure = trouble
        if module is not None:
            failure = attempt(module, one)
        exception, message = failure or ("", "")
        outcome = "failed" if failure else "passed"
        status = 1 if failure else status
        writer.write("call", id=one["id"], outcome=outcome, exception=exception, message=message)
    return status


def attempt(module: types.ModuleType, one: "dict[str, Any]") -> "tuple[str, str] | None":
    """Call one test; return the exception it ends with, ``None`` if it passed."""
    try:
        call(module, one)
    except BaseException as error:  # noqa: BLE001 - see run_calls
        return describe(error)
    return None


def main() -> None:
    """Carry out the order on stdin; exit with 0 if all calls passed."""
    order = read_order()
    writer = ReportWriter(claim_report(), order.pop("key"))
    prepare(order)
    writer.write("start", python=sys.version.split()[0])
    status = run_calls(order, writer)
    with own_settings():
        counts = dict(writer.counts)
        writer.write("finish", exit=status, counts=counts, has_pytest="pytest" in sys.modules)
    leave(status)


if __name__ == "__main__":
    main()
