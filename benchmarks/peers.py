"""Against peers: one failing test each, against the same scripted model.

    python benchmarks/peers.py [--delay SECONDS]... [--rounds N] [--peer NAME]...

Compared are ``pytest --agent-fix``, plain OpenCode in a container (see ``by_hand.py``),
``mini-swe-agent`` in its Docker environment, and ``aider-chat`` with ``--auto-test``. The last two
come from PyPI, into virtual environments in a temporary folder. All get one request that names the
test and what it says; aider is given the two files as well, as its users do. What a peer leaves to
its user belongs to its time: a pytest rerun, ``git commit``. What is not comparable is said here:
ours runs the suite first, judges the fix in sandboxes of its own and drops what no test needs.

Figures are wall time less the time in which the model was waited for, requests, and prompt tokens:
bytes of messages and tools, divided by four. Those that a provider's cache could have (a beginning
that an earlier request had as well, of 1,024 tokens at least) stand apart from the others. Ratios
are ours to the peer's, of the same run. The JSON has what each request carries.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import by_hand
from figures import make_parser, middle, show, tell
from kit import PYTEST, Project, find_binary, make_project
from peer_model import AnyPeer, Mistake
from timed_model import TimedModel

FILE = "shop/rates.py"
TEST_FILE = "tests/test_rates.py"
TEST = f"{TEST_FILE}::test_discount_at_the_step"
OLD, NEW = "if whole > step:", "if whole >= step:"
MESSAGE = "assert Decimal('0') == Decimal('0.05')"
RATES = f'''"""Discounts."""

from decimal import Decimal

RATES = {{"guest": [(100, "0.05")], "member": [(50, "0.05"), (100, "0.10")]}}


def discount_for(customer, whole):
    """The rate for a customer's cart, 0 below the first step."""
    rate = Decimal(0)
    for step, value in RATES[customer]:
        {OLD}
            rate = Decimal(value)
    return rate


def reduce(customer, whole):
    """Return the amount that is left to pay."""
    return whole - whole * discount_for(customer, whole)
'''
TESTS = """from decimal import Decimal

from shop.rates import discount_for, reduce


def test_no_discount_below():
    assert discount_for("guest", 99) == 0


def test_highest_step_counts():
    assert reduce("member", Decimal(200)) == Decimal(180)


def test_discount_at_the_step():
    assert discount_for("guest", 100) == Decimal("0.05")
"""
GOALS = {"opencode": 0.2, "aider-chat": 3.5}  # peer -> our prompt tokens as a multiple of its own
FILES = {"shop/__init__.py": "", FILE: RATES, TEST_FILE: TESTS}
LABEL = "agentfix-benchmark-peer"
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it would be fetched
    "MSWEA_CONFIGURED": "true",  # or it would ask
    "MSWEA_COST_TRACKING": "ignore_errors",
    "OPENAI_API_KEY": "none",
}


class PeerError(Exception):
    """A peer could not be installed, or repaired nothing; the message is its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSetup:
    """The set-up that all peers share; ``home`` is their home folder."""

    home: Path
    binary: Path
    installed: Path
    python: str
    troubles: dict[str, str] = field(default_factory=dict)
    warm: set[str] = field(default_factory=set)

    def find(self, package: str, program: str) -> Path:
        """Return the program of a package from PyPI, installed on first use."""
        venv = self.installed / package
        found = venv / "bin" / program
        if not found.exists():
            tell(f"installing {package}")
            run_or_raise([self.python, "-m", "venv", venv])
            run_or_raise([venv / "bin" / "pip", "install", "--quiet", "--no-cache-dir", package])
        return found

    def env(self, project: Project) -> dict[str, str]:
        """Return a peer's variables; its home is empty but for files that keep it offline."""
        caches = self.home / ".aider" / "caches"
        caches.mkdir(parents=True, exist_ok=True)
        (caches / "model_prices_and_context_window.json").write_text("{}")
        folder = project.folder / "mini"
        return {**QUIET, "HOME": str(self.home), "MSWEA_GLOBAL_CONFIG_DIR": str(folder)}


Repair = Callable[[PeerSetup, Project, str], None]


def repair_with_us(setup: PeerSetup, project: Project, url: str) -> None:
    """Repair with ``pytest --agent-fix``."""
    report = project.folder / "report.json"
    done = project.run(
        *(*PYTEST, "--agent-fix", "--agent-fix-base-url", url, f"--agent-fix-report={report}"),
        *("--agent-fix-model", "scripted/model", "-o", f"agent_fix_opencode={setup.binary}"),
        env={"HOME": str(setup.home), "XDG_CACHE_HOME": str(setup.home / ".cache")},
    )
    if done.status:
        raise PeerError(done.output)


def repair_with_opencode(setup: PeerSetup, project: Project, url: str) -> None:
    """Repair with plain OpenCode and its default agent, rerun, commit."""
    by_hand.run_agent(project.path, url, describe_task(), setup.binary)
    rerun_and_commit(project)


def repair_with_mini(setup: PeerSetup, project: Project, url: str) -> None:
    """Repair with ``mini-swe-agent`` in a container that has the repository and this Python."""
    program = setup.find("mini-swe-agent", "mini")
    config = project.folder / "mini.yaml"
    config.write_text(json.dumps(make_mini_config(project, url)))  # JSON is YAML
    try:
        run_peer(
            setup,
            project,
            *(program, "--yolo", "--exit-immediately", "--cost-limit", "0"),
            *("--model", "openai/scripted", "--task", describe_task()),
            *("--config", "mini.yaml", "--config", config),
            *("--output", project.folder / "mini.traj.json"),
        )
        rerun_and_commit(project)
    finally:
        remove_containers()


def make_mini_config(project: Project, url: str) -> Mapping[str, Any]:
    """Return what mini-swe-agent has to be told: its environment, and the model's address."""
    mounts = [*("/usr", "/bin", "/lib", "/lib64"), sys.prefix, sys.base_prefix]
    return {
        "environment": {
            "environment_class": "docker",
            "image": by_hand.IMAGE,
            "cwd": str(project.path),
            "interpreter": ["bash", "-c"],
            "run_args": [
                *("--rm", "--network=none", "--tmpfs=/tmp:exec", f"--label={LABEL}"),
                f"--user={os.getuid()}:{os.getgid()}",
                *(f"--volume={path}:{path}:ro" for path in mounts if Path(path).exists()),
                f"--volume={project.path}:{project.path}",
            ],
            "env": {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        },
        "model": {"model_kwargs": {"api_base": url}, "cost_tracking": "ignore_errors"},
    }


def repair_with_aider(setup: PeerSetup, project: Project, url: str) -> None:
    """Repair with ``aider``, which runs a test command and commits by itself."""
    program = setup.find("aider-chat", "aider")
    run_peer(
        setup,
        project,
        *(program, "--model", "openai/scripted", "--openai-api-base", url),
        *("--yes-always", "--no-check-update", "--no-show-model-warnings", "--no-analytics"),
        *("--no-show-release-notes", "--no-gitignore", "--no-detect-urls"),
        *("--auto-test", "--test-cmd", f"{sys.executable} -m pytest -q -p no:agentfix"),
        *("--message", describe_task(), "--read", TEST_FILE, "--file", FILE),
    )


def describe_task() -> str:
    """Return the request that a person would write."""
    return f"{TEST} fails: {MESSAGE}\nCorrect the code."


def run_peer(setup: PeerSetup, project: Project, *command: str | Path) -> None:
    done = project.run(*command, env=setup.env(project))
    if done.status:
        raise PeerError(done.output)


def rerun_and_commit(project: Project) -> None:
    done = project.run(*PYTEST, "-p", "no:agentfix")
    if done.status:
        raise PeerError(done.output)
    project.git("commit", "-qam", "fix")


def remove_containers() -> None:
    """Remove the peers' containers: mini-swe-agent only begins to stop its own."""
    listed = subprocess.run(
        ["docker", "ps", "-aq", f"--filter=label={LABEL}"],
        capture_output=True,
        text=True,
        check=True,
    )
    if names := listed.stdout.split():
        subprocess.run(["docker", "rm", "-f", *names], capture_output=True, check=False)


def run_or_raise(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise PeerError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")


PEERS: Mapping[str, Repair] = {
    "ours": repair_with_us,
    "opencode": repair_with_opencode,
    "mini-swe-agent": repair_with_mini,
    "aider-chat": repair_with_aider,
}
INSTALLS = {"mini-swe-agent": "mini", "aider-chat": "aider"}


def measure(setup: PeerSetup, repair: Repair, delay: float) -> Mapping[str, Any]:
    """Measure one repair in a fresh repository; raise ``PeerError`` if nothing is repaired."""
    with make_project(FILES) as project:
        mistake = Mistake(
            top=project.path, file=FILE, old=OLD, new=NEW, python=sys.executable, test=TEST
        )
        with TimedModel(AnyPeer(mistake), delay=delay) as model:
            seconds = take_time(lambda: repair(setup, project, model.url))
            check(project)
            return {
                "seconds": seconds,
                "less_model": seconds - model.waited,
                "requests": len(model.arrivals),
                "prompt_tokens": model.prompt_tokens,
                "cached_tokens": model.cached_tokens,
                "uncached_tokens": model.prompt_tokens - model.cached_tokens,
                "parts": model.parts,
            }


def take_time(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def check(project: Project) -> None:
    """Raise ``PeerError`` unless the fix, and nothing else, is in the history."""
    changed = project.git("diff", "--name-only", "start", "HEAD").split()
    fixed = NEW in project.git("show", f"HEAD:{FILE}")
    if not fixed or [name for name in changed if not name.startswith(".")] != [FILE]:
        raise PeerError(f"it is not repaired; what changed is {changed}")


def compare(
    setup: PeerSetup, chosen: Sequence[str], delay: float, rounds: int
) -> list[dict[str, Any]]:
    """Return a row for each peer that can be measured; ``setup.troubles`` has the others."""
    rows: dict[str, dict[str, Any]] = {}
    for peer in chosen:
        if peer in setup.troubles:
            continue
        tell(f"{peer}, {delay:g} s for an answer")
        repair = PEERS[peer]
        try:
            if peer in INSTALLS:
                setup.find(peer, INSTALLS[peer])  # its installation is no part of its time
            if peer not in setup.warm:  # the first run fills caches, and does not count
                measure(setup, repair, 0)
                setup.warm.add(peer)
            runs = [measure(setup, repair, delay) for _ in range(rounds)]
        except (PeerError, subprocess.CalledProcessError) as error:
            detail = getattr(error, "stderr", None) or str(error)
            tell(f"{peer} cannot be measured here:\n{detail[-3000:]}")
            setup.troubles[peer] = " ".join(detail.split())[-200:]
            continue
        figures = [name for name in runs[0] if name != "parts"]
        rows[peer] = {name: middle(run[name] for run in runs) for name in figures}
        rows[peer]["parts"] = runs[0]["parts"]
    return [
        {"peer": peer, "delay": delay, **row, **_ratios(peer, row, rows.get("ours"))}
        for peer, row in rows.items()
    ]


def _ratios(peer: str, row: Mapping[str, Any], ours: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return ours as a share of this peer's figures; ``None`` where ours was not measured."""
    goal = GOALS.get(peer)
    if ours is None:
        shares = dict.fromkeys(("ours_time", "ours_tokens", "ours_uncached"))
        return {**shares, "tokens_goal": goal, "is_met": None}
    tokens = ours["prompt_tokens"] / row["prompt_tokens"]
    return {
        "ours_time": round(ours["less_model"] / row["less_model"], 3),
        "ours_tokens": round(tokens, 3),
        "ours_uncached": round(ours["uncached_tokens"] / max(row["uncached_tokens"], 1), 3),
        "tokens_goal": goal,
        "is_met": None if goal is None else tokens <= goal,
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=3, delays=(0, 1, 5))
    parser.add_argument(
        "--python", default=sys.executable, help="the peers' interpreter (aider-chat: up to 3.12)"
    )
    parser.add_argument(
        "--installed", type=Path, help="a folder where the peers are, or stay (default: none)"
    )
    parser.add_argument(
        "--peer", action="append", choices=list(PEERS), help="only these (default: all)"
    )
    given = parser.parse_args()
    had_image = has_image()
    with tempfile.TemporaryDirectory(prefix="agentfix-peers-") as folder:
        by_hand.make_image()
        try:
            run(given, Path(folder))
        finally:
            remove_containers()
            if not had_image:
                subprocess.run(["docker", "rmi", by_hand.IMAGE], capture_output=True, check=False)


def run(given: argparse.Namespace, folder: Path) -> None:
    home = folder / "home"
    home.mkdir()
    binary = shutil.copy2(find_binary(), folder / "opencode")
    setup = PeerSetup(
        home=home,
        binary=Path(binary),
        installed=(given.installed or folder / "installed").resolve(),
        python=given.python,
    )
    setup.installed.mkdir(parents=True, exist_ok=True)
    delays = given.delay or given.delays
    rounds = 1 if given.quick else given.rounds
    chosen = given.peer or list(PEERS)
    rows = [row for delay in delays for row in compare(setup, chosen, delay, rounds)]
    rows += [{"peer": peer, "trouble": why} for peer, why in setup.troubles.items()]
    show("peers", rows, given)


def has_image() -> bool:
    found = subprocess.run(
        ["docker", "image", "inspect", by_hand.IMAGE], capture_output=True, check=False
    )
    return not found.returncode


if __name__ == "__main__":
    main()
