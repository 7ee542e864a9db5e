"""An invocation becomes a command."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_agentfix.judge.command import CommandBuilder
from pytest_agentfix.judge.reporter import load_program
from pytest_agentfix.model import Invocation

TOP = Path("/top/my repo")


def build(invocation: Invocation, **base_env: str) -> CommandBuilder:
    return CommandBuilder(invocation=invocation, python="/py/bin/python", base_env=base_env)


def read_order(invocation: Invocation) -> dict[str, object]:
    order: dict[str, object] = json.loads(build(invocation).build(["t"], nonce="n").stdin)
    return order


def test_whole_command() -> None:
    invocation = Invocation(
        rootdir=TOP,
        cwd=TOP / "sub",
        config_file=TOP / "pytest.ini",
        arguments=("-p", "something", "-v"),
        environ={"LANG": "C.UTF-8", "CI": "1", "PATH": "/mine", "TMPDIR": "/x"},
    )
    command = build(invocation, PATH="/usr/bin").build(["a.py::t[é]"], nonce="n0")
    assert ("/py/bin/python", "-c", load_program()) == command.argv
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
            "cache_dir=/tmp/pytest-cache-n0",
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
        "rootdir": str(TOP),
        "sys_path_first": None,
        "nonce": "n0",
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


def test_program_fits_on_a_command_line_and_leaves_the_package_alone() -> None:
    program = load_program()
    compile(program, "program", "exec")
    assert len(program.encode()) < 100_000
    assert "pytest_agentfix" not in program
    assert program.isascii()
