"""The vocabulary of the lint: rules, their levels, and hits."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

_EXCERPT: Final = 60  # characters of foreign text in one hit


class Level(enum.Enum):
    """The effect of a rule's hit on a change set."""

    REFUSE = "refuse"
    REPORT = "report"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Sample:
    """A minimal change of one file that a rule objects to; ``test`` is the failing test."""

    before: str
    after: str
    test: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintRule:
    """A construct that no honest fix needs, or that a reader should look at."""

    name: str
    level: Level
    summary: str  # one line for the docs
    sample: Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class LintHit:
    """One new construct that a rule is about; ``line`` is of the new file, 0 if it has none."""

    rule: str
    level: Level
    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{printable(self.path, limit=200)}:{self.line}: {self.what} ({self.rule})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawHit:
    """One construct in one file, old or new; it becomes a hit only if it is new.

    ``key`` is the construct without its position, so that moved code is recognised. ``capability``:
    a file that had it before may use it again. ``line`` and ``end`` are its first and last line.
    """

    rule: str
    what: str
    key: str
    line: int
    end: int
    capability: str = ""
    is_whole: bool = False  # new only where all of its lines are


def printable(text: str, *, limit: int = _EXCERPT) -> str:
    """Return ``text`` in printable ASCII, cut to about ``limit`` characters."""
    shown = ascii(text[: limit + 1])[1:-1]
    return shown if len(shown) <= limit else f"{shown[:limit]}..."
