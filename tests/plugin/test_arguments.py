"""The user's options that go into a sandbox."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Invocation
from pytest_agentfix.pytest_hooks.command_line import clean_arguments
from pytest_agentfix.pytest_hooks.invocation import (
    choose_environ,
    find_mistaken,
    has_cwd_on_path,
)
from tests.plugin.conftest import Runner

CASES = [
    ("", "", ""),
    ("tests/unit tests/test_a.py::test_b", "tests/unit tests/test_a.py::test_b", ""),
    ("-x -v -q -s -vv -xvs -f", "", ""),
    ("-xvsl -l", "", "-l -l"),
    ("-nauto -n auto -n2 -n 2 --numprocesses=3 --numprocesses 3 --dist loadgroup", "", ""),
    ("--tx 2*popen -d --maxprocesses=2 --max-worker-restart 0", "", ""),
    ("--exitfirst --maxfail=2 --maxfail 2", "", ""),
    ("--lf --last-failed --ff --nf --sw --stepwise-skip --lfnf none --cache-clear", "", ""),
    ("--pdb --trace --pdbcls=IPython:X --pdbcls a:b", "", ""),
    ("--junitxml=a.xml --junit-xml a.xml --junit-prefix p --report-log l --html h", "", ""),
    ("--json-report --json-report-file f --co --collect-only", "", ""),
    ("--tb short --tb=no -rA -r fE -ra --color=yes --durations 5 --durations-min=1", "", ""),
    ("--no-header --no-summary --capture no --show-capture=no --verbosity=2", "", ""),
    ("--cov --cov=src --cov src --cov-report term --cov-report=xml --no-cov", "", ""),
    ("-k expr -kexpr -m mark -mmark --deselect a::b", "", ""),
    ("--basetemp t --reruns 3 --reruns-delay=1 --log-file l --pastebin all", "", ""),
    ("-c pytest.ini -cpytest.ini --rootdir . --config-file=x", "", ""),
    ("--debug --debug trace.log --debug=t tests", "tests", ""),
    ("--cov tests", "tests", ""),
    ("--agent-fix --agent-fix-model a/b --agent-fix-timeout=5 --agent-fix-keep t", "t", ""),
    ("-p agentfix -p pytest_agentfix.plugin -ppytest_agentfix.plugin", "", ""),
    ("-o agent_fix=true -oagent_fix_keep=1 --override-ini agent_fix=1", "", ""),
    ("--override-ini=agent_fix=1", "", ""),
    ("-p no:agentfix -p no:randomly -o a=b -W error", "", None),
    ("-oa=b -pplug", "", "-o a=b -p plug"),
    ("--override-ini a=b --override-ini=a=b --import-mode importlib", "", None),
    ("--import-mode=importlib --doctest-modules --runslow --strict-markers", "", None),
    ("--ignore tests/x --ignore=y --ignore-glob *.z --confcutdir . --pyargs", "", None),
    ("--env staging --retries=3 -Z --flag", "", None),
    ("--count 4 --repeat-scope=session --flake-finder --flake-runs=3", "", None),
    ("--alluredir r --clean-alluredir --ddtrace --benchmark-json=x --benchmark-only", "", ""),
    ("--benchmark-disable --benchmark-compare tests", "tests", "--benchmark-disable"),
    ("-p tests tests", "tests", "-p tests"),
    ("tests -p tests", "tests", "-p tests"),
    ("--env staging tests -x", "tests", "--env staging"),
    ("-xp no:randomly -sW error", "", "-p no:randomly -W error"),
    ("--runslow -- -x tests", "-x tests", "--runslow"),
    ("-n", "", ""),
    ("-p", "", "-p"),
    ("-", "-", ""),
]


@pytest.mark.parametrize(("arguments", "positionals", "expected"), CASES)
def test_clean(arguments: str, positionals: str, expected: str | None) -> None:
    kept = clean_arguments(arguments.split(), positionals.split())
    assert kept == tuple((arguments if expected is None else expected).split())


@pytest.mark.parametrize("arguments", ["--html 3 --trace", "--html=3 --trace", "--reruns 2"])
def test_options_of_the_projects_own_go_along(arguments: str) -> None:
    """Their names may be those of options that stay behind where a known plugin declares them."""
    custom = {"--html", "--trace", "--reruns"}
    assert clean_arguments(arguments.split(), (), custom) == tuple(arguments.split())


CONFTEST = """\
import random

def pytest_addoption(parser):
    parser.addoption("--html", type=int, default=1)
    parser.getgroup("randomly").addoption("--randomly-seed", default="default")
    parser.getgroup("order").addoption("--order-seed", default="default:1234")
    parser.getgroup("order").addoption("--other-seed", default=None)
    parser.getgroup("order").addoption("--no-seed", action="store_true")

def pytest_configure(config):  # as pytest-randomly does
    if config.option.randomly_seed == "default" and not hasattr(config, "workerinput"):
        config.option.randomly_seed = 4321

def pytest_generate_tests(metafunc):
    metafunc.parametrize("n", range(metafunc.config.option.html))
"""


def test_what_makes_ids_and_seeds_that_plugins_chose_go_along(both_runner: Runner) -> None:
    both_runner.pytester.makepyfile(conftest=CONFTEST, test_it="def test_a(n): assert n < 2")
    both_runner.run("--html", "3", is_subprocess=True)
    request = both_runner.request
    assert [one.nodeid for one in request.failures] == ["test_it.py::test_a[2]"]
    assert request.invocation.arguments[-2:] == ("--html", "3")
    assert request.invocation.seeds == {"randomly_seed": 4321, "order_seed": "default:1234"}


def test_the_worker_of_a_failure(both_runner: Runner) -> None:
    both_runner.pytester.makepyfile(test_it="def test_a(): assert 0")
    both_runner.run(is_subprocess=True)
    [failure] = both_runner.request.failures
    chosen = dict(failure.chosen)
    assert chosen.pop("worker", "none") in (["gw0", "gw1"] if both_runner.jobs else ["none"])
    assert chosen == ({"workers": "2"} if both_runner.jobs else {})


HYPOTHESIS = """\
from hypothesis import given, settings, strategies as st

@given(st.integers())
def test_drawn(number): assert 0

@settings(derandomize=True)
@given(st.integers())
def test_derandomized(number): assert 0

def test_plain(): assert 0
"""


def test_the_seed_that_hypothesis_took_and_the_example_it_kept(runner: Runner) -> None:
    runner.pytester.makepyfile(test_it=HYPOTHESIS)
    runner.run(is_subprocess=True)
    chosen = [one.chosen for one in runner.request.failures]
    assert all(each["hypothesis_seed"].isdecimal() for each in chosen[:2])
    assert [bool(each.get("hypothesis_examples")) for each in chosen] == [True, False, False]
    assert chosen[2] == {}


def test_environ() -> None:
    environ = {
        "LANG": "C",
        "LC_ALL": "C",
        "TZ": "UTC",
        "PYTHONPATH": "/x",
        "PYTHONHASHSEED": "1",
        "HOME": "/root",
        "PATH": "/bin",
        "SECRET": "s",
        "MINE": "m",
        "PYTEST_ADDOPTS": "-x",
    }
    chosen = choose_environ(environ, ("MINE", "ABSENT"))
    assert set(chosen) == {"LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONHASHSEED", "MINE"}


@pytest.mark.parametrize(
    ("main", "path", "expected"),
    [
        ("pytest.__main__", ["/w", "/lib"], True),
        ("pytest.__main__", ["/conftest", "", "/lib"], True),
        ("pytest.__main__", ["/lib"], False),
        ("", ["/w"], False),
        ("coverage.__main__", ["/w"], False),
    ],
)
def test_cwd_on_path(main: str, path: list[str], *, expected: bool) -> None:
    assert has_cwd_on_path(main, path, Path("/w")) is expected


def test_the_whole_invocation(any_runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONHASHSEED", "PYTHONWARNINGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONCOERCECLOCALE", "0")
    monkeypatch.setenv("MY_FLAG", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x --strict-markers")
    any_runner.pytester.makeini(
        "[pytest]\nagent_fix_env = MY_FLAG\npython_files = test_*.py\ntestpaths = t"
    )
    tests = any_runner.pytester.mkdir("t")
    (tests / "test_it.py").write_text("def test_a(): assert 0", "utf-8")
    any_runner.run("t", "-W", "error", "--tb=short", is_subprocess=True)
    invocation = any_runner.request.invocation
    expected = Invocation(
        rootdir=any_runner.path,
        cwd=any_runner.path,
        config_file=any_runner.path / "tox.ini",
        arguments=invocation.arguments,
        environ={"MY_FLAG": "1", "PYTHONPATH": invocation.environ["PYTHONPATH"]},
        sys_path=invocation.sys_path,
        has_cwd_on_path=True,
        has_xdist=invocation.has_xdist,
        test_patterns=("test_*.py",),
        test_paths=("t",),
        test_locations=(tests,),
    )
    assert invocation == expected
    assert set(invocation.environ["PYTHONPATH"].split(":")) <= set(invocation.sys_path)
    kept = [each for each in invocation.arguments if "basetemp" not in each]
    assert kept == [
        "--strict-markers",
        "-p",
        "fake_repairer",
        "-p",
        "no:randomly",
        "-p",
        "no:hypothesispytest",
        "-W",
        "error",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--agent-fix-report", "there.json", "t"], "--agent-fix-report there.json"),
        (["-q", "--html", "there.json"], "--html there.json"),
        (["--agent-fix-report=there.json", "t"], ""),
        (["--agent-fix-report", "absent.json", "t"], ""),
        (["--agent-fix", "t"], ""),
        (["--agent-fix", "-p", "x"], ""),
    ],
)
def test_value_that_pytest_takes_for_a_path(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    (tmp_path / "there.json").touch()
    (tmp_path / "t").mkdir()
    assert find_mistaken(arguments, ["t"], tmp_path) == expected


def test_locations_are_those_that_are_there(runner: Runner) -> None:
    runner.pytester.makepyfile(test_it="def test_a(): assert 0\ndef test_b(): pass")
    runner.run("test_it.py::test_a", "test_it.py::test_b")
    places = []
    for arguments in (["test_it.py::test_a", "test_it.py::test_b"], ["--pyargs", "test_it"], []):
        runner.run(*arguments)
        places.append(runner.request.invocation.test_locations)
    assert places == [(runner.path / "test_it.py",), (), (runner.path,)]


def test_folders_of_modules_go_along_by_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    entries = [str(tmp_path / "link"), "relative", "", "/no/such"]
    environ = {"PYTHONPATH": os.pathsep.join(entries), "KEY": "sk"}
    expected = os.pathsep.join([str(tmp_path / "real"), "relative", "", "/no/such"])
    assert choose_environ(environ, ()) == {"PYTHONPATH": expected}


@pytest.mark.skipif(pytest.version_tuple < (8, 2), reason="pytest 8.2 brought @file")
def test_arguments_from_a_file(runner: Runner) -> None:
    runner.pytester.makepyfile(test_it="def test_a(): assert 0")
    (runner.path / "args.txt").write_text("-x\n--strict-markers\ntest_it.py\n", "utf-8")
    runner.run("@args.txt")
    arguments = runner.request.invocation.arguments
    assert ("--strict-markers" in arguments, "test_it.py" in arguments) == (True, False)
