"""Whether what passed before still passes: in a shuffled order first, and then in the suite's own.

The shuffled run is the one that counts. Tests that are red in that order on the base too lean on
one another; they are looked at once more in the order they have always run in, so that a suite with
such tests is judged no more gently and no more harshly than any other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from pytest_agentfix.judge.command import Task
from pytest_agentfix.judge.preparation import Preparation
from pytest_agentfix.judge.probes import (
    NOTHING_BEFORE,
    BaseLine,
    Finding,
    has_red,
    probe_neighbours,
)
from pytest_agentfix.judge.run import Run
from pytest_agentfix.judge.sessions import Sessions
from pytest_agentfix.model import ChangeSet, Cluster, Probe
from pytest_agentfix.ports import Sandbox

_log = logging.getLogger(__name__)

OpenSandbox = Callable[[ChangeSet], AbstractContextManager[Sandbox]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """What the neighbours did with a change.

    ``runs`` are its sessions with canaries in them. ``covering`` are neighbours that ran a changed
    line and passed, ``problem`` is why nobody knows.
    """

    finding: Finding
    runs: tuple[Run, ...] = ()
    covering: tuple[str, ...] = ()
    problem: str = ""


@dataclass(slots=True)
class _Order:
    """One order to run in, and what the base does in it; ``seed`` ``None`` is the suite's own."""

    seed: int | None
    line: BaseLine = field(default_factory=BaseLine)
    seen: set[str] = field(default_factory=set)


class Neighbours:
    """Runs what passed before; any thread may use it.

    ``passed`` is read anew each time, so that a caller may add to it. ``whole`` are node ids of all
    there is (folders): what passes of that on the base counts as well, where it is given.
    """

    def __init__(
        self,
        sessions: Sessions,
        open_sandbox: OpenSandbox,
        passed: Sequence[str],
        *,
        seed: int,
        whole: Sequence[str] = (),
    ) -> None:
        self._sessions = sessions
        self._open_sandbox = open_sandbox
        self._passed = passed
        self._whole = whole
        self._suite: tuple[str, ...] | None = None
        self._lock = threading.Lock()
        self._shuffled = _Order(seed)
        self._usual = _Order(None)

    def look(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        preparation: Preparation,
        *,
        cover: Mapping[str, Sequence[int]],
        deadline: float,
    ) -> Neighbourhood:
        """Run them all with ``changes``. ``cover`` are the changed lines (``command.Task``)."""
        ids = self._find(cluster, deadline)
        if not ids:
            return Neighbourhood(finding=NOTHING_BEFORE, problem=NOTHING_BEFORE.probe.detail)
        with self._open_sandbox(changes) as sandbox:
            task = Task(
                ids=(*ids, *preparation.canaries),
                files=preparation.canary_files,
                shuffle=self._shuffled.seed,
                cover=cover,
            )
            run = self._sessions.run_in_time(
                sandbox, task, deadline, is_tallied=preparation.is_tallied
            )
        base = self._compare(self._shuffled, ids, run, deadline)
        order = f", shuffled (seed {self._shuffled.seed})"
        finding = probe_neighbours(ids, run, base, order=order)
        excused = frozenset(ids) & base.red
        if excused and not finding.has_failed:
            finding = self._look_in_usual_order(ids, changes, deadline, finding, excused)
        passed = (i for i in run.report.covered if run.report.outcome_of(i).is_passed)
        known = frozenset(ids)
        return Neighbourhood(
            finding=finding,
            runs=(run,),
            covering=tuple(nodeid for nodeid in passed if nodeid in known),
            problem=run.report.cover_problem,
        )

    def _look_in_usual_order(
        self,
        ids: Sequence[str],
        changes: ChangeSet,
        deadline: float,
        shuffled: Finding,
        excused: AbstractSet[str],
    ) -> Finding:
        with self._open_sandbox(changes) as sandbox:
            run = self._sessions.run_in_time(sandbox, Task(ids=ids), deadline)
        base = self._compare(self._usual, ids, run, deadline)
        finding = probe_neighbours(ids, run, base, order=", in the suite's own order")
        if finding.has_failed:
            return finding
        is_same = excused <= base.red  # they cannot pass in any order: nothing new was seen
        return shuffled if is_same else _tell_both(finding, shuffled)

    def _compare(self, order: _Order, ids: Sequence[str], run: Run, deadline: float) -> BaseLine:
        """What the base does in ``order``, asked only where something is red."""
        return self._look_at_base(order, ids, deadline) if has_red(ids, run) else BaseLine()

    def _look_at_base(self, order: _Order, ids: Sequence[str], deadline: float) -> BaseLine:
        """See what ``ids`` do without the change, run once for all judgements.

        All of them and in order, not only the red ones: a test that leans on another one's traces
        would be red alone, and a broken neighbour would be excused.
        """
        with self._lock:
            unseen = [nodeid for nodeid in ids if nodeid not in order.seen]
            if unseen:
                run = self._run_base(Task(ids=unseen, shuffle=order.seed), deadline)
                red = {nodeid for nodeid in unseen if not run.report.outcome_of(nodeid).is_passed}
                _log.debug("%d of %d neighbours are red on the base", len(red), len(unseen))
                order.line = BaseLine(
                    red=order.line.red | red, trouble=order.line.trouble or run.trouble
                )
                order.seen.update(unseen)
            return order.line

    def _run_base(self, task: Task, deadline: float) -> Run:
        with self._open_sandbox(ChangeSet()) as sandbox:
            return self._sessions.run_in_time(sandbox, task, deadline)

    def _find(self, cluster: Cluster, deadline: float) -> tuple[str, ...]:
        targets = frozenset(cluster.targets)
        known = dict.fromkeys((*self._passed, *self._find_suite(deadline)))
        return tuple(nodeid for nodeid in known if nodeid not in targets)

    def _find_suite(self, deadline: float) -> tuple[str, ...]:
        """What passes on the base of all the suite, where that is asked for."""
        if not self._whole:
            return ()
        with self._lock:
            if self._suite is None:
                report = self._run_base(Task(ids=self._whole), deadline).report
                self._suite = tuple(i for i in report.collected if report.outcome_of(i).is_passed)
            return self._suite


def _tell_both(finding: Finding, other: Finding) -> Finding:
    """The first of two that did not fail, with the words of both."""
    probe = finding.probe
    detail = f"{probe.detail}; {other.probe.detail}"
    return Finding(probe=Probe(probe.name, probe.result, detail))
