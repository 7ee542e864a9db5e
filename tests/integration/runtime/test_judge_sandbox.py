"""A session that was started before its order was known ends like any other."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_agentfix.core.model import ChangeSet, Invocation
from pytest_agentfix.core.ports import Command, Completed
from pytest_agentfix.judge.sessions.command import CommandBuilder, Keys, Task
from pytest_agentfix.judge.sessions.report_parser import parse_report
from pytest_agentfix.runtime.judge_sandbox import JudgeSandbox, Removals, WaitingSession
from pytest_agentfix.runtime.sandbox_factory import MOST_AHEAD, SandboxFactory, WorkspaceSandbox
from pytest_agentfix.sandbox.container import ContainerSandbox
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from tests.kits.session_kit import PATH, write

TIMEOUT = 60.0
TEST = "from calc import add\ndef test_add(): assert add(1, 2) == 3\n"
BROKEN = "def add(a, b): return a - b\n"
FIXED = "def add(a, b): return a + b\n"


class Box:
    """A sandbox around ``top``, in which a session waits for its order."""

    def __init__(self, top: Path, container: LocalSandbox, environ: Mapping[str, str]) -> None:
        self.top = top
        self.commands = CommandBuilder(
            invocation=Invocation(
                rootdir=top,
                cwd=top,
                config_file=None,
                environ={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environ},
                has_cwd_on_path=True,
            ),
            top=top,
            python=Path(sys.executable).name,  # as in an image
            base_env={"PATH": PATH},
            scratch=str(top.parent / "scratch"),
        )
        real = cast("ContainerSandbox", container)
        self.waiting = WaitingSession.start(real, self.commands.build_waiting())
        self.sandbox = JudgeSandbox(real, self.waiting, Removals())

    @property
    def pid(self) -> int:
        """The waiting process."""
        return int(cast("Any", self.waiting.process)._popen.pid)

    def run(self, command: Command) -> Completed:
        return self.sandbox.run(command, timeout=TIMEOUT)

    def run_session(self) -> dict[str, str]:
        """Return the outcomes by node id."""
        keys = Keys()
        done = self.run(self.commands.build(Task(ids=["test_calc.py"]), keys=keys))
        report = parse_report(done.report, key=keys.report)
        return {one.nodeid: one.outcome for one in report.outcomes.values()}


MakeBox = Callable[..., Box]


@pytest.fixture
def make_box(tmp_path: Path) -> Iterator[MakeBox]:
    with ExitStack() as stack:

        def make(files: Mapping[str, str] | None = None, **environ: str) -> Box:
            top = tmp_path / "my repo"
            write(top, {"calc.py": BROKEN, "test_calc.py": TEST, **(files or {})})
            return Box(top, stack.enter_context(LocalSandbox(top)), environ)

        yield make


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + TIMEOUT
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_runs_what_is_there_when_its_order_comes(make_box: MakeBox) -> None:
    box = make_box()
    (box.top / "calc.py").write_text(FIXED)
    assert box.run_session() == {"test_calc.py::test_add": "passed"}


def test_it_is_the_process_that_was_started_ahead_and_takes_one_order(make_box: MakeBox) -> None:
    note = "import os\ndef test_it(): open('pids', 'a').write(f'{os.getpid()}\\n')\n"
    box = make_box({"test_calc.py": note})
    assert [box.run_session() for _ in range(2)] == [{"test_calc.py::test_it": "passed"}] * 2
    first, second = map(int, (box.top / "pids").read_text().split())
    assert (first == box.pid, second == box.pid) == (True, False)


def test_its_time_begins_with_its_order(make_box: MakeBox) -> None:
    box = make_box()
    began = time.monotonic()
    wait_for(lambda: time.monotonic() > began + 0.5)
    before = time.monotonic()
    done = box.run(box.commands.build(Task(ids=["test_calc.py"]), keys=Keys()))
    assert done.seconds <= time.monotonic() - before


def test_the_working_directory_may_be_made_anew_meanwhile(make_box: MakeBox) -> None:
    box = make_box()
    shutil.rmtree(box.top)
    write(box.top, {"calc.py": FIXED, "test_calc.py": TEST})
    assert box.run_session() == {"test_calc.py::test_add": "passed"}


def test_it_begins_anew_where_the_start_imports_files_of_the_project(make_box: MakeBox) -> None:
    """An environment may do that; the files of then are not those of the order."""
    start = "import calc, os\nopen('begun', 'a').write(f'{os.getpid()} {calc.add(1, 1)}\\n')\n"
    box = make_box({"sitecustomize.py": start}, PYTHONPATH=".")
    wait_for((box.top / "begun").exists)
    wait_for(lambda: "\n" in (box.top / "begun").read_text())
    (box.top / "calc.py").write_text(FIXED)
    assert box.run_session() == {"test_calc.py::test_add": "passed"}
    assert (box.top / "begun").read_text() == f"{box.pid} 0\n{box.pid} 2\n"


def test_another_command_finds_it_ended(make_box: MakeBox) -> None:
    """Such as a plain call, beside which there is to be no pytest."""
    box = make_box()
    look = f"import os; print(os.path.exists('/proc/{box.pid}/exe'))"
    done = box.run(Command(argv=(sys.executable, "-c", look), cwd=box.top))
    assert done.stdout == b"False\n"
    assert box.run_session() == {"test_calc.py::test_add": "failed"}


def test_an_ordinary_session_takes_the_place_of_one_that_died(make_box: MakeBox) -> None:
    box = make_box()
    os.kill(box.pid, signal.SIGKILL)
    wait_for(lambda: not box.waiting.process.is_running())
    assert box.run_session() == {"test_calc.py::test_add": "failed"}


def test_an_order_for_another_interpreter_does_not_go_to_it(make_box: MakeBox) -> None:
    box = make_box()
    command = box.commands.build(Task(ids=["test_calc.py"]), keys=Keys())
    assert box.waiting.is_for(command)
    for other in (
        replace(command, env={**command.env, "PYTHONHASHSEED": "1"}),
        replace(command, cwd=box.top.parent),
        replace(command, argv=(*command.argv, "-x")),
        replace(command, has_report=False),
    ):
        assert not box.waiting.is_for(other)


class Removed:
    """A container that tells what was done to it, and is removed once it may."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.may_go = threading.Event()

    def end(self) -> None:
        self.said.append("ended")

    def close(self) -> None:
        assert self.may_go.wait(TIMEOUT)
        self.said.append("removed")


def test_nobody_waits_for_a_removal_but_the_end_of_the_run() -> None:
    container, removals = Removed(), Removals()
    real = cast("ContainerSandbox", container)
    with JudgeSandbox(real, None, removals):
        pass
    assert container.said == ["ended"]
    container.may_go.set()
    removals.finish()
    assert container.said == ["ended", "removed"]
    removals.add(real)
    assert container.said == ["ended", "removed", "ended", "removed"]


class Unchanged:
    """A base with nothing to write."""

    def with_changes(self, _: ChangeSet) -> Unchanged:
        return self

    def delta(self) -> ChangeSet:
        return ChangeSet()


class Boxes(SandboxFactory):
    """A factory of local sandboxes."""

    def _make_plain(self, kind: str, *_: object) -> WorkspaceSandbox:
        assert kind == "judge"
        container = cast("ContainerSandbox", LocalSandbox(Path("/tmp")))
        return WorkspaceSandbox(container=container, workspace=cast("Any", None))


@pytest.fixture
def boxes() -> Iterator[Boxes]:
    anything = cast("Any", Unchanged())
    session = Command(argv=("/bin/cat",), cwd=Path("/tmp"), has_report=True)
    factory = Boxes(
        engine=anything,
        environment=anything,
        scratch=anything,
        base=anything,
        ignore=anything,
        opencode=Path("/nowhere"),
        session=session,
    )
    yield factory
    factory.shutdown()


def count_ready(boxes: Boxes) -> tuple[int, int]:
    return len(boxes.judges._ready), len(boxes.bare_judges._ready)


def test_as_many_are_made_ahead_as_the_judgement_will_take(boxes: Boxes) -> None:
    with boxes.agent_at_work(3):
        wait_for(lambda: count_ready(boxes) == (3, 1))
        with boxes.agent_at_work(2):
            wait_for(lambda: count_ready(boxes) == (5, 1))
            with boxes.agent_at_work(MOST_AHEAD):
                wait_for(lambda: count_ready(boxes) == (MOST_AHEAD, 1))
    assert (boxes.judges._target, boxes.bare_judges._target) == (0, 0)
    assert all(one.waiting is not None for one in boxes.judges._ready)
    assert all(one.waiting is None for one in boxes.bare_judges._ready)


def test_one_that_was_not_made_ahead_is_made_the_same(boxes: Boxes) -> None:
    sandbox = boxes.open_for_judge(boxes.base, ChangeSet(), print)
    bare = boxes.open_for_judge(boxes.base, ChangeSet(), print, is_bare=True)
    assert sandbox._waiting is not None
    assert bare._waiting is None
    sandbox.close()
    bare.close()


def test_none_is_made_ahead_where_they_are_kept(boxes: Boxes) -> None:
    boxes.is_kept = True
    with boxes.agent_at_work(3):
        assert (boxes.judges._target, boxes.bare_judges._target) == (0, 0)
