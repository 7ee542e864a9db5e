"""Exit status and counts line, and what stays red."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

TWO = "def test_a(): assert 0\ndef test_b(): assert 0\ndef test_c(): pass"


def test_all_fixed(both_runner: Runner) -> None:
    both_runner.pytester.makepyfile(TWO)
    result = both_runner.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*= agent-fix =*", "*= 1 passed, 2 fixed in *s =*"])
    result.stdout.no_fnmatch_line("*= FAILURES =*")


def test_one_stays_red(both_runner: Runner) -> None:
    both_runner.pytester.makepyfile(test_it=TWO)
    both_runner.script(verdicts={"test_it.py::test_a": "unfixed"})
    result = both_runner.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*= FAILURES =*", "FAILED test_it.py::test_a*", "*= 1 failed, 1 passed, 1 fixed in *s =*"]
    )


@pytest.mark.parametrize(
    "verdict",
    ["not-reproduced", "refused", "test-suspect", "conflict", "environment", "timeout", "skipped"],
)
def test_no_other_verdict_is_green(runner: Runner, verdict: str) -> None:
    runner.pytester.makepyfile("def test_a(): assert 0")
    runner.script(verdicts={"call": verdict})
    result = runner.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*= 1 failed in *s =*"])


def test_flaky_fixed_is_green(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_a(): assert 0")
    runner.script(verdicts={"call": "flaky-fixed"})
    assert runner.run().ret == 0


TWICE_BAD = """
    import pytest
    @pytest.fixture
    def bad():
        yield
        assert 0
    def test_a(bad): assert 0
"""


def test_a_test_counts_once(both_runner: Runner) -> None:
    both_runner.pytester.makepyfile(TWICE_BAD)
    result = both_runner.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*= 1 fixed in *s =*"])


def test_a_test_half_fixed_is_red(both_runner: Runner) -> None:
    both_runner.pytester.makepyfile(TWICE_BAD)
    both_runner.script(by_phase=True, verdicts={"call": "fixed", "teardown": "unfixed"})
    result = both_runner.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*= 1 failed, 1 error in *s =*"])


@pytest.mark.parametrize(("verdict", "status"), [("fixed", 0), ("unfixed", 1)])
@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_first_failure_ends_the_run(
    both_runner: Runner, option: str, verdict: str, status: int
) -> None:
    both_runner.pytester.makepyfile(TWO)
    both_runner.script(verdicts={"call": verdict})
    result = both_runner.run(option)
    # xdist's own status after -x is 2.
    assert result.ret == (2 if status and both_runner.jobs else status)
    assert both_runner.events == ["prepare", "repair", "close"]


@pytest.mark.parametrize(("verdict", "status"), [("fixed", 0), ("unfixed", 2)])
def test_collection_errors(runner: Runner, verdict: str, status: int) -> None:
    runner.pytester.makepyfile(test_bad="import nowhere", test_good="def test_a(): pass")
    runner.script(verdicts={"collect": verdict})
    assert runner.run().ret == status


@pytest.mark.parametrize(("verdict", "status"), [("fixed", 0), ("unfixed", 1)])
def test_first_collection_error_ends_the_run(
    both_runner: Runner, verdict: str, status: int
) -> None:
    both_runner.pytester.makepyfile(
        test_a="import nowhere", test_b="import nowhere", test_c="def test_a(): pass"
    )
    both_runner.script(verdicts={"collect": verdict})
    result = both_runner.run("-x")
    assert result.ret == (2 if status and both_runner.jobs else status)
    assert both_runner.events == ["prepare", "repair", "close"]


def test_stepwise(runner: Runner) -> None:
    runner.pytester.makepyfile(TWO)
    result = runner.run("--stepwise")
    assert (result.ret, runner.events) == (0, ["prepare", "repair", "close"])


@pytest.mark.parametrize(("verdict", "status"), [("fixed", 1), ("unfixed", 1)])
def test_exit_non_zero_on_fix(any_runner: Runner, verdict: str, status: int) -> None:
    any_runner.pytester.makepyfile(TWO)
    any_runner.script(verdicts={"call": verdict})
    result = any_runner.run("--agent-fix-exit-non-zero-on-fix")
    assert result.ret == status
    if verdict == "fixed":
        result.stdout.fnmatch_lines(["*= 1 passed, 2 fixed in *s =*"])


def test_exit_non_zero_on_fix_after_a_collection_error(runner: Runner) -> None:
    runner.pytester.makepyfile(test_bad="import nowhere")
    assert runner.run("--agent-fix-exit-non-zero-on-fix").ret == 1


def test_exit_non_zero_on_fix_without_a_fix(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_a(): pass")
    assert runner.run("--agent-fix-exit-non-zero-on-fix").ret == 0


def test_the_line_is_not_red_when_all_is_fixed(runner: Runner) -> None:
    runner.pytester.makepyfile(TWO)
    for args in ([], ["-x"]):
        line = runner.run("--color=yes", *args).outlines[-1]
        assert ("fixed" in line, "\x1b[31m" in line) == (True, False)


def test_without_a_terminal(runner: Runner) -> None:
    runner.pytester.makepyfile(TWO)
    result = runner.pytester.runpytest_subprocess(
        *runner.plugins, "--agent-fix", "-p", "no:terminal"
    )
    assert (result.ret, runner.events) == (0, ["prepare", "repair", "close"])


def test_quiet_shows_no_live_lines(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it="def test_a(): assert 0")
    live = "agent-fix: [[]1[]] test_it.py::test_a: reproducing"
    any_runner.run().stdout.fnmatch_lines([live])
    any_runner.run("-q").stdout.no_fnmatch_line(live)


def test_an_exit_of_the_tests_own_is_no_failure(runner: Runner) -> None:
    runner.pytester.makepyfile("""
        import pytest
        def test_a(): assert 0
        def test_b(): pytest.exit("enough", returncode=7)
    """)
    assert (runner.run().ret, runner.events) == (7, ["prepare", "close"])


def test_a_stop_by_something_else_is_left_alone(runner: Runner) -> None:
    runner.pytester.makepyfile("""
        def test_a(): assert 0
        def test_b(request): request.session.shouldstop = "out of time"
        def test_c(): pass
    """)
    assert (runner.run().ret, runner.events) == (2, ["prepare", "close"])


def test_failures_of_another_plugin_count_on(runner: Runner) -> None:
    runner.pytester.makeconftest("""
        import pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_runtestloop(session):
            result = yield
            session.testsfailed += 1
            return result
    """)
    runner.pytester.makepyfile(TWO)
    assert runner.run().ret == 1
