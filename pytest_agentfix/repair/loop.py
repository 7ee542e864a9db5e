"""One cluster, from its failures to one verdict. The whole loop is on this page.

reproduce -> agent edits -> changes taken out -> policy -> judged elsewhere
          -> red? the same agent is told -> green? one commit
          -> other fixes came first and it does not go with them? made again on top of them
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from typing import Final

from pytest_agentfix.core.errors import EnvironmentTrouble, LandingError, ProviderTrouble
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Fix,
    Judgement,
    Probe,
    ProbeResult,
    Turn,
    TurnEnd,
    Verdict,
)
from pytest_agentfix.core.ports import Agent, Progress, Reproduction, StartupSignals
from pytest_agentfix.repair.prompts.conflict import conflict_note
from pytest_agentfix.repair.splitting import part_by_judgement, part_by_reds
from pytest_agentfix.repair.state import (
    GRACE,
    BaseView,
    BrokenAgainError,
    LandingOutcome,
    LandingStatus,
    LoopServices,
    RepairState,
    count_files,
    describe_landing,
    describe_red,
    find_suspicion,
    minimise,
    turn_verdict,
)

MAX_ROUNDS: Final = 4  # bases that a cluster is worked on; the other fixes come to an end as well
GREEN_SINCE: Final = "green since an earlier fix of this run"


def repair(cluster: Cluster, parts: LoopServices, progress: Progress) -> ClusterResult:
    """Try to turn ``cluster`` green; every way out is one typed verdict with its reason."""
    work = RepairState.begin(cluster, parts)
    try:
        result = _repair(work, parts, progress)
    except (EnvironmentTrouble, TimeoutError) as trouble:
        result = work.end_by_trouble(trouble, now=parts.clock.monotonic())
        if isinstance(trouble, ProviderTrouble) and trouble.is_final:
            parts.stop_run(str(trouble))
    finally:
        # Not before: what they will change is close to what this one has changed.
        for rest in work.rests:
            parts.split_off(rest)
    progress.say(result.cluster, f"{result.verdict.value}: {result.reason}")
    return replace(result, seconds=parts.clock.monotonic() - work.began)


def _repair(work: RepairState, parts: LoopServices, progress: Progress) -> ClusterResult:
    note, reason = "", ""
    for _ in range(MAX_ROUNDS):
        ground = parts.ground()
        try:
            end = _Attempts(work, parts, progress, ground, note).run()
        except BrokenAgainError:
            note, reason = "", "another fix turned it green, and a later one red again"
            work.begin_anew()
            continue
        if isinstance(end, ClusterResult):
            return end
        reason = end.detail
        note = conflict_note(end.fix.changes, read_base=ground.read_base, reason=reason)
        work.begin_anew()
        progress.say(work.cluster, f"back to its agent, on top of other fixes: {reason}")
    return work.end(Verdict.CONFLICT, f"does not go with other fixes of this run: {reason}")


@dataclass(frozen=True, slots=True)
class _Attempts:
    """The work on one state of the base: ends with a result, or with what was in its way."""

    work: RepairState
    parts: LoopServices
    progress: Progress
    ground: BaseView
    note: str  # for the agent, on what came of its work on an earlier base

    def run(self) -> ClusterResult | LandingOutcome:
        self._say("reproducing")
        self.work.hold_out = self.ground.hold_out(self.work.cluster)
        if self.ground.number:  # maybe green by now: no agent is started on suspicion
            reproduction = self._reproduce()
            if end := self._settle_unneeded(reproduction):
                return end
            self._part_from_green(reproduction)
            with self._agent_coming_up() as coming:
                return self._attempt_until_done(reproduction, coming)
        # The agent takes its time to come up; meanwhile the failure is reproduced elsewhere.
        with self._agent_coming_up() as coming:
            reproduction = self._reproduce()
            end = self._settle_unneeded(reproduction)
            return end or self._attempt_until_done(reproduction, coming)

    def _reproduce(self) -> Reproduction:
        work = self.work
        reproduction = self.ground.judge.reproduce(work.cluster, deadline=work.deadline)
        work.note(probes=reproduction.judgement.probes)
        return reproduction

    def _settle_unneeded(self, reproduction: Reproduction) -> ClusterResult | None:
        """No agent can help where the tests cannot be run, or where they are green."""
        if reproduction.missing:
            return self.work.end(Verdict.ENVIRONMENT, reproduction.missing)
        if reproduction.judgement.red:
            return None
        return self._settle_green(self.ground, self.work.deadline)

    def _settle_green(self, ground: BaseView, deadline: float) -> ClusterResult:
        """Green on ``ground`` without a change: by other fixes of this run, or all along."""
        settled = None
        if ground.number:
            settled = self._settle_by_earlier(self.work.cluster, ground, deadline)
        reason = "it passes in the sandbox without any change"
        return settled or self.work.end(Verdict.NOT_REPRODUCED, reason)

    def _settle_by_earlier(
        self, cluster: Cluster, ground: BaseView, deadline: float
    ) -> ClusterResult | None:
        """What is green on ``ground`` is fixed, if it was red without this run's fixes."""
        found = self.parts.find_fixer(cluster, ground, deadline)
        if found is None:
            return None
        landing, before = found
        passed = Probe("target", ProbeResult.PASSED, "green with the fixes before it")
        result = self.work.end(Verdict.FIXED, GREEN_SINCE)
        return replace(result, cluster=cluster, probes=(*before, passed), landing=landing)

    def _part_from_green(self, reproduction: Reproduction) -> None:
        """Settle the tests that an earlier fix turned green, and go on with the others."""
        whole = self.work.cluster
        parts = part_by_reds(whole, reproduction.judgement.red)
        if parts is None:
            return
        green, rest = parts
        if settled := self._settle_by_earlier(green, self.ground, self.work.deadline):
            # What was spent so far is told once, where the work goes on.
            self.parts.settle(replace(settled, attempts=0, agent_seconds=0.0, dropped=()))
            self.ground.judge.inherit(rest, whole)
            self.work.narrow(rest)
            self.work.hold_out = self.ground.hold_out(rest)

    @contextlib.contextmanager
    def _agent_coming_up(self) -> Iterator[_PendingAgent]:
        work, summons = self.work, StartupSignals()
        with ThreadPoolExecutor(1, thread_name_prefix="agentfix-agent") as pool:
            future = pool.submit(
                self.ground.open_agent, work.cluster, work.hold_out, work.deadline, summons
            )
            try:
                yield _PendingAgent(future, summons)
            finally:
                summons.is_off.set()  # or an interruption would have to wait for it to come up
                # What kept it from coming up was told where it was needed.
                with contextlib.suppress(EnvironmentTrouble, TimeoutError):
                    future.result().close()

    def _attempt_until_done(
        self, reproduction: Reproduction, coming: _PendingAgent
    ) -> ClusterResult | LandingOutcome:
        work, parts = self.work, self.parts
        limit = work.cluster.policy.max_attempts or parts.max_attempts
        first = self.ground.first_prompt
        prompt = first(work.cluster, reproduction.judgement, work.hold_out, self.note)
        verdict, reason = Verdict.UNFIXED, "no attempt was made"
        for number in range(1, limit + 1):
            self._say(f"attempt {number} of {limit}: the agent is at work")
            turn = self._take_turn(coming, prompt)
            if turn.end is not TurnEnd.FINISHED:
                return work.end(turn_verdict(turn.end), turn.detail)
            if suspicion := find_suspicion(turn.text):
                return work.end(Verdict.TEST_SUSPECT, f"the agent says: {suspicion}")
            collected = coming.agent.collect()
            changes, dropped = self.ground.accept(work.cluster, collected, reproduction.litter)
            work.note(dropped=dropped)
            is_again = work.has_seen(changes, dropped)
            judgement = None if is_again else self._judge(changes, is_last=number == limit)
            if judgement is not None and judgement.is_accepted:
                return self._land(changes, judgement)
            if is_again:
                again = "made the same change" if changes else "ended in the same way"
                return work.end(verdict, f"{reason}; another attempt {again}")
            verdict, reason = describe_red(judgement, dropped)
            work.reveal(judgement)
            prompt = parts.next_prompt(judgement, dropped, work.hold_out)
        return work.end(verdict, reason)

    def _take_turn(self, coming: _PendingAgent, prompt: str) -> Turn:
        work, clock = self.work, self.parts.clock
        work.note(attempts=work.result.attempts + 1)
        began = clock.monotonic()
        try:
            agent = coming.wait(work.deadline - began)
            self.parts.under_way()
            return agent.prompt(prompt, deadline=work.deadline)
        finally:
            spent = clock.monotonic() - began
            work.note(agent_seconds=work.result.agent_seconds + spent)

    def _judge(self, changes: ChangeSet, *, is_last: bool) -> Judgement | None:
        """The judgement, or ``None`` when there is nothing to judge.

        Where the change helps one part of the cluster and not the other, that part is judged, and
        the other becomes a cluster of its own.
        """
        if not changes:
            return None
        self._say(f"judging a change to {count_files(changes)}")
        whole = self.work.cluster
        judgement = self._judge_for(whole, changes)
        withheld = self.work.hold_out.withheld
        parts = part_by_judgement(whole, judgement, withheld=withheld, is_last=is_last)
        if parts is None:
            return judgement
        green, rest = parts
        self.ground.judge.inherit(green, whole)
        of_part = self._judge_for(green, changes)
        if not of_part.is_accepted:
            self.work.note(probes=judgement.probes)
            return judgement
        self.work.narrow(green)
        self.work.rests.append(rest)
        return of_part

    def _judge_for(self, cluster: Cluster, changes: ChangeSet) -> Judgement:
        work = self.work
        judgement = self.ground.judge.judge(
            cluster, changes, deadline=work.deadline, **work.facts_of(cluster)
        )
        work.note(probes=judgement.probes)
        return judgement

    def _land(self, changes: ChangeSet, judgement: Judgement) -> ClusterResult | LandingOutcome:
        work, parts = self.work, self.parts
        self._say("green; landing the fix")
        if parts.is_minimising:
            changes, judgement = minimise(work, self.ground.judge, changes, judgement)
        fix = Fix(cluster=work.cluster, changes=changes, judgement=judgement, model=parts.model)
        work.note(probes=judgement.probes)
        try:
            arrival = parts.land(fix, self.ground, work.deadline)
        except LandingError as error:
            return work.end(Verdict.ENVIRONMENT, f"judged green, but not committed: {error}")
        work.note(probes=arrival.fix.judgement.probes)
        if arrival.end is LandingStatus.UNNEEDED:
            # Another had the same cause. The base may have moved on again since.
            until = max(work.deadline, parts.clock.monotonic() + GRACE)
            return self._settle_green(arrival.ground or parts.ground(), until)
        if arrival.landing is None:
            return arrival
        work.note(landing=arrival.landing, files=parts.count_lines(arrival.fix))
        return work.end(Verdict.FIXED, describe_landing(arrival.landing, arrival.fix.changes))

    def _say(self, phase: str) -> None:
        self.progress.say(self.work.cluster, phase)


@dataclass(frozen=True, slots=True)
class _PendingAgent:
    """An agent that comes up while something else goes on."""

    future: Future[Agent]
    summons: StartupSignals

    @property
    def agent(self) -> Agent:
        """The agent, once it was waited for."""
        return self.future.result()

    def wait(self, seconds: float) -> Agent:
        """Wait for it with a prompt in hand."""
        self.summons.is_urgent.set()
        try:
            return self.future.result(max(0.0, seconds))
        except FutureTimeoutError:  # a class of its own in Python 3.10
            raise TimeoutError("the agent did not come up in time") from None
