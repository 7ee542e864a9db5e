"""Describe values so that they compare, and copy them.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.
"""

import contextlib
import datetime as dt
import decimal
import enum
import hashlib
import pathlib
import re
import types
from typing import Any

CLONE_DEPTH = 6
CLONE_SIZE = 1_000  # elements of one collection
DESCRIBE_DEPTH = 5
CALLABLE_DEPTH = 3  # of what a function's state is described to
DESCRIBE_LIMIT = 4_000  # characters
REPR_LIMIT = 60  # characters
MOCKED = ("_mock_return_value", "_mock_side_effect", "_mock_children")  # of a mock
CALLABLES = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.MethodWrapperType,
)
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")


def describe_value(value: Any, depth: int = DESCRIBE_DEPTH) -> str:
    """Return a text that is the same for equal values of any process, as far as that goes."""
    return describe_inner(value, depth, set())[:DESCRIBE_LIMIT]


def describe_inner(  # noqa: PLR0911 - a table
    value: Any, depth: int, above: "set[int]"
) -> str:
    """Describe a value that lies in those with the ids ``above``."""
    name = type(value).__qualname__
    if isinstance(value, pathlib.PurePath) or (is_leaf(value) and not isinstance(value, enum.Enum)):
        text = repr_safely(value)
        return text if name in ("int", "str", "bool", "float", "NoneType") else f"{name} {text}"
    if depth <= 0 or id(value) in above:
        return name
    inner = above | {id(value)}
    below = depth - 1
    if isinstance(value, dict):
        pairs = [
            f"{describe_inner(key, below, inner)}: {describe_inner(value[key], below, inner)}"
            for key in list(value)[:100]
        ]
        more = f" of {len(value)}" if len(value) > len(pairs) else ""
        return name.replace("dict", "") + "{" + ", ".join(pairs) + "}" + more
    if isinstance(value, (list, tuple)):
        parts = [describe_inner(item, below, inner) for item in value[:200]]
        more = f" of {len(value)}" if len(value) > len(parts) else ""
        return name.replace("list", "") + "[" + ", ".join(parts) + "]" + more
    if isinstance(value, (set, frozenset)):
        return name + str(sorted(describe_inner(item, below, inner) for item in value)[:200])
    if isinstance(value, BaseException):
        return f"{name}: {ADDRESS.sub('', str_safely(value))}"
    if isinstance(value, CALLABLES):
        return describe_callable(value, min(below, CALLABLE_DEPTH), inner)
    if isinstance(value, (type, enum.Enum, types.ModuleType)):
        return ADDRESS.sub("", repr_safely(value))
    attributes = list_described(value)  # of an object that can be called, too: it has a state
    if not attributes:
        return ADDRESS.sub("", repr_safely(value))
    parts = [f"{key}={describe_inner(attributes[key], below, inner)}" for key in sorted(attributes)]
    return f"{name}({', '.join(parts)})"


def list_described(value: Any) -> "dict[str, Any]":
    """List the attributes that tell an instance from others."""
    found = read_attributes(value)
    if any(one.__module__.startswith("unittest.") for one in type(value).__mro__):
        return {
            key: found[key] for key in found if key in MOCKED or not key.startswith("_")
        }  # the rest is unittest's own, with addresses and times
    return found


def describe_callable(value: Any, depth: int, above: "set[int]") -> str:
    """Describe a function, and the state that it has: its object's, or that of its closure."""
    text = ADDRESS.sub("", repr_safely(value))
    owner = getattr(value, "__self__", None)
    held = [] if isinstance(owner, (type, types.ModuleType, type(None))) else [owner]
    for cell in getattr(value, "__closure__", None) or ():
        with contextlib.suppress(ValueError):
            held.append(cell.cell_contents)
    parts = [describe_inner(one, depth, above) for one in held]
    return f"{text}({', '.join(parts)})" if parts else text


def digest_value(value: Any, depth: int = DESCRIBE_DEPTH) -> str:
    """Return a digest of the whole description of a value."""
    return digest_text(describe_inner(value, depth, set()))


def digest_text(text: str) -> str:
    """Return a short digest of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def repr_safely(value: Any) -> str:
    """Return ``repr(value)``, the type's name if that fails."""
    try:
        return str(repr(value))
    except Exception:  # noqa: BLE001 - it is code nobody vouches for
        return type(value).__qualname__


def str_safely(value: Any) -> str:
    """Return ``str(value)``, or nothing if that fails."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - as above
        return ""


def shorten_text(text: str) -> str:
    """Return the text in at most ``REPR_LIMIT`` characters."""
    return text if len(text) <= REPR_LIMIT else text[: REPR_LIMIT - 1] + "\u2026"


def clone_value(value: Any, depth: int = CLONE_DEPTH) -> Any:
    """Return a copy of plain data, simple objects included; raises ``TypeError`` for others."""
    if is_leaf(value):
        return value
    if depth <= 0 or (hasattr(value, "__len__") and len(value) > CLONE_SIZE):
        raise TypeError(type(value))
    if type(value) in (list, tuple, set, frozenset):
        return type(value)([clone_value(item, depth - 1) for item in value])
    if type(value) is dict:
        return {key: clone_value(item, depth - 1) for key, item in value.items()}
    kind = type(value)
    is_simple = (
        type(kind) is type
        and "__new__" not in {name for one in kind.__mro__[:-1] for name in vars(one)}
        and hasattr(value, "__dict__")
        and not any("__slots__" in vars(one) for one in kind.__mro__)
    )
    if not is_simple or hasattr(kind, "__del__") or hasattr(kind, "__deepcopy__"):
        raise TypeError(kind)
    other = object.__new__(kind)
    vars(other).update({key: clone_value(item, depth - 1) for key, item in vars(value).items()})
    return other


def is_leaf(value: Any) -> bool:
    """Return whether a value is varied as a whole."""
    leaves = (bool, int, float, str, bytes, enum.Enum, decimal.Decimal)
    more = (dt.date, dt.timedelta, dt.time, pathlib.PurePath, type(None))
    return isinstance(value, (*leaves, *more))


def read_attributes(value: Any) -> "dict[str, Any]":
    """Return what an instance holds, without running any code of its class."""
    try:
        held = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):
        held = {}
    found = dict(held) if type(held) is dict else {}
    for one in type(value).__mro__:
        slots = one.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            with contextlib.suppress(AttributeError, TypeError):
                found[name] = object.__getattribute__(value, name)
    return found
