"""Describe an exception as plain data: its type, message, frames, and the name that is missing.

This runs in the process that ran the test, where the exception is. An exception class of the
user's may do anything when its attributes are read or its text is made; that must neither end the
run nor cost more than a moment.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TypeVar

import pluggy
import pytest

MOST_FRAMES = 30
_LONGEST_NAME = 200  # characters
_LONGEST_PATH = 4096
_LONGEST_TEXT = 10_000  # characters of a message that are looked at
_LONGEST_MESSAGE = 500
_DEEPEST_GROUP = 10
_MOST_FILES = 10_000  # that are remembered
_FOREIGN = ("/site-packages/", "/dist-packages/")

FrameFacts = tuple[str, int, str]  # path, line, function
_T = TypeVar("_T")


class Project:
    """The project's own files, told apart from all others.

    They are below the repository's top, or below ``rootdir`` where there is no repository, and
    not in a virtual environment (which may well be inside).
    """

    def __init__(self, rootdir: Path) -> None:
        self._top = f"{_find_top(rootdir)}/"
        self._real_top = f"{os.path.realpath(self._top).rstrip('/')}/"
        self._foreign = _find_foreign(self._top, self._real_top)
        self._known: dict[str, bool] = {}

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


def find_frames(error: BaseException, project: Project) -> list[FrameFacts]:
    """Return the last 30 frames in the project's files; the frame that raised is the last.

    A syntax error's own place counts as a frame. Of an exception group that none of the project's
    files raised (pytest's, of several tear-downs) the first member's frames are returned.
    """
    return _call_safely(lambda: _find_frames(error, project), [])


def find_missing(error: BaseException, project: Project) -> str:
    """Return the name of the module or attribute that is missing; "" for any other error.

    ``package.module`` for a module, ``module.name`` or ``module.Class.name`` for what the project's
    modules and classes do not have, and a bare name.
    """
    return _call_safely(lambda: _find_missing(error, project), "")


def find_name(error: BaseException) -> str:
    """Return the name of the exception's type, cut to 200 characters."""
    return _call_safely(lambda: cut_name(type(error).__name__), "")


def find_message(error: BaseException) -> str:
    """Return the first line of the exception's message, cut to 500 characters."""
    # A subclass of ``str`` may do anything, and does not cross xdist's wire.
    text = _call_safely(lambda: str.__str__(str(error)), "(its message could not be made)")
    lines = text[:_LONGEST_TEXT].strip().splitlines() or [""]
    return lines[0][:_LONGEST_MESSAGE]


def cut_name(value: object) -> str:
    """Return a plain ``str`` cut to 200 characters; "" for anything else, a subclass too."""
    return str(value)[:_LONGEST_NAME] if type(value) is str else ""


def _call_safely(read: Callable[[], _T], default: _T) -> _T:
    try:
        return read()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - even SystemExit: pytest itself lives through that
        return default


def _find_frames(error: BaseException, project: Project) -> list[FrameFacts]:
    for _ in range(_DEEPEST_GROUP):
        frames = _walk(error.__traceback__, project)
        if isinstance(error, SyntaxError):
            frames += _find_syntax_error(error, project)
        members = getattr(error, "exceptions", None)
        if frames or type(members) is not tuple or not members:
            return frames[-MOST_FRAMES:]
        error = members[0]
    return []


def _walk(traceback: TracebackType | None, project: Project) -> list[FrameFacts]:
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


def _find_syntax_error(error: SyntaxError, project: Project) -> list[FrameFacts]:
    path, line = error.filename, error.lineno
    is_place = type(path) is str and type(line) is int and project.has(path)
    return [(path, line, "<module>")] if is_place and path and line else []


def _find_missing(error: BaseException, project: Project) -> str:
    if isinstance(error, ModuleNotFoundError):
        return cut_name(error.name)
    if isinstance(error, ImportError):
        name = cut_name(getattr(error, "name_from", None)) or _parse_import_error(error)
        module = cut_name(error.name)
        return f"{module}.{name}" if module and name else ""
    if isinstance(error, UnboundLocalError):
        return ""  # there, but too late
    if isinstance(error, NameError):
        return cut_name(error.name)
    if isinstance(error, AttributeError) and cut_name(error.name):
        owner = _name_owner(error.obj, project)
        return f"{owner}.{cut_name(error.name)}" if owner else ""
    return ""


def _parse_import_error(error: ImportError) -> str:
    """Read the name out of Python's text: ``name_from`` came with Python 3.12."""
    text = str(error)[:_LONGEST_TEXT]
    start = "cannot import name '"
    return cut_name(text[len(start) :].partition("'")[0]) if text.startswith(start) else ""


def _name_owner(owner: object, project: Project) -> str:
    """Name the owner that lacks an attribute: any module, or a class of the project's own.

    That ``None`` or a list has no such attribute says nothing about the cause.
    """
    if issubclass(type(owner), ModuleType):
        return cut_name(getattr(owner, "__name__", None))
    kind = owner if issubclass(type(owner), type) else type(owner)
    module = cut_name(getattr(kind, "__module__", None))
    file = getattr(sys.modules.get(module), "__file__", None)
    if type(file) is not str or not project.has(file):
        return ""
    return f"{module}.{cut_name(getattr(kind, '__qualname__', None))}"


def _find_top(rootdir: Path) -> str:
    folders = (rootdir, *rootdir.parents)
    top = next((folder for folder in folders if os.path.exists(folder / ".git")), rootdir)  # noqa: PTH110 - never raises
    return str(top).rstrip("/")


def _find_foreign(*tops: str) -> tuple[str, ...]:
    """Return the folders of Python, pytest and pluggy, without those the project is inside of."""
    packages = [Path(package.__file__ or "/").parent for package in (pytest, pluggy)]
    packages.append(packages[0].with_name("_pytest"))
    folders = [sys.prefix, sys.exec_prefix, sysconfig.get_path("stdlib"), *map(str, packages)]
    found = {f"{folder.rstrip('/')}/" for folder in folders}
    found |= {f"{os.path.realpath(folder)}/" for folder in found}
    return tuple(sorted(each for each in found if not any(top.startswith(each) for top in tops)))
