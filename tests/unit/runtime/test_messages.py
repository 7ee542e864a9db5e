"""Messages are lines of JSON; what comes out is what went in, and nothing else comes out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Evidence,
    Failure,
    FileChange,
    Fix,
    Frame,
    HoldOut,
    InstalledCopy,
    Invocation,
    ItemKind,
    Judgement,
    Landing,
    Neighbours,
    Phase,
    ProbeResult,
    RunRequest,
    RunResult,
    TestOutcome,
    TestPolicy,
    Tokens,
    UnjudgedGroup,
    Verdict,
    Want,
    WantKind,
)
from pytest_agentfix.core.ports import Completed
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.choosing import choose_upstream
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.probe import PlainTask, ProbePlan, Room, Step, Subject
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.run_report import RunReport
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import PlainRun
from pytest_agentfix.runtime.codec import CodecError, dump, load
from pytest_agentfix.runtime.messages import (
    VERSION,
    Answer,
    AskClusters,
    AskEnvironment,
    AskMessage,
    AskNotes,
    AskPath,
    AskProbe,
    Begun,
    ChooseModel,
    CleanUp,
    Cleared,
    Done,
    Ended,
    FileContent,
    LogLine,
    Message,
    MessageError,
    Prepare,
    Question,
    ReadFile,
    Ready,
    Refused,
    Repair,
    Says,
    Start,
    Stop,
    Trouble,
    decode,
    encode,
)
from pytest_agentfix.sandbox.environments.environment import Environment

FAILURE = Failure(
    nodeid="test_a.py::test_a[\x1b\ud800é]",
    phase=Phase.CALL,
    kind=ItemKind.FUNCTION,
    path=Path("/project/test_a.py"),
    line=3,
    exception="AssertionError",
    message="assert 1 == 2",
    traceback="E assert 1 == 2\n",
    policy=TestPolicy(paths=("src/*",), timeout=3),
    case={"value": 1},
    frames=(Frame(Path("/project/a.py"), 2, "a"),),
    seconds=0.5,
    installed=InstalledCopy(
        distribution="a",
        folder=Path("/x"),
        file=Path("/x/a.py"),
        source=Path("/project/a.py"),
        project=Path("/project"),
    ),
    chosen={"worker": "gw0"},
)
CLUSTER = Cluster(slug="a", failures=(FAILURE,), cause="one")
OUTCOME = TestOutcome(
    nodeid="a", outcome="failed", frame=FAILURE.frames[0], want=Want(WantKind.FILE, "x")
)
RESULT = ClusterResult(
    cluster=CLUSTER,
    verdict=Verdict.FIXED,
    reason="good",
    landing=Landing(commit="a" * 40, branch="main", patch=Path("/p")),
    seconds=1.5,
    tokens=Tokens(input=3),
    cost_usd=0.25,
    probes=(Evidence("target", ProbeResult.PASSED, "ok"),),
    neighbours=Neighbours(
        total=3, broken=(OUTCOME,), groups=(UnjudgedGroup(error="x", nodeids=("b",)),)
    ),
)
INVOCATION = Invocation(
    rootdir=Path("/project"),
    cwd=Path("/project"),
    config_file=None,
    environ={"A": "1"},
    seeds={"seed": 7, "other": 0.5, "text": "x"},
)
FIX = Fix(
    cluster=CLUSTER,
    changes=ChangeSet({"a.py": FileChange(b"\x00\xff", executable=True), "b.py": FileChange(None)}),
    judgement=Judgement(probes=RESULT.probes, red=(OUTCOME,)),
    model="a/b",
)
SETTINGS = Settings(
    reports=(Path("/r.json"),), caps=(("run.tokens", 5.0),), timeout=30, price=(1.0, 2.5)
)
TROUBLE = Trouble(kind="SandboxError", problem="It ended.", next_step="Look.")
MESSAGES: list[Message] = [
    Start(
        paths=("/a",),
        log_level=10,
        settings=SETTINGS,
        invocation=INVOCATION,
        environments=("team",),
        probes={"slow": True},
    ),
    CleanUp(paths=(), log_level=30),
    Prepare(failures=(FAILURE,), imported=("/a.py",)),
    Repair(
        request=RunRequest(failures=(FAILURE,), passed=("b",), invocation=INVOCATION),
        environ={"A_KEY": "k"},
        hooks=frozenset({"pytest_agentfix_prompt"}),
        log_level=20,
    ),
    Stop(),
    Answer(number=1, value={"a": [1, None]}),
    Answer(number=2, trouble=TROUBLE),
    ReadFile(number=3, path="a.py"),
    Ready(),
    Refused(trouble=TROUBLE),
    Begun(cluster=CLUSTER),
    Says(slug="a", phase="judging"),
    Ended(result=RESULT),
    LogLine(name="x", level=10, text="a\nb"),
    FileContent(found=(b"\xff", True)),
    FileContent(found=None),
    Done(result=RunResult(clusters=(RESULT,), notices=("n",), seconds=2.5), trouble=TROUBLE),
    Cleared(),
    *(
        Question(number=9, about=about)
        for about in (
            ChooseModel(settings=SETTINGS, model="a/b"),
            AskEnvironment(name="team", step="prepare", settings=SETTINGS, top="/project"),
            AskClusters(failures=(FAILURE,)),
            AskNotes(cluster=CLUSTER, prompt="p"),
            AskPath(path="a.py", cluster=CLUSTER),
            AskMessage(fix=FIX, message="m"),
            AskProbe(name="slow", subject={"": "Subject"}),
        )
    ),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_comes_out_as_it_went_in(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["version"] == VERSION
    assert decode(line) == message


def test_no_message_is_left_out_here() -> None:
    assert {type(one) for one in MESSAGES} == set(get_args(Message))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"not json",
        b'{"version": 1, "": "Trouble", "kind": "a", "problem": "b"}',
        b'{"version": 1, "": "os.system"}',
        b'{"version": 2, "": "Stop"}',
        b'{"version": 1, "": "Stop", "more": 1}',
        b'{"version": 1, "": "Says", "slug": "a"}',
        b'{"version": 1, "": "Says", "slug": "a", "phase": 3}',
        b'{"version": 1, "": "Done", "order": [true], "notices": [], "seconds": 1}',
        b'{"version": 1, "": "FileContent", "found": ["***", true]}',
        b'{"version": 1, "": "Begun", "cluster": {"": "Failure"}}',
    ],
)
def test_anything_else_is_an_error(line: bytes) -> None:
    with pytest.raises(MessageError):
        decode(line)


SUBJECT = Subject(
    cluster=CLUSTER,
    changes=FIX.changes,
    rootdir=Path("/project"),
    top=Path("/project"),
    read_base=lambda _: None,
    outcomes=(OUTCOME,),
)
SESSION = SessionResult(
    completed=Completed(code=1, stdout=b"\xff", stderr=b""),
    report=RunReport(outcomes={"a": OUTCOME}),
    limit=3.0,
    ids=("a",),
)
PLAN = ProbePlan(
    steps=(
        Step(task=Task(ids=("a",), files={"/x": b"y", "/z": None})),
        Step(task=PlainTask(order={"calls": []}), has_change=False),
    ),
    room=Room.OF_TARGETS,
)
UPSTREAM = choose_upstream(
    Settings(model="openai/gpt-6"), environ={"OPENAI_API_KEY": "sk-1"}, home=Path("/nowhere")
)
ENVIRONMENT = Environment(
    kind="mirror", image="x", python="p", user=(1, 2), read_only={Path("/a"): Path("/b")}
)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ProbePlan | str, PLAN),
        (ProbePlan | str, "does not apply"),
        (Finding | ProbePlan, Finding.failed("slow", "red", red=(OUTCOME,))),
        (tuple[SessionResult | PlainRun, ...], (SESSION, PlainRun(outcomes={"a": "b"}))),
        (Upstream, UPSTREAM),
        (Environment, ENVIRONMENT),
        (tuple[Cluster, ...] | None, (CLUSTER,)),
        (bool | None, False),
    ],
)
def test_what_is_asked_for_and_answered(kind: Any, value: Any) -> None:
    assert load(kind, json.loads(json.dumps(dump(value)))) == value


def test_functions_stay_behind() -> None:
    found = load(Subject, json.loads(json.dumps(dump(SUBJECT))))
    assert found.read_base is None
    assert replace(found, read_base=SUBJECT.read_base) == SUBJECT
    hold_out = HoldOut(withheld=("a",), make_again=lambda _: HoldOut())
    assert load(HoldOut, dump(hold_out)).make_again is None


def test_classes_of_other_plugins_travel_as_ours() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Theirs(Cluster):
        more: str = "x"

    assert load(Cluster, dump(Theirs(slug="a", failures=(), more="y"))) == Cluster(
        slug="a", failures=()
    )


@pytest.mark.parametrize("value", [object(), AgentFixError("a", "b"), Cluster])
def test_what_is_no_data_does_not_travel(value: object) -> None:
    with pytest.raises(CodecError):
        dump(value)
