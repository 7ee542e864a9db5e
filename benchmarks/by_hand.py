"""The same repair as a person would script it: plain ``docker run ... opencode run``.

A container on the host's network with the repository mounted, ``opencode run`` with the prompt on
stdin, a pytest rerun on the host, ``git commit``. No judge, no isolation worth the name.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

IMAGE = "agentfix-by-hand:empty"
PROMPT = "test_calc.py::test_add fails: assert add(2, 3) == 5. Correct calc.py."


def repair_by_hand(repository: Path, url: str, *, binary: Path) -> None:
    """Repair, rerun, commit; raises if a step fails."""
    make_image()
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
        input=PROMPT,
        capture_output=True,
        text=True,
        check=True,
    )
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:agentfix"],
        cwd=repository,
        capture_output=True,
        check=True,
    )
    subprocess.run(["git", "commit", "-qam", "fix"], cwd=repository, check=True)


def make_image() -> None:
    """An empty image with a place for temporary files, unless it is there."""
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
