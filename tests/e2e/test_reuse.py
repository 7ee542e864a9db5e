"""The tests of the same name in ``tests/loop``, with the real engine and the real OpenCode."""

from pytest_agentfix.testing.scripted_model.replies import shell
from tests.kits.loop_kit import StartModel, by_test, refill
from tests.kits.project_kit import Project
from tests.loop.test_reuse import *  # noqa: F403
from tests.loop.test_reuse import LEAVE, LEFT, LOOK, count_uses, make_bugs, repair, run, see

STAY = (
    "for at in /tmp /dev/shm $HOME $HOME/.config/opencode; do echo > $at/leftover.txt; done;"
    " mkdir -p /tmp/leftover/.opencode/plugin;"
    " setsid sh -c 'while sleep 0.2; do echo > leftover-again.txt; done' < /dev/null > /dev/null"
    " 2>&1 & "
)
PROCESSES = "for one in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $one; echo; done"
# Spelled so that the command, which is among the processes it lists, does not find itself.
ALL_FILES = (
    "ls -A /tmp /dev/shm $HOME $HOME/.config/opencode; "
    "grep -rq --exclude-dir='pytest-of-*' 'test_[o]ne' /tmp && echo mentioned-in-$((1 + 1))-files"
)


def test_nothing_that_an_agent_leaves_is_seen_by_the_next(
    project: Project, start_model: StartModel
) -> None:
    refill(project, make_bugs("one", "two"))
    look = f"sleep 1; {PROCESSES}; {ALL_FILES}; {LOOK}"
    scripts = {
        "test_one": repair(project, "one", shell(STAY + LEAVE), shell(PROCESSES)),
        "test_two": repair(project, "two", shell(look)),
    }
    model = start_model(by_test(scripts))
    ran, log = run(project, model)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert count_uses(log) == 1, log
    assert "leftover-again" in see(model, "one")
    seen = see(model, "two")
    assert "opencode serve" in seen
    assert LEFT not in seen
    assert "test_one" not in seen.replace("test_one.py", "")
    assert "mentioned-in-2-files" not in seen


def test_shared_memory_that_is_left_leads_to_a_new_sandbox(
    project: Project, start_model: StartModel
) -> None:
    """An object of System V stays without any process."""
    refill(project, make_bugs("one", "two"))
    keep = (
        "python3 -c 'import ctypes; print(ctypes.CDLL(None).shmget(0x7, 4096, 0o1600))'; echo done"
    )
    scripts = {
        "test_one": repair(project, "one", shell(keep)),
        "test_two": repair(project, "two", shell("cat /proc/sysvipc/shm | wc -l")),
    }
    model = start_model(by_test(scripts))
    ran, log = run(project, model)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert (count_uses(log), log.count("an object of System V is left: shm")) == (0, 1), log
