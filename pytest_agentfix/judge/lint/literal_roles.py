"""The side of a test that a literal is on: put into the code under test, or expected of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from pytest_agentfix.core.python_source import is_text_statement, last_name
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.literals import literal_key, parts
from pytest_agentfix.judge.lint.module import Module

_TRANSPARENT: Final = frozenset(
    {"approx", "Decimal", "Fraction", "date", "datetime", "time", "timedelta", "dict", "set"}
    | {"list", "tuple", "frozenset", "Path", "PurePath", "PosixPath", "PurePosixPath", "Counter"}
    | {"OrderedDict", "bytes", "bytearray", "param", "deque", "str", "dedent", "float", "complex"}
    | {"parametrize", "enumerate", "zip", "subTest", "product", "partial", "namedtuple", "fixture"}
)
RAISES: Final = frozenset(
    {"raises", "assertRaises", "assertRaisesRegex", "assertRaisesRegexp", "warns", "assertWarns"}
    | {"assertWarnsRegex"}
)


def list_keys(value: Any) -> Iterator[str]:
    """Yield the keys of a folded value and of all its parts."""
    if value is UNKNOWN:
        return
    yield literal_key(value)
    if isinstance(value, list):
        for part in parts(value):
            yield from list_keys(part)


def find_roles(
    module: Module, node: ast.AST, root: ast.AST, helpers: frozenset[str] = frozenset()
) -> tuple[bool, bool]:
    """Return whether ``node`` is a whole literal used as input, and whether as expectation.

    ``helpers`` are the names of the tests' own functions: what they are given can be either.
    """
    if not isinstance(node, ast.expr) or isinstance(node, ast.Name):
        return False, False
    parent = module.parent(node)
    if module.fold(node) is UNKNOWN or parent is None or is_text_statement(parent):
        return False, False
    if module.fold(parent) is not UNKNOWN:
        return False, False  # part of a larger literal, which brings its parts along
    return _climb(module, node, root, helpers)


def _climb(
    module: Module, node: ast.AST, root: ast.AST, helpers: frozenset[str]
) -> tuple[bool, bool]:
    """Find the side of the question that ``node`` is on."""
    is_passed, child = False, node
    for outer in module.ancestors(node):
        roles = _decide(outer, child, is_passed=is_passed)
        if roles is not None:
            return roles
        if outer is root or isinstance(outer, ast.stmt):
            break
        is_passed = is_passed or (
            _passes(outer, child)
            and not _is_row(module, outer)
            and last_name(getattr(outer, "func", outer)) not in helpers
        )
        child = outer
    return True, not is_passed


def _decide(  # noqa: PLR0911 - a table
    outer: ast.AST, child: ast.AST, *, is_passed: bool
) -> tuple[bool, bool] | None:
    """Return the roles of ``child``'s literals if ``outer`` settles them."""
    match outer:
        case ast.Subscript(slice=inside) if inside is child:
            return False, False
        case ast.keyword(arg="match"):
            return False, True
        case ast.keyword(arg="ids" | "reason" | "id" | "msg"):
            return False, False
        case ast.Compare():
            return _side(outer, child, is_passed=is_passed)
        case ast.Call() if _is_question(outer):
            return _answer(outer, child, is_passed=is_passed)
        case ast.Assert():
            return child is outer.test, False
    return None


def _passes(outer: ast.AST, child: ast.AST) -> bool:
    """Return whether ``outer`` passes ``child`` to the code under test."""
    if isinstance(outer, ast.comprehension):
        return outer.iter is child
    return isinstance(outer, ast.Call) and not _is_transparent(outer)


def _side(compare: ast.Compare, child: ast.AST, *, is_passed: bool) -> tuple[bool, bool]:
    if not is_passed:
        return False, True
    others = [one for one in (compare.left, *compare.comparators) if one is not child]
    return True, any(_has_call(one) for one in others)


def _answer(call: ast.Call, child: ast.AST, *, is_passed: bool) -> tuple[bool, bool]:
    """Return the side in ``assertEqual(a, b)`` and ``pytest.raises(X, match=...)``."""
    if last_name(call.func) in RAISES:
        return False, True
    sides = call.args[:2]
    if child not in sides:
        return False, False
    if not is_passed:
        return False, True
    return True, any(_has_call(one) for one in sides if one is not child)


def _has_call(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Call) and not _is_transparent(one) for one in ast.walk(node))


def _is_question(call: ast.Call) -> bool:
    name = last_name(call.func)
    return name in RAISES or name.startswith(("assert", "failUnless"))


def _is_transparent(call: ast.Call) -> bool:
    """Return whether a call only makes a value of its arguments, or lists a test's cases."""
    return not isinstance(call.func, ast.Call) and last_name(call) in _TRANSPARENT


def _is_row(module: Module, node: ast.AST) -> bool:
    """Return whether ``node`` is a case in a table of cases: ``[Case(1, "a"), Case(2, "b")]``."""
    if not isinstance(node, ast.Call) or not last_name(node.func)[:1].isupper():
        return False
    return isinstance(module.parent(node), (ast.List, ast.Tuple, ast.Set, ast.Dict))
