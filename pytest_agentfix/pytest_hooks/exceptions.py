"""Find the name that is missing where an exception says so.

This runs in the process that ran the test, like ``judge/in_sandbox/exception_facts.py``, which
describes the rest of an exception.
"""

from __future__ import annotations

import sys
from types import ModuleType

from pytest_agentfix.judge.in_sandbox.exception_facts import (
    LONGEST_TEXT,
    Project,
    call_safely,
    cut_name,
)


def find_missing(error: BaseException, project: Project) -> str:
    """Return the name of the module or attribute that is missing; "" for any other error.

    ``package.module`` for a module, ``module.name`` or ``module.Class.name`` for what the project's
    modules and classes do not have, and a bare name.
    """
    return call_safely(lambda: _find_missing(error, project), "")


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
    text = str(error)[:LONGEST_TEXT]
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
