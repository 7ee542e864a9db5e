"""A run that was recorded can be replayed: elsewhere, later, without a key, a network, a model."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.replies import Reply, Say, Turns, edits, reads, shell
from tests.kits.loop_kit import StartModel, edit
from tests.kits.project_kit import Project, Ran, make_project, residue, wait_for

KEY = "sk-recorded-0123456789abcdef"


pytestmark = pytest.mark.xdist_group("recorded")  # one run, for the tests of one process


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A run that was recorded, and where."""

    project: Project
    cassette: Path
    ran: Ran


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Two attempts: the first one wrong, with a look around whose output is never the same."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "DOCKER_", "OPENCODE", "PYTEST_")):
                patch.delenv(name)
        folder = tmp_path_factory.mktemp("recorded")
        project, cassette = make_project(folder), folder / "run.jsonl"
        path = str(project.path / "calc.py")
        look = "date; hostname; pwd; ls -l; python -m pytest -q test_calc.py"
        wrong = edits(path, "left - right", "left * right")
        first: list[Reply] = [shell(look), reads(path), wrong, Say("done")]
        second = edit(project, "calc.py", "left * right", "left + right")
        project.environ["REPLAY_KEY"] = KEY
        with ScriptedModel(Turns([first, second])) as model:
            ran = project.run(
                f"--agent-fix-record={cassette}",
                "--agent-fix-api-key-env=REPLAY_KEY",
                url=model.base_url,
            )
        yield Recorded(project=project, cassette=cassette, ran=ran)
        wait_for(lambda: not residue(project.scratch), seconds=60)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Project]:
    """The same project at another path, with another scratch folder."""
    folder = tmp_path / "another place" / "deeper"
    folder.mkdir(parents=True)
    project = make_project(folder)
    yield project
    wait_for(lambda: not residue(project.scratch), seconds=60)


def test_the_recorded_run_says_so_and_keeps_no_secret(recorded: Recorded) -> None:
    assert (recorded.ran.verdicts, recorded.ran.status) == (["fixed"], 0)
    assert f"7 model answers recorded in {recorded.cassette}" in recorded.ran.output
    kept = recorded.cassette.read_text()
    assert KEY not in kept
    assert str(recorded.project.path) not in kept


def test_a_replay_repairs_what_the_recorded_run_did(recorded: Recorded, elsewhere: Project) -> None:
    replayed = elsewhere.run(f"--agent-fix-replay={recorded.cassette}", url=None)

    assert (replayed.verdicts, replayed.reasons, replayed.status) == (
        ["fixed"],
        recorded.ran.reasons,
        0,
    )
    assert f"answers were replayed from {recorded.cassette}: no model was asked" in replayed.output
    assert "not asked for" not in replayed.output
    fixed = [one.git("show", "HEAD:calc.py") for one in (recorded.project, elsewhere)]
    assert fixed[0] == fixed[1]
    first, second = recorded.ran.report["clusters"][0], replayed.report["clusters"][0]
    assert (first["attempts"], second["attempts"]) == (2, 2)
    assert first["tokens"] == second["tokens"]


def test_a_request_that_is_not_in_the_cassette_says_what_differs(
    recorded: Recorded, elsewhere: Project
) -> None:
    test = (elsewhere.path / "test_calc.py").read_text()
    elsewhere.write({"test_calc.py": test.replace("add(2, 3) == 5", "add(20, 3) == 23")})
    elsewhere.commit_all("another test")
    ran = elsewhere.run(f"--agent-fix-replay={recorded.cassette}", url=None)

    assert (ran.verdicts, ran.status) == (["environment"], 1)
    assert "request 1 " in ran.reasons[0].lower()
    assert "add(20, 3) == 23" in ran.reasons[0]
    assert "--agent-fix-record" in ran.reasons[0]
    assert "of 7 recorded answers not asked for" in ran.output
    assert elsewhere.log() == ["another test", "start"]


@pytest.mark.parametrize("content", [None, "", "{}\n", '{"cassette": 99}\n'], ids=str)
def test_what_is_no_cassette_ends_it_before_the_first_test(
    project: Project, tmp_path: Path, content: str | None
) -> None:
    cassette = tmp_path / "run.jsonl"
    if content is not None:
        cassette.write_text(content)
    ran = project.run(f"--agent-fix-replay={cassette}", url=None)
    assert (ran.status, ran.report) == (4, {})
    assert "--agent-fix-record FILE" in ran.output


def test_a_killed_run_leaves_a_cassette_of_what_it_had(
    project: Project, start_model: StartModel, tmp_path: Path
) -> None:
    cassette = tmp_path / "run.jsonl"
    path = str(project.path / "calc.py")
    model = start_model(Turns([[reads(path), shell("sleep 1000")]]))
    process = project.start(f"--agent-fix-record={cassette}", url=model.base_url)
    try:
        wait_for(lambda: cassette.exists() and cassette.read_bytes().count(b"\n") >= 3)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    lines = [json.loads(line) for line in cassette.read_text().splitlines()]
    assert [line.get("status") for line in lines] == [None, 200, 200]
    wait_for(lambda: not [one for one in residue(project.scratch) if "folder" not in one])
    for folder in project.scratch.glob("pytest-agentfix-*"):
        shutil.rmtree(folder, ignore_errors=True)
