"""The hooks that run where the items are: in the main process, or in each xdist worker.

They check the markers, and attach to every failed report what only the item knows. Reports are
serialised by xdist with all their attributes, so those must be plain data.
"""

from __future__ import annotations

import unittest
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import pytest

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.model import ItemKind, TestPolicy
from pytest_agentfix.judge.in_sandbox import exception_facts
from pytest_agentfix.pytest_hooks import internals
from pytest_agentfix.pytest_hooks.chosen import find_chosen, find_worker
from pytest_agentfix.pytest_hooks.exceptions import find_missing
from pytest_agentfix.pytest_hooks.imported import IMPORTED, find_imported_files
from pytest_agentfix.pytest_hooks.installed_copies import CopyFacts, CopyFinder
from pytest_agentfix.pytest_hooks.markers import dump_policy, make_policy
from pytest_agentfix.pytest_hooks.test_edits import find_collector_edit, find_test_edit

FACTS = "agentfix"  # the attribute of a failed report that holds ``Facts``
MARKER_ERRORS = "agentfix_marker_errors"  # the key in a worker's output that holds error lines
_MARKER = "agent_fix"


class _Description(TypedDict):
    exception: str
    message: str
    frames: list[exception_facts.FrameFacts]
    fixture: str
    missing: str
    installed: CopyFacts | None


class Facts(_Description):
    """An item's knowledge of its failure, as plain data."""

    kind: str
    path: str
    line: int | None
    policy: dict[str, Any] | None
    case: dict[str, int]
    test_edit: str
    chosen: dict[str, str]


class ItemPlugin:
    """The plugin for every process that collects items, registered when agent-fix is on."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        # Made before the first test: tests may empty sys.path, by which the system is looked up.
        self._project = exception_facts.Project.around(config.rootpath)
        self._copies = CopyFinder(self._project)
        self._has_told_imports = False

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Check all markers, including those of deselected tests and those added by a hook."""
        collected = list(items)
        yield
        errors = list(_find_marker_errors(collected))
        if not errors:
            return
        output = getattr(self._config, "workeroutput", None)
        if output is None:
            raise pytest.UsageError(*errors)
        # A usage error in a worker would only look like a crash: the controller raises it.
        output[MARKER_ERRORS] = errors
        items.clear()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach ``Facts`` to a failed report."""
        report = yield
        if report.outcome == "failed":  # three times for every test: no property, no more
            setattr(report, FACTS, self._make_item_facts(item, report, call.excinfo))
            self._tell_imports(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Attach ``Facts`` to the report of a collector that failed."""
        report = yield
        if report.failed:
            setattr(report, FACTS, self._make_collector_facts(collector, report))
        return report

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """Tell the controller of xdist what this worker has imported."""
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[IMPORTED] = list(find_imported_files())

    def _tell_imports(self, report: pytest.TestReport) -> None:
        """Attach what a worker has imported to its first failure, to prepare the repair with."""
        if not self._has_told_imports and hasattr(self._config, "workeroutput"):
            self._has_told_imports = True
            setattr(report, IMPORTED, list(find_imported_files()))

    def _make_item_facts(
        self,
        item: pytest.Item,
        report: pytest.TestReport,
        excinfo: pytest.ExceptionInfo[BaseException] | None,
    ) -> Facts:
        line = item.location[1]
        error = None if excinfo is None else excinfo.value
        facts = Facts(
            kind=_find_kind(item).value,
            path=str(item.path),
            line=None if line is None else line + 1,
            policy=_dump_marker(item),
            case=_find_case(item),
            test_edit=find_test_edit(report.longreprtext, error, policy=_find_valid_policy(item)),
            chosen=find_chosen(item, self._config),
            **self._describe(error, item),
        )
        if isinstance(error, pytest.FixtureLookupError):
            facts["message"] = internals.find_lookup_message(report) or facts["message"]
        return facts

    def _make_collector_facts(
        self, collector: pytest.Collector, report: pytest.CollectReport
    ) -> Facts:
        error = internals.find_collect_error(report)
        if isinstance(error, collector.CollectError) and error.__cause__ is not None:
            error = error.__cause__  # pytest wraps what an import raised
        return Facts(
            kind=ItemKind.COLLECTOR.value,
            path=str(Path(collector.path)),
            line=None,
            policy=_dump_marker(collector),
            case={},
            test_edit=find_collector_edit(
                error, Path(collector.path), policy=_find_valid_policy(collector)
            ),
            chosen=find_worker(self._config),
            **self._describe(error, collector),
        )

    def _describe(
        self, error: BaseException | None, node: pytest.Item | pytest.Collector
    ) -> _Description:
        """Describe the exception; without one, every field about it is empty."""
        missing = "" if error is None else find_missing(error, self._project)
        modules = internals.find_used_modules(node) if isinstance(node, pytest.Item) else ()
        installed = self._copies.find(error, path=str(node.path), missing=missing, modules=modules)
        if error is None:
            return _Description(
                exception="", message="", frames=[], fixture="", missing="", installed=installed
            )
        return _Description(
            exception=exception_facts.find_name(error),
            message=exception_facts.find_message(error),
            frames=exception_facts.find_frames(error, self._project),
            fixture=exception_facts.cut_name(internals.find_broken_fixture(error)),
            missing=missing,
            installed=installed,
        )


def find_policy(node: pytest.Item | pytest.Collector) -> TestPolicy | None:
    """Read the nearest marker, ``None`` without one; a wrong one raises ``SettingError``."""
    mark = node.get_closest_marker(_MARKER)
    return None if mark is None else make_policy(mark.args, mark.kwargs)


def _find_marker_errors(items: Iterable[pytest.Item]) -> Generator[str, None, None]:
    marked: dict[pytest.Item | pytest.Collector, bool] = {}
    for item in items:
        if not _is_marked(item, marked):
            continue
        try:
            find_policy(item)
        except SettingError as error:
            yield f"{item.nodeid}: {error}"


def _is_marked(
    node: pytest.Item | pytest.Collector, marked: dict[pytest.Item | pytest.Collector, bool]
) -> bool:
    """Tell whether the node or a parent has our marker.

    ``marked`` caches the answer for parents, which many items share; ``get_closest_marker`` for
    each item costs more.
    """
    for mark in node.own_markers:  # mostly none
        if mark.name == _MARKER:
            return True
    parent = node.parent
    if not isinstance(parent, pytest.Collector):
        return False
    if parent not in marked:
        marked[parent] = _is_marked(parent, marked)
    return marked[parent]


def _find_valid_policy(node: pytest.Item | pytest.Collector) -> TestPolicy | None:
    """Read the nearest marker; a wrong one is reported at collection, not here."""
    try:
        return find_policy(node)
    except SettingError:
        return None


def _dump_marker(node: pytest.Item | pytest.Collector) -> dict[str, Any] | None:
    return dump_policy(_find_valid_policy(node))


def _find_case(item: pytest.Item) -> dict[str, int]:
    """Return the indices of a parametrised test's values; none where pytest has no ``indices``.

    pytest documents ``callspec`` on items, but not its ``indices``.
    """
    indices = getattr(getattr(item, "callspec", None), "indices", None)
    if not isinstance(indices, Mapping):
        return {}
    return {
        name: index
        for name, index in indices.items()
        if type(name) is str and type(index) is int  # xdist cannot serialise a subclass
    }


def _find_kind(item: pytest.Item) -> ItemKind:
    if isinstance(item, pytest.DoctestItem):
        return ItemKind.DOCTEST
    if not isinstance(item, pytest.Function):
        return ItemKind.OTHER
    is_unittest = item.cls is not None and issubclass(item.cls, unittest.TestCase)
    return ItemKind.UNITTEST if is_unittest else ItemKind.FUNCTION
