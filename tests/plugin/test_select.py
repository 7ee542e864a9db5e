"""--agent-fix-select."""

from __future__ import annotations

from tests.plugin.conftest import Runner

TESTS = """
import pytest
@pytest.mark.agent_fix
def test_marked(): assert False
def test_plain(): assert False
@pytest.mark.agent_fix(enabled=False)
def test_disabled(): assert False
"""


def _selected(runner: Runner) -> set[str]:
    return {failure.nodeid for failure in runner.request.failures}


def test_all_but_the_disabled(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it=TESTS)
    result = any_runner.run()
    assert _selected(any_runner) == {"test_it.py::test_marked", "test_it.py::test_plain"}
    assert result.ret == 1
    result.stdout.fnmatch_lines(["note: 1 failing test was left alone*", "*1 failed, 2 fixed in*"])


def test_marked_only(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it=TESTS)
    result = any_runner.run("--agent-fix-select=marked")
    assert (result.ret, _selected(any_runner)) == (1, {"test_it.py::test_marked"})
    result.stdout.fnmatch_lines(
        ["note: 2 failing tests were left alone*", "*2 failed, 1 fixed in*"]
    )


def test_none_selected(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_it(): assert False")
    result = runner.run("--agent-fix-select=marked")
    assert (result.ret, runner.events) == (1, ["prepare", "close"])
    result.stdout.fnmatch_lines(["note: 1 failing test was left alone*"])
