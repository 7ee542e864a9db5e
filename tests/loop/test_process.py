"""However pytest or the repair process ends, nothing is left, and a fix lands whole or not at all.

That nothing is left is seen at the end of each test, by the fixture of the project.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable

import pytest

from pytest_agentfix.testing.scripted_model.replies import Hang, Turns
from tests.kits.loop_kit import StartModel, once, refill
from tests.kits.project_kit import CALC, Project, wait_for
from tests.kits.running_kit import Running, assert_untouched, running

FIXED = CALC.replace("left - right", "left + right")
UNFINISHED = "not finished: the repair process ended before its time"
INTERRUPTED = "not finished: the run was interrupted"
# Signs, and waits before a commit of the repository's until the gate is opened.
PROGRAM = """#!/bin/sh
case "$GIT_OBJECT_DIRECTORY" in
*agent-fix-*) ;;
*) touch {reached}; read -r _ < {gate} ;;
esac
cat > /dev/null
printf '\\n[GNUPG:] SIG_CREATED \\n' >&2
printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'
"""


class Gate:
    """Holds up a fix that is landing, after its content is written and before the branch moves."""

    def __init__(self, project: Project) -> None:
        self._reached = project.reports / "reached"
        self._path = project.reports / "gate"
        os.mkfifo(self._path)
        program = project.reports / "gpg"
        paths = {"reached": self._reached, "gate": self._path}
        program.write_text(
            PROGRAM.format(**{name: shlex.quote(str(path)) for name, path in paths.items()})
        )
        program.chmod(0o755)
        project.git("config", "commit.gpgSign", "true")
        project.git("config", "gpg.program", str(program))

    def is_reached(self) -> bool:
        """Return whether a fix waits here."""
        return self._reached.exists()

    def open(self) -> None:
        """Let it go on; the program is there, as it has the other end open."""
        with self._path.open("w") as gate:
            gate.write("go on\n")


@pytest.fixture
def gate(project: Project) -> Gate:
    return Gate(project)


def kill_both(run: Running) -> None:
    """Kill pytest and all that it has started."""
    run.kill_all()


def stop(run: Running) -> None:
    """Ask the repair process to end, as a system does that shuts down."""
    [number] = run.repair_processes
    os.kill(number, signal.SIGTERM)


@pytest.mark.parametrize(("end", "status"), [(Running.press_ctrl_c, 2), (Running.terminate, 143)])
def test_a_run_that_is_ended(
    project: Project, start_model: StartModel, end: Callable[[Running], None], status: int
) -> None:
    model = start_model(Turns([[Hang()]]))
    with running(project, url=model.base_url) as run:
        run.wait_until(lambda: model.requests)
        end(run)
        ran = run.wait()
        assert run.repair_processes == []
    assert (ran.status, ran.verdicts, ran.reasons) == (status, ["skipped"], [INTERRUPTED])
    assert_untouched(project)


@pytest.mark.parametrize("kill", [Running.kill_repair_process, stop])
def test_a_repair_process_that_is_ended(
    project: Project, start_model: StartModel, kill: Callable[[Running], None]
) -> None:
    model = start_model(Turns([[Hang()]]))
    with running(project, url=model.base_url) as run:
        run.wait_until(lambda: model.requests)
        kill(run)
        ran = run.wait()
    assert (ran.status, ran.counts()) == (1, "1 failed, 1 passed")
    if kill is stop:
        assert (ran.verdicts, ran.reasons) == (["skipped"], [INTERRUPTED])
    else:
        assert (ran.verdicts, ran.reasons) == (["environment"], [UNFINISHED])
        assert "The repair process has ended before its time. Was it killed" in ran.output
    assert_untouched(project)


@pytest.mark.parametrize("kill", [Running.kill, kill_both])
def test_a_killed_pytest(
    project: Project, start_model: StartModel, kill: Callable[[Running], None]
) -> None:
    model = start_model(Turns([[Hang()]]))
    with running(project, url=model.base_url) as run:
        run.wait_until(lambda: model.requests)
        kill(run)
        wait_for(lambda: not run.repair_processes)
    assert_untouched(project)
    if kill is kill_both:  # nobody was there to clear up: the next run does
        ran = project.run(url=start_model(once(project, "calc.py", "- right", "+ right")).base_url)
        assert ran.verdicts == ["fixed"]
        assert "cleared up after 1 earlier run(s) that were killed" in ran.output


@pytest.mark.parametrize("end", [Running.press_ctrl_c, Running.terminate, Running.kill])
def test_a_fix_that_is_landing_lands_whole(
    project: Project, start_model: StartModel, gate: Gate, end: Callable[[Running], None]
) -> None:
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    with running(project, url=model.base_url) as run:
        run.wait_until(gate.is_reached)
        end(run)
        gate.open()
        if end is not Running.kill:
            assert run.wait().verdicts == ["fixed"]
        wait_for(lambda: not run.repair_processes)
    assert project.log()[1:] == ["start"]
    assert project.git("show", "HEAD:calc.py") == FIXED
    assert (project.path / "calc.py").read_text() == FIXED
    assert project.status() == ""


@pytest.mark.parametrize("kill", [Running.kill_repair_process, kill_both])
def test_a_fix_that_has_not_landed_is_no_trace(
    project: Project, start_model: StartModel, gate: Gate, kill: Callable[[Running], None]
) -> None:
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    with running(project, url=model.base_url) as run:
        run.wait_until(gate.is_reached)
        kill(run)
        if kill is not kill_both:
            gate.open()
            assert run.wait().reasons == [UNFINISHED]
    project.git("config", "commit.gpgSign", "false")
    assert_untouched(project)
    assert (project.path / "calc.py").read_text() == CALC
    if kill is kill_both:
        model = start_model(once(project, "calc.py", "left - right", "left + right"))
        assert project.run(url=model.base_url).verdicts == ["fixed"]


TEST = """\
import calc, os, pathlib, signal, stat


def test_add():
    assert calc.add(2, 3) == 5


def test_harms_it():
    if "TMPDIR" in os.environ:  # not in a sandbox
        {harm}


def test_after():
    pass
"""
FIND = (
    "found = [int(p.parent.name) for p in pathlib.Path('/proc').glob('[0-9]*/cmdline') "
    "if any(n in p.read_bytes() for n in {names}) "
    "and os.environb[b'TMPDIR'] in (p.parent / 'environ').read_bytes()]; "
)
NAMES = (b"runtime/__main__.py", b"local_process.py")
HARM = {
    "closes its socket": (
        "names = [int(path.name) for path in pathlib.Path('/proc/self/fd').iterdir()]; "
        "[os.close(n) for n in names if os.path.exists(f'/proc/self/fd/{n}') "
        "and stat.S_ISSOCK(os.stat(f'/proc/self/fd/{n}').st_mode)]"
    ),
    "kills it": FIND.format(names=NAMES) + "[os.kill(n, signal.SIGKILL) for n in found]",
    "waits for all children": "import pytest; pytest.raises(ChildProcessError, os.wait)",
    "forks": "pid = os.fork(); pid or os._exit(0); os.waitpid(pid, 0)",
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_whatever_tests_do_to_it(project: Project, start_model: StartModel, harm: str) -> None:
    refill(project, {"calc.py": CALC, "test_calc.py": TEST.replace("{harm}", harm)})
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("-p", "no:cacheprovider", "-s", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    assert "internal error" not in ran.output


def test_logs_go_where_pytests_options_say(project: Project, start_model: StartModel) -> None:
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    file = project.reports / "log.txt"
    ran = project.run(f"--log-file={file}", "--log-file-level=INFO", url=model.base_url)
    assert ran.verdicts == ["fixed"]
    assert "pytest_agentfix.gateway" in file.read_text() or "200" in file.read_text()


def test_sessions_of_the_judge_are_not_started_ahead_in_vain(
    project: Project, start_model: StartModel
) -> None:
    """One whose process has ended before its order, as happens on a busy machine, is replaced."""
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    file = project.reports / "log.txt"
    ran = project.run(f"--log-file={file}", "--log-file-level=DEBUG", url=model.base_url)
    assert ran.verdicts == ["fixed"], ran.output
    said = file.read_text()
    assert said.count("a session that was started ahead gets its order") > 3
    assert said.count("in vain") <= 1


def test_a_green_run_leaves_no_trace(project: Project) -> None:
    project.write({"calc.py": FIXED})
    ran = project.run(url="http://127.0.0.1:9/v1")
    assert (ran.status, ran.counts()) == (0, "2 passed")
    assert not list(project.scratch.glob("pytest-agentfix-*/*"))


def test_the_key_is_told_when_the_repair_begins(project: Project, start_model: StartModel) -> None:
    """Until then the process has it neither in its environment nor from anybody."""
    key = "sk-of-the-user-0123456789"
    found = project.reports / "found"
    look = FIND.format(names=NAMES) + (
        f"pathlib.Path({str(found)!r}).write_bytes("
        "b''.join(pathlib.Path(f'/proc/{n}/environ').read_bytes() for n in found))"
    )
    refill(project, {"calc.py": CALC, "test_calc.py": TEST.replace("{harm}", look)})
    project.environ["A_KEY"] = key
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("--agent-fix-api-key-env=A_KEY", url=model.base_url)
    assert ran.verdicts == ["fixed"], ran.output
    assert {one.headers["authorization"] for one in model.requests} == {f"Bearer {key}"}
    assert found.read_bytes()
    assert key.encode() not in found.read_bytes()
