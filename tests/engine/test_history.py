"""The repository's own history: in a judge's sandbox, and in no agent's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import ChangeSet, Collected, FileChange
from pytest_agentfix.core.ports import Command
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.repository import Repository
from pytest_agentfix.runtime.base_files import copy_base, list_base_files, make_history
from pytest_agentfix.runtime.sandbox_factory import SandboxFactory, WorkspaceSandbox
from tests.engine.sandbox_kit import Place

SETTINGS = Settings(repository_history="judge")


def git(top: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=top, check=True)


@pytest.fixture
def factory(place: Place, tmp_path: Path) -> Iterator[SandboxFactory]:
    """Sandboxes of a repository with two commits, of which the first has a tag."""
    top = tmp_path / "project"
    top.mkdir()
    (top / "a.py").write_text("a = 1\n")
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "first")
    git(top, "tag", "v1.0")
    (top / "b.py").write_text("b = 1\n")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "second")
    repository = Repository.open(top)
    files = list_base_files(repository, SETTINGS, ())
    base = copy_base(top, files, place.environment, place.scratch.folder("base"))
    factory = SandboxFactory(
        engine=place.engine,
        environment=place.environment,
        scratch=place.scratch,
        base=base,
        ignore=repository.ignore_rules(),
        opencode=Path(os.devnull),
        history=make_history(repository, SETTINGS, base, place.scratch.folder),
    )
    yield factory
    factory.shutdown()


def ask(sandbox: WorkspaceSandbox, factory: SandboxFactory, *argv: str) -> tuple[int, str]:
    """Run a program at the repository's place; return its status and what it prints."""
    command = Command(argv=argv, cwd=factory.base.top, env=factory.environment.env)
    done = sandbox.container.run(command, timeout=60)
    return done.code, (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("has_overlays", [True, False], ids=["overlay", "copy"])
def test_the_judge_has_it_and_the_agent_has_not(
    factory: SandboxFactory, *, has_overlays: bool
) -> None:
    factory._has_overlays = has_overlays
    judges, agents = factory._make_plain("judge"), factory._make_plain("agent")
    with judges.container, agents.container:
        describe = ("git", "describe", "--tags", "--dirty", "--abbrev=0")
        assert ask(judges, factory, *describe) == (0, "v1.0\n")
        assert ask(judges, factory, "git", "status", "--porcelain") == (0, "")
        assert ask(judges, factory, "git", "log", "--format=%s") == (0, "second\nfirst\n")
        assert ask(judges, factory, "git", "ls-files") == (0, "a.py\nb.py\n")
        assert ask(judges, factory, "touch", ".git/HEAD")[0] != 0
        assert ask(judges, factory, "touch", ".git/hooks")[0] != 0
        assert ask(agents, factory, *describe)[0] != 0
        assert ask(agents, factory, "git", "log", "--format=%s") == (
            0,
            "The tree as the tests saw it\n",
        )
        assert ask(agents, factory, "touch", ".git/HEAD")[0] == 0
        assert ask(judges, factory, "sh", "-c", "echo 'b = 2' > b.py")[0] == 0
        expected = Collected(changes=ChangeSet({"b.py": FileChange(b"b = 2\n")}))
        assert judges.container.collect() == expected
        assert ask(judges, factory, *describe) == (0, "v1.0-dirty\n")


def test_by_default_nobody_has_it(factory: SandboxFactory) -> None:
    plain = replace(factory, history=None)
    judges = plain._make_plain("judge")
    with judges.container:
        assert ask(judges, plain, "git", "tag") == (0, "")
