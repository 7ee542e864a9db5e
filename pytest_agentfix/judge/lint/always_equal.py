"""Rules about objects that are equal to everything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from pytest_agentfix.core.python_source import (
    FUNCTIONS,
    Function,
    last_name,
    names_in,
    own_statements,
    parameters,
    walk_own,
)
from pytest_agentfix.judge.lint.dotted_names import qualified, raw_hit
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.hits import RawHit
from pytest_agentfix.judge.lint.module import Module

_METHODS: Final = frozenset(
    {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__contains__"}
    | {"__instancecheck__", "__subclasscheck__", "__hash__", "__array_ufunc__", "__len__"}
    | {"__array_function__"}
)
_HARMLESS: Final = frozenset({("__bool__", False), ("__contains__", False), ("__len__", 0)})
_COMPARED: Final = frozenset({"__eq__", "__ne__"})
_VALUES: Final = frozenset({"str", "int", "float", "complex", "bytes", "bool"})
_CONTAINERS: Final = frozenset({"list", "dict", "tuple", "set", "frozenset"})
_TYPE_TESTS: Final = frozenset({"isinstance", "issubclass", "type", "hasattr", "callable"})
_TRUE: Final = object()  # what is always true without being a literal

Callable_ = Function | ast.Lambda


def find_always_equal(module: Module) -> Iterator[RawHit]:
    """Find comparisons that do not compare."""
    for node in module.nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name in _METHODS:
                yield from _judge(module, node, name, node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _judge(module, node, last_name(target), value)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if key is not None:
                        yield from _judge(module, value, module.fold_str(key) or "", value)
            case ast.Call(args=[_, key, value]):
                yield from _judge(module, node, module.fold_str(key) or "", value)
            case ast.keyword(arg=str(name), value=value) if name in _METHODS:
                yield from _judge(module, value, name, value)


def _judge(module: Module, node: ast.AST, name: str, value: ast.AST) -> Iterator[RawHit]:
    if name not in _METHODS:
        return
    function = _function(module, value)
    if function is None:
        return
    key = f"{name} {qualified(module, node).rpartition('.')[0]}"
    if _is_constant(module, function, name) and not _is_true_though_empty(module, node, name):
        yield raw_hit("always-equal", node, f"{name} is constant", key=key)
    elif name in _COMPARED and _is_suspect(module, function):
        yield raw_hit("always-equal", node, f"{name} compares nothing", key=key)


def _function(module: Module, value: ast.AST) -> Callable_ | None:
    """Return the function that ``value`` is or, as a plain name, stands for."""
    if isinstance(value, (*FUNCTIONS, ast.Lambda)):
        return value
    if not isinstance(value, ast.Name):
        return None
    constant = module.scope(value).constant(value.id)
    if isinstance(constant, ast.Lambda):
        return constant
    return next(
        (one for one in module.nodes if isinstance(one, FUNCTIONS) and one.name == value.id), None
    )


def _is_true_though_empty(module: Module, node: ast.AST, name: str) -> bool:
    """Return whether a class with a length defines itself as always true: a known idiom."""
    parent = module.parent(node)
    names = [getattr(one, "name", "") for one in getattr(parent, "body", ())]
    return name == "__bool__" and isinstance(parent, ast.ClassDef) and "__len__" in names


def _is_constant(module: Module, function: Callable_, name: str) -> bool:
    """Return whether a function returns the same constant on every path."""
    results = [_result(module, value) for value in _returned(function)]
    if not results or UNKNOWN in [r for r in results if r is UNKNOWN]:
        return False
    said = [r for r in results if r is not NotImplemented]
    if not said or len({repr(r) for r in said}) > 1:
        return False
    if len(said) < len(results) and _tests_own_type(module, function):
        return False  # a class without state: all of its objects are the same
    value = True if said[0] is _TRUE else said[0]
    if name == "__hash__" or not isinstance(value, (bool, int)):
        return name != "__len__"
    return (name, value) not in _HARMLESS


def _returned(function: Callable_) -> list[ast.expr]:
    if isinstance(function, ast.Lambda):
        return [function.body]
    if any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in walk_own(function)):
        return []
    return [
        one.value
        for one in walk_own(function)
        if isinstance(one, ast.Return) and one.value is not None
    ]


def _result(module: Module, value: ast.expr) -> Any:
    """Return the constant value of a returned expression, ``UNKNOWN`` if it is not constant."""
    folded = module.fold(value)
    if folded is not UNKNOWN:
        return folded
    if isinstance(value, ast.Name) and value.id == "NotImplemented":
        return NotImplemented
    return _TRUE if _is_tautology(module, value) else UNKNOWN


def _is_tautology(module: Module, value: ast.expr) -> bool:
    match value:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is() | ast.LtE() | ast.GtE()]):
            right = value.comparators[0]
            both = (module.fold(left), module.fold(right))
            return ast.unparse(left) == ast.unparse(right) or (
                UNKNOWN not in [v for v in both if v is UNKNOWN] and both[0] == both[1]
            )
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_is_true(module, one) for one in values)
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_is_true(module, one) for one in values)
        case ast.Call(args=[_, ast.Name(id="object")]):
            return True
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return module.fold(inner) is not UNKNOWN and not module.fold(inner)
    return False


def _is_true(module: Module, value: ast.expr) -> bool:
    folded = module.fold(value)
    return bool(folded) if folded is not UNKNOWN else _is_tautology(module, value)


def _tests_own_type(module: Module, function: Callable_) -> bool:
    """Return whether a method asks if the other object is of the method's own class."""
    own = {"__class__"}
    for outer in module.ancestors(function):
        if isinstance(outer, ast.ClassDef):
            own.add(outer.name)
            break
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            names = {getattr(one, "id", getattr(one, "attr", "")) for one in ast.walk(node)}
            if names & own or "type" in names:
                return True
        if isinstance(node, ast.Compare) and "type" in ast.unparse(node):
            return True
    return False


def _is_suspect(module: Module, function: Callable_) -> bool:
    """Return whether the two objects are not compared, or a plain value gets an odd comparison."""
    bases = _bases(module, function)
    if bases & _VALUES and not isinstance(function, ast.Lambda):
        return True
    if bases & _CONTAINERS and not isinstance(function, ast.Lambda):
        asked = {one.attr for one in ast.walk(function) if isinstance(one, ast.Attribute)}
        return not asked & _METHODS  # it does not use the container's own comparison
    return not _compares(function) and not _tests_own_type(module, function)


def _bases(module: Module, function: Callable_) -> frozenset[str]:
    parent = module.parent(function)
    if not isinstance(parent, ast.ClassDef):
        return frozenset()
    return frozenset(base.id for base in parent.bases if isinstance(base, ast.Name))


def _compares(function: Callable_) -> bool:
    """Return whether some comparison or call takes both objects, or values made of them."""
    names = parameters(function.args)
    if len(names) < 2:  # noqa: PLR2004 - self and the other
        return True  # not of a form that can be analysed
    mine, other = {names[0]}, {names[1], *names[2:]}
    statements = [] if isinstance(function, ast.Lambda) else own_statements(function)
    for statement in statements:
        _spread(statement, mine)
        _spread(statement, other)
    return any(_takes_both(node, mine, other) for node in ast.walk(function))


def _spread(statement: ast.stmt, names: set[str]) -> None:
    """Add the names that are assigned from one of ``names``."""
    for node in ast.walk(statement):
        value = getattr(node, "value", None)
        is_assigned = isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(value, ast.expr)
        if is_assigned and value is not None and _mentions(value, names):
            names |= names_in(node)


def _takes_both(node: ast.AST, mine: set[str], other: set[str]) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in _TYPE_TESTS:
            return False
        case ast.Call(func=ast.Attribute(attr=name)) if name in _COMPARED:
            return _mentions(node, other)
        case ast.Compare() if _is_about_types(node):
            return False
        case ast.Call() | ast.Compare():
            return _mentions(node, mine) and _mentions(node, other)
    return False


def _is_about_types(node: ast.Compare) -> bool:
    return any(
        getattr(one, "id", "") == "type" or getattr(one, "attr", "") == "__class__"
        for one in ast.walk(node)
    )


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return not names.isdisjoint(names_in(node))
