"""Find the tests of a pytest session in a sandbox that run the lines a change touches.

It uses the standard library and what the sandbox has; ``sessions/orders.py`` inlines its text in
that of ``pytest_runner.py``.
"""

import contextlib
import os
import sys
from collections.abc import Generator
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.signed_report import ReportWriter, own_settings, shorten_id

COVERED_LIMIT = 2_000  # node ids
PROBLEM_LIMIT = 500  # characters
OUTSIDE = ""  # coverage's own name for what runs in no context
SHARED = "::shared"  # no node id begins like this

# Events after which coverage may miss lines, or be replaced.
UNSEEN = frozenset(
    {
        "subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
        "os.exec", "pty.spawn", "sys.settrace",
    }
)  # fmt: skip


class Coverer:
    """Records which tests run lines of interest, with the sandbox's own ``coverage``.

    Of the lines in ``around`` no test may be overlooked. So a test that starts a process, or traces
    on its own, counts as running them, and there is a ``gap`` if they run for several tests at
    once: at import, or in a fixture that tests share.
    """

    def __init__(self, lines: "dict[str, list[int]]", around: "dict[str, list[int]]") -> None:
        self._lines = resolve(lines)
        self._around = resolve(around)
        self._coverage: Any = None
        self._context = OUTSIDE
        self._unseen: set[str] = set()  # contexts in which something may have been missed
        self._modules: dict[str, Any] = {}  # of ``coverage``
        self._tracer: Any = None
        self.problem = ""
        self.gap = ""

    def start(self) -> None:
        """Start measuring, before anything of the project is imported."""
        try:
            with own_settings(), use_tracer_with_contexts():
                # imported only on demand, and not installed everywhere
                import coverage  # noqa: PLC0415

                self._coverage = coverage.Coverage(
                    data_file=None,
                    include=sorted({*self._lines, *self._around}),
                    config_file=False,
                    messages=False,
                )
                self._coverage.start()
                self._tracer = sys.gettrace()
        except Exception as error:  # noqa: BLE001 - of any version of somebody else's library
            self._give_up(error)
        # A project may have a module of this name, and has to import its own.
        self._modules = {name: sys.modules.pop(name) for name in list(sys.modules) if is_its(name)}
        if self._around:
            sys.addaudithook(self._note_unseen)

    def _note_unseen(self, event: str, _arguments: object) -> None:
        if event in UNSEEN:
            self._unseen.add(self._context)

    def _give_up(self, error: Exception) -> None:
        """Go on without ``coverage``: a test may have done anything to it, or to this process."""
        self._coverage = None
        self.problem = self.problem or f"{type(error).__name__}: {error}"[:PROBLEM_LIMIT]
        self.gap = self.gap or "coverage broke"

    def _switch(self, context: str) -> str:
        """Set the context of the lines that follow; return the one before."""
        before, self._context = self._context, context
        if self._coverage is not None:
            try:
                self._coverage.switch_context(context)
            except Exception as error:  # noqa: BLE001 - see above
                self._give_up(error)
        return before

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> "Generator[None, Any, None]":
        """Attribute the lines that follow to this test."""
        before = self._switch(shorten_id(item.nodeid))
        yield
        self._switch(before)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> "Generator[None, Any, None]":
        """Keep the lines of a shared fixture apart from those of one test."""
        if fixturedef.scope == "function":
            yield
            return
        before = self._switch(SHARED)
        yield
        self._switch(before)

    def report(self, writer: ReportWriter) -> None:
        """Stop measuring and report the result."""
        sys.modules.update(self._modules)
        seen = set(self._unseen)  # without the events of our own stop
        is_ours = sys.gettrace() is self._tracer
        try:
            if self._coverage is not None:
                self._coverage.stop()
            ids = self._find_contexts(self._lines) - {OUTSIDE, SHARED}
            around = self._find_contexts(self._around) | seen
        except Exception as error:  # noqa: BLE001 - see above
            self._give_up(error)
            ids, around = set(), seen
        if around & {OUTSIDE, SHARED}:
            self.gap = "a changed function, or a process, ran for several tests at once"
        if not is_ours:
            self.gap = "something else took the place of coverage"
        around -= {OUTSIDE, SHARED}
        if len(around) > COVERED_LIMIT:
            self.gap = f"more than {COVERED_LIMIT} tests"
        writer.write(
            "covered",
            ids=sorted(ids)[:COVERED_LIMIT],
            around=sorted(around)[:COVERED_LIMIT],
            gap=self.gap,
            problem=self.problem,
        )

    def _find_contexts(self, wanted: "dict[str, frozenset[int]]") -> "set[str]":
        found: set[str] = set()
        if self._coverage is None:
            return found
        data = self._coverage.get_data()
        for path, lines in wanted.items():
            for line, contexts in data.contexts_by_lineno(path).items():
                if line in lines:
                    found.update(contexts)
        return found


def is_its(name: str) -> bool:
    """Return whether a module belongs to ``coverage``."""
    return name == "coverage" or name.startswith("coverage.")


def resolve(lines: "dict[str, list[int]]") -> "dict[str, frozenset[int]]":
    """Rename the files to the paths under which ``coverage`` knows them."""
    return {os.path.realpath(path): frozenset(numbers) for path, numbers in lines.items()}


@contextlib.contextmanager
def use_tracer_with_contexts() -> "Generator[None, None, None]":
    """Keep ``coverage`` from using ``sys.monitoring``, which cannot tell contexts apart."""
    if sys.version_info < (3, 12):
        yield
        return
    before = os.environ.get("COVERAGE_CORE")
    os.environ["COVERAGE_CORE"] = "ctrace"
    try:
        yield
    finally:
        del os.environ["COVERAGE_CORE"]
        if before is not None:
            os.environ["COVERAGE_CORE"] = before
