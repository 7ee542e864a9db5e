"""Describe an exception as plain data: its type, its message and the project's frames.

The host describes the user's failures with it (``pytest_hooks/exceptions.py``), and
``pytest_runner.py`` those in a sandbox, where ``sessions/orders.py`` puts this file's text in place
of the line that imports it: so both are described alike. Standard library and pytest only.

This runs in the process that ran the test, where the exception is. An exception class of the
user's may do anything when its attributes are read or its text is made; that must neither end the
run nor cost more than a moment.
"""

import os
import sys
import sysconfig
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pluggy
import pytest

MOST_FRAMES = 30
LONGEST_TEXT = 10_000  # characters of a message that are looked at
_LONGEST_NAME = 200  # characters
_LONGEST_PATH = 4096
_LONGEST_MESSAGE = 500
_DEEPEST_GROUP = 10
_MOST_FILES = 10_000  # that are remembered
_FOREIGN = ("/site-packages/", "/dist-packages/")

FrameFacts = tuple[str, int, str]  # path, line, function
_T = TypeVar("_T")


class Project:
    """The project's own files, told apart from all others.

    They are below ``top``, the repository's, and not in a virtual environment (which may well be
    inside).
    """

    def __init__(self, top: Path) -> None:
        self._top = f"{str(top).rstrip('/')}/"
        self._real_top = f"{os.path.realpath(self._top).rstrip('/')}/"
        self._foreign = _find_foreign(self._top, self._real_top)
        self._known: dict[str, bool] = {}

    @classmethod
    def around(cls, rootdir: Path) -> "Project":
        """Return the project of the repository around ``rootdir``, of that alone without one."""
        folders = (rootdir, *rootdir.parents)
        top = next((one for one in folders if os.path.exists(one / ".git")), rootdir)  # noqa: PTH110 - never raises
        return cls(top)

    @property
    def top(self) -> str:
        """The path of the repository's top."""
        return self._top.rstrip("/")

    def has(self, path: str) -> bool:
        """Tell whether ``path``, a code object's file name, is one of the project's files."""
        if path.startswith("<") or len(path) > _LONGEST_PATH:
            return False
        if path not in self._known:
            if len(self._known) >= _MOST_FILES:
                self._known.clear()
            self._known[path] = self._is_own(path)
        return self._known[path]

    def _is_own(self, path: str) -> bool:
        if not path.startswith("/") or "\0" in path:
            return False
        if not path.startswith(self._top):
            path = os.path.realpath(path)
            if not path.startswith(self._real_top):
                return False
        return not (any(part in path for part in _FOREIGN) or path.startswith(self._foreign))


def find_frames(error: BaseException, project: Project) -> "list[FrameFacts]":
    """Return the last 30 frames in the project's files; the frame that raised is the last.

    A syntax error's own place counts as a frame. Of an exception group that none of the project's
    files raised (pytest's, of several tear-downs) the first member's frames are returned.
    """
    return call_safely(lambda: _find_frames(unwrap_doctest(error), project), [])


def find_name(error: BaseException) -> str:
    """Return the name of the exception's type, cut to 200 characters."""
    return call_safely(lambda: cut_name(type(unwrap_doctest(error)).__name__), "")


def find_message(error: BaseException) -> str:
    """Return the first line of the exception's message, cut to 500 characters.

    Of an example in a doctest, it is what was expected and what came.
    """
    # A subclass of ``str`` may do anything, and does not cross xdist's wire.
    text = call_safely(lambda: str.__str__(_make_message(error)), "(its message could not be made)")
    lines = text[:LONGEST_TEXT].strip().splitlines() or [""]
    return lines[0][:_LONGEST_MESSAGE]


def unwrap_doctest(error: BaseException) -> BaseException:
    """Return what went wrong first in a doctest, where its own exceptions wrap it."""
    several = getattr(error, "failures", None)
    if type(error).__name__ == "MultipleDoctestFailures" and several:
        error = several[0]
    if type(error).__name__ == "UnexpectedException":
        raised = getattr(error, "exc_info", (None, error))[1]
        return raised if isinstance(raised, BaseException) else error
    return error


def _make_message(error: BaseException) -> str:
    error = unwrap_doctest(error)
    if type(error).__name__ != "DocTestFailure":
        return str(error)
    want, got = (
        " ".join(str(text).split())
        for text in (error.example.want, error.got)  # type: ignore[attr-defined]
    )
    return f"expected {want or 'nothing'}, got {got or 'nothing'}"


def cut_name(value: object) -> str:
    """Return a plain ``str`` cut to 200 characters; "" for anything else, a subclass too."""
    return str(value)[:_LONGEST_NAME] if type(value) is str else ""


def call_safely(read: "Callable[[], _T]", default: _T) -> _T:
    """Return what ``read`` returns, or ``default`` if it raises anything but Ctrl-C."""
    try:
        return read()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - even SystemExit: pytest itself lives through that
        return default


def _find_frames(error: BaseException, project: Project) -> "list[FrameFacts]":
    for _ in range(_DEEPEST_GROUP):
        frames = _walk(error.__traceback__, project)
        if isinstance(error, SyntaxError):
            frames += _find_syntax_error(error, project)
        members = getattr(error, "exceptions", None)
        if frames or type(members) is not tuple or not members:
            return frames[-MOST_FRAMES:]
        error = members[0]
    return []


def _walk(traceback: "TracebackType | None", project: Project) -> "list[FrameFacts]":
    own: deque[TracebackType] = deque(maxlen=MOST_FRAMES)
    while traceback is not None:
        if project.has(traceback.tb_frame.f_code.co_filename):
            own.append(traceback)
        traceback = traceback.tb_next
    return [
        (
            each.tb_frame.f_code.co_filename,
            each.tb_lineno or 0,  # None for code without lines
            each.tb_frame.f_code.co_name[:_LONGEST_NAME],
        )
        for each in own
    ]


def _find_syntax_error(error: SyntaxError, project: Project) -> "list[FrameFacts]":
    path, line = error.filename, error.lineno
    is_place = type(path) is str and type(line) is int and project.has(path)
    return [(path, line, "<module>")] if is_place and path and line else []


def _find_foreign(*tops: str) -> "tuple[str, ...]":
    """Return the folders of Python, pytest and pluggy, without those the project is inside of."""
    packages = [Path(package.__file__ or "/").parent for package in (pytest, pluggy)]
    packages.append(packages[0].with_name("_pytest"))
    folders = [sys.prefix, sys.exec_prefix, sysconfig.get_path("stdlib"), *map(str, packages)]
    found = {f"{folder.rstrip('/')}/" for folder in folders}
    found |= {f"{os.path.realpath(folder)}/" for folder in found}
    return tuple(sorted(each for each in found if not any(top.startswith(each) for top in tops)))
