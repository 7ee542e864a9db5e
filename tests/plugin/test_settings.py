"""Every option: good and bad values, on the command line and in the ini file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_agentfix.core.options import LINT_LEVELS, LINT_RULES
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.judge.lint import RULES, Level
from pytest_agentfix.pytest_hooks import option_values as values
from tests.plugin.conftest import Runner

GOOD: list[tuple[str, str, dict[str, Any]]] = [
    ("select", "marked", {"select": "marked"}),
    ("model", "anthropic/claude", {"model": "anthropic/claude"}),
    ("model", "openrouter/meta/llama-3", {"model": "openrouter/meta/llama-3"}),
    ("base_url", "http://127.0.0.1:8080/v1", {"base_url": "http://127.0.0.1:8080/v1"}),
    ("api_key_env", "MY_KEY", {"api_key_env": "MY_KEY"}),
    ("review", "off", {}),
    ("review", "same", {"review": "same"}),
    ("review", "anthropic/claude", {"review": "anthropic/claude"}),
    ("max_attempts", "5", {"max_attempts": 5}),
    ("max_clusters", "1", {"max_clusters": 1}),
    ("jobs", "4", {"jobs": 4}),
    ("jobs", "auto", {"jobs": None}),
    ("timeout", "12.5", {"timeout": 12.5}),
    ("environment", "mirror", {"environment": "mirror"}),
    ("image", "python:3.12", {"image": "python:3.12"}),
    ("branch", "fixes", {"branch": "fixes"}),
    ("max_cost", "2.5", {"max_cost": 2.5}),
    ("max_tokens", "500000", {"max_tokens": 500_000}),
]
FLAGS: list[tuple[str, dict[str, Any]]] = [
    ("no_commit", {"commit": False}),
    ("keep", {"keep": True}),
    ("exit_non_zero_on_fix", {"exit_non_zero_on_fix": True}),
]
COUNT = "a whole number above 0"
SECONDS = "a number of seconds above 0"
URL = "an http or https URL without user name, password, query and fragment"
LINT = f"lines of RULE=refuse|report|off, with RULE one of {', '.join(LINT_RULES)}"
BAD = [
    ("select", "some", "all or marked, not 'some'"),
    ("select", "", "all or marked, not ''"),
    ("model", "claude", "PROVIDER/MODEL, such as *, not 'claude'"),
    ("model", "a/", "PROVIDER/MODEL, such as *, not 'a/'"),
    ("model", "a/b c", "PROVIDER/MODEL, such as *, not 'a/b c'"),
    ("base_url", "localhost:8080", URL),
    ("base_url", "ftp://host/", URL),
    ("base_url", "http://", URL),
    ("base_url", "http://host:port/", URL),
    ("base_url", "https://user:secret@host/v1", URL),
    ("base_url", "https://host/v1?key=secret", URL),
    ("api_key_env", "sk-secret", "the name of an environment variable (not the key itself)"),
    ("review", "", "off, same or PROVIDER/MODEL, such as *, not ''"),
    ("review", "claude", "off, same or PROVIDER/MODEL, such as *, not 'claude'"),
    ("review", "a/b c", "off, same or PROVIDER/MODEL, such as *, not 'a/b c'"),
    ("max_attempts", "x", COUNT),
    ("max_attempts", "0", COUNT),
    ("max_attempts", "1.5", COUNT),
    ("max_clusters", "-1", COUNT),
    ("jobs", "0", "a whole number above 0, or auto, not '0'"),
    ("jobs", "many", "a whole number above 0, or auto, not 'many'"),
    ("timeout", "0", SECONDS),
    ("timeout", "nan", SECONDS),
    ("timeout", "inf", SECONDS),
    ("timeout", "soon", SECONDS),
    ("environment", "build", "auto, mirror or image, not 'build'"),
    ("environment", "image", "--agent-fix-image with the image's name"),
    ("image", "", "the name of a Docker image, not ''"),
    ("image", "-v", "the name of a Docker image, not '-v'"),
    ("branch", " ", "the name of a branch, not ' '"),
    ("report", "r.html", "a path that ends in .json, not 'r.html'"),
    ("report", "", "a path that ends in .json, not ''"),
    ("report", "test_it.py/r.json", "the path of a file to write; *is not a folder"),
    ("max_cost", "0", "a number of US dollars above 0, not '0'"),
    ("max_cost", "$5", "a number of US dollars above 0, not '$5'"),
    ("max_cost", "inf", "a number of US dollars above 0, not 'inf'"),
    ("max_tokens", "1.5", COUNT),
    ("record", "", "a path, not ''"),
    ("record", "test_it.py/r", "the path of a file to write; *is not a folder"),
    ("replay", " ", "a path, not ' '"),
]
CAP = "lines of SCOPE.KIND=N, with SCOPE one of attempt, cluster, run, day, KIND one of *"
BAD_INI = [
    ("caps", "run.cost", f"{CAP}, not 'run.cost'"),
    ("caps", "run.cost=0", f"{CAP}, not 'run.cost=0'"),
    ("caps", "run.tokens=1.5", f"{CAP}, not 'run.tokens=1.5'"),
    ("caps", "week.cost=1", f"{CAP}, not 'week.cost=1'"),
    ("caps", "run.money=1", f"{CAP}, not 'run.money=1'"),
    ("price", "1", "two to four amounts in US dollars per million tokens*, not '1'"),
    ("price", "1 2 3 4 5", "two to four amounts*, not '1 2 3 4 5'"),
    ("price", "1 -2", "two to four amounts*, not '1 -2'"),
    ("price", "1 nan", "two to four amounts*, not '1 nan'"),
    ("model_timeouts", "idle", "lines of NAME=SECONDS, with NAME one of connect*, not 'idle'"),
    ("model_timeouts", "read=5", "lines of NAME=SECONDS, with NAME one of *, not 'read=5'"),
    ("model_timeouts", "idle=-1", "lines of NAME=SECONDS, with NAME one of *, not 'idle=-1'"),
    ("api_key_command", "pass 'show", "a command that prints the key, quoted as in a shell."),
    ("max_requests", "0", COUNT),
    ("max_unjudged", "101", "a percentage from 0 to 100, such as 2 %, not '101'"),
    ("max_unjudged", "few", "a percentage from 0 to 100, such as 2 %, not 'few'"),
    ("max_unjudged", "nan", "a percentage from 0 to 100, such as 2 %, not 'nan'"),
    ("env", "MY NAME", "names of environment variables, and no provider's key (*_API_KEY)*"),
    ("env", "openai_api_key", "names of environment variables, and no provider's key (*_API_KEY)*"),
    ("include", "/etc/*", "globs relative to the repository's top, not '/etc/[*]'"),
    ("include", "../x", "globs relative to the repository's top, not '../x'"),
    ("allow", "/etc/*", "globs relative to the repository's top, not '/etc/[*]'"),
    ("allow", "tests/../../x", "globs relative to the repository's top, not 'tests/../../x'"),
    ("lint", "unicode", f"{LINT}*, not 'unicode'"),
    ("lint", "unicode=", f"{LINT}*, not 'unicode='"),
    ("lint", "unicode=warn", f"{LINT}*, not 'unicode=warn'"),
    ("lint", "no-such-rule=off", f"{LINT}*, not 'no-such-rule=off'"),
    ("lint", "=off", f"{LINT}*, not '=off'"),
    ("regressions", "some", "run or all, not 'some'"),
    ("repository_history", "agent", "none or judge, not 'agent'"),
    ("minimise", "perhaps", "true or false"),
    ("prepare", "always", "auto or never, not 'always'"),
    ("no_commit", "perhaps", "true or false"),
    ("keep", "perhaps", "true or false"),
]


def _run(runner: Runner, *args: str) -> Settings:
    runner.pytester.makepyfile(test_it="def test_good(): pass")
    result = runner.run(*args)
    assert result.ret == 0, result.stderr.str()
    return runner.settings


def _flag(name: str) -> str:
    return "--agent-fix-" + name.replace("_", "-")


def _escape(pattern: str) -> str:
    return pattern.replace("(*_API", "([*]_API")


def test_defaults(runner: Runner) -> None:
    assert _run(runner) == Settings()


@pytest.mark.parametrize(("name", "value", "expected"), GOOD)
def test_good_option(runner: Runner, name: str, value: str, expected: dict[str, Any]) -> None:
    assert _run(runner, _flag(name), value) == replace(Settings(), **expected)


@pytest.mark.parametrize(("name", "value", "expected"), GOOD)
def test_good_ini_value(runner: Runner, name: str, value: str, expected: dict[str, Any]) -> None:
    runner.pytester.makeini(f"[pytest]\nagent_fix_{name} = {value}")
    assert _run(runner) == replace(Settings(), **expected)


@pytest.mark.parametrize(("name", "expected"), FLAGS)
@pytest.mark.parametrize("is_ini", [True, False])
def test_flags(runner: Runner, name: str, expected: dict[str, Any], *, is_ini: bool) -> None:
    if is_ini:
        runner.pytester.makeini(f"[pytest]\nagent_fix_{name} = true")
    args = [] if is_ini else [_flag(name)]
    assert _run(runner, *args) == replace(Settings(), **expected)


def test_option_beats_ini_value(runner: Runner) -> None:
    runner.pytester.makeini("[pytest]\nagent_fix_max_attempts = 7\nagent_fix_report = x.json")
    settings = _run(runner, "--agent-fix-max-attempts=8", "--agent-fix-report=y.json")
    reports = (runner.path / "y.json",)
    assert settings == replace(Settings(), max_attempts=8, reports=reports)


def test_image_environment(runner: Runner) -> None:
    settings = _run(runner, "--agent-fix-environment=image", "--agent-fix-image=mine:1")
    assert settings == replace(Settings(), environment="image", image="mine:1")


def test_ini_only(runner: Runner) -> None:
    runner.pytester.makeini("""
        [pytest]
        agent_fix_opencode = bin/opencode
        agent_fix_include =
            build/*.so
            gen/
        agent_fix_env = MY_FLAG
        agent_fix_max_requests = 9
        agent_fix_allow =
            tests/factories/**
            .github/workflows/ci.yml
            tests/factories/**
        agent_fix_lint =
            unicode=report
            new-network = off
            surroundings=refuse
            unicode=off
        agent_fix_regressions = all
        agent_fix_prepare = never
        agent_fix_max_unjudged = 12.5 %
        agent_fix_repository_history = judge
        agent_fix_minimise = false
        agent_fix_api_key_command = pass show 'my keys/work'
        agent_fix_caps =
            run.cost = 1.5
            day.tokens=1000
            run.cost=2.5
        agent_fix_price = 1 2.5
        agent_fix_model_timeouts =
            idle=20
            first_byte = 5.5
    """)
    assert _run(runner) == replace(
        Settings(),
        opencode=runner.path / "bin" / "opencode",
        include=("build/*.so", "gen/"),
        env=("MY_FLAG",),
        max_requests=9,
        allow=("tests/factories/**", ".github/workflows/ci.yml"),
        lint=(("unicode", "off"), ("new-network", "off"), ("surroundings", "refuse")),
        regressions="all",
        prepare="never",
        max_unjudged=0.125,
        repository_history="judge",
        minimise=False,
        api_key_command=("pass", "show", "my keys/work"),
        caps=(("run.cost", 1.5), ("day.tokens", 1000.0), ("run.cost", 2.5)),
        price=(1.0, 2.5),
        model_timeouts=(("idle", 20.0), ("first_byte", 5.5)),
    )


def test_cassettes(runner: Runner) -> None:
    assert _run(runner, "--agent-fix-record=new/r") == replace(
        Settings(), record=runner.path / "new" / "r"
    )
    runner.pytester.makeini("[pytest]\nagent_fix_replay = tapes/r")
    assert _run(runner) == replace(Settings(), replay=runner.path / "tapes" / "r")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("agent_fix_record = a\nagent_fix_replay = b", "*cannot be given together*"),
        (
            "agent_fix_api_key_command = pass x\nagent_fix_api_key_env = KEY",
            "*both say where the key is*",
        ),
    ],
    ids=["cassettes", "keys"],
)
def test_settings_that_exclude_each_other(runner: Runner, lines: str, words: str) -> None:
    runner.pytester.makepyfile(test_it="def test_good(): pass")
    runner.pytester.makeini(f"[pytest]\n{lines}")
    result = runner.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])


def test_verbosity_is_pytests_own(runner: Runner) -> None:
    assert _run(runner, "-v") == replace(Settings(), is_verbose=True)
    assert _run(runner, "-q") == Settings()


def test_native_toml(runner: Runner) -> None:
    if pytest.version_tuple < (9, 0):
        pytest.skip("pytest 9 reads native values from TOML")
    runner.pytester.makepyprojecttoml("""
        [tool.pytest]
        agent_fix = true
        agent_fix_max_attempts = 4
        agent_fix_timeout = 60
        agent_fix_keep = true
        agent_fix_env = ["A", "B"]
        agent_fix_model = "a/b"
        agent_fix_lint = ["unicode=off"]
        agent_fix_minimise = false
    """)
    runner.pytester.makepyfile(test_it="def test_good(): pass")
    assert runner.run(on=False).ret == 0
    assert runner.settings == replace(
        Settings(),
        max_attempts=4,
        timeout=60.0,
        keep=True,
        env=("A", "B"),
        model="a/b",
        lint=(("unicode", "off"),),
        minimise=False,
    )


def test_the_rules_are_those_of_the_lint() -> None:
    assert {rule.name for rule in RULES} == {*LINT_RULES}
    assert {level.value for level in Level} == {*LINT_LEVELS}


@pytest.mark.parametrize("rule", LINT_RULES)
@pytest.mark.parametrize("level", LINT_LEVELS)
def test_every_rule_takes_every_level(rule: str, level: str) -> None:
    assert values.LINT.parse(f"{rule}={level}") == (rule, level)


def _assert_refused(runner: Runner, label: str, takes: str, *args: str) -> None:
    runner.pytester.makepyfile(test_it="def test_good(): assert False")
    result = runner.run(*args)
    assert (result.ret, runner.events) == (4, [])
    result.stderr.fnmatch_lines([f"ERROR: {label} *takes {_escape(takes)}*"])
    assert "secret" not in result.stderr.str()


@pytest.mark.parametrize(("name", "value", "takes"), BAD)
def test_bad_option(runner: Runner, name: str, value: str, takes: str) -> None:
    label = _flag(name)
    _assert_refused(runner, label, takes, f"{label}={value}")


@pytest.mark.parametrize(
    ("name", "value", "takes"), [each for each in BAD if each[1].strip()] + BAD_INI
)
def test_bad_ini_value(runner: Runner, name: str, value: str, takes: str) -> None:
    runner.pytester.makeini(f"[pytest]\nagent_fix_{name} = {value}")
    is_about_both = "image's name" in takes or "file to write" in takes
    label = _flag(name) if is_about_both else f"agent_fix_{name}"
    _assert_refused(runner, label, takes)


def test_bad_native_toml(runner: Runner) -> None:
    if pytest.version_tuple < (9, 0):
        pytest.skip("pytest 9 reads native values from TOML")
    runner.pytester.makepyprojecttoml('[tool.pytest]\nagent_fix_max_attempts = "4"')
    _assert_refused(runner, "agent_fix_max_attempts", COUNT)


def test_branch_and_no_commit(runner: Runner) -> None:
    args = ["--agent-fix-branch=x", "--agent-fix-no-commit"]
    _assert_refused(runner, "--agent-fix-branch", "*--agent-fix-no-commit*", *args)


def test_the_key_variable_stays_out(runner: Runner) -> None:
    runner.pytester.makeini("[pytest]\nagent_fix_env = TOKEN\nagent_fix_api_key_env = TOKEN")
    _assert_refused(runner, "agent_fix_env", "no name that --agent-fix-api-key-env has")


def test_bad_values_under_xdist(any_runner: Runner) -> None:
    _assert_refused(any_runner, "--agent-fix-timeout", SECONDS, "--agent-fix-timeout=-1")


def test_a_report_in_a_folder_that_may_not_be_written(runner: Runner) -> None:
    takes = "the path of a file to write; * is a folder"
    (runner.path / "r.json").mkdir()
    _assert_refused(runner, "--agent-fix-report", takes, "--agent-fix-report=r.json")
