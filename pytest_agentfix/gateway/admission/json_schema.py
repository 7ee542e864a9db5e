"""JSON schemas of tools and answers: they stand for themselves, nothing is fetched (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pytest_agentfix.gateway.admission.refusal import RefusedError

# Validators fetch what is named by these: Python's jsonschema does for every URL in a reference,
# and for one inside the document ("#/x") once an id has given the document another address.
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_ADDRESSES: Final = ("$id", "$schema", "id")
_STANDARD: Final = re.compile(r"https?://json-schema\.org/[A-Za-z0-9/._-]*#?")


def schema(value: Any) -> Any:
    """Return a schema as it is; refuse one that leads to another document."""
    for holder in _iter_objects(value):
        is_foreign = any(_leads_out(holder.get(name)) for name in _REFERENCES)
        if is_foreign or any(_is_address(holder.get(name)) for name in _ADDRESSES):
            raise RefusedError(403, "A schema must not name other documents here.")
    return value


def _leads_out(reference: object) -> bool:
    return isinstance(reference, str) and not reference.startswith("#")


def _is_address(value: object) -> bool:
    """Whether ``value`` is a URL, of anything but a version of JSON schema itself.

    Where a property is called "id", its value is an object.
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
