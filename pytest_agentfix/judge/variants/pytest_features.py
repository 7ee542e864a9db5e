"""Find what pytest adds around a test unasked: a call without pytest would miss it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, last_name
from pytest_agentfix.judge.variants.bindings import is_autouse, list_bound
from pytest_agentfix.judge.variants.locate import DEFINITIONS, list_definitions
from pytest_agentfix.judge.variants.random_names import split_words
from pytest_agentfix.judge.variants.test_scope import SETUP

_AUTOUSE: Final = "an autouse fixture is in force"
_SET_UP: Final = "set-up functions of pytest's are in force"
_CONFTEST: Final = "a conftest.py does things of its own"
# Hooks that choose tests or report on them; a test's own run is the same without.
_HARMLESS_HOOKS: Final = split_words(
    "pytest_addoption pytest_collection_modifyitems pytest_collection_finish pytest_itemcollected "
    "pytest_ignore_collect pytest_report_header pytest_report_teststatus pytest_terminal_summary "
    "pytest_assertrepr_compare pytest_make_parametrize_id pytest_generate_tests "
    "pytest_runtest_makereport pytest_runtest_logreport pytest_deselected"
)


def find_conftest_effects(conftests: Iterable[ast.Module]) -> str:
    """Say in one line what conftest files add around every test, "" for nothing."""
    return next((reason for tree in conftests for reason in _list_reasons(tree)), "")


def _list_reasons(tree: ast.Module) -> Iterator[str]:
    for definition in list_definitions(tree.body):
        if is_autouse(definition):
            yield _AUTOUSE
        if isinstance(definition, FUNCTIONS) and _is_acting_hook(definition):
            yield _CONFTEST
    for number, statement in enumerate(tree.body):
        if not _is_declaring(statement, is_first=number == 0):
            yield _CONFTEST


def _is_acting_hook(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    name = function.name
    if not name.startswith("pytest_") or name in _HARMLESS_HOOKS:
        return False
    return not (name == "pytest_configure" and all(map(_is_ini_line, function.body)))


def _is_ini_line(statement: ast.stmt) -> bool:
    """Return whether a statement declares a marker, or is a text."""
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    return isinstance(value, ast.Constant) or last_name(value) == "addinivalue_line"


def _is_declaring(statement: ast.stmt, *, is_first: bool) -> bool:
    """Return whether a statement of a conftest only defines names."""
    if isinstance(statement, (*DEFINITIONS, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(statement, ast.Expr) and is_first:
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Assign):
        is_plain = all(isinstance(target, ast.Name) for target in statement.targets)
        return is_plain and "pytest_plugins" not in list_bound(statement)
    return isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)


def find_set_up(tree: ast.Module, classes: Iterable[ast.ClassDef], *, is_unittest: bool) -> str:
    """Say what the module and the classes of a test add around it, "" for nothing.

    unittest's own set-up does not matter for its test cases: it runs without pytest, too.
    """
    ours = {"setUp", "tearDown", "setUpModule", "tearDownModule"}
    for body in (tree.body, *(one.body for one in classes)):
        for definition in list_definitions(body):
            if is_autouse(definition):
                return _AUTOUSE
            if definition.name in SETUP - (ours if is_unittest else set()):
                return _SET_UP
    return ""
