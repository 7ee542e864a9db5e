"""The marker agent_fix."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.model import TestPolicy
from pytest_agentfix.pytest_hooks.markers import dump_policy, load_policy, make_policy
from tests.plugin.conftest import Runner

FULL = TestPolicy(
    max_attempts=2,
    timeout=60.0,
    model="anthropic/claude",
    paths=("src/*.py",),
    allow_test_edits=True,
    flaky_runs=5,
    reason="a note",
)


def test_all_keywords() -> None:
    keywords = {
        "enabled": True,
        "max_attempts": 2,
        "timeout": 60,
        "model": "anthropic/claude",
        "paths": ["src/*.py"],
        "allow_test_edits": True,
        "flaky_runs": 5,
        "reason": "a note",
    }
    assert make_policy((), keywords) == FULL


@pytest.mark.parametrize("policy", [None, TestPolicy(), TestPolicy(enabled=False), FULL])
def test_a_policy_survives_the_wire(policy: TestPolicy | None) -> None:
    assert load_policy(dump_policy(policy)) == policy


@pytest.mark.parametrize(
    ("keyword", "value", "takes"),
    [
        ("enabled", "no", "True or False"),
        ("max_attempts", 0, "a whole number above 0"),
        ("max_attempts", True, "a whole number above 0"),
        ("max_attempts", 1.5, "a whole number above 0"),
        ("timeout", float("nan"), "a number of seconds above 0"),
        ("timeout", float("inf"), "a number of seconds above 0"),
        ("timeout", -1, "a number of seconds above 0"),
        ("timeout", "60", "a number of seconds above 0"),
        ("model", "claude", "'PROVIDER/MODEL'"),
        ("model", 1, "'PROVIDER/MODEL'"),
        ("paths", "src/*.py", "a list of globs"),
        ("paths", [], "a list of globs"),
        ("paths", [1], "a list of globs"),
        ("allow_test_edits", 1, "True or False"),
        ("flaky_runs", "3", "a whole number above 0"),
        ("reason", "", "a text"),
    ],
)
def test_wrong_values(keyword: str, value: object, takes: str) -> None:
    with pytest.raises(SettingError) as caught:
        make_policy((), {keyword: value})
    expected = f"the agent_fix marker's {keyword}= takes {takes}, not {value!r}."
    assert caught.value.problem == expected


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("attempts=3", "the agent_fix marker knows no attempts=, only enabled, *"),
        ("max_attempts=0", "the agent_fix marker's max_attempts= takes a whole number above 0*"),
        ("3", "the agent_fix marker takes keywords only.*"),
    ],
)
def test_a_wrong_marker_is_a_usage_error(any_runner: Runner, marker: str, message: str) -> None:
    any_runner.pytester.makepyfile(
        test_it=f"""
        import pytest
        @pytest.mark.agent_fix({marker})
        def test_marked(): pass
        def test_other(): pass
        """
    )
    result = any_runner.run()
    assert (result.ret, "repair" in any_runner.events) == (4, False)
    result.stderr.fnmatch_lines([f"ERROR: test_it.py::test_marked: {message}"])
    assert result.stderr.str().count("test_it.py::test_marked") == 1


def test_every_wrong_marker_is_told(runner: Runner) -> None:
    runner.pytester.makepyfile(
        test_it="""
        import pytest
        @pytest.mark.agent_fix(1)
        def test_one(): pass
        @pytest.mark.agent_fix(x=1)
        def test_two(): pass
        """
    )
    result = runner.run("-k", "one")
    result.stderr.fnmatch_lines(["ERROR: test_it.py::test_one: *", "ERROR: test_it.py::test_two:*"])


def test_a_marker_added_by_a_hook_is_checked(runner: Runner) -> None:
    runner.pytester.makeconftest("""
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items: item.add_marker(pytest.mark.agent_fix(x=1))
    """)
    runner.pytester.makepyfile("def test_it(): pass")
    assert runner.run().ret == 4


def test_a_marker_added_while_a_test_runs_is_not_fatal(runner: Runner) -> None:
    runner.pytester.makepyfile("""
        import pytest
        def test_it(request):
            request.node.add_marker(pytest.mark.agent_fix(x=1))
            assert False
    """)
    assert runner.run().ret == 0
    assert [failure.policy for failure in runner.request.failures] == [None]


def test_the_nearest_marker_counts_as_a_whole(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(
        test_it="""
        import pytest
        pytestmark = pytest.mark.agent_fix(max_attempts=1, reason="module")
        @pytest.mark.agent_fix(max_attempts=2)
        class TestClass:
            @pytest.mark.agent_fix(timeout=5, paths=["src/*"])
            def test_function(self): assert False
            def test_class(self): assert False
            @pytest.mark.agent_fix(enabled=False)
            def test_disabled(self): assert False
        def test_module(): assert False
        @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.agent_fix(flaky_runs=2))])
        def test_param(x): assert False
        """
    )
    any_runner.run()
    assert {failure.nodeid: failure.policy for failure in any_runner.request.failures} == {
        "test_it.py::TestClass::test_function": TestPolicy(timeout=5.0, paths=("src/*",)),
        "test_it.py::TestClass::test_class": TestPolicy(max_attempts=2),
        "test_it.py::test_module": TestPolicy(max_attempts=1, reason="module"),
        "test_it.py::test_param[1]": TestPolicy(flaky_runs=2),
    }


@pytest.mark.parametrize("on", [True, False])
def test_strict_markers_know_it(any_runner: Runner, *, on: bool) -> None:
    any_runner.pytester.makepyfile("""
        import pytest
        @pytest.mark.agent_fix(max_attempts=3)
        def test_good(): pass
    """)
    assert any_runner.run("--strict-markers", on=on).ret == 0


def test_markers_option(runner: Runner) -> None:
    lines = runner.run("--markers", on=False).outlines
    assert sum(line.startswith("@pytest.mark.agent_fix(") for line in lines) == 1
