"""A probe: one check of a change set, made of sessions in sandboxes.

A probe plans sessions and reads their results; it never runs anything itself. ``probe_runner.py``
runs them all. ``docs/hooks.md`` has an example of a project's own.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from pytest_agentfix.core.model import ChangeSet, Cluster, Failure, ReadBase, TestOutcome
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.orders import Files
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import PlainRun
from pytest_agentfix.judge.variants.plan import VariantPlan

PROBE_NAMES: Final = frozenset(
    {"fail-before", "lint", "target", "red-green-red", "mutant", "clone", "plain-call"}
    | {"locality", "pass-to-pass", "report", "canary", "hold-out", "minimal", "review"}
)  # those of reports

Result: TypeAlias = "SessionResult | PlainRun"


class Room(enum.Enum):
    """The sandbox in which a probe's sessions run."""

    OWN = "fresh ones"
    OF_TARGETS = "the one in which the targets were green, before it is removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTask:
    """A program of ours to run without pytest; ``order`` is that of ``call_runner.py``."""

    order: Mapping[str, Any]
    files: Files = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One session.

    Without ``has_change`` it runs in a fresh sandbox with the base alone. One that ``has_to_pass``
    is run once more where it met a time limit, as the machine may have been busy.
    """

    task: Task | PlainTask
    has_change: bool = True
    has_to_pass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """The sessions of a probe, in the order in which ``Probe.verdict`` gets their results.

    Sessions with the change share one sandbox.
    """

    steps: Sequence[Step] = ()
    room: Room = Room.OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A change set, and what was known before it ran.

    ``red_on_base`` are the targets that fail on the base, ``withheld`` those that the agent was not
    shown. ``rootdir`` is pytest's, ``top`` the repository's; ``read_base`` reads a file of the base
    by its path relative to ``top``. ``variants`` are the additions to the targets' tests that hold
    on the base. ``outcomes`` are those of the withheld targets with the change; ``note`` says why
    no more were withheld. ``failures`` are all of the run, those of other clusters too.
    ``covering`` are other tests that run the changed lines and
    ``covering_problem`` says why these are not known; nobody knows them before the hold-out probe.
    """

    cluster: Cluster
    changes: ChangeSet
    rootdir: Path
    top: Path
    read_base: ReadBase
    variants: VariantPlan = field(default_factory=VariantPlan)
    red_on_base: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    withheld: tuple[str, ...] = ()
    outcomes: tuple[TestOutcome, ...] = ()
    note: str = ""
    covering: tuple[str, ...] = ()
    covering_problem: str = ""


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
        """Return the sessions to run, or the reason why the probe does not apply."""
        ...

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding | ProbePlan:
        """Read the results of the planned sessions, in their order.

        A plan in place of a finding asks for more sessions; their results are added to those known.
        """
        ...
