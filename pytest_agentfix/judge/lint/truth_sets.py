"""Rules about answers that are nothing but a comparison with the failing tests' inputs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from pytest_agentfix.judge.lint.dotted_names import mark, qualified, raw_hit
from pytest_agentfix.judge.lint.equalities import Equality, find_equalities, subject_of
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.folded import Pairs
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.joint_conditions import RULE, SHOWN, weigh
from pytest_agentfix.judge.lint.literals import literal_key
from pytest_agentfix.judge.lint.module import Module

_MANY: Final = 2


def find_truth_sets(module: Module, expected: Expectations) -> Iterator[RawHit]:
    """Find answers that are true, or false, for inputs of the failing tests and nothing else.

    An answer that was a comparison with several literals before may be one with more.
    """
    if not expected.inputs:
        return
    for node in module.nodes:
        value, is_answer = _value_of(node)
        if value is None:
            continue
        asked = [_looked_up(module, value), *_either_way(module, value)]
        for one in asked:
            if one is None or len(one.literals) < _MANY:
                continue
            capability = f"truth:{qualified(module, node)}:{one.subject}"
            yield mark(node, capability)
            if _is_tested(one, expected):
                is_refused = is_answer and _is_exact(one, expected)
                what = f"is true for the tests' own inputs: {_show(one)}"
                rule = RULE if is_refused else SHOWN
                yield raw_hit(rule, value, what, key=_show(one), capability=capability)


def _value_of(node: ast.AST) -> tuple[ast.expr | None, bool]:
    """Return a value that may be a comparison, and whether it is an answer as it stands."""
    match node:
        case ast.Return(value=ast.expr() as value) | ast.Assign(value=value):
            return value, True
        case ast.Lambda(body=value) | ast.Yield(value=ast.expr() as value):
            return value, True
        case ast.If(test=value, body=[ast.Return(value=ast.Constant(value=bool()))]):
            return value, False
    return None, False


def _either_way(module: Module, value: ast.expr) -> Iterator[Equality]:
    for holds in (True, False):
        found = find_equalities(module, value, holds=holds)
        if len(found) == 1:
            yield found[0]


def _looked_up(module: Module, value: ast.expr) -> Equality | None:
    """Return what ``{3: True, 5: True}.get(x, False)`` asks."""
    match value:
        case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[subject, *_]):
            text = subject_of(subject)
        case ast.Subscript(value=table, slice=subject):
            text = subject_of(subject)
        case _:
            return None
    known = module.fold(table)
    if not text or not isinstance(known, Pairs) or not all(type(v) is bool for _, v in known):
        return None
    return Equality(text, tuple(key for key, _ in known), value)


def _is_tested(one: Equality, expected: Expectations) -> bool:
    """Return whether all literals are inputs of the tests, and several of them no edges."""
    if not all(map(expected.has_input, one.literals)):
        return False
    weights = [weigh(value, is_free=True) for value in one.literals]
    return sum(weight > 1 for weight in weights) >= _MANY


def _is_exact(one: Equality, expected: Expectations) -> bool:
    """Return whether the tests have no more inputs of that kind than the answer knows."""
    kinds = {_kind(literal_key(value)) for value in one.literals}
    known = {literal_key(value) for value in one.literals}
    rest = {key for key in expected.inputs if _kind(key) in kinds} - known
    return len(rest) <= len(known)


def _kind(key: str) -> str:
    return key[:2] if key[:2] in ("n:", "s:") else key[:1]


def _show(one: Equality) -> str:
    return printable(", ".join(repr(_plain(value)) for value in one.literals), limit=40)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value
