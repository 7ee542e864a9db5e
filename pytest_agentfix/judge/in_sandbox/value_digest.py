"""Digest a value by what it holds, without running the project's code.

Standard library only; ``sessions/orders.py`` inlines this text in that of ``pytest_runner.py``.
No ``__repr__``, ``__eq__`` or property written in Python is called: it might be slow, have effects
or ask a database. Addresses in memory are left out.
"""

import hashlib
import re
import types
from collections.abc import Iterator
from typing import Any

VALUES_LIMIT = 500  # values described within one; the others make no difference
NESTING_LIMIT = 30
MEMBERS_LIMIT = 100  # of a set; of a larger one only the size counts
TEXT_LIMIT = 100_000  # characters of a repr
DIGEST_SIZE = 8  # bytes

ANY_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")
PLAIN = (bool, float, complex, str, bytes, bytearray, type(None), type(Ellipsis))
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
OPAQUE = (  # they hold lines of code, which move
    types.CodeType, types.FrameType, types.TracebackType, types.GeneratorType,
    types.CoroutineType, types.AsyncGeneratorType,
)  # fmt: skip
WRITTEN_IN_C = (types.WrapperDescriptorType, types.MethodDescriptorType)
COLLECTIONS = (dict, list, tuple, set, frozenset)
BARE_REPR = object.__dict__["__repr__"]


def digest(value: object) -> str:
    """Return hexadecimal digits that are the same for values that hold the same."""
    text = "\n".join(describe(value)).encode(errors="backslashreplace")
    return hashlib.blake2b(text, digest_size=DIGEST_SIZE).hexdigest()


def describe(value: object) -> "list[str]":
    """Return the words that describe a value and all it holds."""
    description = Description()
    description.add(value, 0)
    return description.words


class Description:
    """The words for one value, in a fixed order."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._seen: dict[int, int] = {}  # identity -> number, as values may hold themselves

    def add(self, value: Any, depth: int) -> None:
        """Describe one value, at ``depth`` inside the whole."""
        kind = type(value)
        try:
            self.words.append(name_of(kind))
            if kind is int:
                self.words.append(format(value, "x"))
            elif kind in PLAIN:
                self.words.append(repr(value))
            elif id(value) in self._seen:
                self.words.append(f"number {self._seen[id(value)]}")
            elif len(self._seen) < VALUES_LIMIT and depth < NESTING_LIMIT and kind not in OPAQUE:
                self._seen[id(value)] = len(self._seen)
                self._add_content(value, kind, depth + 1)
        except Exception as error:  # noqa: BLE001 - types written in C may do anything
            self.words.append(f"? {type(error)}")

    def _add_content(self, value: Any, kind: type, depth: int) -> None:
        if issubclass(kind, type):
            self.words.append(name_of(value))
        elif issubclass(kind, FUNCTIONS):
            self.words.append(f"{value.__module__}.{value.__qualname__}")
        elif issubclass(kind, types.ModuleType):
            self.words.append(str(object.__getattribute__(value, "__dict__").get("__name__")))
        else:
            base = next((one for one in COLLECTIONS if issubclass(kind, one)), None)
            if base is not None:
                self._add_members(value, base, depth)
            elif issubclass(kind, BaseException):
                self.add(object.__getattribute__(value, "args"), depth)
            else:
                self._add_repr(value, kind)
            for name, held in sorted(iter_attributes(value, kind), key=lambda pair: pair[0]):
                self.words.append(name)
                self.add(held, depth)

    def _add_members(self, value: Any, base: Any, depth: int) -> None:
        self.words.append(str(base.__len__(value)))
        if base is dict:
            for key, held in dict.items(value):
                self.add(key, depth)
                self.add(held, depth)
        elif base in (list, tuple):
            for held in base.__iter__(value):
                self.add(held, depth)
        elif base.__len__(value) <= MEMBERS_LIMIT:  # their order is another in each process
            self.words += sorted(" ".join(describe(held)) for held in base.__iter__(value))

    def _add_repr(self, value: Any, kind: type) -> None:
        """Add the text of a value that says itself what it holds: a number, a date, a pattern."""
        plain: Any = next((one for one in (int, *PLAIN) if issubclass(kind, one)), None)
        write = next(vars(one)["__repr__"] for one in kind.__mro__ if "__repr__" in vars(one))
        if plain is not None:
            self.words.append(plain.__repr__(value))
        elif isinstance(write, WRITTEN_IN_C) and write is not BARE_REPR:
            self.words.append(ANY_ADDRESS.sub("", write(value)[:TEXT_LIMIT]))


def iter_attributes(value: Any, kind: type) -> "Iterator[tuple[str, Any]]":
    """Yield the attributes that an object keeps itself, or in slots."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = None
    if type(own) is dict:
        yield from ((name, held) for name, held in own.items() if type(name) is str)
    for base in kind.__mro__:
        for name, member in vars(base).items():
            if type(member) is types.MemberDescriptorType:
                try:
                    yield name, member.__get__(value)
                except AttributeError:  # nothing in the slot
                    continue


def name_of(kind: type) -> str:
    """Return the full name of a class; its metaclass is not asked."""
    module, name = (type.__getattribute__(kind, one) for one in ("__module__", "__qualname__"))
    return f"{module}.{name}"
