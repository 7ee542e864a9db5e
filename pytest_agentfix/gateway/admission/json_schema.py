"""Checks that JSON schemas of tools and answers refer to no other document (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pytest_agentfix.gateway.admission.refusal import RefusedError

# Validators fetch the documents named by these: Python's jsonschema does for every URL in a
# reference, and for one inside the document ("#/x") once an id has changed its address.
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_ADDRESSES: Final = ("$id", "$schema", "id")
_STANDARD: Final = re.compile(r"https?://json-schema\.org/[A-Za-z0-9/._-]*#?")


def schema(value: Any) -> Any:
    """Return a schema as it is; refuse one that refers to another document."""
    for holder in _iter_objects(value):
        is_foreign = any(_leads_out(holder.get(name)) for name in _REFERENCES)
        if is_foreign or any(_is_address(holder.get(name)) for name in _ADDRESSES):
            raise RefusedError(403, "A schema must not name other documents here.")
    return value


def _leads_out(reference: object) -> bool:
    return isinstance(reference, str) and not reference.startswith("#")


def _is_address(value: object) -> bool:
    """Tell whether ``value`` is a URL other than that of a version of JSON Schema.

    (The value of a property named "id" is an object.)
    """
    return isinstance(value, str) and "//" in value and not _STANDARD.fullmatch(value)


def _iter_objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all objects in ``value``, without recursion: it may be nested deeply."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            yield holder
            waiting.extend(holder.values())
        elif isinstance(holder, list):
            waiting.extend(holder)
