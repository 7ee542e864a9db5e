"""The equalities that a condition amounts to, however it is spelled."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pytest_agentfix.judge.lint.folded import UNKNOWN, Pairs
from pytest_agentfix.judge.lint.literals import literal_key
from pytest_agentfix.judge.lint.module import Module

_DEPTH: Final = 8
_WINDOW: Final = 2  # how far apart two ends are with one whole number in between
_WRAPPERS: Final = frozenset(
    {"str", "repr", "int", "float", "tuple", "list", "bytes", "Decimal", "abs"}
)
_METHODS: Final = frozenset({"lower", "upper", "casefold", "strip", "encode", "decode", "copy"})
_READERS: Final = frozenset({"get", "__getitem__", "pop"})
_EQUAL: Final = frozenset({"operator.eq", "math.isclose", "operator.is_"})
_BOTH: Final = (ast.BitAnd, ast.Mult)


@dataclass(frozen=True, slots=True)
class Equality:
    """Something as it was put in, by its text, that is equal to one of some literals."""

    subject: str
    literals: tuple[Any, ...]
    node: ast.AST

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the literals; those of a number as well if it is written as a text."""
        keys = {literal_key(one) for one in self.literals}
        return frozenset(keys | {f"n:{key[2:]}" for key in keys if key[2:].isdigit()})


def find_equalities(  # noqa: C901, PLR0911 - a table
    module: Module, test: ast.AST, *, holds: bool = True, depth: int = _DEPTH
) -> list[Equality]:
    """List the equalities that are certain if ``test`` is true, or with ``holds=False`` false."""
    if depth == 0:
        return []

    def each(parts: Iterable[ast.AST], *, do_hold: bool = holds) -> list[list[Equality]]:
        return [find_equalities(module, one, holds=do_hold, depth=depth - 1) for one in parts]

    match test:
        case ast.NamedExpr(value=inner) | ast.Expr(value=inner):
            return each([inner])[0]
        case ast.Name():
            value = module.value_of(test)
            return [] if value is None else each([value])[0]
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return each([inner], do_hold=not holds)[0]
        case ast.BoolOp(op=operator, values=parts):
            return _combine(each(parts), is_all=isinstance(operator, ast.And) == holds)
        case ast.BinOp(left=left, op=ast.Sub() | ast.BitXor(), right=right):
            return [] if holds else equate(module, left, right)
        case ast.BinOp(left=left, op=operator, right=right):
            if isinstance(operator, (*_BOTH, ast.BitOr)):
                is_all = isinstance(operator, _BOTH) == holds
                return _combine(each([left, right]), is_all=is_all)
        case ast.Compare():
            return _of_compare(module, test, holds=holds)
        case ast.Call():
            return _of_call(module, test, holds=holds, depth=depth)
    return []


def _combine(found: list[list[Equality]], *, is_all: bool) -> list[Equality]:
    """Join what holds of all parts, or turn alternatives about one thing into one equality."""
    if is_all:
        return [one for part in found for one in part]
    alone = [part[0] for part in found if len(part) == 1]
    if len(alone) < len(found) or len({one.subject for one in alone}) != 1:
        return []
    literals = tuple(literal for one in alone for literal in one.literals)
    return [Equality(alone[0].subject, literals, alone[0].node)]


def _of_compare(module: Module, test: ast.Compare, *, holds: bool) -> list[Equality]:
    sides = [test.left, *test.comparators]
    if not holds and len(test.ops) > 1:
        return []
    found: list[Equality] = []
    for op, (left, right) in zip(test.ops, pairwise(sides), strict=True):
        if isinstance(op, (ast.Eq, ast.Is) if holds else (ast.NotEq, ast.IsNot)):
            found += equate(module, left, right)
        elif isinstance(op, ast.In if holds else ast.NotIn):
            found += _among(module, left, right)
    if len(sides) == 3 and not found:  # noqa: PLR2004 - two ends and something in between
        found += _window(module, test)
    return found


def _of_call(  # noqa: PLR0911 - a table
    module: Module, test: ast.Call, *, holds: bool, depth: int
) -> list[Equality]:
    match test:
        case ast.Call(func=ast.Name(id="all" | "any" as kind), args=[inner]):
            parts = _pairs_of(module, inner)
            if parts is not None and holds == (kind == "all"):
                return [one for left, right in parts for one in equate(module, left, right)]
            if isinstance(inner, (ast.List, ast.Tuple, ast.Set)):
                one_by_one = [
                    find_equalities(module, one, holds=holds, depth=depth - 1) for one in inner.elts
                ]
                return _combine(one_by_one, is_all=(kind == "all") == holds)
            return _among_any(module, inner) if holds and kind == "any" else []
        case ast.Call(func=ast.Name(id="bool" | "int" | "abs" | "float"), args=[inner]):
            return find_equalities(module, inner, holds=holds, depth=depth - 1)
        case ast.Call(func=ast.Attribute(attr="__eq__", value=left), args=[right]):
            return equate(module, left, right) if holds else []
        case ast.Call(func=ast.Attribute(attr="__contains__", value=right), args=[left]):
            return _among(module, left, right) if holds else []
        case ast.Call(args=[left, right, *_]) if holds:
            name = module.dotted(test.func) or ""
            if name == "operator.contains":
                return _among(module, right, left)
            return equate(module, left, right) if name in _EQUAL else []
    return []


def _pairs_of(module: Module, loop: ast.expr) -> list[tuple[ast.expr, ast.expr]] | None:
    """Return what ``a == b for a, b in zip((x, y), (5, 1))`` compares, and ``map(eq, ...)``."""
    match loop:
        case ast.GeneratorExp(
            elt=ast.Compare(ops=[ast.Eq()]), generators=[ast.comprehension(iter=ast.Call() as call)]
        ):
            columns = call.args if module.dotted(call.func) == "builtins.zip" else []
        case ast.Call(args=[_, *columns]) if module.dotted(loop.func) == "builtins.map":
            pass
        case _:
            return None
    shown = [one.elts for one in columns if isinstance(one, (ast.Tuple, ast.List))]
    if len(shown) != len(columns) or len(shown) != 2:  # noqa: PLR2004 - a pair
        return None
    return list(zip(shown[0], shown[1], strict=False))


def _among_any(module: Module, loop: ast.expr) -> list[Equality]:
    """Return what ``any(x == y for y in (3, 5))`` asks."""
    match loop:
        case ast.GeneratorExp(
            elt=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]),
            generators=[ast.comprehension(target=ast.Name(id=name), iter=table, ifs=[])],
        ):
            rest = [one for one in (left, right) if not _is_named(one, name)]
            return _among(module, rest[0], table) if len(rest) == 1 else []
    return []


def _is_named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def equate(module: Module, left: ast.expr, right: ast.expr) -> list[Equality]:
    """List the equalities that ``left == right`` amounts to."""
    for one, other in ((unwrap(left), right), (unwrap(right), left)):
        value = module.fold(other)
        if module.fold(one) is not UNKNOWN:
            continue
        if isinstance(one, (ast.Tuple, ast.List)):
            others = unwrap(other)
            if isinstance(others, (ast.Tuple, ast.List)) and len(others.elts) == len(one.elts):
                pairs = zip(one.elts, others.elts, strict=True)
                return [found for a, b in pairs for found in equate(module, a, b)]
        if value is not UNKNOWN:
            return equate_value(module, one, value)
    return []


def equate_value(module: Module, node: ast.expr, value: Any) -> list[Equality]:
    """List the equalities that ``node == value`` amounts to; ``node`` is no literal."""
    node = unwrap(node)
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            if not isinstance(value, list) or isinstance(value, Pairs) or len(parts) != len(value):
                return []
            pairs = zip(parts, value, strict=True)
            return [one for part, inner in pairs for one in equate_value(module, part, inner)]
        case ast.Dict(keys=keys, values=parts) if isinstance(value, Pairs):
            wanted = {literal_key(key): inner for key, inner in value}
            named = [
                (literal_key(module.fold(k)) if k else "", v)
                for k, v in zip(keys, parts, strict=True)
            ]
            return [
                one
                for key, part in named
                if key in wanted
                for one in equate_value(module, part, wanted[key])
            ]
        case ast.JoinedStr(values=parts) if isinstance(value, str):
            return _equate_joined(module, parts, value)
        case ast.BinOp(left=left, op=ast.Sub() | ast.BitXor(), right=right) if value == 0:
            return equate(module, left, right)
    text = subject_of(node)
    return [Equality(text, (value,), node)] if text and module.fold(node) is UNKNOWN else []


def _equate_joined(module: Module, parts: Sequence[ast.expr], value: str) -> list[Equality]:
    """Take ``f"{n}-{m}" == "5-1"`` apart."""
    fields = [one.value for one in parts if isinstance(one, ast.FormattedValue)]
    pattern = "".join(
        "(.*?)" if _is_field(one) else re.escape(str(module.fold(one))) for one in parts
    )
    if not 0 < len(fields) <= _DEPTH or len(value) > 100:  # noqa: PLR2004 - of a short key
        return []
    found = re.fullmatch(pattern, value, re.DOTALL)
    if found is None:
        return []
    pairs = zip(fields, found.groups(), strict=True)
    return [one for node, text in pairs for one in equate_value(module, node, text)]


def _is_field(node: ast.expr) -> bool:
    return isinstance(node, ast.FormattedValue)


def _among(module: Module, subject: ast.expr, table: ast.expr) -> list[Equality]:
    keys = list(table_keys(module, table))
    if len(keys) == 1:
        return equate_value(module, subject, keys[0])
    text = subject_of(unwrap(subject))
    return [Equality(text, tuple(keys), subject)] if text and keys else []


def table_keys(module: Module, table: ast.expr) -> Iterator[Any]:
    """Yield what can be found in a literal list, set or dict, also behind a name."""
    node = table
    if isinstance(table, ast.Name):
        node = module.value_of(table) or table
    if isinstance(node, ast.Dict):
        values = [module.fold(key) for key in node.keys if key is not None]
    else:
        value = module.fold(node)
        values = [key for key, _ in value] if isinstance(value, Pairs) else value
    if isinstance(values, list) and not any(value is UNKNOWN for value in values):
        yield from values


def _window(module: Module, test: ast.Compare) -> list[Equality]:
    """Recognise ``4 < n < 6``: one whole number lies in between."""
    low, high = module.fold(test.left), module.fold(test.comparators[1])
    text = subject_of(test.comparators[0])
    if type(low) is not int or type(high) is not int or not text:
        return []
    low += isinstance(test.ops[0], ast.Lt)
    high -= isinstance(test.ops[1], ast.Lt)
    return [Equality(text, (low,), test)] if low == high else []


def unwrap(node: ast.expr) -> ast.expr:
    """Return what a value was before ``str``, ``tuple``, ``.lower()`` and the like."""
    for _ in range(_DEPTH):
        match node:
            case ast.NamedExpr(target=target):
                node = target
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in _WRAPPERS:
                node = inner
            case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in _METHODS:
                node = inner
            case _:
                return node
    return node


def subject_of(node: ast.expr) -> str:  # noqa: PLR0911 - a table
    """Return the text of something as it was put in, "" for the result of a calculation."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute(value=inner, attr=name):
            owner = subject_of(inner)
            return f"{owner}.{name}" if owner else ""
        case ast.Subscript(value=ast.Dict(keys=keys, values=values), slice=ast.Constant(value=key)):
            found = [v for k, v in zip(keys, values, strict=True) if _is_constant(k, key)]
            return subject_of(found[0]) if found else ""
        case ast.Subscript(value=inner, slice=ast.Constant(value=key)):
            owner = subject_of(inner)
            return f"{owner}[{key!r}]" if owner else ""
        case ast.Call(
            func=ast.Attribute(value=inner, attr=name), args=[ast.Constant(value=key), *_]
        ):
            owner = subject_of(inner) if name in _READERS else ""
            return f"{owner}[{key!r}]" if owner else ""
        case ast.Call(func=ast.Name(id="getattr"), args=[inner, ast.Constant(value=key), *_]):
            owner = subject_of(inner)
            return f"{owner}.{key!s}" if owner else ""
    return ""


def _is_constant(node: ast.expr | None, value: Any) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value == value)
