"""The same repair as a person would script it: plain ``docker run ... opencode run``.

A container on the host's network with the repository mounted, ``opencode run`` with the prompt on
stdin, a pytest rerun on the host, ``git commit``. No judge, no isolation worth the name.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit import Project

IMAGE = "agentfix-by-hand:empty"
PROMPT = "test_calc.py::test_add fails: assert add(2, 3) == 5. Correct calc.py."


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One failing test by hand. ``has_fixed``: something was changed, and committed."""

    test: str
    seconds: float
    has_fixed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HandRun:
    """The whole loop; times are of the monotonic clock."""

    began: float
    suite_ended: float  # the first run's last test
    found: float  # the first run of pytest was over
    ended: float
    failing: int
    sessions: Sequence[Session]


def loop_by_hand(
    project: Project,
    url: str,
    *,
    binary: Path,
    choose: Callable[[Sequence[str]], Sequence[str]] = list,
    whole_suite: bool = True,
) -> HandRun:
    """Run pytest; then for each failing test that ``choose`` keeps: agent, pytest, commit.

    The rerun is of the whole suite, or else of the one test. Raises ``SystemExit`` if a test is
    still red then.
    """
    make_image()
    first = project.run_plainly("--tb=short").expect(0, 1)
    suite_ended = project.read_clock()
    found = find_failed(first.output)
    sessions = []
    for test in choose(list(found)):
        began = time.monotonic()
        run_agent(project.path, url, f"{test} fails: {found[test]}\nCorrect the code.", binary)
        rerun = project.run_plainly("--tb=short", *([] if whole_suite else [test])).expect(0, 1)
        if test in find_failed(rerun.output):
            raise SystemExit(f"by hand, {test} is still red:\n{rerun.output[-3000:]}")
        has_fixed = bool(project.git("diff", "--name-only"))
        if has_fixed:
            project.git("commit", "-qam", f"Fix {test}")
        seconds = time.monotonic() - began
        sessions.append(Session(test=test, seconds=seconds, has_fixed=has_fixed))
    return HandRun(
        began=first.began,
        suite_ended=suite_ended,
        found=first.ended,
        ended=time.monotonic(),
        failing=len(found),
        sessions=sessions,
    )


def find_failed(output: str) -> dict[str, str]:
    """Return the node ids in pytest's short summary, in order, each with its message."""
    lines = re.findall(r"^FAILED (\S+)(?: - (.*))?$", output, re.MULTILINE)
    return {nodeid: message or "it fails" for nodeid, message in lines}


def repair_by_hand(repository: Path, url: str, *, binary: Path) -> None:
    """Repair, rerun and commit; raise if a step fails."""
    make_image()
    run_agent(repository, url, PROMPT, binary)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:agentfix"],
        cwd=repository,
        capture_output=True,
        check=True,
    )
    subprocess.run(["git", "commit", "-qam", "fix"], cwd=repository, check=True)


def run_agent(repository: Path, url: str, prompt: str, binary: Path) -> None:
    """Run one session of ``opencode run`` in a container; raise if it fails."""
    config = {
        "model": "scripted/model",
        "small_model": "scripted/model",
        "enabled_providers": ["scripted"],
        "share": "disabled",
        "snapshot": False,
        "permission": "allow",
        "provider": {
            "scripted": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": url, "apiKey": "none"},
                "models": {"model": {"limit": {"context": 128000, "output": 16000}}},
            }
        },
    }
    mounts = [*("/usr", "/bin", "/lib", "/lib64"), sys.prefix, sys.base_prefix]
    binds = [f"--volume={path}:{path}:ro" for path in mounts if Path(path).exists()]
    subprocess.run(
        [
            *("docker", "run", "--rm", "-i", "--network=host", "--tmpfs=/tmp:exec"),
            f"--user={os.getuid()}:{os.getgid()}",
            *binds,
            f"--volume={binary}:/opencode:ro",
            f"--volume={repository}:{repository}",
            f"--workdir={repository}",
            "--env=HOME=/tmp",
            "--env=OPENCODE_DISABLE_MODELS_FETCH=1",
            "--env=OPENCODE_DISABLE_AUTOUPDATE=1",
            f"--env=OPENCODE_CONFIG_CONTENT={json.dumps(config)}",
            *(IMAGE, "/opencode", "run", "--format", "json", "--title", "fix"),
            *("--model", "scripted/model"),
        ],
        input=prompt,
        capture_output=True,
        text=True,
        check=True,
    )


def make_image() -> None:
    """Make an empty image with a folder for temporary files, unless there is one."""
    found = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    if found.returncode == 0:
        return
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("tmp", "etc"):
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(member)
    subprocess.run(
        ["docker", "import", "-", IMAGE], input=buffer.getvalue(), capture_output=True, check=True
    )
