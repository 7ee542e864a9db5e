"""The driver's contract, on a server that keeps it, and on one that fails at each of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_agentfix.agents.opencode.contract import ContractCheck
from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.core.errors import AgentUnavailableError
from tests.kits.opencode_kit import BUSY, IDLE, SESSION, Stage, event, open_stage

LATER = OpenCodeBinary(path=Path("/opt/opencode"), version="1.19.5", needs_trial=True)
ANSWER = [
    BUSY,
    event("message.updated", info={"role": "assistant", "id": "msg_1"}),
    event("message.part.updated", part={"type": "text", "messageID": "msg_1", "text": "ok"}),
    IDLE,
]
FAILED = event("session.error", error={"name": "APIError", "data": {"message": "bad form"}})


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Yield a server that keeps the contract, and a clock on which no wait is long."""
    with open_stage() as stage:
        stage.clock.step = 5.0
        stage.server.say({"type": "server.connected", "properties": {}})
        stage.server.turn = ANSWER
        stage.server.on_abort = lambda: stage.server.say(IDLE)
        stage.server.on_dispose = stage.server.renew_events
        yield stage


def check(stage: Stage) -> None:
    def silence() -> None:
        stage.server.turn = [BUSY]

    contract = ContractCheck(stage.sandbox, stage.agent._plan, silence=silence, clock=stage.clock)
    contract.run(LATER, deadline=1e9)


def fail(stage: Stage) -> str:
    """Return the problem, without what all have in common."""
    with pytest.raises(AgentUnavailableError) as caught:
        check(stage)
    head = (
        "OpenCode 1.19.5 (/opt/opencode) was tried, as it is later than the driver, and failed at "
        "the step "
    )
    assert caught.value.problem.startswith(head)
    assert "agent_fix_opencode" in caught.value.next_step
    return caught.value.problem.removeprefix(head)


def test_every_step_is_taken(stage: Stage) -> None:
    check(stage)

    paths = [path for _, path, _ in stage.server.calls]
    steps = [paths.index(f"/session/{SESSION}/{name}") for name in ("prompt_async", "abort")]
    assert paths.index("/global/health") < paths.index("/session") < steps[0] < steps[1]
    assert {"permission": "edit", "pattern": "tests/test_one.py", "action": "deny"} in (
        stage.server.posts("/session")[0]["permission"]
    )


def test_process_that_ends_at_its_start(stage: Stage) -> None:
    stage.sandbox.starts = [False, False]
    assert fail(stage) == "'start': OpenCode cannot be run in the sandbox (exec format error)."


def test_server_that_is_never_healthy(stage: Stage) -> None:
    stage.server.answers["/global/health"] = (404, b"{}")
    words = fail(stage)
    assert words.startswith("'start': OpenCode did not come up in the sandbox in ")
    assert words.endswith("(no output).")


def test_no_event_stream() -> None:
    with open_stage() as stage:
        stage.clock.step = 5.0
        assert fail(stage) == "'events': No event came."


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, b"unknown key"), "'session': OpenCode answered 400 to /session: unknown key."),
        ((200, b"{}"), "'session': OpenCode gave no usable session."),
        ((200, b'{"id": "../x"}'), "'session': OpenCode gave no usable session."),
    ],
)
def test_session_that_cannot_be_used(stage: Stage, answer: tuple[int, bytes], words: str) -> None:
    stage.server.answers["/session"] = answer
    assert fail(stage) == words


def test_prompt_that_is_not_taken(stage: Stage) -> None:
    path = f"/session/{SESSION}/prompt_async"
    stage.server.answers[path] = (404, b"gone")
    assert fail(stage) == f"'prompt': OpenCode answered 404 to {path}: gone."


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ([], "'prompt': The turn did not begin."),
        ([BUSY], "'events': The end of the turn did not come."),
        ([{"type": "session.busy.v2", "data": {}}], "'prompt': The turn did not begin."),
        ([BUSY, {"type": "session.idle.v2"}], "'events': The end of the turn did not come."),
        ([BUSY, IDLE], "'events': The model's answer did not come."),
        ([BUSY, FAILED, IDLE], "'events': The turn ended with APIError: bad form."),
    ],
)
def test_events_that_say_something_else(
    stage: Stage, turn: list[dict[str, object]], words: str
) -> None:
    stage.server.turn = turn
    assert fail(stage) == words


@pytest.mark.parametrize("is_ended", [True, False])
def test_server_that_forgets_nothing(stage: Stage, *, is_ended: bool) -> None:
    stage.server.on_dispose = stage.server.drop_events if is_ended else lambda: None
    assert fail(stage) == "'forget': The events did not begin anew."


def test_server_that_cannot_be_told_to_forget(stage: Stage) -> None:
    stage.server.answers["/global/dispose"] = (404, b"gone")
    assert fail(stage) == "'forget': OpenCode answered 404 to /global/dispose: gone."


def test_abort_that_does_not_end_the_turn(stage: Stage) -> None:
    stage.server.on_abort = lambda: None
    assert fail(stage) == "'abort': The turn went on."


def test_abort_that_ends_the_server(stage: Stage) -> None:
    def end() -> None:
        stage.sandbox.processes[-1].kill()

    stage.server.on_abort = end
    assert fail(stage) == "'abort': OpenCode ended: the turn went on."
