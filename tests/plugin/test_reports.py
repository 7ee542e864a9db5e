"""--agent-fix-report and --junit-xml."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from tests.plugin.conftest import Runner

TESTS = """
import pytest
@pytest.fixture
def bad():
    yield
    assert 0
class TestIt:
    def test_a(self): assert 0
@pytest.mark.parametrize("x", ["a::b[c]"])
def test_b(x, bad): assert 0
def test_c(): pass
def test_d(record_property):
    record_property("mine", 1)
    assert 0
"""


def test_json(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_it="def test_a(): assert 0")
    any_runner.run("--agent-fix-report=one.json", "--agent-fix-report=new/two.json")
    texts = {(any_runner.path / name).read_text("utf-8") for name in ("one.json", "new/two.json")}
    (text,) = texts
    report = json.loads(text)
    assert [each["tests"] for each in report["clusters"]] == [["test_it.py::test_a"]]


def test_json_when_nothing_failed(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_a(): pass")
    runner.run("--agent-fix-report=r.json")
    assert json.loads((runner.path / "r.json").read_text("utf-8"))["clusters"] == []


def test_ini_paths_are_relative_to_the_ini_file(runner: Runner) -> None:
    runner.pytester.makeini("[pytest]\nagent_fix_report =\n    one.json\n    two.json")
    runner.pytester.makepyfile(test_it="def test_a(): assert 0")
    (runner.path / "sub").mkdir()
    (runner.path / "sub" / "events.txt").touch()
    runner.run()
    assert runner.settings.reports == (runner.path / "one.json", runner.path / "two.json")
    assert (runner.path / "one.json").exists()


def test_a_report_that_cannot_be_written_any_more(runner: Runner) -> None:
    runner.pytester.makepyfile(
        "import pathlib\ndef test_a():\n    pathlib.Path('r.json').mkdir()\n    assert 0"
    )
    result = runner.run("--agent-fix-report=r.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["agent-fix: the report */r.json could not be written: Is a dir*"])


def _read_junit(runner: Runner, *args: str) -> list[tuple[str, list[str]]]:
    runner.run("--junit-xml=j.xml", *args)
    cases = ET.parse(runner.path / "j.xml").getroot().iter("testcase")
    return sorted(
        (
            f"{case.get('classname')}.{case.get('name')}",
            [f"{each.get('name')}={each.get('value')}" for each in case.findall("*/property")],
        )
        for case in cases
    )


@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
@pytest.mark.parametrize("prefix", ["", "p"])
def test_junit(any_runner: Runner, family: str, prefix: str) -> None:
    any_runner.pytester.makepyfile(test_it=TESTS)
    any_runner.script(verdicts={"test_it.py::test_d": "unfixed"})
    args = ["-o", f"junit_family={family}", "-W", "ignore", f"--junit-prefix={prefix}"]
    fixed = [
        "agent_fix.verdict=fixed",
        "agent_fix.reason=as the script says",
        f"agent_fix.commit={'a' * 40}",
        "agent_fix.attempts=0",
    ]
    unfixed = ["agent_fix.verdict=unfixed", "agent_fix.reason=as the script says"]
    head = "p." if prefix else ""
    assert _read_junit(any_runner, *args) == [
        (f"{head}test_it.TestIt.test_a", fixed),
        (f"{head}test_it.test_b[a::b[c]]", fixed),
        (f"{head}test_it.test_b[a::b[c]]", fixed),
        (f"{head}test_it.test_c", []),
        (f"{head}test_it.test_d", ["mine=1", *unfixed, "agent_fix.attempts=0"]),
    ]


def test_junit_of_a_collection_error(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile(test_bad="import nowhere")
    ((name, properties),) = _read_junit(any_runner)
    assert (name, properties[0]) == (".test_bad", "agent_fix.verdict=fixed")


def test_properties_come_first(runner: Runner) -> None:
    runner.pytester.makepyfile(test_it="def test_a(): assert 0")
    _read_junit(runner)
    (case,) = ET.parse(runner.path / "j.xml").getroot().iter("testcase")
    assert [child.tag for child in case] == ["properties", "failure"]


def test_pytests_own_log_file_has_the_repair_phase(any_runner: Runner) -> None:
    any_runner.pytester.makepyfile("def test_a(): assert 0")
    result = any_runner.run("--log-file=run.log", "--log-file-level=INFO")
    assert result.ret == 0
    assert "a model was asked" in (any_runner.path / "run.log").read_text("utf-8")


def test_live_logs_have_the_repair_phase(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_a(): assert 0")
    result = runner.run("--log-cli-level=INFO", is_subprocess=True)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*a model was asked*"])


def test_nobody_logs_who_was_not_asked_to(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_a(): assert 0")
    result = runner.run(is_subprocess=True)
    assert "a model was asked" not in result.stdout.str() + result.stderr.str()
