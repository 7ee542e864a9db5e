"""The driver of OpenCode 2.x against a stand-in that speaks what is documented of ``run``.

The stand-in is a real process. It reads its standard input to the end, as the original does, and
then says what the test has put into ``scenario.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.agents.opencode.launch import OpenCodePlan, Patience
from pytest_agentfix.agents.opencode2 import driver
from pytest_agentfix.agents.opencode2.config import HOME, make_config
from pytest_agentfix.agents.opencode2.driver import OpenCode2Agent
from pytest_agentfix.core.errors import AgentUnavailableError, ProviderTrouble
from pytest_agentfix.core.model import Turn, TurnEnd
from pytest_agentfix.core.ports import Clock, Command
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from tests.kits.opencode_kit import ACCESS, FakeModelAccess, RunningClock

STAND_IN = f"""#!{sys.executable}
import json, os, signal, sys
from pathlib import Path

scenario = json.loads(Path("scenario.json").read_text()) if Path("scenario.json").exists() else {{}}
if sys.argv[1:] == ["--version"]:
    print("2.3.2")
    sys.exit(scenario.get("version_code", 0))
call = {{"argv": sys.argv[1:], "prompt": sys.stdin.read(), "cwd": os.getcwd()}}
config = Path(os.environ["XDG_CONFIG_HOME"], "opencode/opencode.json")
call["config"] = json.loads(config.read_text())
call["home"] = os.environ["HOME"]
with open("calls.jsonl", "a") as calls:
    calls.write(json.dumps(call) + "\\n")
for event in scenario["events"]:
    print(json.dumps(event), flush=True)
print(scenario.get("stderr", ""), file=sys.stderr, flush=True)
if scenario.get("hangs"):
    Path("hangs").touch()
    signal.pause()
sys.exit(scenario.get("code", 0))
"""
FAR = 1e12


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": 1, "sessionID": "ses_1", **more}


GOOD = [
    event("step_start", part={"type": "step-start"}),
    event("tool_use", part={"type": "tool", "tool": "shell", "state": {"status": "completed"}}),
    event("step_finish", part={"reason": "tool-calls"}),
    event("step_start", part={"type": "step-start"}),
    event("text", part={"type": "text", "text": "Done."}),
    event("step_finish", part={"reason": "stop"}),
]


class HomelySandbox(LocalSandbox):
    """A ``LocalSandbox`` in which the agent's home is in the folder."""

    def start(self, command: Command) -> Any:
        here = f"{self.folder}/home"
        env = {name: value.replace(HOME, here) for name, value in command.env.items()}
        argv = [word.replace(HOME, here) for word in command.argv]
        in_project = command.argv[1:] == ["--version"]
        cwd = self.folder / "project" if in_project else command.cwd
        return super().start(replace(command, argv=argv, env=env, cwd=cwd))


@dataclass
class Stage:
    """A project with the stand-in, and an agent that may not have begun yet."""

    folder: Path
    sandbox: HomelySandbox
    model_access: FakeModelAccess = field(default_factory=FakeModelAccess)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def make_agent(self, clock: Clock, **more: Any) -> OpenCode2Agent:
        plan = OpenCodePlan(
            access=ACCESS,
            instructions="Repair it.",
            directory=self.project,
            env={"PATH": "/usr/bin:/bin"},
            patience=Patience(start=240.0),
            **more,
        )
        return OpenCode2Agent(self.sandbox, plan, clock=clock)

    def play(self, events: list[dict[str, Any]], **more: Any) -> None:
        """Let the next turns go like this."""
        scenario = {"events": events, **more}
        (self.project / "scenario.json").write_text(json.dumps(scenario))

    def turn(self, clock: Clock | None = None, *, deadline: float = FAR) -> Turn:
        """Return a first turn, which has begun as usual."""
        agent = self.make_agent(clock or SystemClock())
        agent.begin(self.model_access)
        return agent.prompt("Repair one.", deadline=deadline)

    @property
    def calls(self) -> list[dict[str, Any]]:
        text = (self.project / "calls.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    (tmp_path / "project").mkdir()
    (tmp_path / "home").mkdir()
    binary = tmp_path / "opencode"
    binary.write_text(STAND_IN)
    binary.chmod(0o755)
    monkeypatch.setattr(driver, "BINARY", binary)
    sandbox = HomelySandbox(tmp_path)
    with sandbox:
        yield Stage(tmp_path, sandbox)


def test_prompts_of_one_session_each_in_a_process_of_its_own(stage: Stage) -> None:
    stage.play(GOOD)
    agent = stage.make_agent(SystemClock())
    agent.launch(deadline=FAR)
    assert not agent.warm_up(deadline=FAR)
    agent.begin(stage.model_access, locked=["tests/test_one.py"])

    first = agent.prompt('Repair "one" -- and\n--this', deadline=FAR)
    second = agent.prompt("Once more.", deadline=FAR)

    assert (first.end, first.text, first.detail) == (TurnEnd.FINISHED, "Done.", "")
    assert second.end is TurnEnd.FINISHED
    one, two = stage.calls
    usual = ["run", "--standalone", "--format", "json", "--model", "anthropic/m-1"]
    assert one["argv"] == [*usual, "--agent", "fixer", "--title", "agent-fix"]
    assert two["argv"] == [*usual, "--agent", "fixer", "--session", "ses_1"]
    assert (one["prompt"], two["prompt"]) == ('Repair "one" -- and\n--this', "Once more.")
    assert one["cwd"] == str(stage.project)
    assert one["home"] == str(stage.folder / "home")
    assert one["config"] == make_config(
        ACCESS, instructions="Repair it.", locked=["tests/test_one.py"]
    )
    assert len(stage.model_access.begun) == 2


def test_agent_that_only_answers_has_no_tools(stage: Stage) -> None:
    stage.play(GOOD)
    agent = stage.make_agent(SystemClock(), has_tools=False)
    agent.begin(stage.model_access)
    agent.prompt("What do you think?", deadline=FAR)
    rules = stage.calls[0]["config"]["permissions"]
    assert rules == [{"action": "*", "resource": "*", "effect": "deny"}]


@pytest.mark.parametrize(
    ("events", "more", "detail"),
    [
        (GOOD, {"code": 1}, "OpenCode ended with exit status 1: unknown flag"),
        (GOOD, {"code": 130}, "OpenCode ended with exit status 130: unknown flag"),
        (
            GOOD[:3],
            {},
            "OpenCode ended in the middle of its turn (tool-calls): unknown flag",
        ),
        ([], {}, "OpenCode ended in the middle of its turn (no end of a step): unknown flag"),
        (
            [*GOOD[:3], event("error", error={"type": "auth", "message": "no key"})],
            {"code": 1},
            "auth: no key",
        ),
    ],
)
def test_turn_without_an_end(
    stage: Stage, events: list[dict[str, Any]], more: dict[str, Any], detail: str
) -> None:
    stage.play(events, stderr="first\n\x1b[31munknown flag\x1b[0m\n", **more)
    turn = stage.turn()
    assert (turn.end, turn.detail) == (TurnEnd.ERROR, detail)


def test_turn_that_hit_a_cap(stage: Stage) -> None:
    stage.play([event("error", error={"type": "x", "message": "refused"})], code=1)
    stage.model_access.capped = "the cap of 3 requests"
    turn = stage.turn()
    assert (turn.end, turn.detail) == (TurnEnd.CAPPED, "the cap of 3 requests")


def test_trouble_of_the_provider_is_raised(stage: Stage) -> None:
    stage.play(GOOD, hangs=True)
    stage.model_access.failed = ProviderTrouble("The key is not valid.", "Set it.", is_final=True)
    with pytest.raises(ProviderTrouble, match="not valid"):
        stage.turn()


@pytest.mark.parametrize(
    ("deadline", "flying", "end", "detail"),
    [
        (50.0, 1, TurnEnd.DEADLINE, "the time of the cluster ran out"),
        (FAR, 0, TurnEnd.STALLED, "no model request came in 90 s"),
    ],
)
def test_turn_that_does_not_end_is_ended(
    stage: Stage, deadline: float, flying: int, end: TurnEnd, detail: str
) -> None:
    stage.play(GOOD, hangs=True)
    stage.model_access.flying = flying
    turn = stage.turn(RunningClock(), deadline=deadline)
    assert (turn.end, turn.detail) == (end, detail)
    assert not any(process.is_running() for process in stage.sandbox._processes)


def test_turn_that_goes_silent_is_ended(stage: Stage) -> None:
    class OneRequest(FakeModelAccess):
        def requests(self) -> int:
            self.made += self.made < 3
            return self.made

    stage.play(GOOD, hangs=True)
    stage.model_access = OneRequest()
    turn = stage.turn(RunningClock())
    assert (turn.end, turn.detail) == (TurnEnd.STALLED, "it made no model request for 600 s")


def test_events_of_an_earlier_turn_are_not_those_of_the_next(stage: Stage) -> None:
    stage.play(GOOD)
    agent = stage.make_agent(SystemClock())
    agent.begin(stage.model_access)
    agent.prompt("Repair one.", deadline=FAR)
    (stage.folder / "opencode").unlink()
    turn = agent.prompt("Repair two.", deadline=FAR)
    assert turn.end is TurnEnd.ERROR
    assert turn.detail.startswith("OpenCode ended with exit status 127")


def test_binary_that_cannot_be_run(stage: Stage) -> None:
    stage.play([], version_code=3)
    with pytest.raises(AgentUnavailableError, match="does not come up in the sandbox") as caught:
        stage.make_agent(SystemClock()).launch(deadline=FAR)
    assert "agent_fix_opencode" in caught.value.next_step


def test_home_that_cannot_be_written(stage: Stage) -> None:
    (stage.folder / "home").rmdir()
    (stage.folder / "home").write_text("a file where the folder should be")
    with pytest.raises(AgentUnavailableError, match="cannot be configured in the sandbox"):
        stage.make_agent(SystemClock()).begin(stage.model_access)


def test_large_output_is_read_at_both_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "EVENTS_LIMIT", 4_000)
    noise = [event("tool_use", part={"state": {"output": "x" * 50_000}})] * 3
    stage.play([*GOOD[:1], *noise, *GOOD])
    turn = stage.turn()
    assert (turn.end, turn.text) == (TurnEnd.FINISHED, "Done.")
