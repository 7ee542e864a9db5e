"""--agent-fix itself: on, off, and what off costs."""

from __future__ import annotations

import json
import sys

import pytest

from pytest_agentfix.core.options import OPTIONS
from tests.plugin.conftest import Runner, is_installed

FAILING = """
def test_good(): pass
def test_bad(): assert False
"""

IMPORTS = """
import json, sys
import pytest
pytest.main(["-p", sys.argv[1], "-q", "test_it.py"])
print("IMPORTED", json.dumps(sorted(sys.modules)))
"""


def test_off_by_default(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(FAILING)
    result = any_runner.run(on=False)
    result.assert_outcomes(passed=1, failed=1)
    assert (result.ret, any_runner.events) == (1, [])


def test_on_by_option(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(FAILING)
    result = any_runner.run()
    assert (result.ret, any_runner.events) == (0, ["prepare", "repair", "close"])


@pytest.mark.parametrize(("value", "events"), [("true", 3), ("1", 3), ("false", 0), ("no", 0)])
def test_ini_value(runner: Runner, value: str, events: int) -> None:
    runner.pytester.makeini(f"[pytest]\nagent_fix = {value}")
    runner.pytester.makepyfile(FAILING)
    runner.run(on=False)
    assert len(runner.events) == events


def test_ini_value_can_be_overridden(runner: Runner) -> None:
    runner.pytester.makeini("[pytest]\nagent_fix = true")
    runner.pytester.makepyfile(FAILING)
    runner.run("-o", "agent_fix=false", on=False)
    assert runner.events == []


def test_wrong_ini_value_is_a_usage_error(runner: Runner) -> None:
    runner.pytester.makeini("[pytest]\nagent_fix = perhaps")
    result = runner.run(on=False)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: agent_fix takes true or false*"])


def test_nothing_happens_inside_the_agent(
    any_runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCODE", "1")
    any_runner.pytester.makepyfile(FAILING)
    result = any_runner.run("--agent-fix-max-attempts=nonsense")
    result.assert_outcomes(passed=1, failed=1)
    assert (result.ret, any_runner.events) == (1, [])


@pytest.mark.parametrize(
    "inquiry", ["--collect-only", "--fixtures", "--markers", "--help", "--setup-plan"]
)
def test_an_inquiry_prepares_nothing(runner: Runner, inquiry: str) -> None:
    runner.pytester.makepyfile("def test_good(): pass")
    result = runner.run(inquiry)
    assert (result.ret, runner.events) == (0, [])


def test_nothing_to_repair(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile("def test_good(): pass")
    result = any_runner.run()
    assert (result.ret, any_runner.events) == (0, ["prepare", "close"])
    result.stdout.no_fnmatch_line("*agent-fix*")


def test_no_tests_is_still_exit_5(any_runner: Runner) -> None:
    result = any_runner.run()
    assert (result.ret, any_runner.events) == (5, ["prepare", "close"])


def test_a_missing_path_is_still_exit_4(runner: Runner) -> None:
    result = runner.run("nowhere.py")
    assert (result.ret, runner.events) == (4, ["prepare", "close"])


@pytest.mark.parametrize("kind", ["error", "trouble"])
def test_a_bad_setup_ends_pytest_before_the_first_test(any_runner: Runner, kind: str) -> None:
    any_runner.script(prepare=kind)
    any_runner.pytester.makepyfile(
        "import pathlib\ndef test_touch(): pathlib.Path('touched').touch()"
    )
    result = any_runner.run()
    message = {
        "error": "ERROR: No Docker engine answers. Start one.",
        "trouble": "ERROR: The sandbox has a network. Upgrade the engine.",
    }
    result.stderr.fnmatch_lines([message[kind]])
    assert (result.ret, (any_runner.path / "touched").exists()) == (4, False)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("unforeseen", "LookupError: nobody thought of it (*fake_repairer.py:*)."),
        ("exit", "SystemExit: as a script does (*fake_repairer.py:*)."),
        ("fail", "Failed: as a test does (*)."),
    ],
)
def test_whatever_the_setup_raises_is_a_usage_error(
    both_runner: Runner, kind: str, words: str
) -> None:
    both_runner.script(prepare=kind)
    both_runner.pytester.makepyfile(
        "import pathlib\ndef test_touch(): pathlib.Path('touched').touch()"
    )
    result = both_runner.run("--log-file=log.txt", "--log-file-level=DEBUG")
    assert (result.ret, (both_runner.path / "touched").exists()) == (4, False)
    result.stderr.fnmatch_lines([f"ERROR: agent-fix could not get ready: {words}*report it*"])
    assert "Traceback" in (both_runner.path / "log.txt").read_text("utf-8")
    both_runner.run("--agent-fix-max-attempts=1", on=False)
    assert (both_runner.path / "touched").exists()


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ("~/r.json", "Could not determine home directory"),
        (f"{'x' * 300}.json", "File name too long"),
    ],
    ids=["no-home", "long"],
)
def test_whatever_reading_the_settings_raises_is_a_usage_error(
    runner: Runner, report: str, words: str
) -> None:
    runner.pytester.makeconftest(
        "import os, pwd\n"
        "def find(uid): raise KeyError(uid)\n"
        "os.environ.pop('HOME', None)\n"
        "pwd.getpwuid = find\n"
    )
    runner.pytester.makepyfile("def test_a(): pass")
    result = runner.run(f"--agent-fix-report={report}", is_subprocess=True)
    assert (result.ret, runner.events) == (4, [])
    result.stderr.fnmatch_lines([f"ERROR: agent-fix could not read its settings: *{words}*"])


def test_off_imports_the_standard_library_and_pytest_only(runner: Runner) -> None:
    runner.pytester.makepyfile(test_it="def test_good(): pass", script=IMPORTS)
    without = _list_imports(runner, "no:agentfix")
    # By the name of the entry point: before 8.1 pytest refuses another for what it found itself.
    name = "agentfix" if is_installed() else "pytest_agentfix.plugin"
    added = _list_imports(runner, name) - without
    ours = {
        "pytest_agentfix",
        "pytest_agentfix.plugin",
        "pytest_agentfix.hookspecs",
        "pytest_agentfix.core",
        "pytest_agentfix.core.options",
    }
    others = {name for name in added if name.partition(".")[0] not in sys.stdlib_module_names}
    assert others == ours


def _list_imports(runner: Runner, plugin: str) -> set[str]:
    result = runner.pytester.run(sys.executable, "script.py", plugin)
    line = next(line for line in result.outlines if line.startswith("IMPORTED "))
    return set(json.loads(line.removeprefix("IMPORTED ")))


def test_blocked_like_any_plugin(runner: Runner) -> None:
    runner.pytester.makepyfile(FAILING)
    name = "pytest_agentfix.plugin"
    result = runner.pytester.runpytest("-p", f"no:{name}", "-p", "no:agentfix")
    result.assert_outcomes(passed=1, failed=1)


def test_help(runner: Runner) -> None:
    text = runner.run("--help").stdout.str()
    missing = [each.flag for each in OPTIONS if not each.is_ini_only and each.flag not in text]
    missing += [each.name for each in OPTIONS if f"  {each.name} (" not in text]
    assert missing == []
