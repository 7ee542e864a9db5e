"""All uses of pytest's internals, each with its reason. No other module imports ``_pytest``."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import pytest
from _pytest.junitxml import LogXML, bin_xml_escape, mangle_test_address, xml_key
from _pytest.logging import LoggingPlugin, catching_logs
from _pytest.terminal import TerminalReporter

# Texts of pytest and xdist: they raise the same classes for Ctrl-C and for a worker's end.
_STOPS = re.compile(
    r"stopping after \d+ failures"  # -x, --maxfail
    r"|\d+ errors? during collection"
    r"|Test failed, continuing from this test next run\."  # --stepwise
)

# Functions that call a fixture's code -> the local variable that holds its ``FixtureDef``.
_FIXTURE_FRAMES = {"pytest_fixture_setup": "fixturedef", "finish": "self"}

# Fixtures that run pytest, and with it every plugin, in the test's own process.
_PYTEST_RUNNERS = frozenset({"pytester", "testdir"})

Properties = tuple[tuple[str, str], ...]


def find_terminal(config: pytest.Config) -> TerminalReporter | None:
    """Return the terminal reporter, ``None`` with ``-p no:terminal``: it has no public type."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter if isinstance(reporter, TerminalReporter) else None


def find_verbosity(config: pytest.Config) -> int:
    """Return what ``-v`` and ``-q`` add up to; 0 with ``-p no:terminal``, which defines them.

    ``Config.get_verbosity`` raises there before pytest 8.2.
    """
    return config.getoption("verbose", 0) or 0


@contextmanager
def catching_user_logs(config: pytest.Config) -> Iterator[None]:
    """Send what is logged inside to ``--log-file`` and to live logs, if the user asked for them.

    pytest catches logs around its own loop, and the repair phase comes after that. Handlers that
    nobody asked for are left alone: with any, Python no longer shows errors on stderr.
    """
    plugin = config.pluginmanager.get_plugin("logging-plugin")
    with ExitStack() as stack:
        if isinstance(plugin, LoggingPlugin):
            if plugin._log_cli_enabled():  # noqa: SLF001 - pytest's own question
                level = plugin.log_cli_level
                stack.enter_context(catching_logs(plugin.log_cli_handler, level=level))
            if plugin.log_file_handler.baseFilename != os.path.abspath(os.devnull):  # noqa: PTH100
                level = plugin.log_file_level
                stack.enter_context(catching_logs(plugin.log_file_handler, level=level))
        yield


def list_custom_options(config: pytest.Config) -> frozenset[str]:
    """Return the options declared without a group, as conftest files and small plugins do.

    pytest does not say who declares an option. Its own, and those of the plugins whose options are
    known by name, are all in groups.
    """
    group = config._parser._anonymous  # noqa: SLF001 - the parser has no public list
    return frozenset(name for option in group.options for name in option.names())


def end_line(reporter: TerminalReporter) -> None:
    """Begin a new line after the dots: under xdist the reporter does not know that it has to."""
    writer = reporter.config.get_terminal_writer()
    if writer.width_of_current_line:
        writer.line()
        reporter.currentfspath = None


def find_collect_error(report: pytest.CollectReport) -> BaseException | None:
    """Return the exception that collecting raised, ``None`` when it is not known.

    ``pytest_make_collect_report`` leaves the ``CallInfo`` on the report for
    ``collect_one_node`` to take away; hooks are given no other way to it.
    """
    call = getattr(report, "call", None)
    excinfo = getattr(call, "excinfo", None)
    return None if excinfo is None else excinfo.value


def find_used_modules(item: pytest.Item) -> list[str]:
    """Return the names of the modules whose fixtures ``item`` uses.

    Nothing public tells where a fixture comes from. A test that runs pytest uses every plugin.
    """
    info = getattr(item, "_fixtureinfo", None)
    known = getattr(info, "name2fixturedefs", None) or {}
    definitions = [one for found in known.values() for one in found]
    names = [getattr(one.func, "__module__", None) for one in definitions]
    if not _PYTEST_RUNNERS.isdisjoint(known):
        plugins = item.config.pluginmanager.get_plugins()
        names += [getattr(one, "__name__", None) for one in plugins if type(one) is ModuleType]
    return [name for name in dict.fromkeys(names) if type(name) is str]


def find_broken_fixture(error: BaseException) -> str:
    """Return the name of the fixture whose set-up or tear-down raised ``error``; "" for none.

    pytest does not say it anywhere. But the name of ``pytest_fixture_setup``'s argument is fixed by
    its specification, and an error stays the same while a fixture of a wider scope raises it
    again; so this costs nothing where no test fails. ``FixtureDef.finish`` is undocumented. The
    innermost of them broke: the others requested it.
    """
    if isinstance(error, pytest.FixtureLookupError):
        return error.argname or ""
    name = ""
    traceback = error.__traceback__
    while traceback is not None:
        variable = _FIXTURE_FRAMES.get(traceback.tb_frame.f_code.co_name)
        if variable is not None:
            fixture = traceback.tb_frame.f_locals.get(variable)
            name = fixture.argname if type(fixture) is pytest.FixtureDef else name
        traceback = traceback.tb_next
    return name


def find_lookup_message(report: pytest.TestReport) -> str:
    """Return the message of a ``FixtureLookupError``, which pytest makes only for the report."""
    text = getattr(report.longrepr, "errorstring", "")
    return text.strip().partition("\n")[0] if isinstance(text, str) else ""


def is_stop_by_failures(error: BaseException) -> bool:
    """Tell whether pytest's loop ended early because tests failed, and for no other reason.

    ``Interrupted``, pytest's and xdist's, are ``KeyboardInterrupt`` as a user's Ctrl-C is, and
    xdist's says in its text only whether a worker was interrupted or ``-x`` was reached.
    """
    if isinstance(error, pytest.Session.Failed):
        return True
    is_interrupted = isinstance(error, KeyboardInterrupt) and type(error) is not KeyboardInterrupt
    return is_interrupted and _STOPS.match(str(error)) is not None


def move_to_fixed(
    config: pytest.Config, nodeids: Collection[str], strip: Callable[[str], str]
) -> None:
    """Let the terminal count these tests as ``fixed``, once each.

    The counts line and its colour come from ``stats``, and the colour is remembered; there is no
    hook that may change a report after it was counted.
    """
    reporter = find_terminal(config)
    if reporter is None:
        return
    moved: dict[str, Any] = {}
    for category in ("failed", "error"):
        kept = []
        for report in reporter.stats.pop(category, []):
            nodeid = strip(report.nodeid)
            if nodeid in nodeids:
                moved.setdefault(nodeid, report)
            else:
                kept.append(report)
        if kept:
            reporter.stats[category] = kept
    if moved:
        reporter.stats.setdefault("fixed", []).extend(moved.values())
    reporter._set_main_color()  # noqa: SLF001 - the only way to have it computed again


def lower_failures(session: pytest.Session, *, reports: int, tests: int) -> None:
    """Take fixed ``reports`` from what pytest makes its exit status of.

    ``testscollected`` is 0 when nothing could be collected; with all of it fixed that must not
    end as "no tests collected". Both are attributes without an underscore, undocumented.
    """
    session.testsfailed = max(0, session.testsfailed - reports)
    session.testscollected = session.testscollected or tests


def add_junit_properties(config: pytest.Config, properties: Mapping[str, Properties]) -> None:
    """Put properties on test cases of ``--junit-xml``; keys are node ids.

    ``record_property`` is for running tests; here they have ended. ``LogXML`` writes its file at
    the end of the session from node reporters that already hold a finished XML element each, or
    (collection errors) are still open.
    """
    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    by_address = {_make_address(xml, nodeid): items for nodeid, items in properties.items()}
    for reporter in xml.node_reporters_ordered:
        is_open = "attrs" in vars(reporter)
        attributes = reporter.attrs if is_open else reporter.to_xml().attrib
        items = by_address.get((attributes.get("classname", ""), attributes.get("name", "")), ())
        if is_open:
            for name, value in items:
                reporter.add_property(name, value)
        elif items:
            _add_to_element(reporter.to_xml(), items)


def _make_address(xml: LogXML, nodeid: str) -> tuple[str, str]:
    """Make the class name and name of a test case, as ``_NodeReporter.record_testreport`` does."""
    names = mangle_test_address(nodeid)
    classnames = [xml.prefix, *names[:-1]] if xml.prefix else names[:-1]
    return ".".join(classnames), bin_xml_escape(names[-1])


def _add_to_element(testcase: ET.Element, items: Properties) -> None:
    parent = testcase.find("properties")
    if parent is None:
        parent = ET.Element("properties")
        testcase.insert(0, parent)  # the schema wants it first
    for name, value in items:
        ET.SubElement(parent, "property", name=name, value=bin_xml_escape(value))
