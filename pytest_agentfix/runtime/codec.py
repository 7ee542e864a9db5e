"""Dataclasses as values of JSON, and back by their annotations.

Only what an annotation names is ever made, so a text that is none of ours ends as an error.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

TYPE: Final = ""  # the key of a dataclass's name; no field is called so
_OURS: Final = f"{__name__.partition('.')[0]}."
_PLAIN: Final = (str, int, float, bool, type(None))
_UNIONS: Final = (Union, types.UnionType)


class CodecError(Exception):
    """A value that does not travel, or that is not what its annotation says."""


def dump(value: object) -> Any:
    """Return ``value`` as JSON has it; functions in fields of dataclasses stay behind.

    Raises ``CodecError`` for anything but dataclasses, enums, paths, bytes, collections and plain
    values.
    """
    if isinstance(value, (enum.Enum, bytes, PurePath)):
        return _dump_as_text(value)
    if isinstance(value, _PLAIN):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _dump_fields(value)
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {str(key): dump(one) for key, one in value.items()}
        return [[dump(key), dump(one)] for key, one in value.items()]
    if isinstance(value, Collection):
        return [dump(one) for one in value]
    raise CodecError(f"a {type(value).__name__} does not travel")


def _dump_as_text(value: enum.Enum | bytes | PurePath) -> str:
    if isinstance(value, enum.Enum):
        return value.name
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)


def _dump_fields(value: Any) -> dict[str, Any]:
    """Dump our own part of ``value``, which may be of another plugin's class."""
    kind = next((one for one in type(value).__mro__ if one.__module__.startswith(_OURS)), None)
    if kind is None or not dataclasses.is_dataclass(kind):
        raise CodecError(f"a {type(value).__name__} does not travel")
    found: dict[str, Any] = {TYPE: kind.__name__}
    for field in dataclasses.fields(kind):
        content = getattr(value, field.name)
        if field.init and content is not field.default and not callable(content):
            found[field.name] = dump(content)
    return found


def load(kind: Any, value: Any) -> Any:
    """Return what ``dump`` was given, by the annotation ``kind``; raises ``CodecError``.

    A field whose function stayed behind and that has no default is ``None``.
    """
    try:
        return _load(kind, value)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CodecError(f"no {kind}: {error!r}") from None


def _load(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _UNIONS:
        return _load_one_of(arguments, value)
    if origin is not None:
        return _load_collection(origin, arguments, value)
    if dataclasses.is_dataclass(kind):
        return _load_fields(kind, value)
    return _load_plain(kind, value)


def _load_plain(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    if kind in _PLAIN:
        is_whole = kind is float and type(value) is int
        return value if is_whole else _check(kind, value)
    if issubclass(kind, enum.Enum):
        return kind[value]
    text = _check(str, value)
    return base64.b64decode(text, validate=True) if kind is bytes else Path(text)


def _check(kind: Any, value: Any) -> Any:
    if type(value) is not kind:
        raise CodecError(f"{type(value).__name__} is not {kind.__name__}")
    return value


def _load_one_of(kinds: Sequence[Any], value: Any) -> Any:
    for kind in kinds:
        try:
            return load(kind, value)
        except CodecError:  # noqa: PERF203 - there are few
            continue
    raise CodecError(f"{type(value).__name__} is none of the kinds there may be")


def _load_collection(origin: Any, arguments: Sequence[Any], value: Any) -> Any:
    if issubclass(origin, Mapping):
        pairs = value.items() if isinstance(value, dict) else _check(list, value)
        return {_load(arguments[0], key): _load(arguments[1], one) for key, one in pairs}
    items = _check(list, value)
    if origin is tuple and arguments[-1] is not ...:
        return tuple(_load(kind, one) for kind, one in zip(arguments, items, strict=True))
    kept = tuple if origin is Sequence else origin
    return kept(_load(arguments[0], one) for one in items)


def _load_fields(kind: Any, value: Any) -> Any:
    name = _check(dict, value).get(TYPE)
    if name != kind.__name__:
        raise CodecError(f"{name} is no {kind.__name__}")
    fields, left_behind = _find_fields(kind)
    known = {name: _load(fields[name], one) for name, one in value.items() if name != TYPE}
    return kind(**{**left_behind, **known})


@cache
def _find_fields(kind: Any) -> tuple[Mapping[str, Any], Mapping[str, None]]:
    """Return the annotations of the fields that travel, and those of functions without default."""
    hints = get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if field.init]
    functions = [field for field in fields if _is_function(hints[field.name])]
    needed = (field.name for field in functions if field.default is dataclasses.MISSING)
    travelling = {field.name: hints[field.name] for field in fields if field not in functions}
    return travelling, dict.fromkeys(needed)


def _is_function(hint: Any) -> bool:
    kinds = get_args(hint) if get_origin(hint) in _UNIONS else (hint,)
    return any(get_origin(one) is Callable for one in kinds)
