"""The repair phase breaks, or is broken off: nothing is hidden, and nothing stays behind."""

from __future__ import annotations

import json
import sys

import pytest

from tests.plugin.conftest import Runner

TWO = "def test_a(): assert 0\ndef test_b(): assert 0"
ALL = ["prepare", "repair", "close"]


def test_an_unexpected_error(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it=TWO)
    any_runner.script(repair="error")
    result = any_runner.run(is_subprocess=True)
    assert (result.ret, any_runner.events) == (1, ALL)
    result.stdout.fnmatch_lines(
        [
            "fixed  test_it.py::test_[ab]",
            "agent-fix: internal error: RuntimeError: something nobody thought of (please report*",
            "*= 1 failed, 1 fixed in *s =*",
        ]
    )
    result.stderr.fnmatch_lines(["RuntimeError: something nobody thought of"])


def test_a_known_trouble(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(TWO)
    any_runner.script(repair="trouble")
    result = any_runner.run(is_subprocess=True)
    assert (result.ret, any_runner.events) == (1, ALL)
    result.stdout.fnmatch_lines(["agent-fix: The sandbox has a network. Upgrade the engine."])
    assert "Traceback" not in result.stderr.str()


def test_close_fails(runner: Runner) -> None:
    runner.pytester.makepyfile(TWO)
    runner.script(close="error")
    result = runner.run()
    assert (result.ret, runner.events) == (0, ALL)
    result.stdout.fnmatch_lines(["agent-fix: internal error: OSError: close failed*"])


def test_ctrl_c(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it=TWO)
    any_runner.script(repair="interrupt")
    result = any_runner.run("--agent-fix-report=r.json", is_subprocess=True)
    assert (result.ret, any_runner.events) == (2, ALL)
    result.stdout.fnmatch_lines(
        ["fixed  test_it.py::test_[ab]", "*KeyboardInterrupt*", "*= 1 failed, 1 fixed in *s =*"]
    )
    report = json.loads((any_runner.path / "r.json").read_text("utf-8"))
    assert [each["verdict"] for each in report["clusters"]] == ["fixed"]


def test_sigterm(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it=TWO)
    any_runner.script(repair="terminate")
    result = any_runner.run("--agent-fix-report=r.json", is_subprocess=True)
    assert (result.ret, any_runner.events) == (143, ALL)
    result.stdout.fnmatch_lines(["agent-fix: stopped by SIGTERM"])
    report = json.loads((any_runner.path / "r.json").read_text("utf-8"))
    assert [each["verdict"] for each in report["clusters"]] == ["fixed"]


def test_the_sigterm_handler_of_before_is_back(runner: Runner) -> None:
    runner.pytester.makeconftest("""
        import signal
        def mine(*args): pass
        def pytest_configure(): signal.signal(signal.SIGTERM, mine)
        def pytest_unconfigure(): print("BACK", signal.getsignal(signal.SIGTERM) is mine)
    """)
    runner.pytester.makepyfile(TWO)
    runner.run(is_subprocess=True).stdout.fnmatch_lines(["BACK True"])


def test_ctrl_c_in_a_test_means_no_repair(runner: Runner) -> None:
    runner.pytester.makepyfile("""
        def test_a(): assert 0
        def test_b(): raise KeyboardInterrupt
    """)
    result = runner.run(is_subprocess=True)
    assert (result.ret, runner.events) == (2, ["prepare", "close"])


@pytest.mark.parametrize(("typed", "status"), [(b"c\n", 0), (b"q\n", 2), (b"", 2)])
def test_pdb_does_not_hang(runner: Runner, typed: bytes, status: int) -> None:
    runner.pytester.makepyfile("def test_a(): assert 0")
    result = runner.pytester.run(
        sys.executable, "-m", "pytest", *runner.plugins, "--agent-fix", "--pdb", stdin=typed
    )
    repaired = ["prepare", "repair", "close"] if status == 0 else ["prepare", "close"]
    assert (result.ret, runner.events) == (status, repaired)


def test_tests_that_leave_the_folder(runner: Runner) -> None:
    runner.pytester.makepyfile("""
        import os
        def test_a(tmp_path):
            cwd = os.getcwd()
            os.chdir("/")
            try: assert 0
            finally: os.chdir(cwd)
    """)
    runner.run("--agent-fix-report=deep/er/r.json")
    assert (runner.path / "deep" / "er" / "r.json").exists()
