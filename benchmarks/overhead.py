"""The cost of the plugin itself: when it is off, per sandbox, and per fix.

Prints one JSON object. Every figure that is compared with something comes from this same run, as
a ratio, because machines are shared and noisy. The model is scripted and answers at once; pytest,
the engine, OpenCode and git are real.

    python benchmarks/overhead.py [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
from by_hand import repair_by_hand
from empty_workspace import EmptyWorkspace

from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.core.model import Collected
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.container import ContainerSandbox, SandboxPlan
from pytest_agentfix.sandbox.engine import OWNER_LABEL, SESSION_LABEL, Engine
from pytest_agentfix.sandbox.environments import choose_environment
from pytest_agentfix.testing.scripted_model.model_server import ScriptedModel
from pytest_agentfix.testing.scripted_model.replies import Say, Turns, edits, reads

CALC = "def add(left, right):\n    return left - right\n"
TEST = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
IMPORT_PROBE = """
import json, sys, time
import pytest, _pytest.config
before = set(sys.modules)
began = time.perf_counter()
import pytest_agentfix.plugin
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "modules": sorted(set(sys.modules) - before)}))
"""


def measure_import(rounds: int) -> dict[str, Any]:
    """Measure importing the plugin in a pytest that does not use it."""
    runs = [json.loads(run_python(IMPORT_PROBE)) for _ in range(rounds)]
    modules = {name for run in runs for name in run["modules"]}
    foreign = {
        name
        for name in modules
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "pytest_agentfix"}
    }
    return {
        "milliseconds": round(1000 * statistics.median(run["seconds"] for run in runs), 2),
        "modules": sorted(modules),
        "modules_beyond_stdlib_and_pytest": sorted(foreign),
        "goal": "no such module, under 5 ms",
    }


def run_python(source: str) -> str:
    """Run ``source`` in a fresh interpreter and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    return done.stdout


def measure_sandbox(rounds: int) -> dict[str, Any]:
    """Measure the seconds from asking for a sandbox until its guest answers."""
    engine = Engine.connect()
    top = Path(tempfile.gettempdir(), "agentfix-benchmark")
    environment = choose_environment(Settings(environment="mirror"), engine, top=top)
    labels = {SESSION_LABEL: "benchmark", OWNER_LABEL: "benchmark"}
    plan = SandboxPlan(environment=environment, top=top, labels=labels)

    def open_and_close() -> float:
        began = time.perf_counter()
        copy = EmptyWorkspace(environment.user)
        with ContainerSandbox(engine, plan, copy, read_changes=Collected):
            return time.perf_counter() - began

    seconds = [open_and_close() for _ in range(rounds)]
    return {
        "median_seconds": round(statistics.median(seconds), 3),
        "worst_seconds": round(max(seconds), 3),
        "goal": "under 1 s",
    }


def make_repository(folder: Path) -> Path:
    """Make a repository with one bug and one failing test."""
    repository = folder / "project"
    repository.mkdir(parents=True)
    (repository / "calc.py").write_text(CALC)
    (repository / "test_calc.py").write_text(TEST)
    for command in (
        ["init", "-q"],
        ["config", "user.name", "Benchmark"],
        ["config", "user.email", "benchmark@example.org"],
        ["add", "-A"],
        ["commit", "-qm", "start"],
    ):
        subprocess.run(["git", *command], cwd=repository, check=True)
    return repository


def script(repository: Path) -> Turns:
    """Make a script of three model requests: read, edit, done."""
    path = str(repository / "calc.py")
    return Turns([[reads(path), edits(path, "left - right", "left + right"), Say("done")]])


def in_fresh_repository(repair: Callable[[Path, str], Any]) -> tuple[float, Any]:
    """Return the seconds of ``repair(repository, model's URL)``, and its result."""
    with tempfile.TemporaryDirectory(prefix="agentfix-benchmark-") as folder:
        repository = make_repository(Path(folder))
        with ScriptedModel(script(repository)) as model:
            began = time.perf_counter()
            result = repair(repository, model.base_url)
            return time.perf_counter() - began, result


def repair_with_plugin(repository: Path, url: str) -> dict[str, Any]:
    """Run ``pytest --agent-fix`` as a user would; return its report's only cluster."""
    report = repository.parent / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--agent-fix"),
            *("--agent-fix-base-url", url, "--agent-fix-model", "scripted/model"),
            *("--agent-fix-report", str(report)),
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the repair failed:\n{done.stdout}{done.stderr}")
    cluster: dict[str, Any] = json.loads(report.read_text())["clusters"][0]
    return cluster


def measure_fix(rounds: int) -> dict[str, Any]:
    """Measure our own time per fix, and the whole run against the same fix by hand."""
    binary = find_opencode(
        configured=None,
        environ=os.environ,
        cache=platformdirs.user_cache_path("pytest-agentfix"),
    ).path
    ours, own, hand = [], [], []
    for _ in range(rounds):
        seconds, cluster = in_fresh_repository(repair_with_plugin)
        ours.append(seconds)
        own.append(cluster["seconds"] - cluster["agent_seconds"] - cluster["test_seconds"])
        hand.append(
            in_fresh_repository(lambda place, url: repair_by_hand(place, url, binary=binary))[0]
        )
    return {
        "own_seconds_per_fix": round(statistics.median(own), 2),
        "own_seconds_goal": "under 3 s",
        "pytest_agent_fix_seconds": round(statistics.median(ours), 2),
        "by_hand_seconds": round(statistics.median(hand), 2),
        "ratio_to_by_hand": round(statistics.median(ours) / statistics.median(hand), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    figures = {
        "import_when_off": measure_import(rounds),
        "sandbox_ready": measure_sandbox(rounds),
        "one_fix": measure_fix(rounds),
    }
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
