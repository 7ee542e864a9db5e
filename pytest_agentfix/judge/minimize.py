"""Drop the hunks of an accepted change that the tests do not need, with the words of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.hunks import Hunk, join_hunks, split_hunks
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Evidence,
    Judgement,
    ProbeResult,
    ReadBase,
)
from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.judge.changed_lines import render_files
from pytest_agentfix.judge.ddmin import minimise
from pytest_agentfix.judge.findings import list_outcomes
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.parallel import OpenSandbox
from pytest_agentfix.judge.sessions.session_end import UsualSession
from pytest_agentfix.judge.sessions.sessions import Sessions
from pytest_agentfix.judge.trial_hunks import TrialHunks, sort_hunks

MINIMAL: Final = "minimal"
ALSO_LIMIT: Final = 50  # tests beside the targets that each trial runs
SHARE: Final = 4  # the divisor of the cluster's remaining time that goes here


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimiser:
    """Tries subsets of a change's hunks, all in one sandbox, for at most ``seconds``.

    The result is only a proposal: the caller has it judged in fresh sandboxes.
    """

    sessions: Sessions
    open_sandbox: OpenSandbox
    read_base: ReadBase
    top: Path
    seconds: float
    usual: UsualSession

    def minimise(
        self, cluster: Cluster, changes: ChangeSet, *, also: Sequence[str], deadline: float
    ) -> tuple[ChangeSet, Evidence]:
        """Return the smaller change and its evidence. ``also`` are tests that have to stay green.

        Raises ``TimeoutError`` if ``deadline`` passes.
        """
        hunks = split_hunks(changes, self.read_base)
        if len(hunks) < 2:  # noqa: PLR2004 - one hunk is as small as it gets
            return changes, Evidence(MINIMAL, ProbeResult.NOT_APPLICABLE, "it is one hunk")
        sorted_hunks = sort_hunks(hunks, self.read_base)
        kept = self._find_needed(sorted_hunks, cluster, changes, also, deadline)
        left_out = len(hunks) - len(kept)
        if not left_out:
            rest = ", or go with one that is" if sorted_hunks.leaders else ""
            detail = f"all {len(hunks)} hunks are needed{rest}"
            return changes, Evidence(MINIMAL, ProbeResult.PASSED, detail)
        detail = f"{left_out} of {len(hunks)} hunks were not needed and are left out"
        return join_hunks(kept, self.read_base), Evidence(MINIMAL, ProbeResult.PASSED, detail)

    def _find_needed(
        self,
        hunks: TrialHunks,
        cluster: Cluster,
        changes: ChangeSet,
        also: Sequence[str],
        deadline: float,
    ) -> tuple[Hunk, ...]:
        """Return the hunks found to be needed, with those that follow them."""
        if len(hunks.candidates) < 2:  # noqa: PLR2004 - the only one that all others follow
            return hunks.hunks
        remaining = self.sessions.remaining(deadline)
        until = self.sessions.clock.monotonic() + min(self.seconds, remaining / SHARE)
        with self.open_sandbox(ChangeSet()) as sandbox:
            more = tuple(also[:ALSO_LIMIT])
            trial = _Trial(self, sandbox, cluster, changes, more, until, deadline)
            kept = minimise(
                hunks.candidates,
                lambda some: trial.is_enough(hunks.complete(some)),
                has_time=trial.has_time,
            )
        return hunks.complete(kept)

    @staticmethod
    def note(judgement: Judgement, probe: Evidence) -> Judgement:
        """Add ``probe`` to the evidence of a judgement."""
        return replace(judgement, probes=(*judgement.probes, probe))

    @staticmethod
    def explain_kept(judgement: Judgement) -> Evidence:
        """Return the evidence for a change kept whole because fewer hunks were not accepted."""
        failed = next(p for p in judgement.probes if p.result is ProbeResult.FAILED)
        detail = f"kept whole: with fewer hunks, {failed.name}: {failed.detail}"
        return Evidence(MINIMAL, ProbeResult.NOT_APPLICABLE, detail)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Runs the targets with a subset of hunks."""

    minimiser: Minimiser
    sandbox: Sandbox
    cluster: Cluster
    changes: ChangeSet
    also: tuple[str, ...]
    until: float
    deadline: float

    def has_time(self) -> bool:
        return self.minimiser.sessions.clock.monotonic() < self.until

    def is_enough(self, hunks: Sequence[Hunk]) -> bool:
        """Return whether everything passes with these hunks alone."""
        some = join_hunks(hunks, self.minimiser.read_base)
        files = render_files(
            some, self.minimiser.read_base, top=self.minimiser.top, paths=self.changes.files
        )
        task = Task(ids=(*self.cluster.targets, *self.also), files=files)
        patience = max(1.0, self.until - self.minimiser.sessions.clock.monotonic())
        run = self.minimiser.sessions.run(
            self.sandbox,
            task,
            self.deadline,
            patience=patience,
            usual=self.minimiser.usual,
        )
        outcomes = [
            *list_outcomes(self.cluster, self.cluster.targets, run.report),
            *map(run.report.outcome_of, self.also),
        ]
        return not run.trouble and all(outcome.is_passed for outcome in outcomes)
