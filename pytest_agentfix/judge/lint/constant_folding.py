"""Evaluate expressions made of literals: small, bounded, and without running any code."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from pytest_agentfix.judge.lint.folded import LIMIT, UNKNOWN, Pairs, Unknown
from pytest_agentfix.judge.lint.folding_calls import (
    CONSTANTS,
    FUNCTIONS,
    TROUBLE,
    fold_call,
    fold_keywords,
    fold_method,
    format_plainly,
)

_NUMBER_LIMIT: Final = 2**64
_SHIFT_LIMIT: Final = 64
_FINITE: Final = frozenset({"inf", "-inf", "nan"})
Look = Callable[[ast.AST], Any]  # the values of an expression's parts, known already

_OPERATORS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_GROWING: Final = (ast.Pow, ast.LShift, ast.RShift)


def fold(node: ast.AST, look: Look, dotted: Callable[[ast.AST], str | None]) -> Any:
    """Return the value of ``node`` if it is made of literals, else ``UNKNOWN``; never raises."""
    try:
        return _bounded(_fold(node, look, dotted))
    except TROUBLE:
        return UNKNOWN


def _fold(  # noqa: C901, PLR0911 - a table
    node: ast.AST, look: Look, dotted: Callable[[ast.AST], str | None]
) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple() | ast.Set():
            return _fold_display(node.elts, look)
        case ast.Dict():
            return _fold_dict(node, look)
        case ast.JoinedStr():
            return _fold_joined(node, look)
        case ast.FormattedValue(format_spec=None, conversion=-1) | ast.NamedExpr():
            return look(node.value)
        case ast.UnaryOp():
            return _fold_unary(node, look(node.operand))
        case ast.BinOp():
            return _fold_binary(node, look(node.left), look(node.right))
        case ast.Subscript():
            return _fold_subscript(node, look)
        case ast.Attribute():
            return CONSTANTS.get(dotted(node) or "", UNKNOWN)
        case ast.Call():
            return _fold_call(node, look, dotted)
        case ast.GeneratorExp() | ast.ListComp() | ast.SetComp() | ast.DictComp():
            return _fold_comprehension(node, look, dotted)
        case _:
            return UNKNOWN


def _bounded(value: Any) -> Any:
    if isinstance(value, (str, bytes, list, dict)) and len(value) > LIMIT:
        return UNKNOWN
    return _small(value)


def _all(values: list[Any]) -> Any:
    return UNKNOWN if any(isinstance(value, Unknown) for value in values) else values


def _fold_display(elements: list[ast.expr], look: Look) -> Any:
    values: list[Any] = []
    for one in elements:
        inner = look(one.value if isinstance(one, ast.Starred) else one)
        if isinstance(one, ast.Starred) and isinstance(inner, list):
            values += fold_call("builtins.list", [inner])
        else:
            values.append(UNKNOWN if isinstance(one, ast.Starred) else inner)
    return _all(values)


def _fold_dict(node: ast.Dict, look: Look) -> Any:
    """Fold a dict of literals into its pairs: keys may be unhashable here."""
    pairs = Pairs()
    for key, value in zip(node.keys, node.values, strict=True):
        inner = look(value)
        if key is None and isinstance(inner, Pairs):
            pairs += inner
        else:
            pairs.append((UNKNOWN if key is None else look(key), inner))
    return UNKNOWN if _all([one for pair in pairs for one in pair]) is UNKNOWN else pairs


def _fold_joined(node: ast.JoinedStr, look: Look) -> Any:
    parts = _all([look(part) for part in node.values])
    if parts is UNKNOWN or not all(isinstance(p, (str, int, float)) for p in parts):
        return UNKNOWN
    return "".join(str(part) for part in parts)


def _fold_unary(node: ast.UnaryOp, value: Any) -> Any:
    if isinstance(node.op, ast.Not) and value is not UNKNOWN:
        return not value
    if not isinstance(value, (int, float)):
        return UNKNOWN
    if isinstance(node.op, ast.Invert):
        return ~value if isinstance(value, int) else UNKNOWN
    return -value if isinstance(node.op, ast.USub) else +value


def _fold_binary(node: ast.BinOp, left: Any, right: Any) -> Any:  # noqa: PLR0911 - a table
    apply = _OPERATORS.get(type(node.op))
    if apply is None or isinstance(left, Unknown) or isinstance(right, Unknown):
        return UNKNOWN
    if isinstance(node.op, ast.Add):
        return _add(left, right)
    if isinstance(node.op, ast.BitOr) and isinstance(left, Pairs) and isinstance(right, Pairs):
        return Pairs([*left, *right])
    if isinstance(node.op, ast.Mult) and not _is_small_product(left, right):
        return UNKNOWN
    if isinstance(node.op, ast.Mod) and not (_is_number(left) and _is_number(right)):
        return format_plainly(left, right)
    if isinstance(node.op, _GROWING) and not (_is_number(left) and _is_exponent(right)):
        return UNKNOWN
    if not isinstance(node.op, (ast.Add, ast.Mult, ast.Mod)) and not _is_number(left):
        return UNKNOWN
    return _small(apply(left, right))


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, Pairs) or isinstance(right, Pairs):
        return UNKNOWN
    return _small(left + right)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) < _NUMBER_LIMIT


def _is_exponent(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) <= _SHIFT_LIMIT


def _small(value: Any) -> Any:
    """Let go of numbers that are too large; ``inf`` and ``nan`` stay."""
    if isinstance(value, (int, float)) and not _is_number(value):
        return value if repr(value) in _FINITE else UNKNOWN
    return UNKNOWN if isinstance(value, complex) else value


def _is_small_product(left: Any, right: Any) -> bool:
    sizes = [len(v) if isinstance(v, (str, bytes, list)) else v for v in (left, right)]
    if not all(_is_number(size) for size in sizes) or isinstance(left, Pairs):
        return False
    return all(_is_number(v) for v in (left, right)) or abs(sizes[0] * sizes[1]) <= LIMIT


def _fold_subscript(node: ast.Subscript, look: Look) -> Any:
    value = look(node.value)
    if isinstance(value, Pairs):
        key = look(node.slice)
        return UNKNOWN if key is UNKNOWN else fold_method(value, "__getitem__", [key])
    if not isinstance(value, (str, bytes, list)):
        return UNKNOWN
    if not isinstance(node.slice, ast.Slice):
        return value[look(node.slice)]
    ends = [
        None if e is None else look(e)
        for e in (node.slice.lower, node.slice.upper, node.slice.step)
    ]
    return value[slice(*ends)]


def _fold_call(node: ast.Call, look: Look, dotted: Callable[[ast.AST], str | None]) -> Any:
    name = dotted(node.func)
    if node.keywords:
        return _fold_with_keywords(node, name, look)
    is_needed = name == "collections.defaultdict"  # its first argument is a function
    arguments = _all([look(argument) for argument in node.args[is_needed:]])
    if arguments is UNKNOWN:
        return _fold_map(node, look, dotted)
    if name in FUNCTIONS:
        return fold_call(name, [None, *arguments] if is_needed else arguments)
    if not isinstance(node.func, ast.Attribute):
        return UNKNOWN
    owner = look(node.func.value)
    return UNKNOWN if owner is UNKNOWN else fold_method(owner, node.func.attr, arguments)


def _fold_with_keywords(node: ast.Call, name: str | None, look: Look) -> Any:
    arguments = _all([look(argument) for argument in node.args])
    keywords = {keyword.arg or "": look(keyword.value) for keyword in node.keywords}
    if UNKNOWN in (arguments, _all([*keywords.values()])) or "" in keywords:
        return UNKNOWN
    return fold_keywords(name, arguments, keywords)


def _fold_map(node: ast.Call, look: Look, dotted: Callable[[ast.AST], str | None]) -> Any:
    """Fold ``map(chr, [...])``: its first argument has no value, only a name."""
    if dotted(node.func) != "builtins.map" or len(node.args) != 2:  # noqa: PLR2004 - a pair
        return UNKNOWN
    name, values = dotted(node.args[0]), look(node.args[1])
    if name not in FUNCTIONS or not isinstance(values, (list, str, bytes)):
        return UNKNOWN
    return _all([fold_call(name, [value]) for value in values])


_Comprehension = ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp


def _fold_comprehension(
    node: _Comprehension, look: Look, dotted: Callable[[ast.AST], str | None]
) -> Any:
    """Fold ``f(x) for x in [...]`` if everything done to ``x`` can be folded."""
    if len(node.generators) != 1 or node.generators[0].ifs:
        return UNKNOWN
    target, values = node.generators[0].target, look(node.generators[0].iter)
    names = [one.id for one in _targets(target) if isinstance(one, ast.Name)]
    if not isinstance(values, (list, str, bytes)) or len(names) != len(_targets(target)):
        return UNKNOWN
    rows: list[Any] = [row[0] for row in values] if isinstance(values, Pairs) else list(values)
    known: list[dict[str, Any]] = [
        {names[0]: row} if isinstance(target, ast.Name) else dict(zip(names, row, strict=True))
        for row in rows
    ]
    if isinstance(node, ast.DictComp):
        keys = _all([fold_with(node.key, names, look, dotted) for names in known])
        results = _all([fold_with(node.value, names, look, dotted) for names in known])
        is_known = keys is not UNKNOWN and results is not UNKNOWN
        return Pairs(zip(keys, results, strict=True)) if is_known else UNKNOWN
    return _all([fold_with(node.elt, names, look, dotted) for names in known])


def _targets(target: ast.expr) -> list[ast.expr]:
    return target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]


def fold_with(
    node: ast.AST,
    names: Mapping[str, Any],
    look: Look,
    dotted: Callable[[ast.AST], str | None],
) -> Any:
    """Fold a small expression in which ``names`` have these values."""

    def look_closer(part: ast.AST, depth: int = 4) -> Any:
        if isinstance(part, ast.Name) and part.id in names:
            return names[part.id]
        if depth == 0 or look(part) is not UNKNOWN:
            return look(part)
        return fold(part, lambda inner: look_closer(inner, depth - 1), dotted)

    return look_closer(node)
