"""Run pytest inside a sandbox and report what it does on file descriptor 3.

Standard library and the sandbox's own pytest only (and its ``coverage``, if it has one), and no
import of this package: ``sessions/orders.py`` passes this file's text to the sandbox's Python on
the command line, with the modules beside it in place of their imports, and the repository's top as
the argument. The recorders that few sessions need come with the order.

It takes an order (``orders.SessionOrder``) and answers in signed lines:

* ``start``: ``python``, ``pytest`` (versions)
* ``collect_error``: ``id``, ``detail`` and the facts below
* ``collected``: ``ids`` (of the items that will run), ``sys_path``
* ``report``: ``id``, ``when``, ``outcome``, ``wasxfail``, ``detail`` and the facts below
* ``covered``: ``ids`` (of the tests that ran a line of ``cover``), ``around`` (of those that may
  have run one of ``around``), ``gap`` (why there may be more of these), ``problem``
* ``traced``: ``tests`` (id -> ``calls`` of the functions of ``trace``, ``entered``, ``outside``,
  ``gap``: see ``call_tracer.TestCalls``), ``problem``
* ``entered``: ``tests`` (id -> path, first line and name of each project's function it entered)
* ``varied`` and ``variation``: see ``call_variation.py``
* ``finish``: ``exit``, ``counts`` of the lines before it, ``raised`` (the type's name, if pytest
  ended with an exception, as it does if a plugin raises at the end; ``exit`` is then what the
  session had come to)

The facts about a failure are ``exception`` (its type's name), ``message`` (its first line),
``frame`` (path, line and function of the innermost frame in the project's files, or ``null``) and
``want`` (kind and name of what it shows to be lacking, or ``null``).

A second channel, stdout, gets one line at the end, signed with a key of its own: the number of
items that pytest's own session says it collected and of reports it counted as failed.

Whoever can change the code under test can change the report, too: the host treats it as a claim,
and the judge's other probes are there to catch a liar.
"""

import hashlib
import hmac
import json
import os
import sys
import traceback
from collections.abc import Callable, Generator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.call_tracer import CallTracer
from pytest_agentfix.judge.in_sandbox.call_variation import CallVarier
from pytest_agentfix.judge.in_sandbox.chosen import Chooser
from pytest_agentfix.judge.in_sandbox.early_start import (
    begin,
    import_bundled_plugins,
    wait_for_order,
)
from pytest_agentfix.judge.in_sandbox.entered_functions import EntryRecorder
from pytest_agentfix.judge.in_sandbox.exception_facts import (
    Project,
    call_safely,
    find_frames,
    find_message,
    find_name,
)
from pytest_agentfix.judge.in_sandbox.line_coverage import Coverer
from pytest_agentfix.judge.in_sandbox.shuffled_order import Shuffler
from pytest_agentfix.judge.in_sandbox.signed_report import (
    ReportWriter,
    claim_report,
    hide_descriptor,
    leave,
    own_settings,
    read_order,
    shorten_id,
)
from pytest_agentfix.judge.in_sandbox.terminal_summary import SilentSummary
from pytest_agentfix.judge.in_sandbox.wants import find_want
from pytest_agentfix.judge.in_sandbox.watcher import Watcher

DETAIL_LIMIT = 20_000  # characters of one failure's text; the middle is cut
NOTHING_COLLECTED = 5  # pytest's own exit status for it
BROKEN = 3  # pytest's own exit status for an error of its own
TALLY = "agentfix-tally"  # begins the second channel's line

# Whatever a project's addopts or a plugin says: run exactly the requested tests, all of them, once,
# ask nothing and write no files.
NEUTRAL = {
    "maxfail": 0,
    "keyword": "",
    "markexpr": "",
    "deselect": None,
    "collectonly": False,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "stepwise": False,
    "stepwise_skip": False,
    "stepwise_reset": False,
    "usepdb": False,
    "trace": False,
    "setuponly": False,
    "setupplan": False,
    "xmlpath": None,
    "reruns": 0,
    "no_cov": True,
    "cov_fail_under": 0,
    "warn_unused_snapshots": True,  # Syrupy's: a part of the suite uses a part of them
}


NO_FACTS = {"exception": "", "message": "", "frame": None, "want": None}


class Reporter:
    """A pytest plugin that keeps to the wanted node ids and reports every phase of each."""

    def __init__(
        self, writer: ReportWriter, order: "dict[str, Any]", watcher: "Watcher | None" = None
    ) -> None:
        self._writer = writer
        self._wanted = frozenset(order["ids"])
        self._words = order["words"]
        self._project = Project(Path(order["top"]))
        self._watcher = watcher
        self._facts: dict[tuple[str, str], dict[str, Any]] = {}
        self._config: Any = None

    def pytest_addoption(self, parser: Any) -> None:
        """Declare this package's options and ini names, as its plugin is kept out of the sandbox.

        A project may use them in its ini file and markers, and strict settings require them.
        """
        group = parser.getgroup("agentfix")
        for flag in self._words["flags"]:
            group.addoption(flag, action="store_true", default=False)
        for option in self._words["options"]:
            group.addoption(option, action="append")
        for name in self._words["inis"]:
            parser.addini(name, "declared in the sandbox only")
        # The command sets these; if the plugin that declares them is off, strict settings would
        # reject them.
        for name in ("cache_dir", "log_file"):
            if name not in getattr(parser, "_inidict", {}):
                parser.addini(name, "declared in the sandbox only")

    def pytest_plugin_registered(self, manager: Any) -> None:
        """Let a conftest implement this package's hooks, which nobody calls or declares here."""
        for name, caller in vars(manager.hook).items():
            if name.startswith(self._words["hooks"]):
                for implementation in caller.get_hookimpls():
                    implementation.optionalhook = True

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> "Generator[None, Any, None]":
        """Switch coverage off: with a threshold it fails any run of a part of the suite."""
        known = early_config.known_args_namespace
        if hasattr(known, "no_cov"):
            known.no_cov = True
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: Any) -> None:
        """Undo options that select, stop early, repeat or ask."""
        self._config = config
        for name, value in NEUTRAL.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        config.addinivalue_line("markers", "agent_fix: declared in the sandbox only")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Any) -> None:
        """Keep only the requested items, by exact node id or by the id of a collector above."""
        items[:] = [item for item in items if is_wanted(item.nodeid, self._wanted)]

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: Any) -> "Generator[None, Any, None]":
        """Report a collector that cannot be collected."""
        outcome = yield
        report = outcome.get_result()
        if report.failed:
            excinfo = getattr(getattr(report, "call", None), "excinfo", None)
            error = None if excinfo is None else find_cause(excinfo.value)
            self._writer.write(
                "collect_error",
                id=shorten_id(collector.nodeid),
                detail=cut(text_of(report)),
                **self._describe(error),
            )

    def pytest_collection_finish(self, session: Any) -> None:
        """Report the items that are going to run."""
        ids = [shorten_id(item.nodeid) for item in session.items]
        self._writer.write("collected", ids=ids, sys_path=list(map(str, sys.path)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> "Generator[None, Any, None]":
        """Remember the exception's facts, which a report does not hold."""
        yield
        if call.excinfo is not None:
            self._facts[item.nodeid, call.when] = self._describe(call.excinfo.value)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Report one phase of one test."""
        is_subtest = type(report).__name__ in ("SubtestReport", "SubTestReport")
        facts = self._facts.pop((report.nodeid, report.when), None)
        self._writer.write(
            "report",
            id=shorten_id(report.nodeid),
            when="subtest" if is_subtest else report.when,
            outcome=report.outcome,
            wasxfail=hasattr(report, "wasxfail"),
            detail="" if report.outcome == "passed" else cut(text_of(report)),
            **(NO_FACTS if facts is None else facts),
        )

    def _describe(self, error: "BaseException | None") -> "dict[str, Any]":
        if error is None:
            return NO_FACTS
        frames = find_frames(error, self._project)
        factory = getattr(self._config, "_tmp_path_factory", None)
        basetemp = str(getattr(factory, "_basetemp", None) or "")
        return {
            "exception": find_name(error),
            "message": find_message(error),
            "frame": frames[-1] if frames else None,
            "want": find_want(error, self._watcher, basetemp=basetemp),
        }


class TallyWriter:
    """Sends the counters of pytest's own session on the second channel."""

    def __init__(self, key: str) -> None:
        self._descriptor = hide_descriptor(1)
        self._signer = hmac.new(bytes.fromhex(key), digestmod=hashlib.sha256)
        self._send, self._process = os.write, os.getpid()
        self._session: Any = None

    def pytest_sessionstart(self, session: Any) -> None:
        """Remember the session, whose counters go on after the last hook."""
        self._session = session

    @property
    def exit_code(self) -> int:
        """The exit status that pytest's session came to; that of a break if it never began."""
        code = getattr(self._session, "exitstatus", BROKEN)
        return int(code) if isinstance(code, int) else BROKEN

    def write(self, code: int) -> None:
        """Send the line, from the original process and not from a fork of it."""
        if os.getpid() != self._process:
            return
        counted = {
            "collected": getattr(self._session, "testscollected", -1),
            "failed": getattr(self._session, "testsfailed", -1),
            "exit": code,
        }
        text = json.dumps(counted)
        self._signer.update(text.encode("ascii"))
        line = f"\n{TALLY} {self._signer.hexdigest()} {text}\n"
        try:
            self._send(self._descriptor, line.encode("ascii"))
        except OSError:
            return


def is_wanted(nodeid: str, wanted: "frozenset[str]") -> bool:
    """Return whether ``nodeid`` or one of its collectors is in ``wanted``."""
    if nodeid in wanted or "" in wanted or "." in wanted:
        return True
    path, *names = nodeid.split("::")
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    above += ["::".join([path, *names[:end]]) for end in range(1, len(names))]
    return any(collector in wanted for collector in above)


def find_cause(error: BaseException) -> BaseException:
    """Return what really went wrong in a collector.

    pytest wraps the import's own error in a ``CollectError``; the cause below it is the news.
    """
    is_wrapper = isinstance(error, pytest.Collector.CollectError)
    return error.__cause__ if is_wrapper and error.__cause__ is not None else error


def text_of(report: Any) -> str:
    """Return the long text of a report; of a skip only the reason."""
    longrepr = report.longrepr
    if isinstance(longrepr, tuple):
        return str(longrepr[-1])
    return str(report.longreprtext)


def cut(text: str) -> str:
    """Shorten a text to ``DETAIL_LIMIT`` characters, leaving out the middle."""
    if len(text) <= DETAIL_LIMIT:
        return text
    half = DETAIL_LIMIT // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def find_paths(rootdir: str, ids: "list[str]") -> "list[str]":
    """List the files and folders to collect for node ids relative to ``rootdir``.

    Whole files rather than single ids: one id that does not exist would end pytest before it runs
    anything. A path with a bracket is read as a parametrisation, so its folder is collected. What
    lies in a listed folder is not listed: pytest would pass over the rest of the folder.
    """
    paths: dict[Path, None] = {}
    for path in dict.fromkeys(nodeid.split("::")[0] for nodeid in ids):
        full = Path(rootdir, path)
        while "[" in str(full):
            full = full.parent
        if full.exists():
            paths[full] = None
    return [str(path) for path in paths if paths.keys().isdisjoint(path.parents)]


def fit(arguments: "list[str]") -> "list[str]":
    """Drop arguments whose plugin is missing here: an image may do without pytest-xdist."""
    has_xdist = find_spec("xdist") is not None
    return [argument for argument in arguments if argument != "-n0" or has_xdist]


def extend_path(entries: "list[str]", top: str) -> None:
    """Append what the user's path has and this one lacks, as it depends on HOME or a variable."""
    for entry in entries:
        is_outside = not f"{entry}/".startswith(f"{top}/")
        if is_outside and entry not in sys.path and Path(entry).exists():
            sys.path.append(entry)


def run_pytest(
    order: "dict[str, Any]", plugins: "list[object]", tally: TallyWriter
) -> "tuple[int, str]":
    """Run pytest as ordered; return its exit status and the exception it ended with, if any."""
    paths = find_paths(order["rootdir"], order["ids"])
    if not paths:  # pytest without a path would collect everything
        return NOTHING_COLLECTED, ""
    if order["sys_path_first"] is not None:
        sys.path.insert(0, order["sys_path_first"])
    extend_path(order["sys_path_last"], order["top"])
    arguments = [*fit(order["args"]), *paths]
    sys.argv = ["pytest", *arguments]
    try:
        return int(pytest.main(arguments, plugins=plugins)), ""
    except BaseException as error:  # noqa: BLE001 - of any plugin's, at any time
        call_safely(traceback.print_exc, None)
        return tally.exit_code, find_name(error) or "an exception"


def make_recorders(
    order: "dict[str, Any]", writer: ReportWriter
) -> "list[tuple[object, Callable[[], None]]]":
    """Start what records more than outcomes, each a plugin; return what reports it as well."""
    recorders: list[tuple[object, Callable[[], None]]] = []
    if order["cover"]:
        coverer = Coverer(order["cover"], order["around"])
        coverer.start()
        recorders.append((coverer, partial(coverer.report, writer)))
    if order["trace"]:
        tracer = CallTracer(order["trace"])
        tracer.start()
        recorders.append((tracer, partial(tracer.report, writer)))
    if order["enter"]:
        entries = EntryRecorder(Project(Path(order["top"])))
        recorders.append((entries, partial(entries.report, writer)))
    if order["vary"]:
        varier = CallVarier(order["vary"], writer)
        varier.start()
        recorders.append((varier, varier.report))
    return recorders


def main() -> None:
    """Carry out the order on stdin and exit with pytest's exit status."""
    import_bundled_plugins()
    wait_for_order(sys.argv[1], is_anew=len(sys.argv) > 2)  # noqa: PLR2004 - see there
    order = read_order()
    begin(order["cwd"])
    exec(order.pop("recorders"), globals())  # noqa: S102 - of this very program
    writer = ReportWriter(claim_report(), order.pop("key"))
    tally = TallyWriter(order.pop("tally_key"))
    watcher = Watcher(order["top"]) if order["watch"] else None
    reporter, chooser = Reporter(writer, order, watcher), Chooser(order["choices"])
    plugins: list[object] = [reporter, chooser, tally, SilentSummary()]
    if watcher is not None:
        plugins.append(watcher)
    if order["shuffle"] is not None:
        plugins.append(Shuffler(order["shuffle"], is_reversed=order["is_reversed"]))
    recorders = make_recorders(order, writer)
    plugins += [plugin for plugin, _ in recorders]
    version = sys.version.split()[0]
    writer.write("start", python=version, pytest=pytest.__version__)
    code, raised = run_pytest(order, plugins, tally)
    with own_settings():
        for _, report in recorders:
            report()
        writer.write("finish", exit=code, counts=dict(writer.counts), raised=raised)
        tally.write(code)
    leave(code)


if __name__ == "__main__":
    main()
