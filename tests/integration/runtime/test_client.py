"""pytest's side of the repair, against a stand-in that ends or is interrupted at chosen points."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import RepairProcessError
from pytest_agentfix.core.model import (
    Cluster,
    ClusterResult,
    Failure,
    Invocation,
    ItemKind,
    Phase,
    RunRequest,
    RunResult,
    Verdict,
)
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.runtime import client as client_module
from pytest_agentfix.runtime.channel import Channel
from pytest_agentfix.runtime.client import INTERRUPTED, UNFINISHED, RepairClient
from pytest_agentfix.runtime.messages import (
    Begun,
    Cleared,
    Done,
    Ended,
    Message,
    Ready,
    Repair,
    Says,
    Start,
    Stop,
)
from tests.unit.runtime.test_answers import Extensions

INVOCATION = Invocation(rootdir=Path("/p"), cwd=Path("/p"), config_file=None, environ={}, seeds={})


def make_failure(name: str) -> Failure:
    return Failure(
        nodeid=f"test_a.py::{name}",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=Path("/p/test_a.py"),
        line=1,
        exception="AssertionError",
        message="",
        traceback="",
    )


FAILURES = (make_failure("test_one"), make_failure("test_two"))
ONE, TWO = (Cluster(slug=failure.nodeid[-3:], failures=(failure,)) for failure in FAILURES)
REQUEST = RunRequest(failures=FAILURES, passed=(), invocation=INVOCATION)
FIXED = ClusterResult(cluster=ONE, verdict=Verdict.FIXED, reason="good", attempts=1)
Replies = Callable[[Message], Sequence[Message | None]]  # ``None``: it is killed


class Lines:
    """Progress lines."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, cluster: Cluster, phase: str) -> None:
        self.said.append((cluster.slug, phase))


class StandIns:
    """The processes of a test, one after the other; each answers by its own function."""

    def __init__(self, *replies: Replies) -> None:
        self._replies = list(replies)
        self.heard: list[Message] = []
        self._threads: list[threading.Thread] = []

    def spawn(self, environ: object) -> tuple[socket.socket, int]:
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=self._serve, args=(theirs, self._replies.pop(0)))
        thread.start()
        self._threads.append(thread)
        return ours, 0

    def _serve(self, theirs: socket.socket, reply: Replies) -> None:
        with theirs:
            channel = Channel(theirs)
            while (message := channel.receive()) is not None:
                self.heard.append(message)
                for answer in reply(message):
                    if answer is None:
                        return
                    channel.send(answer)
            channel.send(Cleared())

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RepairClient]]:
    made: list[tuple[RepairClient, StandIns]] = []

    def start(*replies: Replies) -> RepairClient:
        stand_ins = StandIns(*replies)
        monkeypatch.setattr(client_module, "spawn", stand_ins.spawn)
        extensions = Extensions()
        extensions.probes = ()
        client = RepairClient(Settings(), INVOCATION, extensions)
        client.start()
        made.append((client, stand_ins))
        return client

    yield start
    for client, stand_ins in made:
        client.close()
        stand_ins.join()


def answer(message: Message) -> Sequence[Message]:
    """As one does that is stopped before it has begun."""
    match message:
        case Start():
            return [Ready()]
        case Stop():
            return [Done(result=RunResult())]
        case _:
            return []


def repair(message: Message) -> Sequence[Message]:
    """Fix the first one, and leave the second out, as an interruption does."""
    if isinstance(message, Repair):
        return [Begun(cluster=ONE), Ended(result=FIXED), Done(result=RunResult(clusters=(FIXED,)))]
    return answer(message)


def ends(result: RunResult) -> list[tuple[str, str]]:
    return [(one.verdict.value, one.reason) for one in result.clusters]


def test_interrupted_before_it_knows_of_the_repair(
    start: Callable[..., RepairClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start(answer)
    send = client._send

    def interrupt(message: Message) -> None:
        monkeypatch.setattr(client, "_send", send)
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "_send", interrupt)
    with pytest.raises(KeyboardInterrupt):
        client.repair(REQUEST, Lines())
    assert ends(client.result_so_far()) == [("skipped", INTERRUPTED)] * 2


def test_what_was_lost_on_the_way_is_in_the_end_all_the_same(
    start: Callable[..., RepairClient],
) -> None:
    """An interruption can come between a message's bytes and its handling."""

    def without_news(message: Message) -> Sequence[Message]:
        if isinstance(message, Repair):
            return [Says(slug="nobody", phase="judging"), *repair(message)[-1:]]
        return answer(message)

    result = start(without_news).repair(REQUEST, Lines())
    assert ends(result) == [("fixed", "good"), ("skipped", INTERRUPTED)]


def test_killed_before_it_has_begun_it_is_started_again(
    start: Callable[..., RepairClient],
) -> None:
    def die(message: Message) -> Sequence[Message | None]:
        return [None] if isinstance(message, Repair) else answer(message)

    client = start(die, repair)
    assert client.repair(REQUEST, Lines()).clusters[0] == FIXED


def test_killed_at_work_it_is_not(start: Callable[..., RepairClient]) -> None:
    def die(message: Message) -> Sequence[Message | None]:
        answers = repair(message)
        return [*answers[:-1], None] if isinstance(message, Repair) else answers

    client = start(die, answer)  # the second one clears up
    with pytest.raises(RepairProcessError):
        client.repair(REQUEST, Lines())
    assert ends(client.result_so_far()) == [("fixed", "good"), ("environment", UNFINISHED)]
