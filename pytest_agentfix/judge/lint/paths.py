"""The equalities that hold where a piece of code runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS
from pytest_agentfix.judge.lint.equalities import (
    Equality,
    equate,
    equate_value,
    find_equalities,
    subject_of,
    unwrap,
)
from pytest_agentfix.judge.lint.module import Module

_GUARDS: Final = 30  # statements before another one that may have left
_LEVELS: Final = 30  # of blocks and expressions around a piece of code
_LEAVES: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_OPTIONS: Final = 40  # of one pattern
Path = tuple[list[Equality], Sequence[ast.AST]]  # what holds on a path, and what is run there


def list_paths(module: Module, node: ast.AST) -> Iterator[Path]:
    """Yield the paths that ``node`` opens; an empty one is a value that is asked for."""
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            yield find_equalities(module, test), body
            yield (
                find_equalities(module, test, holds=False),
                [*orelse, *list_following(module, node, _GUARDS)],
            )
        case ast.While(test=test, body=body):
            yield find_equalities(module, test), body
        case ast.IfExp(test=test, body=one, orelse=other):
            yield find_equalities(module, test), [one]
            yield find_equalities(module, test, holds=False), [other]
        case ast.BoolOp(op=operator, values=[*_, last]):
            asked = ast.BoolOp(op=operator, values=node.values[:-1])
            yield find_equalities(module, asked, holds=isinstance(operator, ast.And)), [last]
            yield find_equalities(module, node), []
        case ast.Compare() | ast.Call() | ast.BinOp():
            yield find_equalities(module, node), []
        case ast.Match(subject=subject, cases=cases):
            for case in cases:
                guard = find_equalities(module, case.guard) if case.guard else []
                for option in _options(module, subject, case.pattern):
                    yield [*option, *guard], case.body
        case ast.GeneratorExp(elt=elt, generators=loops) | ast.ListComp(elt=elt, generators=loops):
            asks = [one for loop in loops for one in loop.ifs]
            yield [found for one in asks for found in find_equalities(module, one)], [elt]


def find_holding(module: Module, node: ast.AST) -> list[Equality]:
    """List the equalities that are certain where ``node`` is, within its function."""
    found: list[Equality] = []
    child = node
    for outer in islice(module.ancestors(node), _LEVELS):
        if isinstance(outer, (*FUNCTIONS, ast.Lambda, ast.ClassDef, ast.Module)):
            found += _guards_before(module, outer, child)
            break
        found += _around(module, outer, child)
        found += _guards_before(module, outer, child)
        child = outer
    return found


def _around(module: Module, outer: ast.AST, child: ast.AST) -> list[Equality]:
    match outer:
        case ast.If(test=test) | ast.While(test=test):
            if child is not test:
                is_then = any(child is one for one in outer.body)
                return find_equalities(module, test, holds=is_then)
        case ast.IfExp(test=test, body=one):
            if child is not test:
                return find_equalities(module, test, holds=child is one)
        case ast.BoolOp(op=operator, values=values):
            place = next(n for n, one in enumerate(values) if one is child)
            before = values[max(0, place - _GUARDS) : place]
            holds = isinstance(operator, ast.And)
            return [found for one in before for found in find_equalities(module, one, holds=holds)]
        case ast.match_case(pattern=pattern, guard=guard):
            match = module.parent(outer)
            options = (
                _options(module, match.subject, pattern) if isinstance(match, ast.Match) else []
            )
            asked = find_equalities(module, guard) if guard and child is not guard else []
            return [*(options[0] if len(options) == 1 else []), *asked]
    return []


def _guards_before(module: Module, outer: ast.AST, child: ast.AST) -> list[Equality]:
    """Return what holds because statements before ``child`` would have left otherwise."""
    found: list[Equality] = []
    for name in ("body", "orelse", "finalbody"):
        block = getattr(outer, name, None)
        if not isinstance(block, list) or not any(child is one for one in block):
            continue
        place = next(n for n, one in enumerate(block) if one is child)
        for guard in block[max(0, place - _GUARDS) : place]:
            if (
                isinstance(guard, ast.If)
                and not guard.orelse
                and isinstance(guard.body[-1], _LEAVES)
            ):
                found += find_equalities(module, guard.test, holds=False)
            elif isinstance(guard, ast.Assert):
                found += find_equalities(module, guard.test)
    return found


def list_following(module: Module, node: ast.If, limit: int) -> list[ast.AST]:
    """List the statements that follow an ``if`` whose body leaves."""
    following: list[ast.AST] = []
    after = module.following(node) if isinstance(node.body[-1], _LEAVES) else None
    while after is not None and len(following) < limit:
        following.append(after)
        after = module.following(after)
    return following


def _options(  # noqa: PLR0911 - a table
    module: Module, subject: ast.expr, pattern: ast.pattern
) -> list[list[Equality]]:
    """List the ways in which a pattern fits, each with all that is equal then."""
    match pattern:
        case ast.MatchValue(value=value):
            return [equate(module, subject, value)]
        case ast.MatchSingleton(value=value):
            return [equate_value(module, subject, value)]
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _options(module, subject, inner)
        case ast.MatchOr(patterns=inners):
            return [one for inner in inners for one in _options(module, subject, inner)][:_OPTIONS]
        case ast.MatchSequence(patterns=inners):
            return _join(module, _elements(subject, len(inners)), inners)
        case ast.MatchMapping(keys=keys, patterns=inners):
            items = [ast.Subscript(value=subject, slice=key, ctx=ast.Load()) for key in keys]
            return _join(module, items, inners)
        case ast.MatchClass(kwd_attrs=names, kwd_patterns=inners):
            parts = [ast.Attribute(value=subject, attr=name, ctx=ast.Load()) for name in names]
            return _join(module, parts, inners)
    return [[]]


def _elements(subject: ast.expr, count: int) -> list[ast.expr]:
    inner = unwrap(subject)
    if isinstance(inner, (ast.Tuple, ast.List)) and len(inner.elts) == count:
        return inner.elts
    if not subject_of(inner):
        return []
    return [
        ast.Subscript(value=inner, slice=ast.Constant(value=place), ctx=ast.Load())
        for place in range(count)
    ]


def _join(
    module: Module, subjects: Sequence[ast.expr], patterns: Sequence[ast.pattern]
) -> list[list[Equality]]:
    """Combine the ways in which each of several patterns fits."""
    ways: list[list[Equality]] = [[]]
    for subject, pattern in zip(subjects, patterns, strict=False):
        inner = _options(module, subject, pattern)
        ways = [[*way, *one] for way in ways for one in inner][:_OPTIONS]
    return ways
