"""An invocation becomes a command."""

from __future__ import annotations

import ast
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Invocation
from pytest_agentfix.judge.sessions.command import CommandBuilder, Keys, Task
from pytest_agentfix.judge.sessions.orders import (
    PLAIN_PROGRAM,
    PYTEST_PROGRAM,
    RunOrder,
    TracedFunction,
    load_program,
    load_recorders,
)

TOP = Path("/top/my repo")


def build(invocation: Invocation, **base_env: str) -> CommandBuilder:
    return CommandBuilder(
        invocation=invocation, top=TOP, python="/py/bin/python", base_env=base_env
    )


def read_order(invocation: Invocation) -> dict[str, object]:
    order: dict[str, object] = json.loads(
        build(invocation).build(Task(ids=["t"]), keys=Keys()).stdin
    )
    return order


def test_whole_command() -> None:
    invocation = Invocation(
        rootdir=TOP,
        cwd=TOP / "sub",
        config_file=TOP / "pytest.ini",
        arguments=("-p", "something", "-v"),
        environ={"LANG": "C.UTF-8", "CI": "1", "PATH": "/mine", "TMPDIR": "/x"},
    )
    task = Task(
        ids=["a.py::t[é]"],
        files={"/x": b"\xff", "/y": None},
        order=RunOrder(seed=7, is_reversed=True),
        watch=True,
        cover={"/top/a.py": [1]},
        around={"/top/a.py": [1, 2]},
        trace={"/top/a.py": [TracedFunction(name="f", first=1, number=1, lines=[1, 0])]},
    )
    command = build(invocation, PATH="/usr/bin").build(task, keys=Keys("0a", "0b"))
    assert ("/py/bin/python", "-c", load_program(), str(TOP)) == command.argv
    assert command.cwd == TOP / "sub"
    assert command.env == {
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/tmp/home",
    }
    assert command.has_report
    order = json.loads(command.stdin)
    words = order.pop("words")
    assert "class CallTracer" in order.pop("recorders")
    (cache,) = [one for one in order["args"] if one.startswith("cache_dir=/tmp/pytest-cache-")]
    assert {
        "args": [
            f"--rootdir={TOP}",
            "-c",
            f"{TOP}/pytest.ini",
            "-p",
            "something",
            "-v",
            "-p",
            "no:agentfix",
            "-o",
            cache,
            "-o",
            "required_plugins=",
            "-o",
            "log_file=",
            "--continue-on-collection-errors",
            "--color=no",
            "--no-header",
            "-q",
        ],
        "ids": ["a.py::t[é]"],
        "choices": {"seeds": {}, "variables": {}, "hypothesis": {}},
        "rootdir": str(TOP),
        "cwd": str(TOP / "sub"),
        "top": str(TOP),
        "sys_path_first": None,
        "sys_path_last": [],
        "key": "0a",
        "tally_key": "0b",
        "files": {"/x": "/w==", "/y": None},
        "shuffle": 7,
        "is_reversed": True,
        "watch": True,
        "cover": {"/top/a.py": [1]},
        "around": {"/top/a.py": [1, 2]},
        "trace": {"/top/a.py": [{"name": "f", "first": 1, "number": 1, "lines": [1, 0]}]},
        "enter": False,
        "vary": {},
    } == order
    assert "--agent-fix" in words["flags"]
    assert "--agent-fix-model" in words["options"]
    assert "agent_fix_env" in words["inis"]


def test_no_config_file() -> None:
    invocation = Invocation(rootdir=TOP, cwd=TOP, config_file=None)
    arguments = read_order(invocation)["args"]
    assert isinstance(arguments, list)
    assert arguments[:4] == [f"--rootdir={TOP}", "-c", "/dev/null", f"--confcutdir={TOP}"]


def test_xdist_is_switched_off_where_it_is() -> None:
    invocation = Invocation(rootdir=TOP, cwd=TOP, config_file=None, has_xdist=True)
    assert "-n0" in str(read_order(invocation)["args"])


def test_python_m_pytest_puts_the_working_directory_first() -> None:
    invocation = Invocation(rootdir=TOP, cwd=TOP / "s", config_file=None, has_cwd_on_path=True)
    assert read_order(invocation)["sys_path_first"] == str(TOP / "s")


def test_keys_are_fresh_and_nowhere_on_the_command_line() -> None:
    invocation = Invocation(rootdir=TOP, cwd=TOP, config_file=None)
    one, other = Keys(), Keys()
    assert len({one.report, one.tally, other.report, other.tally}) == 4
    command = build(invocation).build(Task(ids=["t"]), keys=one)
    words = (*command.argv, json.loads(command.stdin)["args"], command.env)
    assert not [key for key in (one.report, one.tally) if key in str(words)]


def test_plain_calls_run_in_an_isolated_interpreter() -> None:
    invocation = Invocation(rootdir=TOP, cwd=TOP, config_file=None)
    command = build(invocation).build_plain(b"{}")
    expected = ("/py/bin/python", "-I", "-c", load_program(PLAIN_PROGRAM))
    assert (expected, b"{}") == (command.argv, command.stdin)


def test_all_sessions_are_started_alike() -> None:
    """Only stdin tells one from the other, so any of them can be started before it is known."""
    commands = build(Invocation(rootdir=TOP, cwd=TOP, config_file=None), PATH="/usr/bin")
    tasks = Task(ids=["t"]), Task(ids=["u"], enter=True, vary={"names": {}}, watch=True)
    built = [commands.build(task, keys=Keys()) for task in tasks]
    assert [replace(one, stdin=b"") for one in built] == [commands.build_waiting()] * 2
    assert built[0].stdin != built[1].stdin


@pytest.mark.parametrize("name", [PYTEST_PROGRAM, PLAIN_PROGRAM])
def test_program_fits_on_a_command_line_and_leaves_the_package_alone(name: str) -> None:
    program = load_program(name)
    compile(program, "program", "exec")
    assert len(program.encode()) < 120_000  # of 131,072 bytes that Linux takes in one argument
    assert "pytest_agentfix" not in program
    assert program.isascii()


def test_no_two_parts_of_a_program_give_one_name_to_two_things() -> None:
    """They become one module."""
    recorders = load_recorders(("trace", "enter", "vary"))
    assert "pytest_agentfix" not in recorders
    for program in (load_program() + recorders, load_program(PLAIN_PROGRAM)):
        names = [name for node in ast.parse(program).body for name in list_names(node)]
        assert [name for name, count in Counter(names).items() if count > 1] == []


def list_names(node: ast.stmt) -> list[str]:
    """Return the names that a statement gives; those of imports are the same everywhere."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.mark.parametrize("field", ["trace", "enter", "vary"])
def test_recorders_come_with_the_orders_that_need_them(field: str) -> None:
    alone = load_recorders((field,))
    compile(alone, "recorders", "exec")
    assert alone
    assert load_recorders(()) == ""
    assert load_recorders(("trace", "enter", "vary")).count("class EntryRecorder") == 1


@pytest.mark.parametrize(
    ("ids", "worker"), [(["t::b", "t::a"], "gw2"), (["t::a"], "gw1"), (["t::new"], "gw1")]
)
def test_choices_of_the_users_run(ids: list[str], worker: str) -> None:
    """A session has the worker of its first failing test, and a test that is new any of them."""
    invocation = Invocation(rootdir=TOP, cwd=TOP, config_file=None, seeds={"randomly_seed": 5})
    commands = build(invocation)
    commands.chosen["t::a"] = {"worker": "gw1", "workers": "4", "hypothesis_seed": "9"}
    commands.chosen["t::b"] = {"worker": "gw2", "workers": "4"}
    order = json.loads(commands.build(Task(ids=ids), keys=Keys()).stdin)
    assert order["choices"] == {
        "seeds": {"randomly_seed": 5},
        "variables": {"PYTEST_XDIST_WORKER": worker, "PYTEST_XDIST_WORKER_COUNT": "4"},
        "hypothesis": {"t::a": {"hypothesis_seed": "9"}, "t::b": {}},
    }
