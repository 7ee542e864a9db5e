"""How a run may end before its time, and what is left then: engine, OpenCode and git are real."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.runtime.sandbox_factory import JUDGES_AHEAD
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.replies import (
    Fail,
    Hang,
    Reply,
    Say,
    Script,
    Turns,
    edits,
    reads,
    route,
    shell,
    writes,
)
from tests.kits.engine_kit import list_containers, list_running, own_engine
from tests.kits.loop_kit import StartModel, run_plainly
from tests.kits.project_kit import (
    CALC,
    Project,
    residue,
    wait_for,
)
from tests.kits.running_kit import Running, assert_untouched, running

DEAD_URL = "http://127.0.0.1:9/v1"
TWO_BUGS = CALC.replace("value * 2", "value * 3")


def right(project: Project) -> Script:
    """The right edit at once."""
    return Turns([right_steps(project)])


def both(project: Project) -> Script:
    """The right edit for each of the two bugs."""
    path = str(project.path / "calc.py")
    double = Turns([[reads(path), edits(path, "value * 3", "value * 2"), Say("done")]])
    return route(lambda text: double if "test_calc.py::test_double" in text else right(project))


@pytest.fixture
def two_bugs(project: Project) -> Project:
    """Two tests fail, each for a reason of its own."""
    project.write({"calc.py": TWO_BUGS})
    project.commit_all("two bugs")
    return project


def agent_is_at_work(run: Running, model: ScriptedModel) -> bool:
    return bool(model.requests)


def sandbox_opens(run: Running, model: ScriptedModel) -> bool:
    return bool(list_containers(run.project))


def judge_runs_a_test(run: Running, model: ScriptedModel) -> bool:
    return "judging" in run.output and len(list_containers(run.project)) > 1


@pytest.mark.parametrize("moment", [agent_is_at_work, sandbox_opens, judge_runs_a_test])
def test_ctrl_c(
    project: Project, start_model: StartModel, moment: Callable[[Running, ScriptedModel], bool]
) -> None:
    endless = "def add(left, right):\n    while True: __import__('time').sleep(1)\n"
    reply = (
        writes(str(project.path / "calc.py"), endless) if moment is judge_runs_a_test else Hang()
    )
    model = start_model(Turns([[reply, Say("done")]]))
    with running(project, url=model.base_url) as run:
        run.wait_until(lambda: moment(run, model))
        run.press_ctrl_c()
        ran = run.wait()
    assert (ran.status, ran.verdicts, ran.counts()) == (2, ["skipped"], "1 failed, 1 passed")
    assert ran.reasons == ["not finished: the run was interrupted"]
    assert ran.reasons[0] in ran.output
    assert_untouched(project)


def test_sigterm_between_two_fixes(two_bugs: Project, start_model: StartModel) -> None:
    fixing = right(two_bugs)
    hanging = Turns([[Hang()]])
    model = start_model(
        route(lambda text: hanging if "test_calc.py::test_double" in text else fixing)
    )
    with running(two_bugs, "--agent-fix-jobs=1", url=model.base_url) as run:
        run.wait_until(lambda: "test_double: attempt 1" in run.output)
        run.process.terminate()
        ran = run.wait()
    assert (ran.status, ran.verdicts) == (143, ["fixed", "skipped"])
    assert "stopped by SIGTERM" in ran.output
    assert "1 fixed, 1 skipped" in ran.output
    assert_untouched(two_bugs, log=(two_bugs.log()[0], "two bugs", "start"))
    assert (two_bugs.path / "calc.py").read_text() == TWO_BUGS.replace("- right", "+ right")


def test_a_killed_pytest_is_cleared_up_after(project: Project, start_model: StartModel) -> None:
    model = start_model(Turns([[Hang()]]))
    with running(project, url=model.base_url) as run:
        run.wait_until(lambda: model.requests)
        run.kill()
    wait_for(lambda: not residue(project.scratch))
    assert_untouched(project)


def is_all_made(project: Project) -> bool:
    """Whether all sandboxes are up that are made while an agent thinks: its own, the judge's."""
    return list_running(project) == list_containers(project) and (
        len(list_containers(project)) == 1 + JUDGES_AHEAD
    )


def test_a_killed_process_group_is_cleared_up_after(
    project: Project, start_model: StartModel
) -> None:
    model = start_model(Turns([[Hang()]]))
    with running(project, url=model.base_url) as run:
        run.wait_until(lambda: model.requests and is_all_made(project))
        run.kill_all()
    # The guest ends when its pipe does, and the engine removes the volume after its container.
    wait_for(lambda: {line.split()[0] for line in residue(project.scratch)} == {"folder"})
    assert_untouched(project)
    folders = residue(project.scratch)
    assert len(folders) == 1

    deep = "import os\nfor _ in range(3000): os.mkdir('d', 0o300); os.chdir('d')\n"
    model = start_model(Turns([[shell(f'python3 -c "{deep}"'), Hang()]]))
    with running(project, url=model.base_url) as run:
        run.wait_until(lambda: len(model.requests) == 2 and is_all_made(project))
        assert not set(folders) & set(residue(project.scratch))
        stopped = list_containers(project)
        engine = Engine.connect()
        for identity in stopped:
            engine.pause(identity)
        engine.close()
        run.kill_all()
    assert list_containers(project) == stopped  # what stands still cannot end itself

    ran = project.run(url=start_model(right(project)).base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0)
    notice = "cleared up after 1 earlier run(s) that were killed"
    assert ran.report["notices"] == [notice]
    assert notice in ran.output


def test_an_engine_that_dies(two_bugs: Project, start_model: StartModel) -> None:
    with own_engine() as engine:
        two_bugs.environ["DOCKER_HOST"] = engine.url
        model = start_model(Turns([[Hang()]]))
        with running(two_bugs, "-Werror", "--agent-fix-jobs=1", url=model.base_url) as run:
            run.wait_until(lambda: model.requests)
            engine.kill()
            ran = run.wait()
        assert (ran.status, ran.verdicts) == (1, ["environment", "environment"])
        assert "was the engine stopped?" in ran.reasons[0]
        # It got a sandbox that was made ahead, or none any more.
        assert any(words in ran.reasons[1] for words in ("was the engine stopped?", "docker info"))
        assert_untouched(two_bugs, log=("two bugs", "start"))
        assert residue(two_bugs.scratch) == []

        engine.start()
        ran = two_bugs.run(url=start_model(both(two_bugs)).base_url)
        assert (ran.status, ran.verdicts) == (0, ["fixed", "fixed"])
        assert engine.containers() == []


def refusal(project: Project, *arguments: str, url: str | None = DEAD_URL) -> str:
    """What pytest says when it will not even begin."""
    ran = project.run(*arguments, url=url)
    assert (ran.status, ran.report) == (4, {})
    assert "collected" not in ran.output
    assert "Traceback" not in ran.output
    assert residue(project.scratch) == []
    return ran.output


def belongs_to_another(project: Project) -> str:
    if os.getuid():
        pytest.skip("giving files away needs root")
    for path in (project.path, *project.path.rglob("*")):
        os.chown(path, 12345, 12345)
    return f"git config --global --add safe.directory {project.path}"


def is_no_repository(project: Project) -> str:
    shutil.rmtree(project.path / ".git")
    return "git init && git add -A && git commit -m start"


def has_no_commit(project: Project) -> str:
    shutil.rmtree(project.path / ".git")
    project.git("init", "-q")
    return "git add -A && git commit -m start"


def is_bare(project: Project) -> str:
    bare = project.path.with_name("bare.git")
    project.git("clone", "-q", "--bare", str(project.path), str(bare))
    for name in ("calc.py", "test_calc.py"):
        shutil.copy(project.path / name, bare)
    project.path = bare
    return "git worktree add"


@pytest.mark.parametrize("make", [belongs_to_another, is_no_repository, has_no_commit, is_bare])
def test_a_repository_that_cannot_be_used(project: Project, make: Callable[[Project], str]) -> None:
    next_step = make(project)
    assert next_step in refusal(project)
    plain = run_plainly(project)
    assert (plain.status, plain.counts()) == (1, "1 failed, 1 passed")


def test_no_engine(project: Project) -> None:
    project.environ["DOCKER_HOST"] = f"unix://{project.scratch}/missing.sock"
    output = refusal(project)
    assert "needs a Docker engine, and none answers" in output
    assert "Start a Docker engine" in output
    ini = "[pytest]\nagent_fix = true\nagent_fix_model = a/b\nagent_fix_base_url = " + DEAD_URL
    project.write({"pytest.ini": ini})
    by_ini = run_plainly(project)
    assert by_ini.status == 4
    assert "Start a Docker engine" in by_ini.output


def test_no_identity(project: Project, start_model: StartModel) -> None:
    (project.scratch / "gitconfig").write_text("")
    assert 'git config --global user.name "Your Name"' in refusal(project)
    model = start_model(right(project))
    ran = project.run("--agent-fix-no-commit", url=model.base_url)
    assert (ran.verdicts, ran.report["clusters"][0]["commit"], ran.status) == (["fixed"], None, 0)
    assert "+    return left + right" in Path(ran.report["clusters"][0]["patch"]).read_text()
    assert_untouched(project)


@pytest.mark.parametrize(
    ("arguments", "url", "words"),
    [
        (
            ["--agent-fix-api-key-env=UNSET_KEY"],
            DEAD_URL,
            ["UNSET_KEY, which is not set or empty", "export UNSET_KEY="],
        ),
        (
            ["--agent-fix-api-key-env=EMPTY_KEY"],
            DEAD_URL,
            ["EMPTY_KEY, which is not set or empty", "export EMPTY_KEY="],
        ),
        ([], None, ["No model is chosen", "--agent-fix-model PROVIDER/MODEL"]),
        (["--agent-fix-model=gpt"], None, ["--agent-fix-model takes", "'gpt'"]),
        (["--agent-fix-model=antropic/claude-1"], None, ["'antropic'", "Did you mean anthropic?"]),
        (
            ["-o", "agent_fix_opencode=nowhere/opencode"],
            DEAD_URL,
            ["nowhere/opencode, which is not a file", "Correct the ini value"],
        ),
    ],
    ids=["unset-key", "empty-key", "no-model", "model-form", "provider", "opencode-path"],
)
def test_settings_that_cannot_work(
    project: Project, arguments: list[str], url: str | None, words: list[str]
) -> None:
    give_home(project)
    project.environ["EMPTY_KEY"] = ""
    output = refusal(project, *arguments, url=url)
    assert [word for word in words if word not in output] == []


def give_home(project: Project) -> Path:
    """A home of the project's own; OpenCode's cached binary stays where it is found."""
    home = project.scratch / "home"
    home.mkdir()
    cache = platformdirs.user_cache_path()
    project.environ |= {"HOME": str(home), "XDG_CACHE_HOME": str(cache)}
    project.environ |= {"XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}
    return home


def test_an_opencode_without_a_driver(project: Project, start_model: StartModel) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the stand-in is a program for x86-64")
    program = project.scratch / "opencode"
    program.write_bytes(make_printing_program(b"3.0.1\n"))
    program.chmod(0o755)
    model = start_model(right(project))
    ran = project.run("-o", f"agent_fix_opencode={program}", url=model.base_url)
    assert (ran.status, ran.verdicts, model.requests) == (1, ["environment"], [])
    assert "is OpenCode 3.0.1; only 1.18 and later 1.x are driven" in ran.reasons[0]
    assert_untouched(project)


def test_a_2_x_that_does_nothing(project: Project, start_model: StartModel) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the stand-in is a program for x86-64")
    program = project.scratch / "opencode"
    program.write_bytes(make_printing_program(b"2.0.1\n"))
    program.chmod(0o755)
    model = start_model(right(project))
    ran = project.run("-o", f"agent_fix_opencode={program}", url=model.base_url)
    assert (ran.status, model.requests) == (1, []), ran.output
    assert "OpenCode ended in the middle of its turn" in ran.reasons[0]
    assert any(
        "OpenCode 2.0.1 is driven as its documentation" in it for it in ran.report["notices"]
    )
    assert_untouched(project)


def make_printing_program(text: bytes) -> bytes:
    """A whole ELF program for Linux on x86-64: write(1, text); exit(0)."""
    base, head = 0x400000, 64 + 56
    tail = b"\xba" + struct.pack("<I", len(text)) + b"\x0f\x05\xb8\x3c\0\0\0\x31\xff\x0f\x05"
    code = b"\xb8\1\0\0\0\xbf\1\0\0\0\x48\x8d\x35" + struct.pack("<i", len(tail)) + tail + text
    size = head + len(code)
    ident = b"\x7fELF\2\1\1"
    entry = base + head
    elf = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, 62, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return elf + segment + code


@pytest.mark.parametrize(("status", "words"), [(401, "no such key"), (404, "model not found")])
def test_a_final_refusal_ends_the_run(
    two_bugs: Project, start_model: StartModel, status: int, words: str
) -> None:
    body = json.dumps({"error": {"message": words}})
    model = start_model(Turns([[Fail(status, body)] * 20]))
    ran = two_bugs.run("--agent-fix-jobs=1", url=model.base_url)
    assert (ran.status, ran.verdicts) == (1, ["environment", "skipped"])
    assert f"The provider answered {status}: {words}." in ran.reasons[0]
    assert words in ran.reasons[1]
    assert len(model.requests) == 1
    assert_untouched(two_bugs, log=("two bugs", "start"))


@contextmanager
def small_disk(project: Project, size: str) -> Iterator[Path]:
    """A disk of ``size`` that the scratch folders are put on; needs root."""
    if os.getuid():
        pytest.skip("mounting needs root")
    disk = project.scratch / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(disk)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    project.environ["TMPDIR"] = str(disk)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("size", ["1m", "3m"], ids=["base", "snapshot"])
def test_a_full_disk(project: Project, start_model: StartModel, size: str) -> None:
    project.write({"data.bin": "x" * 2_000_000})
    project.commit_all("data")
    model = start_model(right(project))
    with small_disk(project, size) as disk:
        ran = project.run(url=model.base_url)
        assert residue(disk) == []
    assert (ran.status, ran.verdicts) == (1, ["environment"]), ran.output
    assert re.search("disk is full|No room is left", ran.reasons[0])
    assert "TMPDIR to a larger disk" in ran.reasons[0]
    assert_untouched(project, log=("data", "start"))


def test_an_opencode_that_dies(project: Project, start_model: StartModel) -> None:
    model = start_model(Turns([[shell("kill -9 $OPENCODE_PID"), Say("done")]]))
    ran = project.run(url=model.base_url)
    assert (ran.status, ran.verdicts) == (1, ["agent-error"])
    assert ran.reasons == ["OpenCode ended in the middle of its turn"]
    assert_untouched(project)


def test_processes_without_number(project: Project, start_model: StartModel) -> None:
    program = (
        "import os, time\n"
        "try:\n"
        "    while os.fork(): pass\n"
        "    os.closerange(0, 3)\n"
        "    os.setsid()\n"
        "    time.sleep(10000)\n"
        "except OSError as error: print(error)\n"
    )
    many = [writes("/tmp/many.py", program), shell("python3 /tmp/many.py")]
    model = start_model(Turns([[*many, *right_steps(project)]]))
    ran = project.run("--agent-fix-timeout=200", url=model.base_url)
    assert ran.verdicts[0] in {"fixed", "agent-error", "environment", "timeout"}
    assert "Resource temporarily unavailable" in str(model.requests[-1].body)  # the limit held
    assert project.status() == ""


def test_more_than_anybody_can_read(project: Project, start_model: StartModel) -> None:
    flood = [
        shell("yes | head -c 100000000"),
        shell("truncate -s 10G huge.bin; mkdir many; cd many; seq 30000 | xargs touch"),
    ]
    model = start_model(Turns([[*flood, *right_steps(project)]]))
    ran = project.run(url=model.base_url)
    assert ran.verdicts == ["refused"], ran.reasons  # a part of it would be nobody's change
    assert any("too many files" in drop["reason"] for drop in ran.report["clusters"][0]["dropped"])
    assert project.log() == ["start"]
    assert project.status() == ""


def right_steps(project: Project) -> list[Reply]:
    path = str(project.path / "calc.py")
    return [reads(path), edits(path, "left - right", "left + right"), Say("done")]


def test_traps_in_the_tree(project: Project, start_model: StartModel) -> None:
    marker = project.reports / "marker"
    hook = f"#!/bin/sh\ntouch {marker}\n"
    plant = f"""\
cp calc.py kept && rm calc.py && ln -s /etc/passwd calc.py
mkfifo pipe && ln -s / root && mkdir -p .git/hooks
for name in pre-commit post-checkout reference-transaction post-index-change; do
  printf '{hook}' > .git/hooks/$name && chmod +x .git/hooks/$name
done
git config core.fsmonitor "touch {marker}"
git init -q --bare sub && git -C sub config core.fsmonitor "touch {marker}"
mkdir -p sub/hooks && cp .git/hooks/* sub/hooks/
"""
    back = "rm calc.py && mv kept calc.py"
    model = start_model(Turns([[shell(plant), Say("done")], [shell(back), *right_steps(project)]]))
    ran = project.run(url=model.base_url)
    assert (ran.status, ran.verdicts) == (0, ["fixed"])
    assert project.git("show", "--name-only", "--format=").split() == ["calc.py"]
    assert ran.report["clusters"][0]["dropped"] == [
        {"path": "pipe", "reason": "named pipe"},
        {"path": "root", "reason": "symbolic link"},
        {"path": "sub", "reason": "bare git repository"},
    ]
    assert not marker.exists()
    assert project.status() == ""


def test_the_users_own_opencode_settings(project: Project, start_model: StartModel) -> None:
    key = "own-key-of-the-user-0123456789"
    model = start_model(right(project))
    home = give_home(project)
    config = {
        "model": "mine/model-1",
        "provider": {
            "mine": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": model.base_url},
                "models": {"model-1": {}},
            }
        },
    }
    auth = {"mine": {"type": "api", "key": key}}
    for folder, name, content in (
        (".config", "opencode.json", config),
        (".local/share", "auth.json", auth),
    ):
        (home / folder / "opencode").mkdir(parents=True)
        (home / folder / "opencode" / name).write_text(json.dumps(content))
    ran = project.run(url=None)
    assert (ran.status, ran.verdicts) == (0, ["fixed"])
    assert {one.headers["authorization"] for one in model.requests} == {f"Bearer {key}"}
    assert "Agent-Fix-Model: mine/model-1" in project.git("log", "-1", "--format=%B")
