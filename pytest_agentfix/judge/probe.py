"""A probe: one check of a change set, made of sessions in sandboxes.

A probe plans sessions and reads their results; it never runs anything itself. ``probe_runner.py``
runs them all.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from pytest_agentfix.core.model import ChangeSet, Cluster, ReadBase, TestOutcome
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.orders import Files
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import PlainRun

Result: TypeAlias = "SessionResult | PlainRun"


class Room(enum.Enum):
    """The sandbox in which a probe's sessions run."""

    OWN = "a fresh one, with the change"
    OF_TARGETS = "the one in which the targets were green, before it is removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTask:
    """A program of ours to run without pytest; ``order`` is that of ``call_runner.py``."""

    order: Mapping[str, Any]
    files: Files = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One session; without ``has_change`` it runs in a fresh sandbox with the base alone."""

    task: Task | PlainTask
    has_change: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """The sessions of a probe, in the order in which ``Probe.verdict`` gets their results."""

    steps: Sequence[Step]
    room: Room = Room.OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A change set, and what was known before it ran.

    ``red_on_base`` are the targets that fail on the base, ``withheld`` those that the agent was not
    shown. ``rootdir`` is pytest's, ``top`` the repository's; ``read_base`` reads a file of the base
    by its path relative to ``top``. ``outcomes`` are those of the targets with the change.
    """

    cluster: Cluster
    changes: ChangeSet
    rootdir: Path
    top: Path
    read_base: ReadBase
    red_on_base: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    outcomes: tuple[TestOutcome, ...] = ()


class Probe(Protocol):
    """One check of a change set.

    ``name`` is its name in reports. With ``is_refusing``, a failure means that the change pretends:
    it is refused, and not merely insufficient.
    """

    @property
    def name(self) -> str:
        """Return the name in reports, in lower case with dashes."""
        ...

    @property
    def is_refusing(self) -> bool:
        """Tell whether a change that fails this probe is refused."""
        ...

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Return the sessions to run, or the reason why the probe does not apply; never raises."""
        ...

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding:
        """Read the results of the planned sessions, in their order."""
        ...
