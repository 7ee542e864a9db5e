"""What is asked of the stand-by, and what it hands over."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the stand-by is to do. Nothing secret belongs here.

    ``work`` is a callable's name, as in ``"pytest_agentfix.module:function"``; it gets ``facts``
    and a ``desk.Desk``. ``facts`` is of the kinds that ``messages.py`` lets through.
    """

    work: str
    facts: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What an offer gives away. The descriptors are closed here once they are sent."""

    facts: object = None
    descriptors: tuple[int, ...] = ()


class Transferable(Protocol):
    """Something that is ready, as the stand-by holds it."""

    def hand_over(self) -> Transfer:
        """Let go of it for the pytest process; asked once at most."""
        ...

    def discard(self) -> None:
        """Take away all of it: nobody wants it, or the pytest process died before it had it.

        May come before ``hand_over``, after it, and after it failed.
        """
        ...


class PlainTransfer:
    """An offer of nothing but facts."""

    def __init__(self, facts: object) -> None:
        self._facts = facts

    def hand_over(self) -> Transfer:
        """The facts."""
        return Transfer(facts=self._facts)

    def discard(self) -> None:
        """There is nothing to take away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverItem:
    """Something that was handed over, as the pytest process gets it."""

    name: str
    facts: object
    descriptors: tuple[int, ...] = ()


class Handover:
    """What the stand-by had ready, by name, in the order in which it became ready."""

    def __init__(self, items: Iterable[HandoverItem]) -> None:
        self._items = {item.name: item for item in items}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what nobody has taken yet."""
        return tuple(self._items)

    def take(self, name: str) -> HandoverItem | None:
        """The item of that name, once. Its descriptors are the caller's from now on."""
        return self._items.pop(name, None)

    def close(self) -> None:
        """Close the descriptors of what nobody took; a sandbox ends with its pipe."""
        close_all(fd for item in self._items.values() for fd in item.descriptors)
        self._items.clear()


def close_all(descriptors: Iterable[int]) -> None:
    """Close all of them, whatever becomes of each."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
