"""Repairs after tests that have replaced parts of the process and not put them back."""

from __future__ import annotations

import pytest

from tests.kits.loop_kit import StartModel, once, refill
from tests.kits.project_kit import Project

CALC = "def add(left, right):\n    return left - right\n"
TEST = """\
import builtins, io, os, pathlib, shutil, socket, subprocess, sys, tempfile, threading, time
import calc


def refuse(*_, **__):
    raise OSError("replaced by a test")


def test_leaves_it():
    {leave}


def test_add():
    assert calc.add(2, 3) == 5
"""
LEAVE = {
    "network": "socket.socket = socket.create_connection = socket.getaddrinfo = refuse",
    "files": (
        "builtins.open = io.open = os.open = os.stat = os.replace = shutil.rmtree = refuse; "
        "pathlib.Path.mkdir = pathlib.Path.write_bytes = refuse; tempfile.tempdir = '/nowhere'"
    ),
    "processes": (
        "subprocess.Popen = subprocess.run = threading.Thread = refuse; "
        "time.monotonic = time.time = time.sleep = lambda *_: 0.0"
    ),
    "places": "sys.path.clear(); os.chdir(tempfile.gettempdir())",
}


@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)
def test_repaired_all_the_same(leave: str, project: Project, start_model: StartModel) -> None:
    refill(project, {"calc.py": CALC, "test_calc.py": TEST.format(leave=leave)})
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("-p", "no:cacheprovider", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    assert "internal error" not in ran.output


CONFTEST = {
    "socket": """
import socket

class Guarded(socket.socket):
    def __init__(self, *args, **kwargs):
        raise SystemExit("no network in tests")

socket.socket = Guarded
""",
    "tempfile": "import tempfile; tempfile.tempdir = '/no/such/folder'",
    "imports": """
import builtins
real = builtins.__import__

def refuse(name, *args, **kwargs):
    if name in ("docker", "git", "h11"):
        raise ModuleNotFoundError(name)
    return real(name, *args, **kwargs)

builtins.__import__ = refuse
""",
    "path": "import sys; sys.path[:] = [one for one in sys.path if 'site-packages' not in one]",
}


@pytest.mark.parametrize("conftest", CONFTEST.values(), ids=CONFTEST)
def test_conftest_that_changes_the_process(
    conftest: str, project: Project, start_model: StartModel
) -> None:
    files = {"calc.py": CALC, "test_calc.py": TEST.format(leave="pass"), "conftest.py": conftest}
    refill(project, files)
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    # Without a header: pytest could not look up a version for it, where its own path is gone.
    ran = project.run("-p", "no:cacheprovider", "--no-header", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output


def test_the_exit_status_is_explained(project: Project, start_model: StartModel) -> None:
    refill(project, {"calc.py": CALC, "test_calc.py": TEST.format(leave="pass")})
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("-o", "agent_fix_exit_non_zero_on_fix=true", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 1), ran.output
    assert "as agent_fix_exit_non_zero_on_fix asks for" in ran.output
