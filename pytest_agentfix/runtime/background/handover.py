"""The job of the background process, and the items that it hands over."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The work for the background process. Nothing secret belongs here.

    ``work`` is a callable's name, as in ``"pytest_agentfix.module:function"``; it gets ``facts``
    and an ``outbox.Outbox``. ``facts`` is of the kinds that ``messages.py`` lets through.
    """

    work: str
    facts: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Facts and descriptors to be sent; here the descriptors are closed once they are sent."""

    facts: object = None
    descriptors: tuple[int, ...] = ()


class Transferable(Protocol):
    """Something that is ready, as the background process holds it."""

    def hand_over(self) -> Transfer:
        """Release it for the pytest process; called once at most."""
        ...

    def discard(self) -> None:
        """Remove all of it: nobody needs it, or the pytest process died before it had it.

        May come before ``hand_over``, after it, and after it failed.
        """
        ...


class PlainTransfer:
    """An item that consists of facts alone."""

    def __init__(self, facts: object) -> None:
        self._facts = facts

    def hand_over(self) -> Transfer:
        """Return the facts."""
        return Transfer(facts=self._facts)

    def discard(self) -> None:
        """Do nothing: there is nothing to remove."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverItem:
    """Something that was handed over, as the pytest process gets it."""

    name: str
    facts: object
    descriptors: tuple[int, ...] = ()


class Handover:
    """The items that were ready, by name, in the order in which they became ready."""

    def __init__(self, items: Iterable[HandoverItem]) -> None:
        self._items = {item.name: item for item in items}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the items that nobody has taken yet."""
        return tuple(self._items)

    def take(self, name: str) -> HandoverItem | None:
        """Remove and return the item of that name; its descriptors are the caller's from now on."""
        return self._items.pop(name, None)

    def close(self) -> None:
        """Close the descriptors of what nobody took; a sandbox ends with its pipe."""
        close_all(fd for item in self._items.values() for fd in item.descriptors)
        self._items.clear()


def close_all(descriptors: Iterable[int]) -> None:
    """Close all of them, even if some cannot be closed."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
