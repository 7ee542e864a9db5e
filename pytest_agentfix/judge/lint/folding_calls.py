"""Evaluate calls of well-known functions and methods on literals: bounded, without side effects."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import decimal
import fractions
import json
import math
import string
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pytest_agentfix.judge.lint.folded import LIMIT, UNKNOWN, Pairs

_TEXT_LIMIT: Final = 50_000  # characters of an encoded text that are decoded
_DEPTH: Final = 20
_METHODS: Final = frozenset(
    {"decode", "encode", "join", "lower", "lstrip", "replace", "rstrip", "strip", "title", "upper"}
    | {"capitalize", "casefold", "removeprefix", "removesuffix", "split", "swapcase", "hex"}
    | {"rsplit", "splitlines", "partition", "rpartition", "find", "rfind", "count", "index"}
)
_CODECS: Final = frozenset({"rot13", "rot_13", "hex", "hex_codec", "base64", "utf-8", "ascii"})
_GZIP: Final = 31  # zlib's "wbits" for a header of gzip
CONSTANTS: Final[Mapping[str, Any]] = {
    "math.inf": math.inf,
    "math.nan": math.nan,
    "math.pi": math.pi,
    "math.e": math.e,
    "string.ascii_letters": string.ascii_letters,
    "string.ascii_lowercase": string.ascii_lowercase,
    "string.ascii_uppercase": string.ascii_uppercase,
    "string.digits": string.digits,
}


def fold_call(name: str | None, arguments: Sequence[Any]) -> Any:
    """Return the value of a call of the function with the dotted ``name``, or ``UNKNOWN``."""
    call = FUNCTIONS.get(name or "")
    return UNKNOWN if call is None else call(*arguments)


def fold_method(  # noqa: PLR0911 - a table
    value: Any, name: str, arguments: Sequence[Any]
) -> Any:
    """Return the value of a method of a literal, or ``UNKNOWN``."""
    if isinstance(value, Pairs):
        return _fold_dict_method(value, name, arguments)
    if isinstance(value, list) and name in ("index", "count", "copy"):
        return getattr(value, name)(*arguments)
    if not isinstance(value, (str, bytes)):
        return UNKNOWN
    if name == "format" and isinstance(value, str):
        return format_plainly(value.replace("%", "").replace("{}", "%s"), list(arguments))
    if name == "__add__":
        return value + arguments[0]
    if name == "translate" and isinstance(value, str) and isinstance(arguments[0], Pairs):
        return value.translate(dict(arguments[0]))
    if name not in _METHODS or (name == "replace" and len(value) > LIMIT // 10):
        return UNKNOWN
    found = getattr(value, name)(*arguments)
    return list(found) if isinstance(found, tuple) else found


def _fold_dict_method(value: Pairs, name: str, arguments: Sequence[Any]) -> Any:
    match name:
        case "items":
            return [[key, one] for key, one in value]
        case "keys" | "values":
            return [pair[name == "values"] for pair in value]
        case "get" | "__getitem__":
            found = [one for key, one in value if key == arguments[0]]
            return (found or [*arguments[1:], UNKNOWN if name != "get" else None])[0]
    return UNKNOWN


def format_plainly(left: Any, right: Any) -> Any:
    """Fold ``"%s..." % parts`` for plain ``%s`` only: a width could demand any amount of memory."""
    if not isinstance(left, str):
        return UNKNOWN
    parts = right if isinstance(right, list) else [right]
    pieces = left.split("%s")
    if "%" in "".join(pieces) or len(pieces) != len(parts) + 1:
        return UNKNOWN
    return pieces[0] + "".join(f"{p}{rest}" for p, rest in zip(parts, pieces[1:], strict=True))


def fold_keywords(name: str | None, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Return the value of a call with keywords: ``dict(a=1)`` and ``sorted(x, reverse=True)``."""
    if name == "builtins.dict" and not arguments:
        return Pairs(keywords.items())
    if name == "builtins.sorted" and set(keywords) == {"reverse"}:
        return sorted(_items(*arguments), reverse=bool(keywords["reverse"]))
    if name == "builtins.int" and set(keywords) == {"base"}:
        return int(arguments[0], keywords["base"])
    return UNKNOWN


def _items(value: Any) -> list[Any]:
    """List what a loop over ``value`` would yield."""
    if isinstance(value, Pairs):
        return [key for key, _ in value]
    if not isinstance(value, (list, str, bytes)):
        raise TypeError
    return list(value)


def _make_list(value: Any = ()) -> list[Any]:
    return [] if value == () else _items(value)


def _make_set(value: Any = ()) -> list[Any]:
    found: list[Any] = []
    for one in _make_list(value):
        if one not in found:
            found.append(one)
    return found


def _make_dict(value: Any = ()) -> Any:
    if isinstance(value, Pairs):
        return value
    rows = _make_list(value)
    return Pairs((key, one) for key, one in rows)


def _make_bytes(value: Any = b"", encoding: str = "") -> Any:
    if isinstance(value, str):
        return value.encode(encoding)
    return bytes(value) if isinstance(value, (list, bytes)) else UNKNOWN


def _make_range(*ends: int) -> Any:
    found = range(*ends)
    return list(found) if len(found) <= LIMIT else UNKNOWN


def _zip(*columns: Any) -> list[Any]:
    return [list(row) for row in zip(*map(_items, columns), strict=False)]


def _enumerate(values: Any, start: int = 0) -> list[Any]:
    return [[start + place, one] for place, one in enumerate(_items(values))]


def _number(value: Any) -> Any:
    found = float(value)
    return int(found) if found.is_integer() else found


def _translation(one: Any, other: Any = UNKNOWN, *gone: Any) -> Any:
    if isinstance(one, Pairs):
        return one
    return UNKNOWN if gone else Pairs(str.maketrans(one, other).items())


def _decode(value: Any, codec: str = "utf-8") -> Any:
    return codecs.decode(value, codec) if codec.casefold() in _CODECS else UNKNOWN


def _inflate(value: Any, bits: int = zlib.MAX_WBITS) -> Any:
    return zlib.decompressobj(bits).decompress(value, LIMIT)


def _read_json(value: Any) -> Any:
    return UNKNOWN if len(value) > _TEXT_LIMIT else as_folded(json.loads(value))


def _read_literal(value: Any) -> Any:
    if not isinstance(value, str) or len(value) > LIMIT:
        return UNKNOWN
    try:
        return as_folded(ast.literal_eval(value))
    except SyntaxError as error:
        raise ValueError from error


def as_folded(value: Any, depth: int = _DEPTH) -> Any:
    """Turn a plain Python value into the form in which this package keeps folded ones."""
    if depth == 0:
        return UNKNOWN
    if isinstance(value, dict):
        return Pairs((as_folded(k, depth - 1), as_folded(v, depth - 1)) for k, v in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_folded(one, depth - 1) for one in value]
    return value if isinstance(value, (str, bytes, int, float, type(None))) else UNKNOWN


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "builtins.chr": chr,
    "builtins.ord": ord,
    "builtins.str": lambda value="": UNKNOWN if isinstance(value, list) else str(value),
    "builtins.repr": lambda value: UNKNOWN if isinstance(value, list) else repr(value),
    "builtins.int": int,
    "builtins.float": float,
    "builtins.bool": bool,
    "builtins.abs": abs,
    "builtins.len": len,
    "builtins.hex": hex,
    "builtins.bin": bin,
    "builtins.oct": oct,
    "builtins.round": round,
    "builtins.divmod": lambda one, other: list(divmod(one, other)),
    "builtins.sum": lambda values, start=0: sum(_items(values), start),
    "builtins.min": min,
    "builtins.max": max,
    "builtins.bytes": _make_bytes,
    "builtins.bytearray": _make_bytes,
    "builtins.list": _make_list,
    "builtins.tuple": _make_list,
    "builtins.set": _make_set,
    "builtins.frozenset": _make_set,
    "builtins.dict": _make_dict,
    "builtins.dict.fromkeys": lambda keys, value=None: Pairs((k, value) for k in _items(keys)),
    "builtins.range": _make_range,
    "builtins.zip": _zip,
    "builtins.enumerate": _enumerate,
    "builtins.iter": _items,
    "builtins.sorted": lambda values: sorted(_items(values)),
    "builtins.reversed": lambda value: _items(value)[::-1],
    "builtins.str.maketrans": _translation,
    "builtins.bytes.fromhex": bytes.fromhex,
    "builtins.bytearray.fromhex": bytes.fromhex,
    "builtins.int.from_bytes": int.from_bytes,
    "collections.OrderedDict": _make_dict,
    "types.MappingProxyType": _make_dict,
    "collections.defaultdict": lambda _, value=(): _make_dict(value),
    "decimal.Decimal": _number,
    "fractions.Fraction": lambda one, other=1: _number(fractions.Fraction(one) / other),
    "base64.b64decode": base64.b64decode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode,
    "base64.a85decode": base64.a85decode,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.a2b_hex,
    "binascii.a2b_base64": binascii.a2b_base64,
    "codecs.decode": _decode,
    "zlib.decompress": _inflate,
    "gzip.decompress": lambda value: _inflate(value, _GZIP),
    "json.loads": _read_json,
    "ast.literal_eval": _read_literal,
    "os.path.join": lambda *parts: "/".join(parts),
}
TROUBLE: Final = (
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError, MemoryError, zlib.error,
    RecursionError, decimal.DecimalException,
)  # fmt: skip
