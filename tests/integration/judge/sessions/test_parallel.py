"""Jobs in parallel: results in a fixed order, session slots, and nothing left at the end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import ChangeSet, Collected, Invocation
from pytest_agentfix.core.ports import Command, Completed, Process, Sandbox, Stream
from pytest_agentfix.core.slots import Slots, StoppedError
from pytest_agentfix.judge.sessions.command import CommandBuilder, Task
from pytest_agentfix.judge.sessions.parallel import ParallelSessions, SessionRunner
from pytest_agentfix.judge.sessions.sessions import Sessions
from pytest_agentfix.testing.fakes import FakeClock

LIMIT = 30.0  # seconds after which a test has failed; none of them comes near


@dataclass
class StuckSandbox:
    """A sandbox whose command goes on until it is closed."""

    world: World
    is_closed: threading.Event = field(default_factory=threading.Event)

    def run(self, command: Command, *, timeout: float, at_most: float | None = None) -> Completed:
        self.world.limits.append(timeout)
        self.world.running.release()
        if not self.world.is_stuck:
            return Completed(code=0, stdout=b"", stderr=b"")
        assert self.is_closed.wait(LIMIT)
        raise SandboxError("closed", "")

    def find_work(self) -> None:
        return None

    def close(self) -> None:
        self.is_closed.set()

    def start(self, command: Command) -> Process:
        raise NotImplementedError

    def dial(self, port: int, *, timeout: float) -> Stream:
        raise NotImplementedError

    def collect(self) -> Collected:
        raise NotImplementedError


@dataclass
class World:
    """Opens sandboxes and counts them."""

    is_stuck: bool = True
    opened: int = 0
    closed: int = 0
    running: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    limits: list[float] = field(default_factory=list)

    @contextmanager
    def open(self, changes: ChangeSet, *, is_bare: bool = False) -> Iterator[Sandbox]:
        self.opened += 1
        sandbox = StuckSandbox(self)
        try:
            yield sandbox
        finally:
            sandbox.close()
            self.closed += 1


def make_sessions(limiter: int = 9) -> Sessions:
    here = Path("/")
    invocation = Invocation(rootdir=here, cwd=here, config_file=None)
    commands = CommandBuilder(invocation=invocation, top=here, python="/python", base_env={})
    return Sessions(commands=commands, clock=FakeClock(), limiter=Slots(limiter))


def run(runner: SessionRunner) -> float:
    with runner.open_sandbox(ChangeSet()) as sandbox:
        return runner.sessions.run(sandbox, Task(ids=("t",)), 60.0, patience=50.0).limit


def threads() -> set[str]:
    return {one.name for one in threading.enumerate() if one.name.startswith("agentfix-judge")}


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_results() -> None:
    world = World(is_stuck=False)
    with ParallelSessions(make_sessions(), world.open) as jobs:
        futures = [jobs.start(run) for _ in range(5)]
        assert [future.result() for future in futures] == [50.0] * 5
    assert (world.opened, world.closed, threads()) == (5, 5, set())


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_when_an_exception_comes_through(error: type[BaseException]) -> None:
    world = World()

    def interrupt() -> None:
        with ParallelSessions(make_sessions(), world.open) as jobs:
            for _ in range(3):
                jobs.start(run)
            for _ in range(3):
                assert world.running.acquire(timeout=LIMIT)
            raise error

    with pytest.raises(error):
        interrupt()
    assert (world.opened, world.closed, threads()) == (3, 3, set())


def test_jobs_that_wait_for_a_slot_or_a_turn_are_ended_too() -> None:
    world = World()
    lock = Slots(1)

    def wait_for_turn(runner: SessionRunner) -> None:
        with runner.sessions.hold(lock, math.inf):
            pass

    with (
        lock.hold(timeout=LIMIT),
        ParallelSessions(make_sessions(1), world.open) as jobs,
    ):
        futures = [jobs.start(run), jobs.start(run)]
        waiting = jobs.start(wait_for_turn)
        assert world.running.acquire(timeout=LIMIT)
        wait_until(lambda: waiting.running() and all(one.running() for one in futures))
    errors = {type(future.exception()) for future in futures}
    assert errors == {SandboxError, StoppedError}
    assert isinstance(waiting.exception(), StoppedError)
    assert (world.closed, len(world.limits)) == (world.opened, 1)


def test_a_sandbox_that_comes_up_too_late_is_not_used() -> None:
    world = World()
    is_opening, may_open = threading.Event(), threading.Event()

    @contextmanager
    def open_slowly(changes: ChangeSet, *, is_bare: bool = False) -> Iterator[Sandbox]:
        is_opening.set()
        assert may_open.wait(LIMIT)
        with world.open(changes) as sandbox:
            yield sandbox

    def open_once_stopped(runner: SessionRunner) -> None:
        wait_until(runner.sessions.stop.is_set)
        may_open.set()

    def leave() -> None:
        with ParallelSessions(make_sessions(), open_slowly) as jobs:
            late.append(jobs.start(run))
            assert is_opening.wait(LIMIT)
            threading.Thread(target=open_once_stopped, args=[jobs.runner]).start()

    late: list[object] = []
    leave()
    assert (world.opened, world.closed, world.limits) == (1, 1, [])
    with ParallelSessions(make_sessions(), world.open) as jobs:
        runner = jobs.runner
    with pytest.raises(StoppedError), runner.open_sandbox(ChangeSet()):
        pass


@dataclass
class SlowSandbox(StuckSandbox):
    """A sandbox in which nothing ends in time."""

    def run(self, command: Command, *, timeout: float, at_most: float | None = None) -> Completed:
        return Completed(code=-9, stdout=b"", stderr=b"", is_timed_out=True)


def test_what_the_deadline_cuts_off_says_nothing_of_a_plain_call() -> None:
    sessions, sandbox = make_sessions(), SlowSandbox(World())
    with pytest.raises(TimeoutError):
        sessions.run_plain(sandbox, {}, {}, 10.0, patience=50.0)
    run = sessions.run_plain(sandbox, {}, {}, 100.0, patience=50.0)
    assert run.trouble == "did not end within 50 s"


def test_waiting_for_a_slot_counts_against_the_deadline_only() -> None:
    world, clock = World(is_stuck=False), FakeClock()
    limiter = Slots(1)
    sessions = Sessions(commands=make_sessions().commands, clock=clock, limiter=limiter)

    def wait_and_run() -> float:
        with world.open(ChangeSet()) as sandbox:
            return sessions.run(sandbox, Task(ids=("t",)), 1000.0, patience=50.0).limit

    with ParallelSessions(sessions, world.open) as jobs:
        with limiter.hold(timeout=1):
            future = jobs.start(lambda _: wait_and_run())
            clock.now += 900  # of which it will have waited some
        assert future.result(LIMIT) == 50.0
        clock.now = 980
        assert wait_and_run() == 20.0
