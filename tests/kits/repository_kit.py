"""Real git repositories for tests, and fixes to land in them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Evidence,
    Failure,
    FileChange,
    Fix,
    ItemKind,
    Judgement,
    Phase,
    ProbeResult,
)
from pytest_agentfix.repository import CommitLander, Repository
from pytest_agentfix.repository.commit_message import default_message
from pytest_agentfix.repository.landing_journal import FOLDER

IDENTITY = "[user]\n\tname = A User\n\temail = user@example.com\n[init]\n\tdefaultBranch = main\n"


def run_git(folder: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return os.fsdecode(done.stdout).removesuffix("\n")


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def make_repository(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    run_git(folder, "init", "-q")
    write_files(folder, files)
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "-m", "start")
    return folder


def make_fix(
    changes: Mapping[str, bytes | FileChange | None], *, slug: str = "test-a", test: str = "test_a"
) -> Fix:
    files = {
        path: change if isinstance(change, FileChange) else FileChange(change)
        for path, change in changes.items()
    }
    failure = Failure(
        nodeid=f"tests/test_mod.py::{test}",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=None,
        line=3,
        exception="ValueError",
        message="ValueError: empty",
        traceback="",
    )
    return Fix(
        cluster=Cluster(slug=slug, failures=(failure,)),
        changes=ChangeSet(files),
        judgement=Judgement(probes=(Evidence("target", ProbeResult.PASSED, "1 passed"),)),
        model="fake/model",
    )


@dataclass(frozen=True)
class LandingRun:
    """A repository opened as a run does, with the base as it was at that moment."""

    top: Path
    lander: CommitLander
    patches: Path


def start_run(  # noqa: PLR0913 - all but one by name
    top: Path,
    *,
    branch: str | None = None,
    is_committing: bool = True,
    sleep: Callable[[float], None] = lambda _: None,
    signing_timeout: float = 30.0,
    max_unjudged: float = 1.0,
    patches: Path | None = None,
) -> LandingRun:
    repository = Repository.open(top)
    base = {
        name: ((top / name).read_bytes(), os.access(top / name, os.X_OK))
        for name in repository.list_files()
        if (top / name).is_file()
    }
    patches = patches or top.parent / "patches"
    scratch = top.parent / "session" / f"{FOLDER}-0"
    scratch.mkdir(parents=True, exist_ok=True)
    lander = CommitLander(
        repository,
        read_base=base.get,
        message=default_message,
        branch=branch,
        is_committing=is_committing,
        patch_folder=patches,
        scratch=scratch,
        sleep=sleep,
        signing_timeout=signing_timeout,
        max_unjudged=max_unjudged,
    )
    return LandingRun(top, lander, patches)


def digest_tree(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Type, mode and content of everything in ``folder``, by relative path."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root) / name
            relative = path.relative_to(folder).as_posix()
            if not any(relative == part or relative.startswith(f"{part}/") for part in without):
                found[relative] = _digest(path)
    return found


def _digest(path: Path) -> str:
    mode = oct(path.lstat().st_mode)
    if path.is_symlink():
        return f"{mode} {path.readlink()}"
    return mode if path.is_dir() else f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
