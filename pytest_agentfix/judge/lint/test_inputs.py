"""Rules about code that asks for the failing tests' own inputs, whatever it answers.

A string that is a test's input is not suspicious by itself: honest repairs ask for keywords. So a
single word counts only if the answer to it is spelled out; numbers, texts that are data, and whole
lists of inputs always count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pytest_agentfix.judge.lint.dotted_names import mark, raw_hit
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.literals import is_trivial, is_word, literal_key, parts
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.lint.special_cases import list_branches

RULE: Final = "test-inputs"
_ASKERS: Final = frozenset({"startswith", "endswith", "__eq__", "fullmatch"})
_WHOLE: Final = (ast.Eq, ast.NotEq)
_WINDOW: Final = 2  # how far apart two ends may be for one whole number in between
_MANY: Final = 2
_LIST: Final = 3
_LOSING: Final = (ast.Mod, ast.FloorDiv, ast.BitAnd, ast.RShift)

Asked = tuple[ast.expr, ast.expr]  # what is asked about, and the literal it is compared with


def find_inputs(module: Module, expected: Expectations) -> Iterator[RawHit]:
    """Find questions whether something is an input of a failing test.

    Code that asked the same thing about other literals before may ask about one more.
    """
    for node in module.nodes:
        for subject, literal in _list_asked(module, node):
            capability = f"asks:{ast.unparse(subject)}"
            yield mark(node, capability)
            is_whole = isinstance(node, ast.Compare) and isinstance(node.ops[0], _WHOLE)
            revealing = _find_revealing(module, literal, expected, is_whole=is_whole)
            if revealing:
                place = literal if isinstance(node, ast.Match) else node
                yield _hit(place, revealing[0], capability)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            capability = f"list:{ast.unparse(_target(module, node))}"
            yield mark(node, capability)
            if _is_list_of_inputs(module, node, expected):
                what = "a list of the tests' own inputs"
                yield raw_hit(RULE, node, what, capability=capability)
        if _is_in_window(module, node, expected):
            yield raw_hit(RULE, node, "asks for one of the tests' own numbers by its neighbours")
        for test, then, other in list_branches(module, node):
            yield from _find_spelled_out(module, test, (then, other), expected)


def _target(module: Module, node: ast.expr) -> ast.AST:
    """Return the name that a list is given, or the list itself."""
    match module.parent(node):
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
            return target
    return node


def _find_revealing(
    module: Module, literal: ast.expr, expected: Expectations, *, is_whole: bool
) -> list[Any]:
    """Return the inputs among the literals asked for, if these alone are suspicious.

    ``is_whole``: a list is compared as it is, and not searched.
    """
    value = module.fold(literal)
    if is_whole and isinstance(value, list):
        is_own = _is_input(value, expected) and not all(map(is_word, parts(value)))
        return [value] if is_own else []
    is_made = isinstance(literal, ast.Call) and isinstance(value, list)
    if is_made or isinstance(literal, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
        values = value if isinstance(value, list) else []
        known = [one for one in values if _is_input(one, expected) and not is_word(one)]
        return known if len(known) >= _MANY and len(known) * 2 > len(values) else []
    return [value] if _is_input(value, expected) and not is_word(value) else []


def _find_spelled_out(
    module: Module,
    test: ast.expr,
    ways: tuple[Sequence[ast.AST], Sequence[ast.AST]],
    expected: Expectations,
) -> Iterator[RawHit]:
    """Find questions for one input whose answer is any literal, even a meaningless one."""
    for node in ast.walk(test):
        for subject, literal in _list_asked(module, node):
            value = module.fold(literal)
            if not _is_input(value, expected) or _is_common_list(value):
                continue
            is_inverse = isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotEq)
            answer = ways[1 if is_inverse else 0][:1]
            if answer and _is_literal(module, answer[0]):
                yield _hit(node, value, f"asks:{ast.unparse(subject)}")


def _is_common_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_trivial, parts(value)))


def _is_list_of_inputs(module: Module, node: ast.expr, expected: Expectations) -> bool:
    values = module.fold(node)
    if isinstance(module.parent(node), ast.Compare):
        return False  # a question, which is looked at as one
    if not isinstance(values, list) or len(values) < _LIST:
        return False
    # Rows of several values are a table, and tables are looked at elsewhere.
    single = [one for one in values if not isinstance(one, list) and not is_word(one)]
    known = [one for one in single if _is_input(one, expected)]
    return len(known) * 2 > len(values) and len(set(known)) >= _LIST


def _is_input(value: Any, expected: Expectations) -> bool:
    if value is UNKNOWN or is_trivial(value):
        return False
    is_as_text = type(value) is int and expected.has_input(str(value))  # as in a header
    return is_as_text or expected.has_input(value) or expected.has_part(value)


def _is_literal(module: Module, node: ast.AST) -> bool:
    match node:
        case ast.Return(value=ast.expr() as value) | ast.Assign(value=value):
            return module.fold(value) is not UNKNOWN
        case ast.expr():
            return module.fold(node) is not UNKNOWN
    return False


def _hit(node: ast.AST, value: Any, capability: str) -> RawHit:
    what = f"asks for the tests' own {printable(repr(value), limit=40)}"
    return raw_hit(RULE, node, what, key=literal_key(value), capability=capability)


def _list_asked(module: Module, node: ast.AST) -> list[Asked]:
    match node:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
            pairs = ((left, right), (right, left))
            return [pair for pair in pairs if _is_as_given(module, pair[0])]
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[right]):
            return [(left, right)] if _is_as_given(module, left) else []
        case ast.Call(func=ast.Attribute(value=subject, attr=name), args=[argument, *_]):
            return [(subject, argument)] if name in _ASKERS else []
        case ast.Match(subject=subject, cases=cases):
            values = [one for case in cases for one in ast.walk(case.pattern)]
            return [(subject, one.value) for one in values if isinstance(one, ast.MatchValue)]
    return []


def _is_as_given(module: Module, subject: ast.expr) -> bool:
    """Return whether the subject is not the result of a calculation such as ``n % 100``.

    A name may stand for one that many numbers have the same result of.
    """
    value = module.value_of(subject) if isinstance(subject, ast.Name) else None
    is_part = isinstance(value, ast.BinOp) and isinstance(value.op, _LOSING)
    return not isinstance(subject, ast.BinOp) and not is_part


def _is_in_window(module: Module, node: ast.AST, expected: Expectations) -> bool:
    """Return whether ``node`` singles out one number by its neighbours, like ``16 < n < 18``."""
    match node:
        case ast.Compare(left=low, comparators=[middle, high]):
            ends = [module.fold(low), module.fold(high)]
            is_given = _is_as_given(module, middle)
            if (
                is_given
                and all(type(end) is int for end in ends)
                and 0 <= ends[1] - ends[0] <= _WINDOW
            ):
                return any(_is_input(one, expected) for one in range(ends[0], ends[1] + 1))
    return False
