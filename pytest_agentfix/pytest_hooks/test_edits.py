"""Recognise failures that no change of the code under test can end, only an edit of the tests.

An agent must not touch tests, so each of its attempts would be paid for in vain. This runs in the
process that ran the test, like ``exceptions.py``. A marker with ``allow_test_edits`` lets an agent
make the edit, and then nothing is recognised.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

from pytest_agentfix.core.model import TestPolicy
from pytest_agentfix.core.text import clean_line
from pytest_agentfix.core.unexpected_pass import find_unexpected_pass
from pytest_agentfix.judge.in_sandbox.exception_facts import call_safely

# Packages that compare with what they have stored -> the options that have it stored anew.
_SNAPSHOTS: Final = {
    "syrupy": "--snapshot-update",
    "pytest_snapshot": "--snapshot-update",
    "snapshottest": "--snapshot-update",
    "inline_snapshot": "--inline-snapshot=fix",
    "pytest_regressions": "--force-regen",
    "pytest_image_snapshot": "--image-snapshot-update",
    "pytest_insta": "--insta update",
    "pytest_mpl": "--mpl-generate-path",
    "approvaltests": "",
}
# Syrupy compares in the test's own ``assert``; these are of its explanation.
_SYRUPY: Final = re.compile(r"\[[-+] snapshot\]|\[[-+] received\]|Snapshot '.*' does not exist!")
# pytest's own words, while it collects, about a test that it cannot make sense of.
_UNUSABLE: Final = re.compile(
    r"'[^']*' not found in `markers` configuration option"
    r"|In [^\n]*: function (?:uses no|already takes an) argument "
    r'|[^\n]*: in "parametrize" the number of names'
    r"|duplicate parametrization of "
)
_LONGEST: Final = 300  # characters of a text that is told


def find_test_edit(text: str, error: BaseException | None, *, policy: TestPolicy | None) -> str:
    """Return the edit that a failed test needs, "" where a change of the code may do.

    ``text`` is the failed report's. A difference from a snapshot can be the code's fault: a test
    with a marker of ours (``policy``) is to be repaired, and so it is not recognised there.
    """
    if policy is not None and policy.allow_test_edits:
        return ""
    if edit := find_unexpected_pass(text):
        return edit
    if error is None or policy is not None:
        return ""
    return call_safely(lambda: _find_snapshot_edit(text, error), "")


def find_collector_edit(
    error: BaseException | None, path: Path, *, policy: TestPolicy | None
) -> str:
    """Return the edit that the tests of a file need to be collected, "" where none is known."""
    if error is None or (policy is not None and policy.allow_test_edits):
        return ""
    return call_safely(lambda: _find_collector_edit(error, path), "")


def _find_snapshot_edit(text: str, error: BaseException) -> str:
    package = _name_raising_package(error)
    if package not in _SNAPSHOTS:
        if not isinstance(error, AssertionError) or not _SYRUPY.search(text):
            return ""
        package = "syrupy"
    elif not isinstance(error, (AssertionError, pytest.fail.Exception)):
        return ""
    option = _SNAPSHOTS[package]
    command = f" (pytest {option})" if option else ""
    return (
        f"it differs from its snapshot, or has none ({package}): update it{command}, or mark the "
        "test with agent_fix if the code is wrong"
    )


def _name_raising_package(error: BaseException) -> str:
    """Return the package of the function that raised ``error``; ``pytest.fail`` is none."""
    frames: list[FrameType] = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    names = [str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame in frames]
    return next((name for name in reversed(names) if name != "_pytest"), "")


def _find_collector_edit(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"correct the syntax of the test file itself, line {error.lineno}: {error.msg}"
    message = str(error).strip()
    if isinstance(error, (pytest.Collector.CollectError, pytest.fail.Exception)) and (
        _UNUSABLE.match(message)
    ):
        return f"pytest cannot use the test: {clean_line(message, limit=_LONGEST)}"
    return ""
