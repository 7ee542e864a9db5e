"""Real regressions: the newer release's tests on the older release's code, repaired end to end.

The model plays the maintainers: it makes the edits that they made in between. All else is real,
the packages' own suites and their own pytest configuration included. The releases are downloaded;
without a network these tests fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pytest_agentfix.testing import ScriptedModel
from tests.kits.loop_kit import run_plainly
from tests.kits.project_kit import Project, Ran
from tests.kits.released_kit import (
    Regression,
    Shelf,
    play_maintainers,
    replace_all,
    with_tests_of,
)

StartModel = Callable[..., ScriptedModel]

MARKDOWN = "tests/test_syntax/extensions"

REGRESSIONS = [
    # Two tests with one cause: field names with a hyphen are not understood.
    Regression(
        package="parse",
        older="1.20.1",
        newer="1.20.2",
        arguments=("tests",),
        fixes={
            "tests/test_parse.py::test_hyphen_inside_field_name": "parse.py",
            "tests/test_parse.py::test_hyphen_inside_field_name_collision_handling": "parse.py",
        },
    ),
    # Optimizer hints are stripped with the comments.
    Regression(
        package="sqlparse",
        older="0.5.1",
        newer="0.5.2",
        arguments=("tests",),
        fixes={
            "tests/test_format.py::TestFormat::test_strip_comments_preserves_hint": (
                "sqlparse/filters/others.py"
            )
        },
    ),
    # Two causes in two files: abbreviations inside links, escaped characters in anchors. The other
    # test files need optional packages, or depend on how the Python at hand parses HTML.
    Regression(
        package="markdown",
        older="3.7",
        newer="3.8",
        arguments=(f"{MARKDOWN}/test_abbr.py", f"{MARKDOWN}/test_toc.py"),
        fixes={
            f"{MARKDOWN}/test_abbr.py::TestAbbr::test_ignore_atomic": "markdown/extensions/abbr.py",
            f"{MARKDOWN}/test_toc.py::TestTOC::test_escaped_char_in_attr_list": (
                "markdown/extensions/toc.py"
            ),
        },
    ),
    # An empty table of contents is rendered as a broken list. A src layout, found through the
    # package's own pytest configuration; warnings are errors. The file that is left out has tests
    # of a change of behaviour.
    Regression(
        package="mistune",
        older="3.1.0",
        newer="3.1.1",
        arguments=("tests", "--ignore=tests/test_plugins.py"),
        fixes={"tests/test_hooks.py::TestTocHook::test_render_empty_toc": "src/mistune/toc.py"},
    ),
    # A table inside a document loses the first part of its dotted keys when it is dumped alone.
    Regression(
        package="tomlkit",
        older="0.13.2",
        newer="0.13.3",
        arguments=("tests/test_api.py",),
        fixes={"tests/test_api.py::test_dump_nested_dotted_table": "tomlkit/api.py"},
    ),
]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The downloaded releases, shared by the tests."""
    return Shelf(tmp_path_factory.mktemp("sdists"))


@pytest.mark.parametrize("regression", REGRESSIONS, ids=str)
def test_a_regression_is_repaired(
    project: Project, start_model: StartModel, shelf: Shelf, regression: Regression
) -> None:
    older = shelf.take(regression.package, regression.older)
    newer = shelf.take(regression.package, regression.newer)
    replace_all(project, older, "the older release")
    replace_all(project, with_tests_of(older, newer), "the newer release's tests")
    start = project.git("rev-parse", "HEAD").strip()
    model = start_model(play_maintainers(project, regression, older, newer))

    # All of the maintainers' change, also what these tests do not need of it.
    whole = ("-o", "agent_fix_minimise=false")
    ran = project.run(*whole, *regression.arguments, url=model.base_url)

    verdicts = {
        test: cluster["verdict"] for cluster in ran.report["clusters"] for test in cluster["tests"]
    }
    assert (verdicts, ran.status) == (dict.fromkeys(regression.fixes, "fixed"), 0), ran.output
    after = run_plainly(project, *regression.arguments)
    assert after.status == 0, after.output
    fixed = len(regression.fixes)
    expected = numbers(after)
    expected = {**expected, "passed": expected["passed"] - fixed, "fixed": fixed}
    assert numbers(ran) == expected
    assert touched_by_commits(project, start) == sorted([s] for s in set(regression.fixes.values()))
    for source in regression.fixes.values():
        assert (project.path / source).read_bytes() == newer[source]
    assert project.status() == ""


def numbers(ran: Ran) -> dict[str, int]:
    """What the counts line says, by word."""
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", ran.counts())}


def touched_by_commits(project: Project, start: str) -> list[list[str]]:
    """The files of each commit since ``start``, sorted."""
    commits = project.git("rev-list", f"{start}..HEAD").split()
    return sorted(
        project.git("show", "--format=", "--name-only", commit).splitlines() for commit in commits
    )
