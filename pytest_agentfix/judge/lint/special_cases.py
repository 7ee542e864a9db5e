"""Rules about code that knows the failing tests' answers."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from pytest_agentfix.core.python_source import (
    FUNCTIONS,
    Function,
    own_statements,
    parameters,
)
from pytest_agentfix.judge.lint.answers import find_answers, is_encoded, split
from pytest_agentfix.judge.lint.dotted_names import mark, qualified, raw_hit
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.literals import is_rich, is_trivial, literal_key
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.lint.paths import list_following
from pytest_agentfix.judge.lint.recognition import Closeness, Recognition, recognise

RULE: Final = "special-case"
_MAKERS: Final = frozenset(
    {"int", "float", "str", "bytes", "list", "tuple", "dict", "set", "frozenset", "date"}
    | {"datetime", "timedelta", "complex"}
)
_REACH: Final = 3  # statements after an ``if`` that are still its other branch
Find = Callable[[Module, Expectations], Iterator[RawHit]]


def find_special_cases(module: Module, expected: Expectations) -> Iterator[RawHit]:
    """Find branches, constant functions and texts that answer only what the tests ask."""
    if not expected.outputs:
        return
    finders: tuple[Find, ...] = (_find_branches, _find_constants, _find_encoded)
    for find in finders:
        yield from find(module, expected)


def find_chains(module: Module) -> Iterator[RawHit]:
    """Record functions that are constant, or tables in the form of branches."""
    counts: dict[str, int] = {}
    for node in module.nodes:
        match node:
            case ast.If(body=[ast.Return(value=ast.Constant()), *_]) if _is_plain(
                module, node.test
            ):
                name = qualified(module, node)
                counts[name] = counts.get(name, 0) + 1
                if counts[name] > 1:
                    yield mark(node, f"once:{name}")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if _constant_answers(module, node):
                    yield mark(node, f"constant:{qualified(module, node)}")


def _is_plain(module: Module, test: ast.expr) -> bool:
    match test:
        case ast.Compare(ops=[ast.Eq() | ast.In()], comparators=[right]):
            return module.fold(right) is not UNKNOWN
        case ast.Call(func=ast.Attribute(attr="startswith" | "endswith"), args=[argument]):
            return module.fold(argument) is not UNKNOWN
    return False


def _find_branches(module: Module, expected: Expectations) -> Iterator[RawHit]:
    for node in module.nodes:
        for test, then, other in list_branches(module, node):
            found = recognise(module, test, expected)
            if found.closeness is Closeness.NONE:
                continue
            branch = other if found.is_inverse else then
            yield from _answered(module, node, (found, branch), expected)


Branch = tuple[ast.expr, list[ast.AST], list[ast.AST]]


def list_branches(  # noqa: C901 - a table
    module: Module, node: ast.AST
) -> Iterator[Branch]:
    """List all conditions that ``node`` makes, each with its two branches."""
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            yield test, list(body), [*orelse, *list_following(module, node, _REACH)]
        case ast.While(test=test, body=body, orelse=orelse):
            yield test, list(body), list(orelse)
        case ast.IfExp(test=test, body=one, orelse=other):
            yield test, [one], [other]
        case ast.BoolOp(op=ast.And(), values=[*tests, last]):
            for test in tests:
                yield test, [last], []
        case ast.BoolOp(op=ast.Or(), values=[*tests, last]):
            for test in tests:
                yield test, [], [last]
        case ast.Match(cases=cases):
            for case in cases:
                yield _question(case), list(case.body), []
        case ast.Subscript(value=ast.List() | ast.Tuple() as table, slice=test):
            yield test, list(table.elts), list(table.elts)


def _question(case: ast.match_case) -> ast.expr:
    """Turn the question of a ``case`` into comparisons that can be examined like others."""
    values = [one.value for one in ast.walk(case.pattern) if isinstance(one, ast.MatchValue)]
    name = ast.Name(id="_", ctx=ast.Load())
    asked: list[ast.expr] = [
        ast.Compare(left=name, ops=[ast.Eq()], comparators=[value]) for value in values
    ]
    return ast.BoolOp(op=ast.Or(), values=[*asked, *([case.guard] if case.guard else [])])


def _answered(
    module: Module,
    node: ast.AST,
    found: tuple[Recognition, Iterable[ast.AST]],
    expected: Expectations,
) -> Iterator[RawHit]:
    recognition, branch = found
    for literal in find_answers(module, branch):
        value = module.fold(literal)
        if is_trivial(value) or not expected.has_output(value):
            continue
        if recognition.closeness is Closeness.INPUT or is_rich(value):
            yield _hit(literal, "answers one input with", value, f"once:{qualified(module, node)}")


def _hit(node: ast.AST, how: str, value: Any, capability: str = "") -> RawHit:
    shown = printable(repr(value), limit=40)
    return raw_hit(RULE, node, f"{how} {shown}", key=literal_key(value), capability=capability)


def _find_constants(module: Module, expected: Expectations) -> Iterator[RawHit]:
    for node in module.nodes:
        if isinstance(node, FUNCTIONS):
            for literal in _constant_answers(module, node):
                if _is_answer(module.fold(literal), expected):
                    capability = f"constant:{qualified(module, node)}"
                    yield _hit(literal, "always gives", module.fold(literal), capability)
        elif isinstance(node, ast.Lambda) and parameters(node.args):
            parent = module.parent(node)
            value = module.fold(node.body)
            if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.Return)) and _is_answer(
                value, expected
            ):
                yield _hit(node.body, "always gives", value)


def _is_answer(value: Any, expected: Expectations) -> bool:
    return not is_trivial(value) and expected.has_output(value)


def _constant_answers(module: Module, function: Function) -> list[ast.expr]:
    """Return the literals of a function that begins by returning them, whatever its arguments."""
    if not [name for name in parameters(function.args) if name not in ("self", "cls")]:
        return []
    for statement in own_statements(function):
        if isinstance(statement, ast.Return) and statement.value is not None:
            is_fixed = _is_fixed(module, statement.value)
            return list(split(module, statement.value)) if is_fixed else []
        if not _is_idle(module, statement):
            return []
    return []


def _is_fixed(module: Module, value: ast.expr) -> bool:
    """Return whether a value is a literal, or an object made of nothing else."""
    if module.fold(value) is not UNKNOWN:
        return True
    match value:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
            is_made = name[:1].isupper() or name in _MAKERS
            values = [*arguments, *(keyword.value for keyword in value.keywords)]
            return is_made and all(module.fold(one) is not UNKNOWN for one in values)
    return False


def _is_idle(module: Module, statement: ast.stmt) -> bool:
    """Return whether a statement at a function's start does not depend on its input."""
    match statement:
        case ast.Pass() | ast.Import() | ast.ImportFrom() | ast.Delete():
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return module.fold(value) is not UNKNOWN
        case ast.Expr(value=value):
            return module.fold(value) is not UNKNOWN
    return False


def _find_encoded(module: Module, expected: Expectations) -> Iterator[RawHit]:
    for node in module.nodes:
        if not isinstance(node, ast.expr) or not is_encoded(node):
            continue
        value = module.fold(node)
        if not isinstance(value, (str, bytes)) or not _is_answer(value, expected):
            continue
        if not module.is_in_raise(node):
            yield _hit(node, "hides", value)
