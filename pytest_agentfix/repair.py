"""One cluster, from its failures to one verdict. The whole loop is on this page.

reproduce -> agent edits -> changes taken out -> policy -> judged elsewhere
          -> red? the same agent is told -> green? one commit
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from pytest_agentfix.errors import EnvironmentTrouble, LandingError, ProviderTrouble
from pytest_agentfix.model import (
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
from pytest_agentfix.ports import Agent, Progress, Reproduction
from pytest_agentfix.work import (
    Parts,
    Work,
    count_files,
    describe_landing,
    describe_red,
    find_suspicion,
    minimise,
    turn_verdict,
)


def repair(cluster: Cluster, parts: Parts, progress: Progress) -> ClusterResult:
    """Try to turn ``cluster`` green; every way out is one typed verdict with its reason."""
    work = Work.begin(cluster, parts)
    try:
        result = _reproduce_and_repair(work, parts, progress)
    except (EnvironmentTrouble, TimeoutError) as trouble:
        result = work.end_by_trouble(trouble, now=parts.clock.monotonic())
        if isinstance(trouble, ProviderTrouble) and trouble.is_final:
            parts.stop_run(str(trouble))
    progress.say(cluster, f"{result.verdict.value}: {result.reason}")
    return replace(result, seconds=parts.clock.monotonic() - work.began)


def _reproduce_and_repair(work: Work, parts: Parts, progress: Progress) -> ClusterResult:
    progress.say(work.cluster, "reproducing")
    work.hold_out = parts.hold_out(work.cluster)
    if parts.landed:  # an earlier fix may have made it green: no agent is started on suspicion
        reproduction = _reproduce(work, parts)
        if not reproduction.judgement.red or reproduction.missing:
            return _settle_unneeded(work, parts, reproduction)
        with _agent_coming_up(work, parts) as coming:
            return _attempt_until_done(work, parts, progress, reproduction, coming)
    # The agent takes seconds to come up; meanwhile the failure is reproduced somewhere else.
    with _agent_coming_up(work, parts) as coming:
        reproduction = _reproduce(work, parts)
        if not reproduction.judgement.red or reproduction.missing:
            return _settle_unneeded(work, parts, reproduction)
        return _attempt_until_done(work, parts, progress, reproduction, coming)


def _reproduce(work: Work, parts: Parts) -> Reproduction:
    reproduction = parts.judge.reproduce(work.cluster, deadline=work.deadline)
    work.note(probes=reproduction.judgement.probes)
    return reproduction


def _settle_unneeded(work: Work, parts: Parts, reproduction: Reproduction) -> ClusterResult:
    """No agent can help: the tests cannot be run there, or they are green."""
    if reproduction.missing:
        return work.end(Verdict.ENVIRONMENT, reproduction.missing)
    return _settle_green(work, parts)


def _settle_green(work: Work, parts: Parts) -> ClusterResult:
    """Green before any attempt: by a fix of this run, if it was red without it."""
    if parts.landed:
        before = parts.reproduce_at_start(work.cluster, work.deadline)
        if before.judgement.red and not before.missing:
            passed = Probe("target", ProbeResult.PASSED, "green with the fixes before it")
            work.note(probes=(*before.judgement.probes, passed), landing=parts.landed[-1])
            return work.end(Verdict.FIXED, "green since an earlier fix of this run")
    return work.end(Verdict.NOT_REPRODUCED, "it passes in the sandbox without any change")


@contextlib.contextmanager
def _agent_coming_up(work: Work, parts: Parts) -> Iterator[Future[Agent]]:
    with ThreadPoolExecutor(1, thread_name_prefix="agentfix-agent") as pool:
        unneeded = threading.Event()
        coming = pool.submit(parts.open_agent, work.cluster, work.hold_out, work.deadline, unneeded)
        try:
            yield coming
        finally:
            unneeded.set()  # or an interruption would have to wait for it to come up
            # What kept it from coming up was told where it was needed, and is no news elsewhere.
            with contextlib.suppress(EnvironmentTrouble, TimeoutError):
                coming.result().close()


def _attempt_until_done(
    work: Work,
    parts: Parts,
    progress: Progress,
    reproduction: Reproduction,
    coming: Future[Agent],
) -> ClusterResult:
    limit = work.cluster.policy.max_attempts or parts.max_attempts
    prompt = parts.first_prompt(work.cluster, reproduction.judgement, work.hold_out)
    verdict, reason = Verdict.UNFIXED, "no attempt was made"
    for number in range(1, limit + 1):
        progress.say(work.cluster, f"attempt {number} of {limit}: the agent is at work")
        turn = _take_turn(work, parts, coming, prompt)
        if turn.end is not TurnEnd.FINISHED:
            return work.end(turn_verdict(turn.end), turn.detail)
        if suspicion := find_suspicion(turn.text):
            return work.end(Verdict.TEST_SUSPECT, f"the agent says: {suspicion}")
        collected = coming.result().collect()
        changes, dropped = parts.accept(work.cluster, collected, reproduction.litter)
        work.note(dropped=dropped)
        if work.has_seen(changes, dropped):
            again = "made the same change" if changes else "ended in the same way"
            return work.end(verdict, f"{reason}; another attempt {again}")
        judgement = _judge(work, parts, progress, changes)
        if judgement is not None and judgement.is_accepted:
            return _land(work, parts, progress, changes, judgement)
        verdict, reason = describe_red(judgement, dropped)
        work.reveal(judgement)
        prompt = parts.next_prompt(judgement, dropped, work.hold_out)
    return work.end(verdict, reason)


def _take_turn(work: Work, parts: Parts, coming: Future[Agent], prompt: str) -> Turn:
    work.note(attempts=work.result.attempts + 1)
    began = parts.clock.monotonic()
    try:
        turn = coming.result().prompt(prompt, deadline=work.deadline)
    finally:
        spent = parts.clock.monotonic() - began
        work.note(agent_seconds=work.result.agent_seconds + spent)
    return turn


def _judge(work: Work, parts: Parts, progress: Progress, changes: ChangeSet) -> Judgement | None:
    """The judgement, or ``None`` when there is nothing to judge."""
    if not changes:
        return None
    progress.say(work.cluster, f"judging a change to {count_files(changes)}")
    judgement = parts.judge.judge(
        work.cluster, changes, deadline=work.deadline, **work.hold_out_facts
    )
    work.note(probes=judgement.probes)
    return judgement


def _land(
    work: Work, parts: Parts, progress: Progress, changes: ChangeSet, judgement: Judgement
) -> ClusterResult:
    progress.say(work.cluster, "green; landing the fix")
    changes, judgement = minimise(work, parts, changes, judgement)
    work.note(probes=judgement.probes)
    fix = Fix(cluster=work.cluster, changes=changes, judgement=judgement, model=parts.model)
    try:
        landing = parts.lander.land(fix)
    except LandingError as error:
        return work.end(Verdict.ENVIRONMENT, f"judged green, but not committed: {error}")
    parts.landed.append(landing)
    work.note(landing=landing, files=parts.count_lines(fix))
    return work.end(Verdict.FIXED, describe_landing(landing, changes))
