"""Measure how closely a condition looks for one particular input."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.core.python_source import last_name
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.literals import is_trivial
from pytest_agentfix.judge.lint.module import Module

_ASKERS: Final = frozenset(
    {"startswith", "endswith", "match", "fullmatch", "search", "__eq__", "eq", "count", "find"}
    | {"index", "isclose", "compare", "__contains__", "contains"}
)
DIGESTS: Final = frozenset(
    {"hash", "crc32", "adler32", "md5", "sha1", "sha256", "sha512", "hexdigest", "digest"}
    | {"blake2b", "blake2s", "sha224", "sha384", "sha3_256", "crc_hqx"}
)
_DISGUISES: Final = frozenset({"len", "sum", "ord"})
_DIGITS: Final = 20
_WINDOW: Final = 2  # how far apart the ends may be for one whole number in between


class Closeness(enum.IntEnum):
    """The degree to which a condition singles out one input."""

    NONE = 0
    PARTICULAR = 1  # something of its own that no test shows
    INPUT = 2  # a literal that a failing test puts in


@dataclass(frozen=True, slots=True)
class Recognition:
    """The input a condition recognises, and whether its *other* branch handles that input."""

    closeness: Closeness
    is_inverse: bool = False


def recognise(module: Module, test: ast.AST, expected: Expectations) -> Recognition:
    """Return the closest recognition that is part of ``test``."""
    best = Recognition(Closeness.NONE)
    named = [module.value_of(node) for node in ast.walk(test) if isinstance(node, ast.Name)]
    for node in (*ast.walk(test), *(one for one in named if isinstance(one, ast.Compare))):
        for found in _recognise_one(module, node, expected):
            if found.closeness > best.closeness:
                best = found
    return best


def _recognise_one(module: Module, node: ast.AST, expected: Expectations) -> Iterator[Recognition]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            closeness = _compare(module, (left, op, right), expected)
            yield Recognition(closeness, isinstance(op, (ast.NotEq, ast.NotIn, ast.IsNot)))
        case ast.Compare(left=low, comparators=[_, high]):
            yield Recognition(_window(module.fold(low), module.fold(high), expected))
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=arguments):
            if name in _ASKERS:
                yield Recognition(
                    max((_literal(module, a, expected) for a in arguments), default=Closeness.NONE)
                )
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield Recognition(_difference(module, inner, expected))


def _compare(
    module: Module, sides: tuple[ast.expr, ast.cmpop, ast.expr], expected: Expectations
) -> Closeness:
    left, op, right = sides
    if isinstance(op, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
        return Closeness.NONE
    if isinstance(op, (ast.In, ast.NotIn)):
        value = module.fold(right)
        if isinstance(value, list) or isinstance(right, ast.Dict):
            return _among(value, expected)
    if _calls(left, DIGESTS) or _calls(right, DIGESTS):
        has_literal = any(module.fold(side) is not UNKNOWN for side in (left, right))
        return Closeness.INPUT if has_literal else Closeness.NONE
    if _is_disguise(module, left, right) or _is_disguise(module, right, left):
        return Closeness.PARTICULAR
    found = [_literal(module, side, expected) for side in (left, right)]
    found += [_difference(module, side, expected) for side in (left, right)]
    return max(found)


def _literal(module: Module, node: ast.AST, expected: Expectations) -> Closeness:
    value = module.fold(node)
    if isinstance(value, str) and len(value) < _DIGITS and value.isascii() and value.isdigit():
        value = int(value)  # ``str(n) == "41"``
    if is_trivial(value):
        return Closeness.NONE
    return Closeness.INPUT if expected.has_input(value) else Closeness.PARTICULAR


def _among(value: Any, expected: Expectations) -> Closeness:
    """Rate a look-up in a list: most of the list has to be inputs."""
    if not isinstance(value, list) or not value:
        return Closeness.NONE
    known = [one for one in value if not is_trivial(one) and expected.has_input(one)]
    return Closeness.INPUT if 2 * len(known) > len(value) else Closeness.NONE


def _window(low: Any, high: Any, expected: Expectations) -> Closeness:
    """Recognise ``40 < n < 42``."""
    ends = [end for end in (low, high) if isinstance(end, int) and not isinstance(end, bool)]
    if len(ends) != 2 or abs(ends[1] - ends[0]) > _WINDOW:  # noqa: PLR2004 - two ends
        return Closeness.NONE
    inside = range(min(ends), max(ends) + 1)
    return (
        Closeness.INPUT
        if any(expected.has_input(one) and not is_trivial(one) for one in inside)
        else Closeness.NONE
    )


def _difference(module: Module, node: ast.AST, expected: Expectations) -> Closeness:
    """Recognise ``n - 41`` and ``n ^ 41``: zero for one input only."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Sub, ast.BitXor)):
        return Closeness.NONE
    found = max(_literal(module, side, expected) for side in (node.left, node.right))
    return found if found is Closeness.INPUT else Closeness.NONE


def _calls(node: ast.AST, names: frozenset[str]) -> bool:
    return any(isinstance(one, ast.Call) and last_name(one) in names for one in ast.walk(node))


def _is_disguise(module: Module, call: ast.expr, literal: ast.expr) -> bool:
    value = module.fold(literal)
    is_plain = isinstance(call, ast.Call) and _calls(call, _DISGUISES)
    return is_plain and isinstance(value, int) and value not in (0, 1, True)
