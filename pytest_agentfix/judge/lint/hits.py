"""What the lint says: rules, their levels, and hits."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

_EXCERPT: Final = 60  # characters of foreign text in one hit


class Level(enum.Enum):
    """What a rule's hit does to a change set."""

    REFUSE = "refuse"
    REPORT = "report"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Sample:
    """A smallest change of one file that a rule speaks up about; ``test`` is what was red."""

    before: str
    after: str
    test: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintRule:
    """One thing that no honest fix needs, or that a reader should look at."""

    name: str
    level: Level
    summary: str  # one line for the docs
    sample: Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class LintHit:
    """One new construct that a rule is about; ``line`` is of the new file, 0 where it has none."""

    rule: str
    level: Level
    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{printable(self.path, limit=200)}:{self.line}: {self.what} ({self.rule})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawHit:
    """One construct in one file, old or new; it becomes a hit only where it is new.

    ``key`` is the construct without its place, so that moved code can be told. ``capability``:
    a file that had it before may use it again. ``line`` and ``end`` are its own first and last.
    """

    rule: str
    what: str
    key: str
    line: int
    end: int
    capability: str = ""
    is_whole: bool = False  # new only where all of its lines are


def printable(text: str, *, limit: int = _EXCERPT) -> str:
    """``text`` in printable ASCII, cut to about ``limit`` characters."""
    shown = ascii(text[: limit + 1])[1:-1]
    return shown if len(shown) <= limit else f"{shown[:limit]}..."
