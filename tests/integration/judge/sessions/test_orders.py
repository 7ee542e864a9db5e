"""The in-sandbox reporter: its pure parts, and the lines it writes."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_agentfix.core.model import Invocation
from pytest_agentfix.core.options import OPTIONS
from pytest_agentfix.core.ports import Completed
from pytest_agentfix.judge.in_sandbox import pytest_runner as inside
from pytest_agentfix.judge.in_sandbox.signed_report import ReportWriter
from pytest_agentfix.judge.sessions.command import CommandBuilder, Keys, Task
from pytest_agentfix.judge.sessions.orders import RunOrder, SessionOrder
from pytest_agentfix.judge.sessions.report_parser import parse_report, parse_tally, read_lines
from pytest_agentfix.judge.sessions.run_report import Tally
from pytest_agentfix.pytest_hooks.chosen import find_chosen
from pytest_agentfix.testing.local_sandbox import LocalSandbox

KEYS = Keys()


def run(
    top: Path,
    ids: list[str],
    *,
    path: Path | None = None,
    sys_path: tuple[str, ...] = (),
    **more: Any,
) -> Completed:
    more = dict(more)
    seeds, chosen = more.pop("seeds", {}), more.pop("chosen", {})
    invocation = Invocation(
        rootdir=top,
        cwd=top,
        config_file=None,
        sys_path=sys_path,
        has_cwd_on_path=True,
        seeds=seeds,
    )
    env = {"PATH": os.defpath, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env |= {"PYTHONPATH": str(path)} if path else {}
    builder = CommandBuilder(
        invocation=invocation,
        top=top,
        python=sys.executable,
        base_env=env,
        scratch=str(top / "scratch"),
        chosen=chosen,
    )
    with LocalSandbox(top) as sandbox:
        return sandbox.run(builder.build(Task(ids=ids, **more), keys=KEYS), timeout=60)


def make_order(ids: Sequence[str]) -> SessionOrder:
    return SessionOrder(
        args=(), ids=ids, rootdir="/r", cwd="/r", top="/r", sys_path_first=None, key="0a"
    )


def read(done: Completed) -> list[dict[str, Any]]:
    """Return the lines, all properly signed; ``sys_path`` is checked elsewhere."""
    lines = list(read_lines(done.report, key=KEYS.report))
    assert {} not in lines
    return [{name: line[name] for name in line if name != "sys_path"} for line in lines]


def test_the_users_path_is_completed_at_its_end(tmp_path: Path) -> None:
    """Folders that the sandbox's Python does not find by itself, as its HOME is another one."""
    top, home = tmp_path / "top", tmp_path / "home"
    for folder in (top / "src", home / "lib"):
        folder.mkdir(parents=True)
    (home / "lib/near.py").write_text("VALUE = 3\n")
    (home / "lib/json.py").write_text("raise ImportError\n")  # it must not come first
    (top / "test_a.py").write_text("import json, near\ndef test_a(): assert near.VALUE == 3\n")
    before = tuple(map(str, (home / "lib", top / "src", home / "gone")))
    done = run(top, ["test_a.py::test_a"], sys_path=(*before, *sys.path))
    (path,) = [one["sys_path"] for one in read_lines(done.report, key=KEYS.report) if "ids" in one]
    assert (done.code, path[-1]) == (0, str(home / "lib"))
    assert not {str(top / "src"), str(home / "gone")}.intersection(path)


def test_lines_of_a_passing_test(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a(): pass\ndef test_b(): assert 0\n")
    done = run(tmp_path, ["test_a.py::test_a"])
    nodeid = "test_a.py::test_a"
    expected: list[dict[str, Any]] = [
        {"kind": "start", "python": sys.version.split()[0], "pytest": pytest.__version__},
        {"kind": "collected", "ids": [nodeid]},
        *(
            {
                "kind": "report",
                "id": nodeid,
                "when": when,
                "outcome": "passed",
                "wasxfail": False,
                "detail": "",
                "exception": "",
                "message": "",
                "frame": None,
                "want": None,
            }
            for when in ("setup", "call", "teardown")
        ),
        {
            "kind": "finish",
            "exit": 0,
            "counts": {"start": 1, "collected": 1, "report": 3},
            "raised": "",
        },
    ]
    assert expected == read(done)
    assert (done.code, Tally(1, 0, 0)) == (0, parse_tally(done.stdout, key=KEYS.tally))


def test_lines_of_red_tests(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import pytest\n"
        "def test_a(): raise KeyError('k')\n"
        "def test_b(): pytest.skip('not now')\n"
        "@pytest.mark.xfail\n"
        "def test_c(): assert 0\n"
    )
    done = run(tmp_path, ["test_a.py"])
    assert [
        (line["id"].split("::")[1], line["outcome"], line["wasxfail"], line["exception"])
        for line in read(done)
        if line.get("when") == "call"
    ] == [
        ("test_a", "failed", False, "KeyError"),
        ("test_b", "skipped", False, "Skipped"),
        ("test_c", "skipped", True, "AssertionError"),
    ]
    details = {line["id"]: line["detail"] for line in read(done) if line.get("when") == "call"}
    assert "KeyError: 'k'" in details["test_a.py::test_a"]
    assert details["test_a.py::test_b"] == "Skipped: not now"
    assert done.code == 1


def test_lines_of_a_collection_error(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def broken(:\n")
    lines = read(run(tmp_path, ["test_a.py::test_a", "gone.py::test_b"]))
    assert [line["kind"] for line in lines] == ["start", "collect_error", "collected", "finish"]
    error = lines[1]
    assert (error["id"], error["exception"]) == ("test_a.py", "SyntaxError")
    assert error["message"].startswith("invalid syntax")
    assert "def broken(:" in error["detail"]
    assert (lines[2]["ids"], lines[3]["exit"]) == ([], 1)


def test_nothing_to_collect_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    done = run(tmp_path, ["gone.py::test_b"])
    assert ([line["kind"] for line in read(done)], done.code) == (["start", "finish"], 5)


def test_forked_child_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("import os\ndef test_a(): os.fork()\n")
    lines = read(run(tmp_path, ["test_a.py::test_a"]))
    assert [line["when"] for line in lines if "when" in line] == ["setup", "call", "teardown"]


@pytest.mark.parametrize(
    ("expected", "wanted"),
    [
        (True, "a/b/test_c.py::K::test_d[x::y/z]"),
        (True, "a/b/test_c.py::K"),
        (True, "a/b/test_c.py"),
        (True, "a/b"),
        (True, "a"),
        (True, ""),
        (True, "."),
        (False, "a/b/test_c"),
        (False, "a/b/test_c.py::K::test_d"),
        (False, "b"),
    ],
)
def test_is_wanted(expected: bool, wanted: str) -> None:  # noqa: FBT001
    nodeid = "a/b/test_c.py::K::test_d[x::y/z]"
    assert expected is inside.is_wanted(nodeid, frozenset({wanted, "other"}))


def test_cut_keeps_both_ends() -> None:
    assert inside.cut("short") == "short"
    cut = inside.cut("a" * 30_000 + "b" * 30_000)
    assert cut.startswith("a" * 10_000 + "\n... 40000 characters left out ...\n")
    assert cut.endswith("b" * 10_000)


def test_paths_are_found_once_and_only_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "a[b]" / "c").mkdir(parents=True)
    (tmp_path / "t.py").touch()
    (tmp_path / "a[b]" / "c" / "u.py").touch()
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "v.py").touch()
    ids = ["t.py::x", "t.py::y", "gone.py::x", "ab/v.py::x"]
    found = [str(tmp_path / "t.py"), str(tmp_path / "ab/v.py")]
    assert found == inside.find_paths(str(tmp_path), ids)
    ids += ["a[b]/c/u.py::x", "a[b]/c/gone.py"]
    assert [str(tmp_path)] == inside.find_paths(str(tmp_path), ids)


def test_items_of_folders_are_found_beside_those_of_files_in_them(tmp_path: Path) -> None:
    """A plugin's items of the project as a whole, and files whose folder has a bracket."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n"
        "class Whole(pytest.Item):\n"
        "    def runtest(self): pass\n"
        "def pytest_collect_file(file_path, parent):\n"
        "    if file_path.name == 'pyproject.toml':\n"
        "        return Whole.from_parent(parent, name='whole')\n"
    )
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "sub" / "a[b]").mkdir(parents=True)
    for path in ("test_a.py", "sub/test_b.py", "sub/a[b]/test_c.py"):
        (tmp_path / path).write_text("def test_one(): pass\ndef test_two(): pass\n")
    ids = ["sub/a[b]/test_c.py::test_two", "sub/test_b.py::test_one"]
    for wanted in (ids, [*ids, ".::whole"], [".::whole", *ids, "test_a.py::test_one"]):
        lines = read(run(tmp_path, wanted))
        (collected,) = [line["ids"] for line in lines if line["kind"] == "collected"]
        passed = {line["id"] for line in lines if line.get("outcome") == "passed"}
        assert sorted(wanted) == sorted(collected) == sorted(passed)


def test_cause_of_a_collection_error_is_named() -> None:
    error = pytest.Collector.CollectError("wrapped")
    assert inside.find_cause(error) is error
    error.__cause__ = ModuleNotFoundError("No module named 'x'")
    assert inside.find_cause(error) is error.__cause__


def test_writer_survives_a_host_that_stopped_reading() -> None:
    source, sink = os.pipe()
    os.close(source)
    writer = ReportWriter(sink, "0a")
    writer.write("start")
    os.close(sink)
    writer.write("start")
    assert writer.counts == {"start": 2}


def test_second_channel_counts_for_itself(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a(): pass\ndef test_b(): assert 0\n")
    done = run(tmp_path, ["test_a.py"])
    assert Tally(2, 1, 1) == parse_tally(done.stdout, key=KEYS.tally)
    assert parse_report(done.report, key=KEYS.report).failed_reports == 1


def test_files_are_laid_out_before_pytest_starts(tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_text("")
    (tmp_path / "test_a.py").symlink_to(tmp_path / "gone.py")
    files = {
        str(tmp_path / "test_a.py"): b"def test_a(): pass\n",
        str(tmp_path / "new" / "test_b.py"): b"def test_b(): pass\n",
        str(tmp_path / "gone.py"): None,
    }
    done = run(tmp_path, ["test_a.py::test_a", "new/test_b.py"], files=files)
    assert read(done)[1]["ids"] == ["test_a.py::test_a", "new/test_b.py::test_b"]
    assert not (tmp_path / "gone.py").exists()
    assert not (tmp_path / "test_a.py").is_symlink()


def test_shuffled_order_keeps_modules_and_classes_together(tmp_path: Path) -> None:
    text = "".join(
        f"class TestK{k}:\n" + "".join(f"    def test_{n}(self): pass\n" for n in range(4))
        for k in range(3)
    )
    for name in ("a", "b", "c"):
        (tmp_path / f"test_{name}.py").write_text(text)
    ids = [f"test_{name}.py" for name in "abc"]
    usual = read(run(tmp_path, ids))[1]["ids"]
    shuffled = read(run(tmp_path, ids, order=RunOrder(1)))[1]["ids"]
    assert shuffled == read(run(tmp_path, ids, order=RunOrder(1)))[1]["ids"]
    assert shuffled != usual
    assert sorted(shuffled) == sorted(usual)
    for depth in (1, 2):
        groups = ["::".join(nodeid.split("::")[:depth]) for nodeid in shuffled]
        changes = sum(one != other for one, other in itertools.pairwise(groups))
        assert changes == len(set(groups)) - 1


def test_place_of_a_test_depends_on_nothing_else(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.parametrize('n', range(5))\ndef test_a(n): pass\n"
    for name in "abcd":
        (tmp_path / f"test_{name}.py").write_text(text + "class TestB:\n def test_c(self): pass\n")
    every = read(run(tmp_path, [f"test_{name}.py" for name in "abcd"], order=RunOrder(5)))[1]["ids"]
    some = sorted(every)[::2]
    order = read(run(tmp_path, some, order=RunOrder(5)))[1]["ids"]
    assert order == [nodeid for nodeid in every if nodeid in some]
    turned = RunOrder(5, is_reversed=True)
    assert read(run(tmp_path, some, order=turned))[1]["ids"] == order[::-1]
    other = read(run(tmp_path, some, order=RunOrder(6)))[1]["ids"]
    assert other != order


def test_cases_of_one_function_are_shuffled_too(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_a(n): pass\n"
    )
    usual = read(run(tmp_path, ["test_a.py"]))[1]["ids"]
    shuffled = read(run(tmp_path, ["test_a.py"], order=RunOrder(3)))[1]["ids"]
    assert shuffled != usual
    assert sorted(shuffled) == sorted(usual)


def test_tests_that_run_lines_of_interest_are_reported(tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text(
        "def add(a, b):\n    return a + b\ndef sub(a, b):\n    return a - b\n"
    )
    (tmp_path / "test_a.py").write_text(
        "from calc import add, sub\n"
        "def test_add(): assert add(1, 2) == 3\n"
        "def test_sub(): assert sub(1, 2) == -1\n"
        "def test_both(): assert sub(add(1, 1), 1)\n"
    )
    done = run(tmp_path, ["test_a.py"], cover={str(tmp_path / "calc.py"): [2]})
    report = parse_report(done.report, key=KEYS.report)
    assert set(report.covered) == {"test_a.py::test_add", "test_a.py::test_both"}
    assert report.cover_problem == ""
    assert report.is_consistent


def test_no_coverage_in_the_sandbox_is_reported(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "coverage.py").write_text("raise ImportError('not here')\n")
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    cover = {str(tmp_path / "calc.py"): [2]}
    done = run(tmp_path, ["test_a.py"], path=tmp_path / "lib", cover=cover)
    report = parse_report(done.report, key=KEYS.report)
    assert (report.covered, report.cover_problem) == ((), "ImportError: not here")
    assert report.outcome_of("test_a.py::test_a").is_passed


REACHING = """
import subprocess, sys, threading
import pytest
from calc import add, keep

@pytest.fixture(scope="module")
def shared():
    return SHARED

def test_add(): add(1, 2)
def test_keep(): keep(1)
def test_process(): subprocess.run([sys.executable, "-c", ""], check=True)
def test_trace(): sys.settrace(sys.gettrace())
def test_thread():
    thread = threading.Thread(target=add, args=(1, 2)); thread.start(); thread.join()
def test_shared(shared): pass
"""
CALC = "def add(a, b):\n    if a:\n        return a + b\ndef keep(a):\n    return a\n"
SEEN = {"test_add", "test_process", "test_trace", "test_thread"}


@pytest.mark.parametrize(
    ("gap", "calc", "shared"),
    [
        ("", CALC, "1"),
        ("a changed function, or a process, ran for several tests at once", CALC, "add(1, 2)"),
        (
            "a changed function, or a process, ran for several tests at once",
            CALC + "TABLE = add(1, 2)\n",
            "1",
        ),
        (
            "a changed function, or a process, ran for several tests at once",
            CALC + "import os\nos.system('true')\n",
            "1",
        ),
        ("something else took the place of coverage", CALC, "sys.settrace(None)"),
    ],
)
def test_tests_that_can_run_a_function_are_reported(
    tmp_path: Path, gap: str, calc: str, shared: str
) -> None:
    (tmp_path / "calc.py").write_text(calc)
    (tmp_path / "test_a.py").write_text(REACHING.replace("SHARED", shared))
    (tmp_path / "coverage.py").write_text("raise ImportError('the project has its own')\n")
    lines = {str(tmp_path / "calc.py"): [2, 3]}
    report = parse_report(
        run(tmp_path, ["test_a.py"], cover=lines, around=lines).report, key=KEYS.report
    )
    assert (report.cover_problem, report.reaching_unknown_reason) == ("", gap)
    assert set(report.reaching) == {f"test_a.py::{name}" for name in SEEN}
    assert report.is_consistent


def test_import_path_is_reported(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "test_a.py").write_text("def test_a(): pass\n")
    report = parse_report(run(tmp_path, ["t"]).report, key=KEYS.report)
    assert str(tmp_path / "t") in report.sys_path


def test_order_is_ascii_json_whatever_the_ids() -> None:
    ids = ["t.py::a[é\udcff\0]"]
    order = make_order(ids)
    assert json.loads(order.encode().decode("ascii"))["ids"] == ids


def test_all_words_of_this_package_are_known_inside() -> None:
    words = make_order(()).words
    flags = {option.flag for option in OPTIONS if not option.is_ini_only}
    assert flags == {*words["flags"], *words["options"]}
    assert not {*words["flags"]} & {*words["options"]}
    assert [option.name for option in OPTIONS] == list(words["inis"])


def test_unused_snapshots_of_other_tests_fail_no_session(tmp_path: Path) -> None:
    """Syrupy's option of that meaning is set, as other tests of the suite use the others."""
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--snapshot-warn-unused', action='store_true',\n"
        "                     dest='warn_unused_snapshots')\n"
        "def pytest_sessionfinish(session, exitstatus):\n"
        "    session.exitstatus |= not session.config.option.warn_unused_snapshots\n"
    )
    (tmp_path / "test_a.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    assert run(tmp_path, ["test_a.py::test_a"]).code == 0


def test_nothing_is_summed_up_for_a_terminal(tmp_path: Path) -> None:
    """Plugins may take long for it, and nobody reads it; the hook is still theirs to look at."""
    (tmp_path / "conftest.py").write_text(
        "def pytest_terminal_summary(): raise RuntimeError\n"
        "def pytest_sessionfinish(session):\n"
        "    assert session.config.hook.pytest_terminal_summary.get_hookimpls()\n"
        "def pytest_unconfigure(config):\n"
        "    assert config.hook.pytest_terminal_summary.spec\n"
    )
    (tmp_path / "test_a.py").write_text("def test_a(): pass\ndef test_b(): assert 0\n")
    done = run(tmp_path, ["test_a.py"])
    report = parse_report(done.report, key=KEYS.report)
    assert (done.code, report.is_consistent, report.raised) == (1, True, "")
    assert b"assert 0" not in done.stdout


def test_collections_pass_over_what_was_imported_before(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import gc\ndef test_a(): assert gc.get_freeze_count() > 10_000\n"
    )
    assert run(tmp_path, ["test_a.py"]).code == 0


HYPOTHESIS = """\
from hypothesis import given, settings, strategies as st

class TestIt:
    @settings(database=None, phases=PHASES)
    @given(st.integers(0, 2**64))
    def test_a(self, number):
        if number > 1_000_000:
            raise ValueError(number)
"""

RARE = """
from hypothesis import Phase, given, settings, strategies as st
from hypothesis.database import InMemoryExampleDatabase

class TestIt:
    @settings(
        database=InMemoryExampleDatabase(), max_examples=1, phases=[Phase.reuse, Phase.generate]
    )
    @given(st.integers(0, 2**64))
    def test_a(self, number):
        if number % 97 == 13:
            raise ValueError("rare")
"""


def test_the_seed_of_a_hypothesis_test(tmp_path: Path) -> None:
    """Without a database, and without shrinking, nothing but the seed makes two runs alike."""
    phases = "from hypothesis import Phase\nPHASES = [Phase.generate]\n"
    (tmp_path / "test_a.py").write_text(phases + HYPOTHESIS)
    nodeid = "test_a.py::TestIt::test_a"
    chosen = {nodeid: {"hypothesis_seed": "77"}}
    messages = []
    for known in (chosen, chosen, {}):
        done = run(tmp_path, [nodeid], chosen=known)
        messages.append(parse_report(done.report, key=KEYS.report).outcomes[nodeid].message)
    assert messages[0] == messages[1] != messages[2]


def test_the_failing_examples_of_a_hypothesis_test(tmp_path: Path) -> None:
    """They come from the user's own database, and are the first that a sandbox tries."""
    (tmp_path / "test_a.py").write_text(RARE)
    nodeid = "test_a.py::TestIt::test_a"
    names: dict[str, Any] = {"__name__": "test_a"}
    exec(RARE.replace("max_examples=1", "max_examples=5_000"), names)
    item = SimpleNamespace(obj=names["TestIt"]().test_a)
    with pytest.raises(ValueError, match="rare"):
        item.obj()
    chosen = find_chosen(item, SimpleNamespace())  # type: ignore[arg-type]
    assert set(chosen) == {"hypothesis_seed", "hypothesis_examples"}
    chosen["hypothesis_seed"] = "0"
    outcomes = []
    for known in (chosen, {"hypothesis_seed": "0"}, {"hypothesis_examples": "nonsense"}):
        done = run(tmp_path, [nodeid], chosen={nodeid: known})
        outcomes.append(parse_report(done.report, key=KEYS.report).outcomes[nodeid].outcome)
    assert outcomes == ["failed", "passed", "passed"]


def test_choices_of_plugins_that_are_not_there_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    chosen = {"test_a.py::test_a": {"worker": "gw1", "workers": "2", "hypothesis_seed": "1"}}
    done = run(tmp_path, ["test_a.py::test_a"], seeds={"randomly_seed": 1}, chosen=chosen)
    assert done.code == 0
