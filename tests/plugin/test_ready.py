"""From the first failure on, what a repair takes is made ready while the suite goes on."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

TESTS = """
import os
import pytest

@pytest.fixture
def patched(monkeypatch):
    monkeypatch.setenv("PATCHED", "yes")
    yield
    assert not os.path.exists("ready.txt")  # not before the fixtures are gone

def test_green(): assert not os.path.exists("ready.txt")
@pytest.mark.agent_fix
def test_red(patched): assert False
def test_after(): assert os.path.exists("ready.txt")
def test_red_too(): assert False
"""


def readied(runner: Runner) -> list[str]:
    file = runner.path / "ready.txt"
    return file.read_text("utf-8").splitlines() if file.exists() else []


def test_once_and_right_after_the_first_failing_test(runner: Runner) -> None:
    runner.pytester.makepyfile(test_it=TESTS)
    result = runner.run()
    result.stdout.fnmatch_lines(["*2 passed, 2 fixed in*"])
    assert readied(runner) == ["test_it.py::test_red"]


def test_reports_of_workers_count_as_well(any_runner: Runner) -> None:
    more = "\n".join(f"def test_green_{number}(): pass" for number in range(20))
    any_runner.pytester.makepyfile(f"def test_red(): assert False\n{more}")
    any_runner.run()
    assert [line.rpartition("::")[2] for line in readied(any_runner)] == ["test_red"]


def test_only_for_what_will_be_repaired(runner: Runner) -> None:
    runner.pytester.makepyfile(
        """
        import pytest
        def test_plain(): assert False
        @pytest.mark.agent_fix
        def test_marked(): assert False
        def test_green(): pass
        """
    )
    runner.run("--agent-fix-select=marked")
    assert [line.rpartition("::")[2] for line in readied(runner)] == ["test_marked"]


def test_never_where_all_is_green(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_green(): pass")
    runner.run()
    assert readied(runner) == []


def test_trouble_with_it_is_none_of_the_suite(runner: Runner) -> None:
    runner.script(get_ready="error")
    runner.pytester.makepyfile("def test_red(): assert False\ndef test_green(): pass")
    result = runner.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*1 passed, 1 fixed in*"])
    assert len(readied(runner)) == 1


def test_not_after_the_last_test(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_green(): pass\ndef test_red(): assert False")
    assert runner.run().ret == 0
    assert readied(runner) == []


def test_with_what_was_imported_by_then(both_runner: Runner) -> None:
    more = "\n".join(f"def test_green_{number}(): pass" for number in range(20))
    tests = f"import generated\ndef test_red(): assert False\n{more}\ndef test_z(): import later"
    both_runner.pytester.makepyfile(generated="TWO = 2", later="THREE = 3", test_it=tests)
    both_runner.run(is_subprocess=True)
    ready = (both_runner.path / "imported.txt").read_text("utf-8").splitlines()
    assert {f"{both_runner.path}/{name}.py" for name in ("generated", "test_it")} <= set(ready)
    in_the_end = both_runner.request.imported
    assert set(ready) | {f"{both_runner.path}/later.py"} <= set(in_the_end)
    assert not any("site-packages" in path for path in in_the_end)


# So many that the red one is not the last of any worker's: nothing is made ready after that.
GREEN = "\n".join(f"def test_green_{number}(): pass" for number in range(20))
RED_AND_GREEN = f"def test_red(): assert False\n{GREEN}"


def begin(runner: Runner, *args: str) -> list[str]:
    """Run once without the plugin, then with it; return what was made ready, and for what."""
    runner.pytester.makepyfile(test_it=RED_AND_GREEN)
    runner.run(on=False)
    runner.run(*args)
    return readied(runner)


def test_before_the_first_test_where_one_failed_last_time(runner: Runner) -> None:
    assert begin(runner) == ["", "test_it.py::test_red"]


@pytest.mark.parametrize("option", ["--lf", "--ff", "--sw"])
def test_before_the_collection_where_failures_are_asked_for(runner: Runner, option: str) -> None:
    assert begin(runner, option)[0] == ""


def test_with_workers_where_failures_are_asked_for(both_runner: Runner) -> None:
    assert begin(both_runner, "--ff") == ["", "test_it.py::test_red"]


@pytest.mark.parametrize(
    "args",
    [
        ("-k", "green"),
        ("-o", "agent_fix_prepare=never"),
        ("-p", "no:cacheprovider", "-k", "green"),
        ("--agent-fix-select=marked", "--lf", "-o", "agent_fix_prepare=never"),
        ("--agent-fix-select=marked",),
    ],
)
def test_not_where_nothing_is_likely_or_never(runner: Runner, args: tuple[str, ...]) -> None:
    assert begin(runner, *args) == []
