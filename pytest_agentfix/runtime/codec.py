"""Dataclasses as values of JSON, and back by their annotations.

Only what an annotation names is ever made, so a text that is none of ours ends as an error.
"""

from __future__ import annotations

import base64
import binascii
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

Load = Callable[[Any], Any]


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
        return _dump_mapping(value)
    if isinstance(value, Collection):
        return [dump(one) for one in value]
    raise CodecError(f"a {type(value).__name__} does not travel")


def load(kind: Any, value: Any) -> Any:
    """Return what ``dump`` was given, by the annotation ``kind``; raises ``CodecError``.

    A field whose function stayed behind and that has no default is ``None``.
    """
    return _loader(kind)(value)


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
        is_default = content is field.default
        if field.init and not is_default and not callable(content):
            found[field.name] = dump(content)
    return found


def _dump_mapping(value: Mapping[Any, object]) -> Any:
    if all(isinstance(key, str) for key in value):
        return {str(key): dump(one) for key, one in value.items()}
    return [[dump(key), dump(one)] for key, one in value.items()]


@cache
def _loader(kind: Any) -> Load:
    """Return the function that loads values of ``kind``."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _make_choice([_loader(one) for one in arguments])
    if origin is tuple and arguments[-1:] != (...,):
        return _make_row([_loader(one) for one in arguments])
    if origin is not None and issubclass(origin, Mapping):
        return _make_mapping(*map(_loader, arguments))
    if origin is not None and issubclass(origin, Collection):
        return _make_collection(tuple if origin is Sequence else origin, _loader(arguments[0]))
    if dataclasses.is_dataclass(kind):
        return _FieldLoader(kind)
    return _make_simple(kind)


def _make_simple(kind: Any) -> Load:
    if kind is Any:
        return lambda value: value
    if kind in _PLAIN:
        return _make_check((int, float) if kind is float else kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return lambda value: _convert(kind.__getitem__, value)
    if kind is bytes:
        return lambda value: _convert(lambda text: base64.b64decode(text, validate=True), value)
    if kind in (Path, PurePath):
        return lambda value: _convert(kind, value)
    raise CodecError(f"{kind} cannot be loaded")


def _make_check(kind: Any) -> Load:
    def load_plain(value: Any) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise CodecError(f"{type(value).__name__} is not {kind}")
        return value

    return load_plain


def _convert(make: Callable[[str], object], value: Any) -> Any:
    try:
        return make(_as_text(value))
    except (KeyError, ValueError, binascii.Error) as error:
        raise CodecError(f"not what it should be: {error!r}") from None


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise CodecError(f"{type(value).__name__} is no text")
    return value


def _make_choice(loaders: Sequence[Load]) -> Load:
    def load_one_of(value: Any) -> Any:
        for each in loaders:
            try:
                return each(value)
            except CodecError:  # noqa: PERF203 - there are few
                continue
        raise CodecError(f"{type(value).__name__} is none of the kinds there may be")

    return load_one_of


def _make_row(loaders: Sequence[Load]) -> Load:
    def load_row(value: Any) -> tuple[Any, ...]:
        items = _as_list(value)
        if len(items) != len(loaders):
            raise CodecError(f"{len(items)} values instead of {len(loaders)}")
        return tuple(each(item) for each, item in zip(loaders, items, strict=True))

    return load_row


def _make_collection(kind: Any, load_item: Load) -> Load:
    return lambda value: kind(map(load_item, _as_list(value)))


def _make_mapping(load_key: Load, load_item: Load) -> Load:
    def load_mapping(value: Any) -> dict[Any, Any]:
        pairs = value.items() if isinstance(value, dict) else map(_as_pair, _as_list(value))
        return {load_key(key): load_item(item) for key, item in pairs}

    return load_mapping


def _as_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise CodecError(f"{type(value).__name__} is no list")
    return value


def _as_pair(value: Any) -> tuple[Any, Any]:
    key, item = _make_row([lambda one: one] * 2)(value)
    return key, item


class _FieldLoader:
    """Loads values of one dataclass; its fields are looked at when the first one comes."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._fields: dict[str, Load] | None = None
        self._left_behind: dict[str, None] = {}

    def __call__(self, value: Any) -> Any:
        name = value.get(TYPE) if isinstance(value, dict) else None
        if name != self._kind.__name__:
            raise CodecError(f"{name or type(value).__name__} is no {self._kind.__name__}")
        fields = self._find_fields() if self._fields is None else self._fields
        try:
            known = {name: fields[name](one) for name, one in value.items() if name != TYPE}
            return self._kind(**{**self._left_behind, **known})
        except (KeyError, TypeError, ValueError) as error:
            raise CodecError(f"{self._kind.__name__}: {error!r}") from None

    def _find_fields(self) -> dict[str, Load]:
        hints = get_type_hints(self._kind)
        fields = [field for field in dataclasses.fields(self._kind) if field.init]
        functions = {one.name for one in fields if _is_function(hints[one.name])}
        self._left_behind = dict.fromkeys(
            one.name
            for one in fields
            if one.name in functions and one.default is dataclasses.MISSING
        )
        self._fields = {
            one.name: _loader(hints[one.name]) for one in fields if one.name not in functions
        }
        return self._fields


def _is_function(hint: Any) -> bool:
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return any(get_origin(one) is Callable for one in kinds)
