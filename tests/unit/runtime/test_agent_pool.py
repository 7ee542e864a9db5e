"""An agent comes back when its cluster ends, and works for the next; or it is ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.core.errors import (
    AgentUnavailableError,
    ProviderTrouble,
    SandboxError,
    WorkspaceError,
)
from pytest_agentfix.core.model import ChangeSet, Collected, FileChange, Turn, TurnEnd
from pytest_agentfix.core.ports import ModelAccess, StartupSignals
from pytest_agentfix.runtime.agent_pool import USES, AgentPool, AgentRequest
from pytest_agentfix.testing.fakes import FakeClock
from tests.kits.opencode_kit import ACCESS, FakeModelAccess

WITHHELD = ChangeSet({"test_a.py": FileChange(b"")})
FINISHED = Turn(end=TurnEnd.FINISHED)


@dataclass
class World:
    """Things that a pool works with; ``troubles`` are raised at the steps they are named after."""

    journal: list[str] = field(default_factory=list)
    troubles: dict[str, BaseException] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)  # then all of them finish
    is_kept: bool = False
    started: int = 0

    def note(self, step: str) -> None:
        self.journal.append(step)
        trouble = self.troubles.pop(step.partition(" ")[0], None)
        if trouble is not None:
            raise trouble

    # The sandboxes.

    environment = None

    def open_for_agent(self, _accept: Any) -> Any:
        self.started += 1
        return cast("Any", FakeSandbox(self))

    def apply_view(self, *_: object) -> bool:
        self.note("apply_view")
        return True

    def put_back(self, _sandbox: Any, *, made: tuple[str, ...]) -> None:
        self.note(f"put_back {made}")

    def agent_at_work(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass
class FakeSandbox:
    world: World

    @property
    def container(self) -> FakeSandbox:
        return self

    def clear(self) -> None:
        self.world.note("clear")


class FakeDriver:
    """Stands in the place of ``OpenCodeAgent``."""

    can_start_over = True
    folders = ("/tmp/a",)

    def __init__(self, sandbox: FakeSandbox, *_: object, **__: object) -> None:
        self.world = sandbox.world
        for step in ("forget", "resume", "close"):
            setattr(self, step, self._noting(step))

    def _noting(self, step: str) -> Callable[[], None]:
        return lambda: self.world.note(step)

    def launch(self, **_: object) -> None:
        self.world.note("launch")

    def warm_up(self, **_: object) -> None:
        pass

    def begin(self, _access: ModelAccess, *, locked: tuple[str, ...]) -> None:
        self.world.note(f"begin {locked}")

    def prompt(self, _text: str, *, deadline: float) -> Turn:
        self.world.note("prompt")
        return self.world.turns.pop(0) if self.world.turns else FINISHED

    def collect(self) -> Collected:
        return Collected()


class Driver2(FakeDriver):
    can_start_over = False


class Pool(AgentPool):
    def plan(self, access: ModelEndpoint) -> Any:
        return access


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def pool(world: World) -> AgentPool:
    pool = Pool(cast("Any", world), ACCESS, environ={}, clock=FakeClock())
    pool._driver = cast("Any", FakeDriver)
    return pool


def request(**more: Any) -> AgentRequest:
    settings: dict[str, Any] = {
        "access": ACCESS,
        "gateway": FakeModelAccess(),
        "base": None,
        "shown": ChangeSet(),
        "locked": (),
        "keep": lambda _: None,
        "count_others": lambda: 1,
    }
    return AgentRequest(**{**settings, **more})


def serve(pool: AgentPool, asked: AgentRequest | None = None) -> None:
    """Let an agent work for one cluster."""
    agent = pool.acquire(asked or request(), deadline=math.inf, signals=StartupSignals())
    agent.prompt("do it", deadline=math.inf)
    agent.collect()
    agent.close()


def test_the_next_cluster_gets_it_when_all_is_undone(pool: AgentPool, world: World) -> None:
    serve(pool, request(locked=("a",)))
    serve(pool, request(locked=("b",), count_others=lambda: 0))
    assert world.started == 1
    assert world.journal == [
        *("launch", "apply_view", "begin ('a',)", "prompt"),
        *("clear", "forget", "put_back ('/tmp/a',)", "resume"),
        *("apply_view", "begin ('b',)", "prompt", "close"),
    ]


def test_from_the_first_step_on_no_request_is_the_former_clusters(
    pool: AgentPool, world: World
) -> None:
    agent = pool.acquire(request(), deadline=math.inf, signals=StartupSignals())
    handlers: list[object] = []
    switch = cast("Any", agent).warm.switch

    def note(step: str) -> None:
        handlers.append(switch._handler.__self__)
        World.note(world, step)

    world.note = note  # type: ignore[method-assign]
    gateway = switch._handler.__self__
    agent.close()
    assert gateway not in handlers
    other = request()
    pool.acquire(other, deadline=math.inf, signals=StartupSignals())
    assert handlers[-1] is other.gateway  # at ``begin``


def test_no_case_is_withheld_where_another_agent_was(pool: AgentPool, world: World) -> None:
    serve(pool)
    serve(pool, request(shown=WITHHELD))
    assert world.started == 2
    serve(pool)  # one of the two, which have both come back
    assert world.started == 2


@pytest.mark.parametrize("end", [end for end in TurnEnd if end is not TurnEnd.FINISHED])
def test_an_odd_end_is_the_sandboxs_end(pool: AgentPool, world: World, end: TurnEnd) -> None:
    world.turns = [Turn(end=end)]
    serve(pool)
    assert world.journal[-2:] == ["prompt", "close"]


def test_so_is_trouble_in_a_turn(pool: AgentPool, world: World) -> None:
    world.troubles = {"prompt": ProviderTrouble("No.", "", is_final=True)}
    agent = pool.acquire(request(), deadline=math.inf, signals=StartupSignals())
    with pytest.raises(ProviderTrouble):
        agent.prompt("do it", deadline=math.inf)
    agent.close()
    assert world.journal[-1] == "close"


@pytest.mark.parametrize(
    ("step", "trouble"),
    [
        ("clear", SandboxError("Processes do not end.", "")),
        ("forget", AgentUnavailableError("No answer.", "")),
        ("put_back", WorkspaceError("A symlink.", "")),
        ("put_back", OSError("broken")),
        ("resume", AgentUnavailableError("No answer.", "")),
    ],
    ids=str,
)
def test_what_cannot_be_undone_is_ended_with_its_sandbox(
    pool: AgentPool, world: World, step: str, trouble: Exception
) -> None:
    world.troubles = {step: trouble}
    serve(pool)
    assert world.journal[-1] == "close"
    serve(pool)
    assert (world.started, world.troubles) == (2, {})


def test_an_interruption_meanwhile_leaves_no_sandbox(pool: AgentPool, world: World) -> None:
    world.troubles = {"forget": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        serve(pool)
    assert world.journal[-1] == "close"


OTHER = replace(ACCESS, model="m-2")


@pytest.mark.parametrize("asked", [request(count_others=lambda: 0), request(access=OTHER)])
def test_nobody_else_needs_it(pool: AgentPool, world: World, asked: AgentRequest) -> None:
    serve(pool, asked)
    assert world.journal[-2:] == ["prompt", "close"]


def test_more_than_are_needed_do_not_stay(pool: AgentPool, world: World) -> None:
    agents = [
        pool.acquire(request(), deadline=math.inf, signals=StartupSignals()) for _ in range(2)
    ]
    for agent in agents:
        agent.close()
    assert world.journal.count("close") == 1


def test_workspaces_that_are_kept_serve_once(pool: AgentPool, world: World) -> None:
    world.is_kept = True
    serve(pool)
    assert world.journal[-1] == "close"


def test_a_driver_that_cannot_start_over(pool: AgentPool, world: World) -> None:
    pool._driver = cast("Any", Driver2)
    serve(pool)
    assert world.journal[-2:] == ["prompt", "close"]


def test_a_sandbox_serves_so_many_clusters(pool: AgentPool, world: World) -> None:
    for _ in range(USES + 1):
        serve(pool)
    assert world.started == 2
    assert world.journal.count("prompt") == USES + 1


def test_closing_twice_gives_back_once(pool: AgentPool, world: World) -> None:
    agent = pool.acquire(request(), deadline=math.inf, signals=StartupSignals())
    agent.close()
    agent.close()
    assert (world.journal.count("clear"), len(pool._used)) == (1, 1)


def test_one_that_died_while_it_waited_is_replaced(pool: AgentPool, world: World) -> None:
    serve(pool)
    world.troubles = {"apply_view": SandboxError("It has ended.", "")}
    serve(pool)
    assert world.started == 2


def test_the_end_of_the_run_ends_those_that_wait_and_those_at_work(
    pool: AgentPool, world: World
) -> None:
    at_work = pool.acquire(request(), deadline=math.inf, signals=StartupSignals())
    serve(pool)
    assert world.journal[-1] == "resume"
    pool.close()
    assert world.journal[-1] == "close"
    at_work.close()
    assert world.journal.count("close") == 2


@pytest.mark.parametrize(
    ("needs_new", "free", "used", "target"),
    [
        ([], 5, 0, 0),
        ([False, False], 2, 0, 2),  # they begin at once
        ([False, False], 0, 0, 0),  # they begin when others end, with their agents
        ([False, False], 1, 0, 1),
        ([False, False], 2, 1, 1),
        ([True, False], 0, 0, 1),
        ([True, True], 0, 2, 2),
        ([True, False], 2, 1, 1),
    ],
)
def test_no_more_are_started_ahead_than_used_ones_leave_to_do(
    pool: AgentPool, needs_new: list[bool], free: int, used: int, target: int
) -> None:
    targets: list[int] = []
    pool.ahead = cast("Any", SimpleNamespace(set_target=targets.append))
    pool._used = cast("Any", [None] * used)
    pool.prewarm(needs_new, free=free)
    pool._driver = cast("Any", Driver2)
    pool._used = []
    pool.prewarm(needs_new, free=free)
    assert targets == [target, len(needs_new)]
