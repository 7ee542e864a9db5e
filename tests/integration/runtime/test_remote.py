"""The repair process gets by with answers that are late, or that are none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import ChangeSet, Cluster, ProbeResult
from pytest_agentfix.judge.probe import Subject
from pytest_agentfix.runtime.channel import Channel
from pytest_agentfix.runtime.messages import Answer, AskPath, Question, Trouble
from pytest_agentfix.runtime.remote import RemoteExtensions, RemoteProbe, RemotePytest

CLUSTER = Cluster(slug="a", failures=())
SUBJECT = Subject(
    cluster=CLUSTER,
    changes=ChangeSet(),
    rootdir=Path("/p"),
    top=Path("/p"),
    read_base=lambda _path: None,
)
NONSENSE = [{"": "Nobody"}, 5, [1]]


class Pytest:
    """Answers every question with one value."""

    def __init__(self, connection: socket.socket, host: RemotePytest) -> None:
        self._channel = Channel(connection)
        self.host = host
        self.value: Any = None
        self.trouble: Trouble | None = None
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while isinstance(question := self._channel.receive(), Question):
            answer = Answer(number=question.number, value=self.value, trouble=self.trouble)
            self.host.take(answer)
            self.host.hang_up()  # at once: the asker may not have looked yet

    def join(self) -> None:
        self._thread.join()


@pytest.fixture
def user() -> Iterator[Pytest]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        user = Pytest(theirs, RemotePytest(Channel(ours)))
        yield user
        user.host.close()
        ours.shutdown(socket.SHUT_WR)
        user.join()


def test_an_answer_that_came_before_the_end_counts(user: Pytest) -> None:
    user.value = True
    assert user.host.ask(AskPath(path="a.py", cluster=CLUSTER), bool | None) is True
    with pytest.raises(SandboxError, match="interrupted"):
        user.host.ask(AskPath(path="a.py", cluster=CLUSTER), bool | None)


@pytest.mark.parametrize("value", NONSENSE)
def test_a_probe_whose_answer_is_none_has_no_say(user: Pytest, value: object) -> None:
    user.value = value
    answer = RemoteProbe(user.host, "slow", is_refusing=True).plan(SUBJECT)
    assert str(answer).startswith("its answer is of no use")


def test_a_finding_that_cannot_travel_speaks_against_nothing(user: Pytest) -> None:
    user.trouble = Trouble(kind="CodecError", problem="a set does not travel")
    found = RemoteProbe(user.host, "slow", is_refusing=True).verdict(SUBJECT, ())
    assert not isinstance(found, str)
    assert (found.evidence.name, found.evidence.result) == ("slow", ProbeResult.NOT_APPLICABLE)  # type: ignore[union-attr]


@pytest.mark.parametrize("value", NONSENSE)
def test_a_hook_whose_answer_is_none_is_passed_over(user: Pytest, value: object) -> None:
    user.value = value
    extensions = RemoteExtensions(user.host, {"pytest_agentfix_policy"})
    assert extensions.is_open("a.py", CLUSTER) is None
