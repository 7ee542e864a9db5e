"""What the README and docs/configuration.md show is what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import entry_points
from typing import Any

import pytest

from pytest_agentfix import plugin
from pytest_agentfix.core.model import TestPolicy
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.pytest_hooks.markers import make_policy
from pytest_agentfix.pytest_hooks.settings_reader import make_settings
from pytest_agentfix.report.terminal import summary_lines
from tests.kits.places import REPOSITORY
from tests.kits.report_sample import SAMPLE

README = (REPOSITORY / "README.md").read_text("utf-8")
CONFIGURATION = (REPOSITORY / "docs" / "configuration.md").read_text("utf-8")
PAGES = {
    path.relative_to(REPOSITORY).as_posix(): path.read_text("utf-8")
    for path in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
}


class RecordingParser:
    """Takes what the plugin declares and remembers how a user would write it."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def getgroup(self, *_: object) -> RecordingParser:
        return self

    def addoption(self, flag: str, *, metavar: str = "", **_: object) -> None:
        self.written.append(f"{flag} {metavar}".rstrip())

    def addini(self, name: str, *_: object, **__: object) -> None:
        flag = "--" + name.replace("_", "-")
        if not any(each.split()[0] == flag for each in self.written):
            self.written.append(f"{name} (ini only)")


def list_registered() -> list[str]:
    parser = RecordingParser()
    plugin.pytest_addoption(parser)  # type: ignore[arg-type]
    return parser.written


def read_rows(page: str, heading: str) -> dict[str, str]:
    """Return first cell -> second cell of the table whose head begins with ``heading``."""
    lines = page.split("\n")
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        first, second, *_ = re.split(r"(?<!\\)\|", line.strip("|"))
        rows[_plain(first)] = second.strip()
    return rows


def _plain(cell: str) -> str:
    return cell.replace("`", "").replace("\\", "").strip()


def read_blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def find_plugin_arguments() -> list[str]:
    """Return what loads the plugin, nothing where it is installed."""
    found = entry_points(group="pytest11")
    is_installed = any(each.value == "pytest_agentfix.plugin" for each in found)
    return [] if is_installed else ["-p", "pytest_agentfix.plugin"]


def list_commands() -> Iterator[str]:
    """Yield every command line that starts pytest with the plugin on, without its variables."""
    for page in PAGES.values():
        for line in page.replace("\\\n", " ").split("\n"):
            match = re.match(r"(?:    |\$ )?(pytest --agent-fix.*?)(?: \|\|.*)?$", line)
            if match:
                yield match[1].partition("  #")[0].replace("$BUILD_NUMBER", "7")


def test_the_summary_is_the_real_one() -> None:
    assert read_blocks(README, "text") == [
        "".join(f"{line.text}\n" for line in summary_lines(SAMPLE))
    ]


def test_the_readme_has_every_option() -> None:
    assert sorted(read_rows(README, "option")) == sorted(list_registered())


def test_the_readme_has_the_defaults() -> None:
    settings = Settings()
    for option, default in read_rows(README, "option").items():
        name = option.split()[0].removeprefix("--").replace("-", "_").removeprefix("agent_fix_")
        value = getattr(settings, name, None)
        if name == "max_unjudged":
            value = f"{settings.max_unjudged:.0%}".replace("%", " %")
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            assert default == (value if isinstance(value, str) else f"{value:g}"), option


def test_the_configuration_has_every_option() -> None:
    headings = [_plain(line) for line in re.findall(r"^### (.*)$", CONFIGURATION, re.MULTILINE)]
    assert sorted(headings) == sorted(list_registered())


def test_the_configuration_has_every_keyword_of_the_marker() -> None:
    assert list(read_rows(CONFIGURATION, "keyword")) == [field.name for field in fields(TestPolicy)]


@pytest.mark.parametrize("command", sorted(set(list_commands())))
def test_commands_are_taken(command: str, pytester: pytest.Pytester) -> None:
    _, *arguments = shlex.split(command)
    config = pytester.parseconfig(*find_plugin_arguments(), *arguments)
    assert isinstance(make_settings(config), Settings)


@pytest.mark.parametrize("block", read_blocks(CONFIGURATION, "ini"))
def test_ini_files_are_taken(block: str, pytester: pytest.Pytester) -> None:
    pytester.makefile(".ini", pytest=block)
    config = pytester.parseconfig(*find_plugin_arguments())
    names = re.findall(r"^(agent_fix\w*) =", block, re.MULTILINE)
    assert [name for name in names if config.getini(name) in (None, [])] == []
    changed = make_settings(config) != Settings()
    assert changed is (names != ["agent_fix"])  # the switch itself is no setting


@pytest.mark.parametrize("block", read_blocks(CONFIGURATION, "python"))
def test_markers_are_taken(block: str, pytester: pytest.Pytester) -> None:
    items, _ = pytester.inline_genitems(pytester.makepyfile(block), *find_plugin_arguments())
    markers: list[Any] = [marker for item in items for marker in item.iter_markers("agent_fix")]
    policies = [make_policy(marker.args, marker.kwargs) for marker in markers]
    assert len(items) == 3
    assert len(policies) == 6  # each test's own and the module's


def test_the_configurations_tests_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(*read_blocks(CONFIGURATION, "python"))
    pytester.runpytest(*find_plugin_arguments()).assert_outcomes(passed=3)


def test_links_lead_somewhere() -> None:
    links = [
        (name, target)
        for name, page in PAGES.items()
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page)
        if "://" not in target
    ]
    missing = [
        link for link in links if not (REPOSITORY / link[0]).parent.joinpath(link[1]).exists()
    ]
    assert missing == []


def test_benchmarks_use_options_that_exist() -> None:
    known = {each.split()[0] for each in list_registered()}
    for path in sorted((REPOSITORY / "benchmarks").glob("*.py")):
        used = set(re.findall(r"--agent-fix[a-z-]*[a-z]", path.read_text("utf-8")))
        assert used <= known, path.name
