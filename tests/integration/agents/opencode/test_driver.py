"""The driver of OpenCode: how a session starts, and every way a turn can end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_agentfix.agents.opencode import driver, turn
from pytest_agentfix.agents.opencode.config import make_catalogue
from pytest_agentfix.core import machine
from pytest_agentfix.core.errors import (
    AgentTooSlowError,
    AgentUnavailableError,
    ProviderTrouble,
    SandboxError,
)
from pytest_agentfix.core.model import ChangeSet, Collected, FileChange, Turn, TurnEnd
from pytest_agentfix.core.ports import Stream
from pytest_agentfix.core.progress import Work
from tests.kits.opencode_kit import ACCESS, BUSY, IDLE, Stage, event, open_stage

FAR = 1e9


@pytest.fixture(autouse=True)
def _quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "TICK", 0.01)
    monkeypatch.setattr(turn, "TICK", 0.01)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as stage:
        yield stage


@pytest.fixture
def launched(stage: Stage) -> Stage:
    stage.agent.launch(deadline=FAR)
    stage.agent.begin(stage.model_access, locked=("tests/**",))
    return stage


def hear_one_request(stage: Stage) -> None:
    stage.server.on_prompt = lambda: setattr(
        stage.model_access, "made", stage.model_access.made + 1
    )


def test_how_it_is_launched(launched: Stage) -> None:
    (process,) = launched.sandbox.processes
    assert process.command.argv == [
        "/opt/agentfix/opencode", "serve", "--port", "4602", "--hostname", "127.0.0.1",
    ]  # fmt: skip
    assert process.command.cwd == Path("/top")
    assert process.command.env["HOME"] == "/tmp/home"
    assert process.command.env["OPENCODE_MODELS_PATH"] == "/dev/stdin"
    assert process.command.stdin == make_catalogue(ACCESS)
    (session,) = [body for _, path, body in launched.server.calls if path == "/session"]
    assert session["agent"] == "fixer"
    assert session["permission"][-1] == {
        "permission": "edit", "pattern": "tests/**", "action": "deny",
    }  # fmt: skip
    assert launched.server.queries == {("/top",)}


def test_a_second_start_has_folders_of_its_own(stage: Stage) -> None:
    stage.sandbox.starts = [False]
    stage.agent.launch(deadline=FAR)
    homes = [process.command.env["HOME"] for process in stage.sandbox.processes]
    assert homes == ["/tmp/home", "/tmp/home-2"]


def test_it_does_not_come_up(stage: Stage) -> None:
    stage.sandbox.starts = [False, False]
    with pytest.raises(AgentUnavailableError, match=r"be run in the sandbox \(exec format error"):
        stage.agent.launch(deadline=FAR)


def test_it_is_never_healthy(stage: Stage) -> None:
    stage.server.answers["/global/health"] = (503, b"")
    stage.clock.step = 10
    with pytest.raises(AgentTooSlowError, match=r"not come up .* \(no output"):
        stage.agent.launch(deadline=FAR)
    assert [process.running for process in stage.sandbox.processes] == [False, False]


@pytest.fixture
def overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which more programs want a core than there are."""
    monkeypatch.setattr(machine, "find_load", lambda: 32.0)
    monkeypatch.setattr(machine, "count_cores", lambda: 2)


@pytest.mark.usefixtures("overloaded")
def test_on_an_overloaded_machine_it_gets_the_time_that_it_works(stage: Stage) -> None:
    stage.server.answers["/global/health"] = (503, b"")
    stage.clock.step = 5
    stage.sandbox.work = [Work(float(seconds)) for seconds in range(12)]

    def come_up() -> None:
        if len(stage.sandbox.work) < 4:
            del stage.server.answers["/global/health"]

    stage.sandbox.on_work = come_up
    stage.agent.launch(deadline=FAR)
    assert len(stage.sandbox.processes) == 1


@pytest.mark.usefixtures("overloaded")
def test_on_an_overloaded_machine_what_hangs_is_still_given_up(stage: Stage) -> None:
    stage.server.answers["/global/health"] = (503, b"")
    stage.clock.step = 5
    stage.sandbox.work = [Work(1.0)] * 4
    with pytest.raises(AgentTooSlowError, match="32 programs want 2 cores") as caught:
        stage.agent.launch(deadline=FAR)
    assert "when the machine has less to do" in caught.value.next_step
    assert "glibc" not in str(caught.value)
    assert not stage.sandbox.work  # two looks at each of two starts


@pytest.mark.parametrize("identity", [None, 1, "", "a/b", "a b", "ä", "../x", "x" * 201, "a\n"])
def test_a_session_without_a_usable_name(stage: Stage, identity: object) -> None:
    stage.server.answers["/session"] = (200, json.dumps({"id": identity}).encode())
    stage.agent.launch(deadline=FAR)
    with pytest.raises(AgentUnavailableError, match="gave no usable session"):
        stage.agent.begin(stage.model_access)


@pytest.fixture
def up(stage: Stage) -> Stage:
    stage.agent.launch(deadline=FAR)
    return stage


def list_calls(stage: Stage) -> list[str]:
    """Return the calls about the session, without those before it."""
    return [f"{how} {path}" for how, path, _ in stage.server.calls if path.startswith("/session")]


def test_a_warm_up_leaves_nothing(up: Stage) -> None:
    assert up.agent.warm_up(deadline=FAR)
    assert list_calls(up) == [
        "POST /session", "POST /session/ses_1/prompt_async", "DELETE /session/ses_1",
    ]  # fmt: skip
    assert up.model_access.begun == []


def test_a_warm_up_that_ends_in_an_error(up: Stage) -> None:
    up.server.turn = [BUSY, event("session.error", error={"name": "Oops"}), IDLE]
    assert not up.agent.warm_up(deadline=FAR)
    assert list_calls(up)[-2:] == ["POST /session/ses_1/abort", "DELETE /session/ses_1"]
    up.agent.begin(up.model_access)
    up.server.turn = [BUSY, IDLE]
    assert up.agent.prompt("x", deadline=FAR).end is TurnEnd.FINISHED


def test_a_warm_up_without_a_session(up: Stage) -> None:
    up.server.answers["/session"] = (500, b"")
    assert not up.agent.warm_up(deadline=FAR)
    assert list_calls(up) == ["POST /session"]


def test_a_warm_up_out_of_time(up: Stage) -> None:
    up.server.turn = [BUSY]
    up.clock.step = 1
    assert not up.agent.warm_up(deadline=up.clock.now + 5)
    assert list_calls(up)[-2:] == ["POST /session/ses_1/abort", "DELETE /session/ses_1"]


def test_a_warm_up_is_not_waited_for_without_end(up: Stage) -> None:
    up.server.turn = [BUSY]
    up.server.answers["/session/status"] = (200, b'{"ses_1": {"type": "busy"}}')
    up.clock.step = 1
    assert not up.agent.warm_up(deadline=FAR)
    assert up.clock.now < 60


def test_a_warm_up_that_nobody_needs_any_more(up: Stage) -> None:
    unneeded = threading.Event()
    up.server.turn = [BUSY]
    up.server.on_prompt = unneeded.set
    assert not up.agent.warm_up(deadline=FAR, unneeded=unneeded)


def test_a_warm_up_whose_end_was_not_heard(up: Stage) -> None:
    up.server.turn = []
    up.clock.step = 1
    assert up.agent.warm_up(deadline=FAR)


def test_a_server_that_dies_of_its_warm_up(up: Stage) -> None:
    up.server.turn = [BUSY]
    up.sandbox.processes[0].words = "out of everything"
    up.server.on_prompt = up.sandbox.processes[0].kill
    with pytest.raises(AgentUnavailableError, match=r"ended in the sandbox \(out of everything\)"):
        up.agent.warm_up(deadline=FAR)


def test_a_turn_that_finishes(launched: Stage) -> None:
    hear_one_request(launched)
    info = {"id": "m1", "role": "assistant"}
    part = {"messageID": "m1", "type": "text", "text": "Done."}
    launched.server.turn = [
        BUSY,
        event("message.updated", info=info),
        event("session.status", status={"type": "retry", "attempt": 1}),
        event("message.part.updated", part=part),
        IDLE,
    ]
    assert launched.agent.prompt("Repair it.", deadline=FAR) == Turn(
        end=TurnEnd.FINISHED, detail="", text="Done.", requests=1, retries=1
    )
    assert launched.server.posts("prompt_async") == [
        {
            "agent": "fixer",
            "model": {"providerID": "anthropic", "modelID": "m-1"},
            "parts": [{"type": "text", "text": "Repair it."}],
        }
    ]
    assert launched.model_access.begun == [FAR]
    assert launched.server.posts("/abort") == []


def test_what_was_left_of_the_turn_before_does_not_end_the_next(launched: Stage) -> None:
    launched.agent.prompt("one", deadline=FAR)
    launched.server.say(IDLE, IDLE)
    launched.server.turn = [IDLE, BUSY, event("session.error", error={"name": "Oops"}), IDLE]
    assert launched.agent.prompt("two", deadline=FAR).end is TurnEnd.ERROR


def test_a_turn_that_ends_in_an_error(launched: Stage) -> None:
    error = {"name": "APIError", "data": {"message": "no luck"}}
    launched.server.turn = [BUSY, event("session.error", error=error), IDLE]
    turn = launched.agent.prompt("x", deadline=FAR)
    assert (turn.end, turn.detail) == (TurnEnd.ERROR, "APIError: no luck")
    assert len(launched.server.posts("/abort")) == 1


def test_a_turn_over_its_requests(launched: Stage) -> None:
    launched.server.turn = [BUSY]
    launched.model_access.capped = "a cap is reached"
    turn = launched.agent.prompt("x", deadline=FAR)
    assert (turn.end, turn.detail) == (TurnEnd.CAPPED, "a cap is reached")
    assert len(launched.server.posts("/abort")) == 1


def test_a_provider_that_fails(launched: Stage) -> None:
    launched.server.turn = [BUSY]
    launched.model_access.failed = ProviderTrouble("No quota.", "Pay.", is_final=True)
    with pytest.raises(ProviderTrouble, match="No quota"):
        launched.agent.prompt("x", deadline=FAR)
    assert len(launched.server.posts("/abort")) == 1


def test_a_turn_out_of_time(launched: Stage) -> None:
    launched.server.turn = [BUSY]
    launched.clock.step = 1
    launched.model_access.flying = 1
    turn = launched.agent.prompt("x", deadline=launched.clock.now + 5)
    assert (turn.end, turn.detail) == (TurnEnd.DEADLINE, "the time of the cluster ran out")


def test_a_sandbox_that_dies(launched: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(_port: int, *, timeout: float) -> Stream:
        raise SandboxError("It is gone.", f"After {timeout} s.")

    launched.server.turn = [BUSY]
    launched.server.on_prompt = launched.sandbox.processes[0].kill
    monkeypatch.setattr(launched.sandbox, "dial", lost)
    with pytest.raises(SandboxError, match="It is gone"):
        launched.agent.prompt("x", deadline=FAR)


def test_a_server_that_dies(launched: Stage) -> None:
    launched.server.turn = [BUSY]
    launched.server.on_prompt = launched.sandbox.processes[0].kill
    turn = launched.agent.prompt("x", deadline=FAR)
    assert (turn.end, turn.detail) == (TurnEnd.ERROR, "OpenCode ended in the middle of its turn")


def test_a_turn_that_never_asks_the_model(launched: Stage) -> None:
    launched.server.turn = [BUSY]
    launched.clock.step = 20
    turn = launched.agent.prompt("x", deadline=FAR)
    assert turn.end is TurnEnd.STALLED
    assert turn.detail.startswith("no model request came in ")


def test_a_turn_of_which_nothing_is_heard(launched: Stage) -> None:
    hear_one_request(launched)
    launched.server.turn = [BUSY]
    launched.server.answers["/session/status"] = (200, b'{"ses_1": {"type": "busy"}}')
    launched.clock.step = 100
    turn = launched.agent.prompt("x", deadline=FAR)
    assert turn.end is TurnEnd.STALLED
    assert turn.detail.startswith("it gave no sign of life for ")


def test_a_request_under_way_is_not_silence(launched: Stage) -> None:
    launched.server.turn = [BUSY]
    launched.clock.step = 1000
    launched.model_access.flying = 1
    turn = launched.agent.prompt("x", deadline=launched.clock.now + 10_000)
    assert turn.end is TurnEnd.DEADLINE


def test_an_end_that_was_swallowed_is_asked_for(launched: Stage) -> None:
    hear_one_request(launched)
    launched.server.turn = [BUSY]
    launched.clock.step = 5
    turn = launched.agent.prompt("x", deadline=FAR)
    assert (turn.end, turn.detail) == (TurnEnd.FINISHED, "")
    assert ("GET", "/session/status", None) in launched.server.calls


def test_a_stream_of_events_that_drops_is_opened_again(launched: Stage) -> None:
    def drop() -> None:
        launched.server.drop_events()
        launched.server.say(BUSY, IDLE)

    launched.server.turn = []
    launched.server.on_prompt = drop
    assert launched.agent.prompt("x", deadline=FAR).end is TurnEnd.FINISHED


def test_permissions_are_turned_down(launched: Stage) -> None:
    launched.server.turn = [
        BUSY,
        event("permission.asked", id="per/1 ?"),
        event("permission.asked", sessionID="other", id="per_2"),
        IDLE,
    ]
    launched.agent.prompt("x", deadline=FAR)
    replies = [call for call in launched.server.calls if call[1].startswith("/permission/")]
    assert [(path, body["reply"]) for _, path, body in replies] == [
        ("/permission/per%2F1%20%3F/reply", "reject")
    ]


def test_changes_come_from_the_sandbox_and_it_is_closed(launched: Stage) -> None:
    assert launched.agent.collect() == Collected(changes=ChangeSet({"a": FileChange(b"")}))
    launched.agent.close()
    assert launched.sandbox.closed == 1


def test_another_session_after_all_of_the_first_was_dropped(launched: Stage) -> None:
    server, agent = launched.server, launched.agent
    hear_one_request(launched)
    assert agent.prompt("one", deadline=FAR).end is TurnEnd.FINISHED
    server.on_dispose = server.renew_events
    agent.forget()
    assert [path for method, path, _ in server.calls if method == "DELETE"] == ["/session/ses_1"]
    assert server.calls[-1] == ("POST", "/global/dispose", {})
    agent.resume()
    agent.begin(launched.model_access, locked=("other.py",))
    assert server.posts("/session")[-1]["permission"][-1]["pattern"] == "other.py"
    assert agent.prompt("two", deadline=FAR).end is TurnEnd.FINISHED


def test_server_that_does_not_come_back(launched: Stage) -> None:
    launched.agent.forget()
    launched.server.drop_events()
    launched.clock.step = 1.0
    with pytest.raises(AgentUnavailableError, match="OpenCode ended in the sandbox"):
        launched.agent.resume()


def test_its_folders_are_those_of_the_start_that_succeeded(stage: Stage) -> None:
    stage.sandbox.starts = [False]
    stage.agent.launch(deadline=FAR)
    assert "/tmp/home-2/.local/share/opencode/log" in stage.agent.folders
