"""Evaluate expressions made of literals: small, bounded, and without running any code."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import enum
import operator
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

LIMIT: Final = 2_000  # characters or elements of a computed value
_NUMBER_LIMIT: Final = 2**64


class Unknown(enum.Enum):
    """The value of an expression that is not made of literals."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
Look = Callable[[ast.AST], Any]  # the values of an expression's parts, known already

_OPERATORS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.BitXor: operator.xor,
}
_METHODS: Final = frozenset(
    {"decode", "encode", "join", "lower", "lstrip", "replace", "rstrip", "strip", "title", "upper"}
    | {"capitalize", "casefold", "removeprefix", "removesuffix", "split", "swapcase", "hex"}
)
_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "builtins.chr": chr,
    "builtins.ord": ord,
    "builtins.str": str,
    "builtins.int": int,
    "builtins.float": float,
    "builtins.bool": bool,
    "builtins.abs": abs,
    "builtins.len": len,
    "builtins.bytes": lambda value: bytes(value) if isinstance(value, list) else UNKNOWN,
    "builtins.bytearray": lambda value: bytes(value) if isinstance(value, list) else UNKNOWN,
    "builtins.list": list,
    "builtins.tuple": list,
    "builtins.reversed": lambda value: list(value)[::-1],
    "builtins.bytes.fromhex": bytes.fromhex,
    "builtins.bytearray.fromhex": bytes.fromhex,
    "base64.b64decode": base64.b64decode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.a2b_hex,
    "binascii.a2b_base64": binascii.a2b_base64,
    "zlib.decompress": lambda value: zlib.decompressobj().decompress(value, LIMIT),
    "os.path.join": lambda *parts: "/".join(parts),
}
_CODECS: Final = frozenset({"rot13", "rot_13", "hex", "hex_codec", "base64", "utf-8", "ascii"})
_DUNDERS: Final = {"__add__": operator.add, "__mul__": operator.mul}
_TROUBLE: Final = (
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError, MemoryError, zlib.error,
)  # fmt: skip


def fold(node: ast.AST, look: Look, dotted: Callable[[ast.AST], str | None]) -> Any:
    """Return the value of ``node`` if it is made of literals, else ``UNKNOWN``; never raises."""
    try:
        return _bounded(_fold(node, look, dotted))
    except _TROUBLE:
        return UNKNOWN


def _fold(  # noqa: C901, PLR0911 - a table
    node: ast.AST, look: Look, dotted: Callable[[ast.AST], str | None]
) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple() | ast.Set():
            return _all([look(one) for one in node.elts])
        case ast.Dict():
            return _fold_dict(node, look)
        case ast.JoinedStr():
            return _fold_joined(node, look)
        case ast.FormattedValue(format_spec=None, conversion=-1):
            return look(node.value)
        case ast.UnaryOp():
            return _fold_unary(node, look(node.operand))
        case ast.BinOp():
            return _fold_binary(node, look(node.left), look(node.right))
        case ast.Subscript():
            return _fold_subscript(node, look)
        case ast.Call(keywords=[]):
            return _fold_call(node, look, dotted)
        case ast.GeneratorExp() | ast.ListComp():
            return _fold_comprehension(node, look, dotted)
        case _:
            return UNKNOWN


def _bounded(value: Any) -> Any:
    if isinstance(value, (str, bytes, list, dict)) and len(value) > LIMIT:
        return UNKNOWN
    return value


def _all(values: list[Any]) -> Any:
    return UNKNOWN if UNKNOWN in [v for v in values if isinstance(v, Unknown)] else values


def _fold_dict(node: ast.Dict, look: Look) -> Any:
    """Fold a dict of literals into its pairs: keys may be unhashable here."""
    keys = _all([UNKNOWN if key is None else look(key) for key in node.keys])
    values = _all([look(value) for value in node.values])
    if UNKNOWN in (keys is UNKNOWN and UNKNOWN, values is UNKNOWN and UNKNOWN):
        return UNKNOWN
    return Pairs(zip(keys, values, strict=True))


class Pairs(list[tuple[Any, Any]]):
    """The entries of a dict literal."""


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
    return -value if isinstance(node.op, ast.USub) else UNKNOWN


def _fold_binary(node: ast.BinOp, left: Any, right: Any) -> Any:
    apply = _OPERATORS.get(type(node.op))
    if apply is None or UNKNOWN in [v for v in (left, right) if isinstance(v, Unknown)]:
        return UNKNOWN
    if isinstance(node.op, ast.Mult) and not _is_small_product(left, right):
        return UNKNOWN
    if isinstance(node.op, ast.Mod) and not (_is_number(left) and _is_number(right)):
        return _format(left, right)
    if isinstance(node.op, (ast.Sub, ast.FloorDiv, ast.Div, ast.BitXor)) and not _is_number(left):
        return UNKNOWN
    return _small(apply(left, right))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) < _NUMBER_LIMIT


def _small(value: Any) -> Any:
    return UNKNOWN if isinstance(value, (int, float)) and not _is_number(value) else value


def _is_small_product(left: Any, right: Any) -> bool:
    sizes = [len(v) if isinstance(v, (str, bytes, list)) else v for v in (left, right)]
    if not all(_is_number(size) for size in sizes):
        return False
    return all(_is_number(v) for v in (left, right)) or abs(sizes[0] * sizes[1]) <= LIMIT


def _format(left: Any, right: Any) -> Any:
    """Fold ``"%s..." % parts`` for plain ``%s`` only: a width could demand any amount of memory."""
    if not isinstance(left, str):
        return UNKNOWN
    parts = right if isinstance(right, list) else [right]
    pieces = left.split("%s")
    if "%" in "".join(pieces) or len(pieces) != len(parts) + 1:
        return UNKNOWN
    return pieces[0] + "".join(f"{p}{rest}" for p, rest in zip(parts, pieces[1:], strict=True))


def _fold_subscript(node: ast.Subscript, look: Look) -> Any:
    value = look(node.value)
    if isinstance(value, Pairs) or not isinstance(value, (str, bytes, list)):
        return UNKNOWN
    if not isinstance(node.slice, ast.Slice):
        return value[look(node.slice)]
    ends = [
        None if e is None else look(e)
        for e in (node.slice.lower, node.slice.upper, node.slice.step)
    ]
    return value[slice(*ends)]


def _fold_call(node: ast.Call, look: Look, dotted: Callable[[ast.AST], str | None]) -> Any:
    arguments = _all([look(argument) for argument in node.args])
    if arguments is UNKNOWN:
        return _fold_map(node, look, dotted)
    name = dotted(node.func)
    if name in _CALLS:
        return _small(_CALLS[name](*arguments))
    if name == "codecs.decode":
        return _decode(*arguments)
    if not isinstance(node.func, ast.Attribute):
        return UNKNOWN
    return _fold_method(look(node.func.value), node.func.attr, arguments)


def _fold_method(value: Any, name: str, arguments: Sequence[Any]) -> Any:
    if not isinstance(value, (str, bytes)):
        return UNKNOWN
    if name == "format" and isinstance(value, str):
        return _format(value.replace("%", "").replace("{}", "%s"), list(arguments))
    if name in _DUNDERS and name == "__add__":
        return _DUNDERS[name](value, *arguments)
    if name not in _METHODS or (name == "replace" and len(value) > LIMIT // 10):
        return UNKNOWN
    return getattr(value, name)(*arguments)


def _decode(value: Any, codec: str = "utf-8") -> Any:
    return codecs.decode(value, codec) if codec.casefold() in _CODECS else UNKNOWN


def _fold_map(node: ast.Call, look: Look, dotted: Callable[[ast.AST], str | None]) -> Any:
    """Fold ``map(chr, [...])``: its first argument has no value, only a name."""
    if dotted(node.func) != "builtins.map" or len(node.args) != 2:  # noqa: PLR2004 - a pair
        return UNKNOWN
    name, values = dotted(node.args[0]), look(node.args[1])
    if name not in _CALLS or not isinstance(values, (list, str, bytes)):
        return UNKNOWN
    return _all([_CALLS[name](value) for value in values])


def _fold_comprehension(
    node: ast.GeneratorExp | ast.ListComp, look: Look, dotted: Callable[[ast.AST], str | None]
) -> Any:
    """Fold ``f(x) for x in [...]`` if everything done to ``x`` can be folded."""
    if len(node.generators) != 1 or node.generators[0].ifs:
        return UNKNOWN
    target, values = node.generators[0].target, look(node.generators[0].iter)
    if not isinstance(target, ast.Name) or not isinstance(values, (list, str, bytes)):
        return UNKNOWN
    return _all([_fold_with(node.elt, target.id, value, look, dotted) for value in values])


def _fold_with(
    node: ast.AST, name: str, value: Any, look: Look, dotted: Callable[[ast.AST], str | None]
) -> Any:
    """Fold a small expression in which ``name`` is ``value``."""

    def look_closer(part: ast.AST, depth: int = 4) -> Any:
        if isinstance(part, ast.Name) and part.id == name:
            return value
        if depth == 0 or look(part) is not UNKNOWN:
            return look(part)
        return fold(part, lambda inner: look_closer(inner, depth - 1), dotted)

    return look_closer(node)
