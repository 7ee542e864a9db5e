"""The loop with doubles for agent, judge, lander and base: the order of its calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import (
    AgentUnavailableError,
    DiskFullError,
    EnvironmentTrouble,
    LandingError,
    OutOfMemoryError,
    ProviderTrouble,
    SandboxError,
)
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Collected,
    Drop,
    Evidence,
    Failure,
    FileChange,
    FileStat,
    HoldOut,
    ItemKind,
    Judgement,
    Landing,
    Phase,
    ProbeResult,
    TestOutcome,
    TestPolicy,
    Turn,
    TurnEnd,
    Verdict,
)
from pytest_agentfix.core.ports import LandingStatus, Reproduction
from pytest_agentfix.repair.loop import repair
from pytest_agentfix.repair.state import GRACE, find_suspicion
from pytest_agentfix.testing.fakes import (
    Answers,
    FakeAgent,
    FakeBase,
    FakeClock,
    FakeJudge,
    FakeLander,
    FakeProgress,
    FakeReviewer,
    FakeServices,
)

TEST = "test_calc.py::test_add"
RED = (TestOutcome(nodeid=TEST, outcome="failed", detail="assert 6 == 5"),)
BEFORE = Evidence("fail-before", ProbeResult.PASSED, "1 failed without the change")
REPRODUCED = Reproduction(judgement=Judgement(probes=(BEFORE,), red=RED), litter=frozenset({"x"}))
GREEN = Judgement(probes=(BEFORE, Evidence("target", ProbeResult.PASSED, "1 test passed")))
STILL_RED = Judgement(
    probes=(BEFORE, Evidence("target", ProbeResult.FAILED, "1 failed with the change")), red=RED
)
NOT_RED = Reproduction(
    judgement=Judgement(probes=(Evidence("fail-before", ProbeResult.FAILED, "1 passed"),))
)
LANDED = Landing(commit="a" * 40, branch="main")
FINISHED = Turn(end=TurnEnd.FINISHED)
STAT = FileStat(path="calc.py", added=1, removed=1)


def changing(content: str, path: str = "calc.py") -> Collected:
    return Collected(changes=ChangeSet({path: FileChange(content.encode())}))


def make_cluster(policy: TestPolicy | None = None) -> Cluster:
    failure = Failure(
        nodeid=TEST,
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=Path("/project/test_calc.py"),
        line=4,
        exception="AssertionError",
        message="assert 6 == 5",
        traceback="E assert 6 == 5",
        policy=policy,
    )
    return Cluster(slug="test-add", failures=(failure,))


@dataclass
class World:
    """All doubles around one call of ``repair``; they share one journal."""

    reproduction: Reproduction | BaseException = REPRODUCED
    turns: Sequence[Turn | BaseException] = (FINISHED,)
    collected: Sequence[Collected | BaseException] = (changing("1"), changing("2"), changing("3"))
    judgements: Sequence[Judgement | BaseException] = (GREEN,)
    landing: Landing | BaseException = LANDED
    startup_error: BaseException | None = None  # what keeps the agent from starting
    locked: tuple[Drop, ...] = ()  # what the policy leaves out, where it was changed
    earlier: Reproduction = NOT_RED  # of the targets without this run's fixes
    landed: list[Landing] = field(default_factory=list)  # before this cluster's own
    obstacles: Sequence[tuple[LandingStatus, str]] = ()  # before it may land
    moves_on: bool = False  # the base does, right after each obstacle
    clock: FakeClock = field(default_factory=lambda: FakeClock(100.0))
    turn_seconds: float = 0.0
    judge_seconds: float = 0.0
    hold_out: HoldOut = field(default_factory=HoldOut)
    unneeded: frozenset[str] = frozenset()  # paths that no test needs
    is_minimising: bool = True
    opinions: Sequence[Evidence] = ()  # of a reviewer; none: there is none
    is_broken_again: bool = False  # the first fix that is found was broken by the next one
    journal: list[str] = field(default_factory=list)
    progress: FakeProgress = field(default_factory=FakeProgress)

    def __post_init__(self) -> None:
        self.agent = FakeAgent(
            Answers(self.turns, self.clock, self.turn_seconds),
            Answers(self.collected),
            self.journal,
        )
        self.judge = FakeJudge(
            Answers([self.reproduction]),
            Answers(self.judgements, self.clock, self.judge_seconds),
            self.unneeded,
            self.journal,
        )
        self.lander = FakeLander(Answers([self.landing]), self.journal)
        self.base = FakeBase(
            judge=self.judge,
            agent=self.agent,
            files={"calc.py": b"0"},
            hold_out=self.hold_out,
            locked=self.locked,
            startup_error=self.startup_error,
            journal=self.journal,
        )
        self.reviewer = FakeReviewer(
            Answers(self.opinions, self.clock, self.turn_seconds), self.journal
        )
        self.services = FakeServices(
            base=self.base,
            lander=self.lander,
            clock=self.clock,
            is_minimising=self.is_minimising,
            reviewer=self.reviewer if self.opinions else None,
            landed=self.landed,
            other=LANDED,
            obstacles=list(self.obstacles),
            moves_on=self.moves_on,
            earlier=self.earlier,
            is_broken_again=self.is_broken_again,
            stats=(STAT,),
        )

    def repair(self, policy: TestPolicy | None = None) -> ClusterResult:
        return self.repair_cluster(make_cluster(policy))

    def repair_cluster(self, cluster: Cluster) -> ClusterResult:
        result = repair(cluster, self.services, self.progress)
        assert result is not None
        return result


def ends(result: ClusterResult) -> tuple[Verdict, str, int]:
    return result.verdict, result.reason, result.attempts


def test_green_at_once() -> None:
    world = World(turn_seconds=7.0, judge_seconds=2.0)
    result = world.repair()
    assert world.journal == [
        f"reproduce: {TEST}",
        "prompt: first, 1 red",
        "collect",
        "policy: calc.py without {'x'}",
        "judge: calc.py",
        "minimise: calc.py",
        "land: calc.py",
        "close",
    ]
    assert result == ClusterResult(
        cluster=make_cluster(),
        verdict=Verdict.FIXED,
        reason="green after a change to 1 file, on main",
        landing=LANDED,
        attempts=1,
        seconds=9.0,
        agent_seconds=7.0,
        files=(STAT,),
        probes=GREEN.probes,
    )
    [fix] = world.lander.fixes
    assert (fix.judgement, fix.model) == (GREEN, "fake/model")
    assert world.progress.lines == [
        f"{TEST}: reproducing",
        f"{TEST}: attempt 1 of 3: the agent is at work",
        f"{TEST}: judging a change to 1 file",
        f"{TEST}: green; landing the fix",
        f"{TEST}: fixed: green after a change to 1 file, on main",
    ]


GENERAL = Evidence("review", ProbeResult.PASSED, "general")
SPECIAL = Evidence("review", ProbeResult.FAILED, "a special case")


def test_what_is_left_of_a_fix_is_reviewed_before_it_lands() -> None:
    both = Collected(changes=ChangeSet({p: FileChange(b"1") for p in ("calc.py", "more.py")}))
    world = World(
        opinions=(GENERAL,),
        collected=(both,),
        unneeded=frozenset({"more.py"}),
        turn_seconds=7.0,
        hold_out=HoldOut(withheld=("test_calc.py::test_add[2]",)),
    )
    result = world.repair()
    assert world.journal[-4:] == [
        "minimise: calc.py, more.py",
        "review: calc.py",
        "land: calc.py",
        "close",
    ]
    assert (result.verdict, result.probes) == (Verdict.FIXED, (*GREEN.probes, GENERAL))
    assert world.lander.fixes[0].judgement.probes == result.probes
    assert (result.attempts, result.agent_seconds) == (1, 14.0)
    assert (world.reviewer.deadlines, len(world.reviewer.withheld)) == ([160.0], 1)
    assert world.reviewer.withheld == [world.hold_out.withheld]
    assert f"{TEST}: green; asking for a second opinion" in world.progress.lines


def test_reviewer_refuses_and_the_agent_tries_again() -> None:
    world = World(opinions=(SPECIAL, GENERAL))
    result = world.repair()
    assert (result.verdict, result.attempts) == (Verdict.FIXED, 2)
    assert [line for line in world.journal if line.startswith(("prompt", "review", "land"))] == [
        "prompt: first, 1 red",
        "review: calc.py",
        "prompt: next, 0 red, 0 dropped",
        "review: calc.py",
        "land: calc.py",
    ]


def test_reviewer_that_never_is_content() -> None:
    world = World(opinions=(SPECIAL,))
    result = world.repair()
    assert ends(result) == (Verdict.REFUSED, "review: a special case", 3)
    assert result.probes == (*GREEN.probes, SPECIAL)
    assert (world.lander.fixes, len(world.reviewer.deadlines)) == ([], 3)


def test_same_change_is_reviewed_once_and_again_on_another_base() -> None:
    """Each attempt's change is the same one once what it does not need is left out."""
    attempts = [
        Collected(changes=ChangeSet({"calc.py": FileChange(b"1"), path: FileChange(b"")}))
        for path in ("a.py", "b.py")
    ]
    unneeded = frozenset({"a.py", "b.py"})
    world = World(opinions=(SPECIAL, GENERAL), collected=attempts, unneeded=unneeded)
    assert ends(world.repair(TestPolicy(max_attempts=2)))[0] is Verdict.REFUSED
    assert len(world.reviewer.deadlines) == 1
    world = World(
        opinions=(GENERAL,),
        collected=(changing("1"),),
        obstacles=((LandingStatus.COLLIDES, "both change calc.py"),),
    )
    assert world.repair().verdict is Verdict.FIXED
    assert len(world.reviewer.deadlines) == 2


def test_opinion_that_could_not_be_had_keeps_no_fix_from_landing() -> None:
    world = World(opinions=(Evidence("review", ProbeResult.NOT_APPLICABLE, "it was late"),))
    assert world.repair().verdict is Verdict.FIXED


def test_one_deadline_for_all() -> None:
    world = World(turn_seconds=7.0, judgements=(STILL_RED, GREEN))
    world.repair()
    assert world.base.opened == world.judge.deadlines[:1] == [160.0]
    assert world.agent.deadlines + world.judge.deadlines == [160.0] * 6


def test_a_marker_has_the_last_word_on_time_and_attempts() -> None:
    world = World(judgements=(STILL_RED,))
    result = world.repair(TestPolicy(timeout=5.0, max_attempts=2))
    assert ends(result) == (Verdict.UNFIXED, "target: 1 failed with the change", 2)
    assert world.agent.deadlines == [105.0, 105.0]


def test_red_then_green_with_the_same_agent() -> None:
    world = World(judgements=(STILL_RED, GREEN), turn_seconds=7.0)
    result = world.repair()
    assert (result.verdict, result.attempts, result.agent_seconds) == (Verdict.FIXED, 2, 14.0)
    assert [line for line in world.journal if line.startswith("prompt")] == [
        "prompt: first, 1 red",
        "prompt: next, 1 red, 0 dropped",
    ]
    assert len(world.base.opened) == 1


def test_never_green() -> None:
    world = World(judgements=(STILL_RED,))
    result = world.repair()
    assert ends(result) == (Verdict.UNFIXED, "target: 1 failed with the change", 3)
    assert result.probes == STILL_RED.probes
    assert world.lander.fixes == []


def test_the_same_change_again_is_not_judged_again() -> None:
    world = World(judgements=(STILL_RED,), collected=(changing("1"),))
    result = world.repair()
    reason = "target: 1 failed with the change; another attempt made the same change"
    assert ends(result) == (Verdict.UNFIXED, reason, 2)
    assert world.journal.count("judge: calc.py") == 1


def test_back_to_an_earlier_change_ends_too() -> None:
    world = World(judgements=(STILL_RED,), collected=(changing("1"), changing("2"), changing("1")))
    assert world.repair().attempts == 3
    assert world.journal.count("judge: calc.py") == 2


def test_policy_lets_nothing_through() -> None:
    drop = Drop("test_calc.py", "test file")
    world = World(locked=(drop,), collected=(changing("1", "test_calc.py"),))
    result = world.repair()
    reason = (
        "it changed only what it may not touch: test_calc.py (test file); "
        "another attempt ended in the same way"
    )
    assert ends(result) == (Verdict.REFUSED, reason, 2)
    assert result.dropped == (drop,)
    assert "prompt: next, nothing judged, 1 dropped" in world.journal
    assert world.judge.deadlines == [160.0]  # reproduced, never judged


def test_nothing_at_first_and_then_only_what_it_may_not_touch() -> None:
    drop = Drop("test_calc.py", "test file")
    world = World(collected=(Collected(), changing("1", "test_calc.py")), locked=(drop,))
    reason = "it changed only what it may not touch: test_calc.py (test file)"
    assert ends(world.repair(TestPolicy(max_attempts=2))) == (Verdict.REFUSED, reason, 2)


def test_agent_changes_nothing() -> None:
    world = World(collected=(Collected(),))
    reason = "the agent changed nothing; another attempt ended in the same way"
    assert ends(world.repair()) == (Verdict.UNFIXED, reason, 2)


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        (TurnEnd.ERROR, Verdict.AGENT_ERROR),
        (TurnEnd.STALLED, Verdict.AGENT_ERROR),
        (TurnEnd.CAPPED, Verdict.BUDGET),
        (TurnEnd.DEADLINE, Verdict.TIMEOUT),
    ],
)
def test_turn_that_does_not_finish(end: TurnEnd, verdict: Verdict) -> None:
    world = World(turns=(Turn(end=end, detail="why"),))
    result = world.repair()
    assert ends(result) == (verdict, "why", 1)
    # Whatever it left behind is not even looked at.
    assert world.journal == [f"reproduce: {TEST}", "prompt: first, 1 red", "close"]


def test_every_turn_end_is_told_apart() -> None:
    tested = {TurnEnd.ERROR, TurnEnd.STALLED, TurnEnd.CAPPED, TurnEnd.DEADLINE}
    assert set(TurnEnd) - tested == {TurnEnd.FINISHED}


@pytest.mark.parametrize(("is_final", "stops"), [(True, ["No key. Set it."]), (False, [])])
def test_provider_trouble(*, is_final: bool, stops: list[str]) -> None:
    world = World(turns=(ProviderTrouble("No key.", "Set it.", is_final=is_final),))
    assert ends(world.repair()) == (Verdict.ENVIRONMENT, "No key. Set it.", 1)
    assert world.services.stops == stops
    assert world.journal[-1] == "close"


TROUBLE = SandboxError("The sandbox died.", "Look at the engine.")
ENVIRONMENT = (Verdict.ENVIRONMENT, "The sandbox died. Look at the engine.")


def test_trouble_in_an_interrupted_run_is_the_interruption() -> None:
    world = World(turns=(TROUBLE,))
    world.services.interrupted = "not finished: the run was interrupted"
    result = world.repair()
    assert ends(result) == (Verdict.SKIPPED, "not finished: the run was interrupted", 1)
    assert world.progress.lines[-1].endswith("skipped: not finished: the run was interrupted")


@pytest.mark.parametrize(
    ("world", "attempts"),
    [
        (lambda: World(reproduction=TROUBLE), 0),
        (lambda: World(startup_error=TROUBLE), 1),
        (lambda: World(turns=(TROUBLE,)), 1),
        (lambda: World(collected=(TROUBLE,)), 1),
        (lambda: World(judgements=(TROUBLE,)), 1),
        (lambda: World(judgements=(STILL_RED, TROUBLE)), 2),
    ],
    ids=["reproduce", "open", "prompt", "collect", "judge", "second judge"],
)
def test_trouble_is_never_the_fix_s_fault(world: Callable[[], World], attempts: int) -> None:
    made = world()
    assert ends(made.repair()) == (*ENVIRONMENT, attempts)
    assert made.agent.closed.is_set() is (made.startup_error is None)
    assert made.services.stops == []


@pytest.mark.parametrize(
    "world",
    [
        lambda: World(judgements=(TROUBLE,), judge_seconds=60.0),
        lambda: World(judgements=(TimeoutError(),)),
        lambda: World(reproduction=TimeoutError()),
        lambda: World(turns=(TimeoutError(),), turn_seconds=1.0),
    ],
    ids=["trouble past the deadline", "judge", "reproduce", "prompt"],
)
def test_out_of_time(world: Callable[[], World]) -> None:
    made = world()
    result = made.repair()
    assert (result.verdict, result.reason) == (Verdict.TIMEOUT, "not done within 60 s")
    assert made.journal[-1] == "close"


def test_not_reproduced() -> None:
    world = World(reproduction=NOT_RED)
    reason = "it passes in the sandbox without any change"
    assert ends(world.repair()) == (Verdict.NOT_REPRODUCED, reason, 0)
    assert world.journal == [f"reproduce: {TEST}", "close"]


def test_cannot_be_run_in_the_sandbox() -> None:
    missing = replace(REPRODUCED, missing="No module named 'generated'")
    world = World(reproduction=missing)
    assert ends(world.repair()) == (Verdict.ENVIRONMENT, "No module named 'generated'", 0)
    assert world.journal == [f"reproduce: {TEST}", "close"]


def test_green_by_a_fix_of_this_run() -> None:
    world = World(reproduction=NOT_RED, earlier=REPRODUCED, landed=[LANDED])
    result = world.repair()
    assert ends(result) == (Verdict.FIXED, "green since an earlier fix of this run", 0)
    assert result.landing == LANDED
    assert [probe.name for probe in result.probes] == ["fail-before", "target"]
    assert world.lander.fixes == []


@pytest.mark.parametrize(
    "earlier", [NOT_RED, replace(REPRODUCED, missing="no module")], ids=["green", "missing"]
)
def test_green_with_and_without_the_fixes_before(earlier: Reproduction) -> None:
    world = World(reproduction=NOT_RED, earlier=earlier, landed=[LANDED])
    assert world.repair().verdict is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LandingError("No.", "Do."), "judged green, but not committed: No. Do."),
        (DiskFullError("Full.", "Make room."), "Full. Make room."),
    ],
    ids=["git says no", "no room"],
)
def test_green_and_not_landed(error: EnvironmentTrouble, reason: str) -> None:
    world = World(landing=error)
    result = world.repair()
    assert ends(result) == (Verdict.ENVIRONMENT, reason, 1)
    assert (result.landing, result.files) == (None, ())
    assert world.journal[-1] == "close"


@pytest.mark.parametrize(
    "world",
    [
        lambda: World(reproduction=KeyboardInterrupt()),
        lambda: World(turns=(KeyboardInterrupt(),)),
        lambda: World(collected=(KeyboardInterrupt(),)),
        lambda: World(judgements=(KeyboardInterrupt(),)),
        lambda: World(landing=KeyboardInterrupt()),
    ],
    ids=["reproduce", "prompt", "collect", "judge", "land"],
)
def test_interrupted(world: Callable[[], World]) -> None:
    made = world()
    with pytest.raises(KeyboardInterrupt):
        made.repair()
    assert made.journal[-1] == "close"


@pytest.mark.parametrize(
    "startup_error",
    [AgentUnavailableError("It is not there.", "Look."), OutOfMemoryError("Too big.", "Less.")],
    ids=["agent", "memory"],
)
@pytest.mark.parametrize(
    ("reproduction", "verdict"),
    [
        (NOT_RED, Verdict.NOT_REPRODUCED),
        (replace(REPRODUCED, missing="no module"), Verdict.ENVIRONMENT),
    ],
    ids=["not-reproduced", "missing"],
)
def test_agent_that_nobody_needed(
    startup_error: EnvironmentTrouble, reproduction: Reproduction, verdict: Verdict
) -> None:
    """An error while an agent starts is no news when there was nothing for it to do."""
    world = World(reproduction=reproduction, startup_error=startup_error)
    assert world.repair().verdict is verdict


def test_agent_that_was_too_late_for_a_failure_that_is_none() -> None:
    """A time-out while it came up says nothing about a failure that does not exist."""
    world = World(reproduction=NOT_RED, startup_error=TimeoutError())
    assert world.repair().verdict is Verdict.NOT_REPRODUCED


class TestWhatTheAgentSays:
    """Nothing it says makes a fix; one thing keeps one from being made."""

    def test_the_test_is_wrong(self) -> None:
        said = replace(FINISHED, text="I looked at it.\nTEST IS WRONG: 2 + 3 is not 6\n")
        world = World(turns=(said,))
        result = world.repair()
        assert ends(result) == (Verdict.TEST_SUSPECT, "the agent says: 2 + 3 is not 6", 1)
        assert world.journal == [f"reproduce: {TEST}", "prompt: first, 1 red", "close"]

    @pytest.mark.parametrize(
        "text", ["done", "I do not say that the TEST IS WRONG: it is right", "test is wrong: x", ""]
    )
    def test_anything_else_is_not_heard(self, text: str) -> None:
        assert World(turns=(replace(FINISHED, text=text),)).repair().verdict is Verdict.FIXED


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("why", "TEST IS WRONG: why"),
        ("why", "  **TEST IS WRONG**: why  "),
        ("why", "> TEST IS WRONG - why"),
        ("why", "text\n`TEST IS WRONG:` why\nmore"),
        ("the agent gave no reason", "TEST IS WRONG"),
        ("x" * 1000, "TEST IS WRONG: " + "x" * 5000),
        ("", "TEST IS WRONGLY named: why"),
    ],
)
def test_reason_of_a_suspicion(expected: str, text: str) -> None:
    assert expected == find_suspicion(text)


def test_judge_that_does_not_believe_a_change() -> None:
    probe = Evidence("clone", ProbeResult.FAILED, "t under another name failed")
    refused = Judgement(probes=(BEFORE, probe), red=RED, is_refused=True)
    result = World(judgements=(refused,)).repair()
    assert ends(result) == (Verdict.REFUSED, "clone: t under another name failed", 3)


def test_withheld_cases_are_judged_and_shown_once_they_stay_red() -> None:
    hold_out = HoldOut(withheld=(TEST, "other"), reason="they stand in the file")
    world = World(judgements=(STILL_RED, GREEN), hold_out=hold_out)
    assert world.repair().verdict is Verdict.FIXED
    assert [line for line in world.journal if line.startswith("withheld")] == [
        f"withheld: {TEST}, other (they stand in the file)",
        "withheld: other ()",
    ]
    assert world.services.withheld == [("other",)]


def test_what_no_test_needs_is_left_out_of_the_fix() -> None:
    both = Collected(changes=ChangeSet({"calc.py": FileChange(b"1"), "more.py": FileChange(b"2")}))
    world = World(collected=(both,), unneeded=frozenset({"more.py"}))
    assert world.repair().reason == "green after a change to 1 file, on main"
    assert list(world.lander.fixes[0].changes.files) == ["calc.py"]


def test_nothing_is_left_out_where_the_user_does_not_want_it() -> None:
    world = World(unneeded=frozenset({"calc.py"}), is_minimising=False)
    assert world.repair().verdict is Verdict.FIXED
    assert "minimise: calc.py" not in world.journal


@pytest.mark.parametrize("trouble", [SandboxError("broken.", "Mend it."), TimeoutError("late")])
def test_whole_change_lands_where_no_smaller_one_could_be_found(trouble: BaseException) -> None:
    world = World()
    world.judge.trouble = trouble
    assert world.repair().verdict is Verdict.FIXED


A, B, C = "test_a.py::test_a", "test_b.py::test_b", "test_b.py::test_c"


def make_many(*nodeids: str) -> Cluster:
    one = make_cluster().failures[0]
    return Cluster(slug="many", failures=tuple(replace(one, nodeid=nodeid) for nodeid in nodeids))


def red(*nodeids: str) -> Judgement:
    probe = Evidence("target", ProbeResult.FAILED, f"{len(nodeids)} failed with the change")
    outcomes = tuple(TestOutcome(nodeid=nodeid, outcome="failed") for nodeid in nodeids)
    return Judgement(probes=(BEFORE, probe), red=outcomes)


class TestOtherFixes:
    """Clusters are repaired side by side: other fixes land while this one is made."""

    @pytest.mark.parametrize("end", [LandingStatus.COLLIDES, LandingStatus.RED])
    def test_made_again_on_top_of_them(self, end: LandingStatus) -> None:
        world = World(obstacles=[(end, "both change calc.py")])
        result = world.repair()
        assert ends(result) == (Verdict.FIXED, "green after a change to 1 file, on main", 2)
        assert world.base.notes[0] == ""
        assert "both change calc.py" in world.base.notes[1]
        assert world.journal.count("close") == 2  # each agent with a base of its own

    def test_the_same_change_may_be_right_on_another_base(self) -> None:
        world = World(
            obstacles=[(LandingStatus.RED, "target: 1 failed")], collected=(changing("1"),)
        )
        assert world.repair().verdict is Verdict.FIXED
        assert world.journal.count("judge: calc.py") == 2

    def test_never_at_one_with_them(self) -> None:
        world = World(obstacles=[(LandingStatus.COLLIDES, "both change calc.py")] * 9)
        result = world.repair()
        reason = "does not go with other fixes of this run: both change calc.py"
        assert ends(result) == (Verdict.CONFLICT, reason, 4)
        assert world.lander.fixes == []

    def test_one_of_them_had_the_same_cause(self) -> None:
        world = World(obstacles=[(LandingStatus.UNNEEDED, "")], earlier=REPRODUCED)
        result = world.repair()
        assert ends(result) == (Verdict.FIXED, "green since an earlier fix of this run", 1)
        assert (result.landing, result.files) == (LANDED, ())
        assert world.lander.fixes == []
        assert [version for _, version, _ in world.services.searches] == [1]

    def test_the_one_is_looked_for_even_if_the_time_is_up(self) -> None:
        world = World(
            obstacles=[(LandingStatus.UNNEEDED, "")], earlier=REPRODUCED, judge_seconds=59.0
        )
        assert world.repair().verdict is Verdict.FIXED
        assert [until for *_, until in world.services.searches] == [world.clock.now + GRACE]

    def test_the_one_is_looked_for_where_it_was_seen_green(self) -> None:
        world = World(obstacles=[(LandingStatus.UNNEEDED, "")], earlier=REPRODUCED, moves_on=True)
        result = world.repair()
        assert (result.verdict, result.landing) == (Verdict.FIXED, LANDED)
        assert [version for _, version, _ in world.services.searches] == [
            1
        ]  # although the base has two fixes by now

    def test_green_by_one_of_them_and_red_again_by_another(self) -> None:
        world = World(
            obstacles=[(LandingStatus.UNNEEDED, "")], earlier=REPRODUCED, is_broken_again=True
        )
        assert ends(world.repair()) == (
            Verdict.FIXED,
            "green after a change to 1 file, on main",
            2,
        )
        assert [targets for targets, *_ in world.services.searches] == [(TEST,)]

    def test_the_same_change_may_be_right_where_it_is_red_again(self) -> None:
        world = World(
            obstacles=[(LandingStatus.UNNEEDED, "")],
            earlier=REPRODUCED,
            is_broken_again=True,
            collected=(changing("1"),),
        )
        assert world.repair().verdict is Verdict.FIXED
        assert world.journal.count("judge: calc.py") == 2

    def test_part_of_the_cluster_is_green_since_one_of_them(self) -> None:
        reproduction = Reproduction(judgement=replace(red(B), probes=(BEFORE,)))
        world = World(reproduction=reproduction, earlier=REPRODUCED, landed=[LANDED])
        result = world.repair_cluster(make_many(A, B))
        assert (result.verdict, result.cluster.targets) == (Verdict.FIXED, (B,))
        [settled] = world.services.results
        assert (settled.verdict, settled.cluster.targets) == (Verdict.FIXED, (A,))
        assert settled.landing == LANDED
        assert (settled.attempts, result.attempts) == (0, 1)
        assert [targets for targets, *_ in world.services.searches] == [(A,)]


class TestTwoCausesInOneCluster:
    """That failures belong together is only presumed; a change shows it."""

    def test_what_stays_red_becomes_a_cluster_of_its_own(self) -> None:
        world = World(judgements=(red(B, C), GREEN))
        result = world.repair_cluster(make_many(A, B, C))
        assert (result.verdict, result.cluster.targets) == (Verdict.FIXED, (A,))
        assert [one.targets for one in world.services.clusters] == [(B, C)]
        assert [fix.cluster.targets for fix in world.lander.fixes] == [(A,)]
        assert result.attempts == 1

    @pytest.mark.parametrize("landing", [LANDED, LandingError("No.", "Look.")])
    def test_it_comes_up_after_the_other_part(self, landing: Landing | Exception) -> None:
        world = World(judgements=(red(B, C), GREEN), landing=landing)
        world.repair_cluster(make_many(A, B, C))
        *_, landed, _, last = [line.partition(":")[0] for line in world.journal]
        assert (landed, last) == ("land", "split off")

    def test_the_green_part_is_judged_by_itself(self) -> None:
        refused = Judgement(
            probes=(BEFORE, Evidence("clone", ProbeResult.FAILED, "a clone is red")),
            is_refused=True,
        )
        world = World(judgements=(red(B), refused, GREEN))
        result = world.repair_cluster(make_many(A, B))
        assert (result.cluster.targets, result.attempts) == ((A, B), 2)
        assert world.services.clusters == []

    def test_cases_of_one_function_stay_together_while_there_are_attempts(self) -> None:
        world = World(judgements=(red(f"{A}[1]"), GREEN))
        result = world.repair_cluster(make_many(f"{A}[0]", f"{A}[1]"))
        assert (len(result.cluster.targets), world.services.clusters) == (2, [])

    def test_and_are_split_at_the_last_attempt(self) -> None:
        world = World(judgements=(red(f"{A}[1]"), red(f"{A}[1]"), red(f"{A}[1]"), GREEN))
        result = world.repair_cluster(make_many(f"{A}[0]", f"{A}[1]"))
        assert (result.cluster.targets, result.attempts) == ((f"{A}[0]",), 3)
        assert [one.targets for one in world.services.clusters] == [(f"{A}[1]",)]

    def test_a_module_whose_tests_are_red_once_it_is_collected(self) -> None:
        world = World(judgements=(red("test_b.py::TestB::test_b[a::b]"), GREEN))
        cluster = make_many("test_a.py", "test_b.py")
        result = world.repair_cluster(cluster)
        assert (result.verdict, result.cluster.targets) == (Verdict.FIXED, ("test_a.py",))
        assert [one.targets for one in world.services.clusters] == [("test_b.py",)]

    def test_cases_the_agent_was_not_shown_go_with_those_it_was(self) -> None:
        cases = [f"{name}[{number}]" for name in (A, B) for number in (0, 1)]
        hold_out = HoldOut(withheld=(cases[1], cases[3]))
        world = World(judgements=(red(cases[2]), GREEN), hold_out=hold_out)
        result = world.repair_cluster(make_many(*cases))
        assert (result.verdict, result.cluster.targets) == (Verdict.FIXED, tuple(cases[:2]))
        assert [one.targets for one in world.services.clusters] == [tuple(cases[2:])]
        told = [line for line in world.journal if line.startswith("withheld")]
        assert told == [f"withheld: {cases[1]}, {cases[3]} ()", f"withheld: {cases[1]} ()"]

    def test_a_case_the_agent_was_not_shown_keeps_them_together(self) -> None:
        hold_out = HoldOut(withheld=(f"{A}[1]",))
        world = World(judgements=(red(f"{A}[1]"),), hold_out=hold_out)
        cluster = make_many(f"{A}[0]", f"{A}[1]")
        world.services.max_attempts = 1
        assert world.repair_cluster(cluster).verdict is Verdict.UNFIXED
        assert world.services.clusters == []


STRICT = "it passes and is marked xfail with strict=True: remove the mark"
XPASSED = replace(RED[0], detail="[XPASS(strict)] bug 12", exception="", message="")


def with_edit(edit: str, policy: TestPolicy | None = None) -> Cluster:
    cluster = make_cluster(policy)
    return replace(cluster, failures=(replace(cluster.failures[0], test_edit=edit),))


class TestOnlyATestEditHelps:
    """Such a cluster ends before anything is started or paid."""

    def test_at_once(self) -> None:
        world = World()
        result = world.repair_cluster(with_edit(STRICT))
        assert (ends(result), world.journal) == ((Verdict.TEST_SUSPECT, STRICT, 0), [])

    def test_other_targets_become_a_cluster(self) -> None:
        world, cluster = World(), with_edit(STRICT)
        other = replace(make_cluster().failures[0], nodeid="test_calc.py::test_other")
        whole = replace(cluster, failures=(*cluster.failures, other))
        result = world.repair_cluster(whole)
        assert (result.verdict, result.cluster.targets) == (Verdict.FIXED, (other.nodeid,))
        assert [each.targets for each in world.services.clusters] == [(TEST,)]

    def test_green_by_an_earlier_fix(self) -> None:
        world = World(reproduction=NOT_RED, earlier=REPRODUCED, landed=[LANDED])
        result = world.repair_cluster(with_edit("its snapshot is out of date"))
        assert ends(result) == (Verdict.FIXED, "green since an earlier fix of this run", 0)

    def test_passes_since_an_earlier_fix(self) -> None:
        reproduction = Reproduction(judgement=Judgement(probes=(BEFORE,), red=(XPASSED,)))
        world = World(reproduction=reproduction, landed=[LANDED])
        result = world.repair()
        since = "(an earlier fix of this run mended what it was expected to fail for)"
        assert ends(result) == (Verdict.TEST_SUSPECT, f"{STRICT} {since}", 0)

    def test_where_test_edits_are_allowed_the_agent_is_asked(self) -> None:
        reproduction = Reproduction(judgement=Judgement(probes=(BEFORE,), red=(XPASSED,)))
        result = World(reproduction=reproduction).repair(TestPolicy(allow_test_edits=True))
        assert (result.verdict, result.attempts) == (Verdict.FIXED, 1)


def test_what_has_to_wait_for_its_kin_asks_no_agent() -> None:
    world = World()
    world.services.is_waiting = True
    assert repair(make_cluster(), world.services, world.progress) is None
    assert "prompt" not in " ".join(world.journal)
    assert world.progress.lines[-1].endswith("waits for the fix of others like it")


def test_what_is_green_in_the_sandbox_waits_for_nobody() -> None:
    world = World(reproduction=NOT_RED)
    world.services.is_waiting = True
    assert world.repair().verdict is Verdict.NOT_REPRODUCED
