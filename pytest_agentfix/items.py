"""What has to happen where the items are: in the main process, or in each xdist worker.

Checks the markers, and attaches to every failed report what only the item knows. Reports cross
xdist's wire with all their attributes, so those must be plain data.
"""

from __future__ import annotations

import unittest
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import pytest

from pytest_agentfix import pytest_internals
from pytest_agentfix.errors import SettingError
from pytest_agentfix.markers import dump_policy, make_policy
from pytest_agentfix.model import ItemKind, TestPolicy

FACTS = "agentfix"  # the attribute of a failed report that holds ``Facts``
MARKER_ERRORS = "agentfix_marker_errors"  # the key in a worker's output that holds error lines
_MESSAGE_LIMIT = 500  # characters


class Facts(TypedDict):
    """What an item knows about its failure, as plain data."""

    kind: str
    path: str
    line: int | None
    policy: dict[str, Any] | None
    case: dict[str, int]
    exception: str
    message: str


class ItemPlugin:
    """Registered in every process that collects items, when the plugin is on."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Check all markers, those of deselected tests and those added by a hook too."""
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
        """Attach the facts to a failed report."""
        report = yield
        if report.failed:
            setattr(report, FACTS, _make_item_facts(item, call.excinfo))
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Attach the facts to the report of what could not be collected."""
        report = yield
        if report.failed:
            setattr(report, FACTS, _make_collector_facts(collector, report))
        return report


def find_policy(node: pytest.Item | pytest.Collector) -> TestPolicy | None:
    """Read the nearest marker, ``None`` without one; a wrong one raises ``SettingError``."""
    mark = node.get_closest_marker("agent_fix")
    return None if mark is None else make_policy(mark.args, mark.kwargs)


def _find_marker_errors(items: Iterable[pytest.Item]) -> Generator[str, None, None]:
    for item in items:
        try:
            find_policy(item)
        except SettingError as error:  # noqa: PERF203 - each is told
            yield f"{item.nodeid}: {error}"


def _make_item_facts(
    item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException] | None
) -> Facts:
    line = item.location[1]
    return Facts(
        kind=_find_kind(item).value,
        path=str(item.path),
        line=None if line is None else line + 1,
        policy=_dump_marker(item),
        case=_find_case(item),
        **_describe(None if excinfo is None else excinfo.value),
    )


def _make_collector_facts(collector: pytest.Collector, report: pytest.CollectReport) -> Facts:
    error = pytest_internals.find_collect_error(report)
    if isinstance(error, collector.CollectError) and error.__cause__ is not None:
        error = error.__cause__  # pytest wraps what an import raised
    return Facts(
        kind=ItemKind.COLLECTOR.value,
        path=str(Path(collector.path)),
        line=None,
        policy=_dump_marker(collector),
        case={},
        **_describe(error),
    )


def _dump_marker(node: pytest.Item | pytest.Collector) -> dict[str, Any] | None:
    """Give the policy as plain data; a wrong marker is told at collection, not here."""
    try:
        return dump_policy(find_policy(node))
    except SettingError:
        return None


def _find_case(item: pytest.Item) -> dict[str, int]:
    """Give the indices of a parametrised test's values; none where pytest does not tell them.

    pytest documents ``callspec`` on items, but not its ``indices``.
    """
    indices = getattr(getattr(item, "callspec", None), "indices", None)
    if not isinstance(indices, Mapping):
        return {}
    return {
        name: index
        for name, index in indices.items()
        if type(name) is str and type(index) is int  # no subclass crosses xdist's wire
    }


def _find_kind(item: pytest.Item) -> ItemKind:
    if isinstance(item, pytest.DoctestItem):
        return ItemKind.DOCTEST
    if not isinstance(item, pytest.Function):
        return ItemKind.OTHER
    is_unittest = item.cls is not None and issubclass(item.cls, unittest.TestCase)
    return ItemKind.UNITTEST if is_unittest else ItemKind.FUNCTION


class _Description(TypedDict):
    exception: str
    message: str


def _describe(error: BaseException | None) -> _Description:
    """Give the exception's type name and its message's first line; "" without an exception."""
    if error is None:
        return _Description(exception="", message="")
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an exception of the user's may do anything when asked
        text = "(its message could not be made)"
    lines = text.strip().splitlines() or [""]
    return _Description(exception=type(error).__name__, message=lines[0][:_MESSAGE_LIMIT])
