"""The functions that a change concerns, and the conditions that it adds or alters (pure)."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_agentfix.judge.locality.knowledge import is_natural
from pytest_agentfix.judge.locality.questions import Question

_PART: Final = re.compile(r"[\w.]+\[.+\](?: \(start\))?")  # as in ``text[place:]``
Position = tuple[int, int, int, int, str]
Marker = tuple[str, Position, str, tuple[int, ...]]  # path, position, kind, numbers of its parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition that the change adds or alters.

    ``knowledge`` are the telling constants in it, ``parts`` the numbers of the comparisons that it
    joins. With ``has_precedent`` the base asks the same question of other constants.
    ``is_one_sided``: only its being true tells anything. The kind ``test`` is that of what only
    has a truth, and of the base's own questions that the change joins to others; such a condition
    has neither ``knowledge`` nor ``question``.
    """

    number: int
    kind: str
    path: str
    line: int
    position: Position
    text: str
    function: int
    knowledge: tuple[Any, ...] = ()
    parts: tuple[int, ...] = ()
    has_precedent: bool = False
    is_one_sided: bool = False
    question: Question | None = None

    @property
    def asks_inside(self) -> bool:
        """Tell whether it asks for a part of something at a place that is no constant."""
        question = self.question
        return question is not None and not question.of and bool(_PART.fullmatch(question.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFunction:
    """A function that the change concerns; positions are ``None`` where it does not exist.

    ``constants`` are those that the base's version compares with, or has as a default, and the keys
    of its module's tables.
    ``added_constants`` are those which only the new version has. ``tables`` are the names and
    attributes to which the change gives tables of constants: they are code, and no input.
    """

    number: int
    path: str
    name: str
    line: int
    position: Position
    base_position: Position | None = None
    constants: frozenset[Any] = frozenset()
    added_constants: frozenset[Any] = frozenset()
    new_parameters: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCode:
    """All functions and conditions of a change; ``cases`` maps a ``match`` or ``try`` to parts."""

    functions: tuple[WatchedFunction, ...] = ()
    conditions: tuple[Condition, ...] = ()
    markers: Mapping[int, Marker] = field(default_factory=dict)
    words: tuple[Any, ...] = ()

    @property
    def has_telling_constants(self) -> bool:
        """Tell whether the change adds constants that say something about a test."""
        added = (value for one in self.functions for value in one.added_constants)
        return not all(map(is_natural, added))


def position_of(node: ast.AST) -> Position:
    """Return what a node is named by; see ``condition_notes.position``."""
    return (
        getattr(node, "lineno", 0),
        getattr(node, "col_offset", 0),
        getattr(node, "end_lineno", None) or 0,
        getattr(node, "end_col_offset", None) or 0,
        type(node).__name__,
    )
