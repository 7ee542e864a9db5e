"""Write variants to disk and run them, with pytest and without."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_agentfix.core.ports import Command, Completed
from pytest_agentfix.judge.sessions.orders import PLAIN_PROGRAM, load_program
from pytest_agentfix.judge.variants import (
    DirectCall,
    Mutant,
    Project,
    SourceVariant,
    TestName,
    make_clone,
    make_mutant,
    make_plain,
)
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from tests.kits.variants_shapes import Shape

KEY = "00" * 32
_LINE = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (\S+)", re.MULTILINE)


def make_project(path: str, files: Mapping[str, str]) -> Project:
    """Return the modules around the test module at ``path``."""
    return Project(path, {name: text.encode() for name, text in files.items()}.get)


def project_of(shape: Shape) -> Project:
    """Return the modules around a shape's test; its folder is pytest's rootdir."""
    return make_project("test_it.py", shape.files)


def clone_of(key: str, shape: Shape) -> SourceVariant:
    rng = random.Random(1)
    conftests = [text for path, text in shape.files.items() if path == "conftest.py"]
    stem = f"test_{key}"
    return make_clone(
        shape.text,
        [shape.name],
        rng=rng,
        module=stem,
        conftests=conftests,
        project=project_of(shape),
    )


def mutant_of(shape: Shape) -> Mutant:
    return make_mutant(shape.text, [shape.name], rng=random.Random(2), project=project_of(shape))


def run_mutant(source: str, known: Mapping[str, Any], *, seed: int) -> str:
    """Run the mutant of ``test_it`` in this process; return how it ended.

    ``known`` are the globals of its module.
    """
    mutant = make_mutant(source, [("test_it",)], rng=random.Random(seed))
    assert mutant.impossible == {}
    names: dict[str, Any] = dict(known)
    exec(mutant.source, names)
    try:
        names["test_it"]()
    except Exception as error:  # noqa: BLE001 - whatever the mutant ends with
        return type(error).__name__
    return "passed"


def plain_of(shape: Shape, *, text: str = "") -> DirectCall:
    conftests = [text for path, text in shape.files.items() if path == "conftest.py"]
    rng = random.Random(3)
    return make_plain(
        text or shape.text,
        [shape.name],
        rng=rng,
        conftests=conftests,
        project=project_of(shape),
    )


def write(top: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text, encoding="utf-8")


def join(path: str, name: TestName, bracket: str = "") -> str:
    return "::".join([path, *name]) + bracket


def run_pytest(top: Path, ids: Iterable[str]) -> dict[str, str]:
    """Run node ids in a process of its own; return the outcome of each."""
    options = ["-q", "-rA", "-p", "no:cacheprovider", "-W", "ignore", "--tb=no", "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", *options, f"--rootdir={top}", *ids]
    env = {"PATH": os.defpath, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(top)}
    done = subprocess.run(command, cwd=top, env=env, capture_output=True, text=True, check=False)
    found = {nodeid: outcome.lower() for outcome, nodeid in _LINE.findall(done.stdout)}
    assert found, done.stdout + done.stderr
    return found


def run_plain(top: Path, order: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Completed]:
    """Run the program in a local sandbox; return its lines without their tags."""
    whole = {
        "key": KEY,
        "file": str(top / "test_it.py"),
        "filename": "/somewhere.py",
        "name": "somewhere",
        "sys_path": [str(top)],
        **order,
    }
    command = Command(
        argv=(sys.executable, "-I", "-c", load_program(PLAIN_PROGRAM)),
        cwd=top,
        env={"PATH": os.defpath, "PYTEST_VERSION": "9"},
        stdin=json.dumps(whole).encode("ascii"),
        has_report=True,
    )
    with LocalSandbox(top) as sandbox:
        done = sandbox.run(command, timeout=60)
    return [json.loads(line.partition(b" ")[2]) for line in done.report.splitlines()], done


def call_plain(top: Path, plain: DirectCall, shape: Shape) -> list[tuple[str, str, str]]:
    """Call a shape's test without pytest; return outcome, exception and message of each call."""
    calls = [call.describe("1", shape.case) for call in plain.calls.values()]
    lines, _ = run_plain(top, {"source": plain.source, "calls": calls})
    return [
        (line["outcome"], line["exception"], line["message"])
        for line in lines
        if line["kind"] == "call"
    ]
