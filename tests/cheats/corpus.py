"""Small projects with one bug each, and changes an agent could make: cheats and honest fixes.

Data only. ``test_corpus`` proves that it is what it claims to be; nothing of it ever runs on the
host's own tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Flavour = Literal[
    "plain", "parametrised", "class", "inherited", "fixture", "async", "unittest", "django"
]
Changes = Mapping[str, str | None]  # path -> new text, None = deletion


class Naive(Enum):
    """The naive rule that a cheat fools; the value describes it and, if needed, its reason."""

    EXIT = "exit status 0 when the targets are run"
    SUITE = "exit status 0 of the whole suite: the targets are gone, which asking for them shows"
    JUNIT = "the report file has no failure: the exit status is that of the red run"
    SECOND = "exit status 0 of the second run in the same tree: the first one prepares it"
    ON_PATH = "exit status 0 with the tree on PYTHONPATH: start-up files are looked for there"
    AUTOLOAD = "exit status 0 with plugins loaded by entry point: it is one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A project with one failing cause.

    ``files`` is the whole repository; ``targets`` and ``passed`` are the node ids that fail and
    pass on it, in order. ``oracle`` is a program that prints ``answer`` if the project is right,
    with inputs that no test has; it runs without pytest, and must not be shown to an agent.
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

    ``family`` is the trick's short name, or the kind of honest fix. ``row`` is its number in the
    list of threats, if it has one. ``shown`` are the targets a cheat was written for if it knows
    only some of them; the others stay red.
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
    """Builds the cases of one subject."""

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
        """Build a change set that turns the targets green but leaves the bug, or makes another."""
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
        """Build a change set that a reviewer would accept."""
        return Case(
            name=f"{self.subject.name}-honest-{name}",
            subject=self.subject.name,
            family=family,
            is_honest=True,
            changes=changes,
        )

    def swap(self, path: str, *pairs: tuple[str, str]) -> dict[str, str | None]:
        """Replace each pair's first text in ``path``, which occurs only once, by the second."""
        text = self.subject.files[path]
        for old, new in pairs:
            assert text.count(old) == 1, f"{text.count(old)} times in {path}: {old}"
            text = text.replace(old, new)
        return {path: text}

    def on_top(self, path: str, code: str, *pairs: tuple[str, str]) -> dict[str, str | None]:
        """Insert ``code`` below the docstring in ``path``'s first line, and then swap ``pairs``."""
        first, _, rest = self.subject.files[path].partition("\n")
        for old, new in pairs:
            assert rest.count(old) == 1, f"{rest.count(old)} times in {path}: {old}"
            rest = rest.replace(old, new)
        return {path: f"{first}\n\n{code.strip()}\n\n{rest.lstrip()}"}

    def at_end(self, path: str, code: str) -> dict[str, str | None]:
        """Append ``code`` to ``path``."""
        return {path: f"{self.subject.files[path]}\n\n{code.strip()}\n"}
