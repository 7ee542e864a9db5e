"""One cluster, from its failures to one verdict. The whole loop is on this page.

reproduce -> agent edits -> changes collected -> policy -> judged in another sandbox
          -> red? the same agent gets another prompt -> green? reviewed if asked for, one commit
          -> other fixes landed first and conflict? repaired again on top of them
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from typing import Final

from pytest_agentfix.core.errors import (
    BrokenAgainError,
    EnvironmentTrouble,
    LandingError,
    ProviderTrouble,
)
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Evidence,
    Fix,
    Judgement,
    Landing,
    ProbeResult,
    Turn,
    TurnEnd,
    Verdict,
)
from pytest_agentfix.core.ports import (
    Agent,
    BaseView,
    LandingOutcome,
    LandingStatus,
    LoopServices,
    Progress,
    Reproduction,
    Reviewer,
    StartupSignals,
)
from pytest_agentfix.repair.clustering import split_cluster
from pytest_agentfix.repair.opinion import add_opinion
from pytest_agentfix.repair.prompts.conflict import conflict_note
from pytest_agentfix.repair.splitting import split_by_failing, split_by_judgement
from pytest_agentfix.repair.state import (
    GRACE,
    RepairState,
    count_files,
    describe_landing,
    describe_red,
    find_suspicion,
    minimise,
)
from pytest_agentfix.repair.test_edits import (
    is_for_test_edits,
    list_test_edits,
    list_test_edits_of_red,
)

MAX_ROUNDS: Final = 4  # bases that a cluster is repaired on; the other fixes come to an end too
GREEN_SINCE: Final = "green since an earlier fix of this run"
WAITING: Final = "waits for the fix of others like it"
GREEN_WITH: Final = "green with the fixes before it"


def repair(cluster: Cluster, services: LoopServices, progress: Progress) -> ClusterResult | None:
    """Try to turn ``cluster`` green; every way out is one typed verdict with its reason.

    ``None``: it has to wait for another one that may have the same cause; nothing was paid.
    """
    state = RepairState.begin(cluster, services)
    try:
        result = _repair(state, services, progress)
        if result is None:
            state.split_off.clear()
            return None
    except (EnvironmentTrouble, TimeoutError) as trouble:
        result = state.end_by_trouble(trouble, now=services.clock.monotonic())
        if isinstance(trouble, ProviderTrouble) and trouble.is_final:
            services.stop_run(str(trouble))
    finally:
        # Not before: what they will change is close to what this one has changed.
        for part in state.split_off:
            services.add_cluster(part)
    if (why := services.interruption()) and not result.verdict.is_green:
        result = replace(result, verdict=Verdict.SKIPPED, reason=why)
    progress.say(result.cluster, f"{result.verdict.value}: {result.reason}")
    return replace(result, seconds=services.clock.monotonic() - state.began)


def make_settled(cluster: Cluster, landing: Landing) -> ClusterResult:
    """Return the result of a cluster that a rerun with the fix of ``landing`` has shown green."""
    probes = (
        Evidence("fail-before", ProbeResult.PASSED, "red without that fix"),
        Evidence("target", ProbeResult.PASSED, GREEN_WITH),
    )
    return ClusterResult(
        cluster=cluster, verdict=Verdict.FIXED, reason=GREEN_SINCE, landing=landing, probes=probes
    )


def _repair(state: RepairState, services: LoopServices, progress: Progress) -> ClusterResult | None:
    note, reason = "", ""
    for _ in range(MAX_ROUNDS):
        base = services.current_base()
        try:
            end = _Attempts(state, services, progress, base, note).run()
        except BrokenAgainError:
            note, reason = "", "another fix turned it green, and a later one red again"
            state.reset_attempts()
            continue
        if end is None or isinstance(end, ClusterResult):
            return end
        reason = end.detail
        note = conflict_note(end.fix.changes, read_base=base.read_base, reason=reason)
        state.reset_attempts()
        progress.say(state.cluster, f"back to its agent, on top of other fixes: {reason}")
    return state.end(Verdict.CONFLICT, f"does not go with other fixes of this run: {reason}")


@dataclass(frozen=True, slots=True)
class _Attempts:
    """The attempts on one version of the base: they end in a result, or in what was in the way."""

    state: RepairState
    services: LoopServices
    progress: Progress
    base: BaseView
    note: str  # for the agent: the result of its work on an earlier base

    def run(self) -> ClusterResult | LandingOutcome | None:
        """Return ``None`` where others are to be waited for."""
        self._split_off_test_edits()
        if not self.base.version and is_for_test_edits(self.state.cluster):
            return self._end_by_test_edits(list_test_edits(self.state.cluster))
        self._say("reproducing")
        self.state.hold_out = self.base.choose_hold_out(self.state.cluster)
        if self.base.version:  # it may be green by now: start no agent on suspicion
            reproduction = self._reproduce()
            end = self._settle_unneeded(reproduction)
            if end or (not self.note and self._must_wait(reproduction)):
                return end
            self._split_off_green(reproduction)
            with self._open_agent() as pending:
                return self._attempt_until_done(reproduction, pending)
        # The agent takes a while to start; meanwhile the failure is reproduced elsewhere.
        with self._open_agent() as pending:
            reproduction = self._reproduce()
            end = self._settle_unneeded(reproduction)
            if end or self._must_wait(reproduction):
                return end
            return self._attempt_until_done(reproduction, pending)

    def _must_wait(self, reproduction: Reproduction) -> bool:
        must_wait = self.services.must_wait(reproduction)
        if must_wait:
            self._say(WAITING)
        return must_wait

    def _reproduce(self) -> Reproduction:
        state = self.state
        reproduction = self.base.judge.reproduce(state.cluster, deadline=state.deadline)
        state.note(reproduction.judgement)
        return reproduction

    def _settle_unneeded(self, reproduction: Reproduction) -> ClusterResult | None:
        """End where no agent can help: the tests cannot be run, or they are green."""
        if reproduction.missing:
            self._split_off_fit(reproduction.unfit)
            return self.state.end(Verdict.ENVIRONMENT, reproduction.missing)
        if red := reproduction.judgement.red:
            is_on_top = self.base.version > 0
            edits = list_test_edits_of_red(self.state.cluster, red, is_on_top=is_on_top)
            return self._end_by_test_edits(edits) if edits else None
        return self._settle_green(self.base, self.state.deadline)

    def _split_off_test_edits(self) -> None:
        """Make a cluster of the targets that only an edit of the tests can end; it comes last."""
        whole = self.state.cluster
        if (edits := list_test_edits(whole)) and not is_for_test_edits(whole):
            rest, for_edits = split_cluster(whole, edits)
            self.state.restrict_to(rest)
            self.state.split_off.append(for_edits)

    def _end_by_test_edits(self, edits: Mapping[str, str]) -> ClusterResult:
        """End before anything is paid: only ``edits`` of the tests can help."""
        self._split_off_fit(edits)
        return self.state.end(Verdict.TEST_SUSPECT, "; ".join(dict.fromkeys(edits.values())))

    def _split_off_fit(self, unfit_ids: Iterable[str]) -> None:
        """Make a cluster of the other tests: they can be repaired."""
        whole, unfit = self.state.cluster, frozenset(unfit_ids)
        if unfit and not unfit >= frozenset(whole.targets):
            fit, rest = split_cluster(whole, unfit)
            self.state.restrict_to(rest)
            self.state.split_off.append(fit)

    def _settle_green(self, base: BaseView, deadline: float) -> ClusterResult:
        """Green on ``base`` without a change: by other fixes of this run, or all along."""
        settled = None
        if base.version:
            settled = self._settle_by_earlier(self.state.cluster, base, deadline)
        reason = "it passes in the sandbox without any change"
        return settled or self.state.end(Verdict.NOT_REPRODUCED, reason)

    def _settle_by_earlier(
        self, cluster: Cluster, base: BaseView, deadline: float
    ) -> ClusterResult | None:
        """Count what is green on ``base`` as fixed if it was red without this run's fixes."""
        found = self.services.find_fixing_commit(cluster, base, deadline=deadline)
        if found is None:
            return None
        landing, before = found
        passed = Evidence("target", ProbeResult.PASSED, GREEN_WITH)
        result = self.state.end(Verdict.FIXED, GREEN_SINCE)
        return replace(result, cluster=cluster, probes=(*before, passed), landing=landing)

    def _split_off_green(self, reproduction: Reproduction) -> None:
        """Settle the tests that an earlier fix turned green, and go on with the others."""
        whole = self.state.cluster
        split = split_by_failing(whole, reproduction.judgement.red)
        if split is None:
            return
        green, rest = split
        if settled := self._settle_by_earlier(green, self.base, self.state.deadline):
            # The effort so far is reported once, with the part that goes on.
            self.services.add_result(replace(settled, attempts=0, agent_seconds=0.0, dropped=()))
            self.base.judge.inherit(rest, whole)
            self.state.restrict_to(rest)
            self.state.hold_out = self.base.choose_hold_out(rest)

    @contextlib.contextmanager
    def _open_agent(self) -> Iterator[_PendingAgent]:
        state, signals = self.state, StartupSignals()
        with ThreadPoolExecutor(1, thread_name_prefix="agentfix-agent") as executor:
            future = executor.submit(
                self.base.open_agent,
                state.cluster,
                state.hold_out,
                deadline=state.deadline,
                signals=signals,
            )
            try:
                yield _PendingAgent(future, signals)
            finally:
                signals.cancelled.set()  # or an interruption would have to wait for it to start
                # What kept it from starting was raised where it was needed.
                with contextlib.suppress(EnvironmentTrouble, TimeoutError):
                    future.result().close()

    def _attempt_until_done(
        self, reproduction: Reproduction, pending: _PendingAgent
    ) -> ClusterResult | LandingOutcome:
        state, services = self.state, self.services
        limit = state.cluster.policy.max_attempts or services.max_attempts
        note = "\n\n".join(filter(None, (reproduction.note, self.note)))
        prompt = self.base.first_prompt(state.cluster, reproduction.judgement, state.hold_out, note)
        verdict, reason = Verdict.UNFIXED, "no attempt was made"
        for number in range(1, limit + 1):
            self._say(f"attempt {number} of {limit}: the agent is at work")
            turn = self._take_turn(pending, prompt)
            if turn.end is not TurnEnd.FINISHED:
                return state.end_by_turn(turn, now=services.clock.monotonic())
            if suspicion := find_suspicion(turn.text):
                return state.end(Verdict.TEST_SUSPECT, f"the agent says: {suspicion}")
            collected = pending.agent.collect()
            changes, dropped = self.base.apply_policy(state.cluster, collected, reproduction.litter)
            state.update(dropped=dropped)
            is_again = state.has_seen(changes, dropped)
            judgement = None if is_again else self._judge(changes, is_last=number == limit)
            if judgement is not None and judgement.is_accepted:
                changes, judgement = self._finish(changes, judgement)
                if judgement.is_accepted:
                    return self._land(changes, judgement)
            if is_again:
                again = "made the same change" if changes else "ended in the same way"
                return state.end(verdict, f"{reason}; another attempt {again}")
            verdict, reason = describe_red(judgement, dropped)
            state.reveal(judgement)
            prompt = services.next_prompt(judgement, dropped, state.hold_out)
        return state.end(verdict, reason)

    def _take_turn(self, pending: _PendingAgent, prompt: str) -> Turn:
        state, clock = self.state, self.services.clock
        state.update(attempts=state.result.attempts + 1)
        began = clock.monotonic()
        try:
            agent = pending.wait(state.deadline - began)
            with self.services.agent_turn():
                return agent.prompt(prompt, deadline=state.deadline)
        finally:
            spent = clock.monotonic() - began
            state.update(agent_seconds=state.result.agent_seconds + spent)

    def _judge(self, changes: ChangeSet, *, is_last: bool) -> Judgement | None:
        """Return the judgement, or ``None`` when there is nothing to judge.

        Where the change helps one part of the cluster and not the other, that part is judged, and
        the other becomes a cluster of its own.
        """
        if not changes:
            return None
        self._say(f"judging a change to {count_files(changes)}")
        whole = self.state.cluster
        judgement = self._judge_for(whole, changes)
        withheld = self.state.hold_out.withheld
        split = split_by_judgement(whole, judgement, withheld=withheld, is_last=is_last)
        if split is None:
            return judgement
        green, rest = split
        self.base.judge.inherit(green, whole)
        of_part = self._judge_for(green, changes)
        if not of_part.is_accepted:
            self.state.note(judgement)
            return judgement
        self.state.restrict_to(green)
        self.state.split_off.append(rest)
        return of_part

    def _judge_for(self, cluster: Cluster, changes: ChangeSet) -> Judgement:
        state = self.state
        judgement = self.base.judge.judge(
            cluster, changes, deadline=state.deadline, **state.facts_of(cluster)
        )
        state.note(judgement)
        return judgement

    def _finish(self, changes: ChangeSet, judgement: Judgement) -> tuple[ChangeSet, Judgement]:
        """Take from an accepted change what it does not need, and have the rest reviewed."""
        state, reviewer = self.state, self.services.reviewer
        self._say("green; asking for a second opinion" if reviewer else "green; landing the fix")
        if self.services.is_minimising:
            changes, judgement = minimise(state, self.base.judge, changes, judgement)
        if reviewer is not None:
            judgement = add_opinion(judgement, self._review(reviewer, changes))
            state.note(judgement)
        return changes, judgement

    def _review(self, reviewer: Reviewer, changes: ChangeSet) -> Evidence:
        """Return the opinion on ``changes``; nobody is asked twice about the same ones."""
        state, clock = self.state, self.services.clock
        known = next((opinion for reviewed, opinion in state.reviews if reviewed == changes), None)
        if known is not None:
            return known
        began = clock.monotonic()
        opinion = reviewer.review(
            state.cluster,
            changes,
            hold_out=state.hold_out,
            read_base=self.base.read_base,
            deadline=state.deadline,
        )
        state.update(agent_seconds=state.result.agent_seconds + clock.monotonic() - began)
        state.reviews.append((changes, opinion))
        return opinion

    def _land(self, changes: ChangeSet, judgement: Judgement) -> ClusterResult | LandingOutcome:
        state, services = self.state, self.services
        fix = Fix(cluster=state.cluster, changes=changes, judgement=judgement, model=services.model)
        state.note(judgement)
        try:
            outcome = services.land(fix, self.base, deadline=state.deadline)
        except LandingError as error:
            return state.end(Verdict.ENVIRONMENT, f"judged green, but not committed: {error}")
        state.note(outcome.fix.judgement)
        if outcome.status is LandingStatus.UNNEEDED:
            # Another had the same cause. The base may have moved on again since.
            until = max(state.deadline, services.clock.monotonic() + GRACE)
            return self._settle_green(outcome.base or services.current_base(), until)
        if outcome.landing is None:
            return outcome
        state.update(landing=outcome.landing, files=services.count_lines(outcome.fix))
        return state.end(Verdict.FIXED, describe_landing(outcome.landing, outcome.fix.changes))

    def _say(self, phase: str) -> None:
        self.progress.say(self.state.cluster, phase)


@dataclass(frozen=True, slots=True)
class _PendingAgent:
    """An agent that starts while something else goes on."""

    future: Future[Agent]
    signals: StartupSignals

    @property
    def agent(self) -> Agent:
        """The agent, once it was waited for."""
        return self.future.result()

    def wait(self, seconds: float) -> Agent:
        """Wait for it while a prompt is ready for it."""
        self.signals.prompt_waiting.set()
        try:
            return self.future.result(max(0.0, seconds))
        except FutureTimeoutError:  # a class of its own in Python 3.10
            raise TimeoutError("the agent did not come up in time") from None
