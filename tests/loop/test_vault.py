"""A key from a command: asked for once, only when something fails, and seen by nobody else."""

from __future__ import annotations

import stat

import pytest

from pytest_agentfix.testing.scripted_model.replies import Say, Turns
from tests.kits.loop_kit import StartModel, once
from tests.kits.project_kit import Project

KEY = "sk-vault-0123456789abcdef"


def make_vault(project: Project, *lines: str) -> None:
    """A password manager that writes down when it is asked, and the settings to use it."""
    vault = project.scratch / "vault"
    asked = project.scratch / "asked"
    vault.write_text("\n".join(["#!/bin/sh", f"echo asked >> '{asked}'", *lines, ""]))
    vault.chmod(vault.stat().st_mode | stat.S_IXUSR)
    project.write({"pytest.ini": f"[pytest]\nagent_fix_api_key_command = '{vault}' show work\n"})
    project.commit_all("settings")


def count_asked(project: Project) -> int:
    asked = project.scratch / "asked"
    return len(asked.read_text().splitlines()) if asked.exists() else 0


def test_the_provider_gets_the_key_and_nobody_else(
    project: Project, start_model: StartModel
) -> None:
    make_vault(project, "test -f pytest.ini || exit 9", f"echo {KEY}")  # where the user is
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("-v", url=model.base_url)

    assert (ran.verdicts, ran.status, count_asked(project)) == (["fixed"], 0, 1)
    assert {one.headers["authorization"] for one in model.requests} == {f"Bearer {KEY}"}
    assert KEY not in ran.output
    assert KEY not in (project.reports / "report.json").read_text()

    green = project.run(url=model.base_url)
    assert (green.status, count_asked(project)) == (0, 1)  # nothing fails: nobody is asked


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["echo 'the vault is locked' >&2", "exit 3"], "ended with status 3: the vault is locked"),
        ([], "printed nothing"),
        ([f"echo {KEY}", "echo more"], "printed more than one line"),
    ],
    ids=["locked", "empty", "two lines"],
)
def test_a_command_that_gives_no_key_is_no_failed_fix(
    project: Project, start_model: StartModel, lines: list[str], words: str
) -> None:
    make_vault(project, *lines)
    model = start_model(Turns([[Say("done")]]))
    ran = project.run(url=model.base_url)

    assert (ran.verdicts, ran.status, model.requests) == (["environment"], 1, [])
    assert words in ran.reasons[0]
    assert "agent_fix_api_key_command" in ran.reasons[0]
    assert KEY not in ran.output
