"""The controller's hooks: collect the failures, have them repaired, correct pytest's result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.model import Failure, Invocation, Phase, RunRequest, RunResult
from pytest_agentfix.core.ports import Progress
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.core.signals import EXIT_STATUS, Terminated, raise_on_sigterm
from pytest_agentfix.core.text import clean
from pytest_agentfix.pytest_hooks import internals
from pytest_agentfix.pytest_hooks.extensions import PytestExtensions
from pytest_agentfix.pytest_hooks.failures import (
    FailureCollector,
    describe_left_out,
    select_failures,
)
from pytest_agentfix.pytest_hooks.imported import IMPORTED, find_imported_files
from pytest_agentfix.pytest_hooks.invocation import make_invocation
from pytest_agentfix.pytest_hooks.items import MARKER_ERRORS
from pytest_agentfix.pytest_hooks.likely import has_failed_before, is_asked_for_failures
from pytest_agentfix.pytest_hooks.process_state import ProcessState
from pytest_agentfix.pytest_hooks.progress import TerminalProgress
from pytest_agentfix.pytest_hooks.usage_errors import REPORT_IT, as_usage_errors
from pytest_agentfix.report import junit, terminal
from pytest_agentfix.report.formats import find_format

logger = logging.getLogger(__name__)


class Repairer(Protocol):
    """The repair phase, made before the first test runs so that a bad set-up is reported then."""

    def repair(self, request: RunRequest, progress: Progress) -> RunResult:
        """Try every cluster; trouble with a cluster becomes its verdict, never an exception."""
        ...

    def get_ready(self, failures: Sequence[Failure], imported: Sequence[str]) -> None:
        """Begin to prepare the repair while the suite goes on; never raises.

        ``failures`` are those so far, none where some are only likely; ``imported`` are the
        absolute paths of files imported so far. Called once for the first failures, between two
        tests, and before that once before the first test.
        """
        ...

    def result_so_far(self) -> RunResult:
        """Return what ``repair`` has reached; called when it was interrupted."""
        ...

    def close(self) -> None:
        """Remove everything that was made. Called once, in every run, whatever happened."""
        ...


Prepare = Callable[[Settings, Invocation, PytestExtensions], Repairer]

# Makes the repairer: ``runtime.client.prepare``, or the double a test puts here.
PREPARE = pytest.StashKey[Prepare]()
# The outcome of the failures, for other plugins: set once the repair phase is over.
RESULT = pytest.StashKey[RunResult]()


class SessionPlugin:
    """The plugin for the controller, registered when agent-fix is on and tests will be run."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        extensions: PytestExtensions,
        *,
        path: Sequence[str],
    ) -> None:
        """``path`` is where modules were found before any ``conftest.py`` was loaded."""
        self._config = config
        self._settings = settings
        self._extensions = extensions
        self._collector = FailureCollector(
            config.rootpath, is_loadgroup=config.getoption("dist", None) == "loadgroup"
        )
        self._repairer: Repairer | None = None
        self._marker_errors: dict[str, None] = {}
        self._stop_in_collection: BaseException | None = None
        self._remarks: list[str] = []
        self._is_terminated = False
        self._is_preparing = False
        self._has_failures_prepared = False
        self._looked_at = 0  # failures that need no repair
        self._session: pytest.Session | None = None
        self._finished = 0  # tests
        self._process_state = ProcessState(path)
        self._replaced: tuple[str, ...] = ()  # what tests left replaced in this process

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Make the repairer, or end pytest before any test runs (and xdist starts workers)."""
        self._session = session
        with self._process_state.restored(), as_usage_errors("get ready", REPORT_IT):
            invocation = make_invocation(self._config, self._settings)
            prepare = self._config.stash.get(PREPARE, None) or _load_prepare()
            self._repairer = prepare(self._settings, invocation, self._extensions)
        if is_asked_for_failures(self._config):
            self._prepare_repair(())

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Prepare the repair where one of the tests failed last time; xdist has its own way."""
        is_marked_only = self._settings.select == "marked"
        if not self._is_preparing and has_failed_before(
            self._config, session.items, is_marked_only=is_marked_only
        ):
            self._prepare_repair(())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect one phase of a test; after the first test that failed, prepare the repair."""
        self._collector.add_test_report(report)
        if report.when == "teardown":
            self._finished += 1
            # Not before the test's fixtures are gone: they may have patched what it takes.
            if self._collector.failures and not self._has_failures_prepared:
                self._prepare_for_failures()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Collect a collector that failed."""
        self._collector.add_collect_report(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Collect the marker errors that an xdist worker found, and the files it imported."""
        output = getattr(node, "workeroutput", {})
        self._marker_errors.update(dict.fromkeys(output.get(MARKER_ERRORS, ())))
        self._collector.imported.update(output.get(IMPORTED, ()))

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """With ``-x``, hold back the end of the run that a collection error causes."""
        try:
            return (yield)
        except pytest.Session.Failed as error:
            self._stop_in_collection = error
            return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Repair when all tests have run, or when failures cut the run short."""
        stop: BaseException | None = None
        outcome: object = True
        try:
            outcome = yield
        except (session.Failed, KeyboardInterrupt) as error:
            if not internals.is_stop_by_failures(error):
                raise
            stop = error
        if self._marker_errors:
            raise pytest.UsageError(*self._marker_errors)
        self._run_repair_phase(session)
        if stop is not None and self._collector.failed - self._find_green():
            raise self._stop_in_collection or stop
        return outcome

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports, an empty one too when nothing failed."""
        if self._is_terminated:
            session.exitstatus = EXIT_STATUS
        result = self._config.stash.get(RESULT, RunResult())
        with self._process_state.restored():
            for path in self._settings.reports:
                self._write_report(path, result)

    def _write_report(self, path: Path, result: RunResult) -> None:
        try:
            text = find_format(path.name, self._extensions.report_formats)(result)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            self._remark(f"the report {path} could not be written: {error.strerror}")
        except Exception as error:  # in a format of another plugin's
            logger.exception("the report %s could not be made", path)
            self._remark(f"the report {path} could not be written: {type(error).__name__}: {error}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the section "agent-fix": the outcome of every failure."""
        result = self._config.stash.get(RESULT, RunResult())
        for complaint in self._extensions.complaints:
            self._remark(complaint)
        lines = terminal.summary_lines(result)
        lines += [terminal.SummaryLine(remark, ("red",)) for remark in self._remarks]
        if lines:
            terminalreporter.section("agent-fix")
        for line in lines:
            terminalreporter.write_line(line.text, **dict.fromkeys(line.markup, True))

    def pytest_unconfigure(self) -> None:
        """Close what no repair phase closed: pytest may end in many ways before it."""
        with self._process_state.restored():
            self._shield(self._close)

    def _prepare_for_failures(self) -> None:
        new = self._collector.failures[self._looked_at :]
        failures = self._select(new)
        if not failures:
            self._looked_at += len(new)
        elif not self._is_last_test():
            self._has_failures_prepared = True
            self._prepare_repair(failures)

    def _prepare_repair(self, failures: Sequence[Failure]) -> None:
        """Have prepared what these failures will take, or what any would."""
        if self._repairer is not None and self._settings.prepare == "auto":
            self._is_preparing = True
            try:
                self._repairer.get_ready(failures, self._find_imported())
            except Exception:  # the suite goes on, and the repair does without
                logger.debug("the repair could not be prepared", exc_info=True)

    def _select(self, failures: Sequence[Failure]) -> tuple[Failure, ...]:
        return select_failures(failures, self._settings.select, decide=self._extensions.select)

    def _is_last_test(self) -> bool:
        """Tell whether the suite is over: preparing now would only delay the repair itself."""
        total = 0 if self._session is None else self._session.testscollected
        return 0 < total <= self._finished  # 0: xdist's controller has not counted them

    def _run_repair_phase(self, session: pytest.Session) -> None:
        request = self._make_request(session)
        try:
            with (
                self._process_state.restored() as self._replaced,
                raise_on_sigterm(),
                internals.catching_user_logs(self._config),
            ):
                try:
                    self._shield(lambda: self._repair(session, request))
                finally:
                    self._shield(self._close)
        except Terminated:
            TerminalProgress(self._config).write("stopped by SIGTERM")
            self._is_terminated = True
            # Without a status: pytest shows no summary for those that are not its own.
            pytest.exit("agent-fix: stopped by SIGTERM")

    def _make_request(self, session: pytest.Session) -> RunRequest:
        failures = self._collector.failures
        has_collect_error = any(failure.phase is Phase.COLLECT for failure in failures)
        is_cut_short = has_collect_error and not self._collector.has_run
        items = tuple(item.nodeid for item in session.items)
        return RunRequest(
            failures=self._select(failures),
            passed=items if is_cut_short else self._collector.passed,
            invocation=make_invocation(self._config, self._settings),
            is_cut_short=is_cut_short,
            imported=self._find_imported(),
        )

    def _find_imported(self) -> tuple[str, ...]:
        """Return the files that this process and xdist's workers have imported, but for installs.

        Those of workers are known from their first failures on, and completely at their ends.
        """
        return tuple(sorted(self._collector.imported.union(find_imported_files())))

    def _repair(self, session: pytest.Session, request: RunRequest) -> None:
        """Have the selected failures repaired; what was reached counts even if it ends early."""
        repairer = self._repairer
        result: RunResult | None = RunResult()
        try:
            if request.failures and repairer is not None:
                result = None
                result = repairer.repair(request, TerminalProgress(self._config))
        finally:
            if result is None and repairer is not None:
                result = repairer.result_so_far()
            self._settle(session, request, result or RunResult())

    def _settle(self, session: pytest.Session, request: RunRequest, result: RunResult) -> None:
        """Keep the result, and bring counts, exit status and JUnit's XML in line with it."""
        left_out = describe_left_out(self._collector.failures, request.failures)
        result = replace(result, notices=result.notices + left_out)
        self._config.stash[RESULT] = result
        for each in result.clusters:
            self._extensions.tell_verdict(each)
        green = self._find_green()
        internals.move_to_fixed(self._config, green, self._collector.strip_group)
        if not self._settings.exit_non_zero_on_fix:
            internals.lower_failures(
                session, reports=self._collector.count_reports(green), tests=len(green)
            )
        elif green:
            self._remarks.append(
                "agent-fix: the exit status says that tests were red, as "
                "agent_fix_exit_non_zero_on_fix asks for"
            )
        internals.add_junit_properties(self._config, junit.properties(result))

    def _find_green(self) -> frozenset[str]:
        """Return the failed tests whose clusters are all green."""
        clusters = self._config.stash.get(RESULT, RunResult()).clusters
        green, red = set[str](), set[str]()
        for each in clusters:
            (green if each.is_green else red).update(each.cluster.targets)
        return self._collector.failed & (green - red)

    def _close(self) -> None:
        repairer, self._repairer = self._repairer, None
        if repairer is not None:
            repairer.close()

    def _shield(self, step: Callable[[], None]) -> None:
        """Call ``step``; an error in it is shown to the user and leaves the tests' result alone."""
        try:
            step()
        except pytest.exit.Exception:
            raise
        except AgentFixError as error:
            self._remark(str(error))
        except Exception as error:
            logger.exception("the repair phase failed")
            left = f"; the tests left replaced: {', '.join(self._replaced)}"
            self._remark(
                f"internal error: {type(error).__name__}: {error} (please report it with the "
                f"traceback in the log; the tests' own result stands{left * bool(self._replaced)})"
            )

    def _remark(self, text: str) -> None:
        self._remarks.append(clean(f"agent-fix: {text}"))


def _load_prepare() -> Prepare:
    from pytest_agentfix.runtime.client import prepare  # noqa: PLC0415 - a double needs none

    return prepare
