"""The inputs and expected results of failing tests, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.core.python_source import FUNCTIONS, is_text_statement, parameters
from pytest_agentfix.judge.lint.constant_folding import UNKNOWN
from pytest_agentfix.judge.lint.literals import literal_key, parts
from pytest_agentfix.judge.lint.module import Module, read_module

_REACH: Final = 60  # functions and constants of one test module that are looked through
_LITERALS: Final = 5_000  # of one test module that are kept
_TRANSPARENT: Final = frozenset(
    {"approx", "Decimal", "Fraction", "date", "datetime", "time", "timedelta", "dict", "set"}
    | {"list", "tuple", "frozenset", "Path", "PurePath", "PosixPath", "PurePosixPath", "Counter"}
    | {"OrderedDict", "bytes", "bytearray", "param", "deque", "str", "dedent", "float", "complex"}
)
_RAISES: Final = frozenset(
    {"raises", "assertRaises", "assertRaisesRegex", "assertRaisesRegexp", "warns", "assertWarns"}
    | {"assertWarnsRegex"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """The keys of literals that failing tests use as inputs and as expected results.

    ``raised`` are the names of the exceptions they expect. A literal can be on both sides.
    """

    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    raised: frozenset[str] = frozenset()

    def __or__(self, other: Expectations) -> Expectations:
        return Expectations(
            inputs=self.inputs | other.inputs,
            outputs=self.outputs | other.outputs,
            raised=self.raised | other.raised,
        )

    __add__ = __or__

    def has_input(self, value: Any) -> bool:
        """Return whether ``value`` is an input of a failing test."""
        return literal_key(value) in self.inputs

    def has_output(self, value: Any) -> bool:
        """Return whether a failing test expects ``value``."""
        return literal_key(value) in self.outputs


def read_expectations(source: str, names: Iterable[tuple[str, ...]]) -> Expectations:
    """Read the literals of the test functions ``names`` (with their classes) and all they use.

    Never raises: a module that cannot be read has none.
    """
    module = read_module("", source.encode("utf-8", "replace"))
    if module is None:
        return Expectations()
    try:
        return _read(module, [name for name in names if name])
    except (RecursionError, MemoryError):
        return Expectations()


def read_all_expectations(source: str) -> Expectations:
    """Read the literals of all functions of a module, such as a ``conftest.py``; never raises."""
    module = read_module("", source.encode("utf-8", "replace"))
    if module is None:
        return Expectations()
    names = [(node.name,) for node in module.nodes if isinstance(node, FUNCTIONS)]
    return read_expectations(source, names)


def _read(module: Module, names: list[tuple[str, ...]]) -> Expectations:
    inputs: set[str] = set()
    outputs: set[str] = set()
    raised: set[str] = set()
    for root in _reach(module, list(_find_tests(module, names))):
        for node in ast.walk(root):
            if isinstance(node, ast.Call) and _name(node.func) in _RAISES:
                raised |= {_name(argument) for argument in node.args[:1]}
            if len(inputs) + len(outputs) < _LITERALS:
                is_input, is_output = _roles(module, node, root)
                keys = list(_keys(module.fold(node))) if is_input or is_output else []
                inputs.update(keys if is_input else ())
                outputs.update(keys if is_output else ())
    return Expectations(
        inputs=frozenset(inputs), outputs=frozenset(outputs), raised=frozenset(raised - {""})
    )


def _find_tests(module: Module, names: list[tuple[str, ...]]) -> Iterator[ast.AST]:
    """Return the requested functions, with the decorators of the classes around them."""
    for node in module.nodes:
        if not isinstance(node, FUNCTIONS):
            continue
        classes = [one for one in module.ancestors(node) if isinstance(one, ast.ClassDef)]
        own = (*(one.name for one in reversed(classes)), node.name)
        if own in names or _is_inherited(own, names):
            yield node
            for one in classes:
                yield from one.decorator_list
                yield from _set_ups(one)


def _is_inherited(own: tuple[str, ...], names: list[tuple[str, ...]]) -> bool:
    """Return whether a test of that name is requested in another class, which may inherit it."""
    return len(own) > 1 and any(len(name) > 1 and name[-1] == own[-1] for name in names)


def _set_ups(node: ast.ClassDef) -> Iterator[ast.AST]:
    for one in node.body:
        if isinstance(one, ast.Assign) or (
            isinstance(one, FUNCTIONS) and one.name in ("setUp", "setup_method", "setUpClass")
        ):
            yield one


def _reach(module: Module, found: list[ast.AST]) -> list[ast.AST]:
    """Return the tests, and the fixtures, helpers and constants of the module that they name."""
    known = {name: node for node in module.nodes for name in _defines(module, node)}
    reached: dict[int, ast.AST] = {id(node): node for node in found}
    waiting = list(found)
    while waiting and len(reached) < _REACH:
        for name in _mentions(waiting.pop()):
            node = known.get(name)
            if node is not None and id(node) not in reached:
                reached[id(node)] = node
                waiting.append(node)
    return list(reached.values())


def _defines(module: Module, node: ast.AST) -> list[str]:
    """Return the names that ``node`` defines at the module's top."""
    if not isinstance(module.parent(node), ast.Module):
        return []
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def _mentions(root: ast.AST) -> Iterator[str]:
    for node in ast.walk(root):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, FUNCTIONS):
            yield from parameters(node.args)


def _keys(value: Any) -> Iterator[str]:
    if value is UNKNOWN:
        return
    yield literal_key(value)
    if isinstance(value, list):
        for part in parts(value):
            yield from _keys(part)


def _roles(module: Module, node: ast.AST, root: ast.AST) -> tuple[bool, bool]:
    """Return whether ``node`` is a whole literal used as input, and whether as expectation."""
    if not isinstance(node, ast.expr) or isinstance(node, ast.Name):
        return False, False
    parent = module.parent(node)
    if module.fold(node) is UNKNOWN or parent is None or is_text_statement(parent):
        return False, False
    if module.fold(parent) is not UNKNOWN:
        return False, False  # part of a larger literal, which brings its parts along
    return _climb(module, node, root)


def _climb(module: Module, node: ast.AST, root: ast.AST) -> tuple[bool, bool]:
    """Find the side of the question that ``node`` is on."""
    is_passed, child = False, node
    for outer in module.ancestors(node):
        roles = _decide(outer, child, is_passed=is_passed)
        if roles is not None:
            return roles
        if outer is root or isinstance(outer, ast.stmt):
            break
        is_passed = is_passed or _passes(outer, child)
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
    if _name(call.func) in _RAISES:
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
    name = _name(call.func)
    return name in _RAISES or name.startswith(("assert", "failUnless"))


def _is_transparent(call: ast.Call) -> bool:
    """Return whether a call only makes a value of its arguments, or lists a test's cases."""
    return _name(call.func) in _TRANSPARENT or _name(call.func) in (
        "parametrize",
        "enumerate",
        "zip",
    )


def _name(node: ast.AST) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Tuple(elts=[first, *_]):
            return _name(first)
    return ""
