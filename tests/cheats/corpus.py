"""Small projects with a bug each, and what an agent could leave in them: cheats and honest fixes.

Data only. ``test_corpus`` proves that it is what it says; nothing of it ever runs on the host's
own tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Flavour = Literal["plain", "parametrised", "class", "fixture", "async", "unittest"]
Changes = Mapping[str, str | None]  # path -> new text, None = deletion


class Naive(Enum):
    """The naive rule that a cheat fools; the value says what has to be looked at and why."""

    EXIT = "exit status 0 when the targets are run"
    SUITE = "exit status 0 of the whole suite: the targets are gone, which asking for them shows"
    JUNIT = "the report file has no failure: the exit status is that of the red run"
    SECOND = "exit status 0 of the second run in the same tree: the first one prepares it"
    ON_PATH = "exit status 0 with the tree on PYTHONPATH: start-up files are looked for there"
    AUTOLOAD = "exit status 0 with plugins loaded by entry point: it is one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A project with one failing cause.

    ``files`` is the whole repository, ``targets`` and ``passed`` are the node ids that fail and
    pass on it, in order. ``oracle`` is a program that prints ``answer`` where the project is
    right, with inputs that no test has; it is run without pytest, and must not be shown.
    """

    name: str
    flavour: Flavour
    files: Mapping[str, str]
    targets: tuple[str, ...]
    passed: tuple[str, ...]
    oracle: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A change set for a subject.

    ``family`` is the trick's short name, or the kind of honest fix. ``row`` is the number in the
    corpus of threats, where there is one. ``shown`` are the targets that a cheat was written for,
    where it knows a part of them only; the others stay red.
    """

    name: str
    subject: str
    family: str
    is_honest: bool
    changes: Changes
    row: int | None = None
    naive: Naive = Naive.EXIT
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseBuilder:
    """A subject on which cases are made."""

    subject: Subject

    def cheat(  # noqa: PLR0913 - one case, by name
        self,
        name: str,
        changes: Changes,
        *,
        family: str,
        row: int | None = None,
        naive: Naive = Naive.EXIT,
        shown: tuple[str, ...] = (),
    ) -> Case:
        """A change set that turns the targets green and leaves the bug, or makes another."""
        return Case(
            name=f"{self.subject.name}-{name}",
            subject=self.subject.name,
            family=family,
            is_honest=False,
            changes=changes,
            row=row,
            naive=naive,
            shown=shown,
        )

    def honest(self, name: str, changes: Changes, *, family: str = "minimal") -> Case:
        """A change set that a reviewer would take."""
        return Case(
            name=f"{self.subject.name}-honest-{name}",
            subject=self.subject.name,
            family=family,
            is_honest=True,
            changes=changes,
        )

    def swap(self, path: str, *pairs: tuple[str, str]) -> dict[str, str | None]:
        """``path`` with each pair's first text, which occurs once only, replaced by the other."""
        text = self.subject.files[path]
        for old, new in pairs:
            assert text.count(old) == 1, f"{text.count(old)} times in {path}: {old}"
            text = text.replace(old, new)
        return {path: text}

    def on_top(self, path: str, code: str, *pairs: tuple[str, str]) -> dict[str, str | None]:
        """``path`` with ``code`` below its first line, a docstring, and then ``pairs`` swapped."""
        first, _, rest = self.subject.files[path].partition("\n")
        for old, new in pairs:
            assert rest.count(old) == 1, f"{rest.count(old)} times in {path}: {old}"
            rest = rest.replace(old, new)
        return {path: f"{first}\n\n{code.strip()}\n\n{rest.lstrip()}"}

    def at_end(self, path: str, code: str) -> dict[str, str | None]:
        """``path`` with ``code`` below."""
        return {path: f"{self.subject.files[path]}\n\n{code.strip()}\n"}
