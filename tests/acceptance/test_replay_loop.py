"""A run that was recorded can be replayed: elsewhere, later, without a key, a network, a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pytest_agentfix.testing.replies import Reply, Say, Turns, edits, reads, shell
from tests.acceptance.conftest import StartModel
from tests.acceptance.loop_kit import edit
from tests.acceptance.project_kit import Project, Ran, make_project, residue, wait_for

KEY = "sk-recorded-0123456789abcdef"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Project:
    """The same project at another path, with another scratch folder."""
    folder = tmp_path / "another place" / "deeper"
    folder.mkdir(parents=True)
    return make_project(folder)


def record(project: Project, start_model: StartModel, cassette: Path) -> Ran:
    """Two attempts: the first one wrong, with a look around whose output is never the same."""
    path = str(project.path / "calc.py")
    look = "date; hostname; pwd; ls -l; python -m pytest -q test_calc.py"
    wrong = edits(path, "left - right", "left * right")
    first: list[Reply] = [shell(look), reads(path), wrong, Say("done")]
    second = edit(project, "calc.py", "left * right", "left + right")
    project.environ["REPLAY_KEY"] = KEY
    model = start_model(Turns([first, second]))
    ran = project.run(
        f"--agent-fix-record={cassette}", "--agent-fix-api-key-env=REPLAY_KEY", url=model.base_url
    )
    model.close()
    return ran


def test_a_replay_repairs_what_the_recorded_run_did(
    project: Project, elsewhere: Project, start_model: StartModel, tmp_path: Path
) -> None:
    cassette = tmp_path / "run.jsonl"
    recorded = record(project, start_model, cassette)
    replayed = elsewhere.run(f"--agent-fix-replay={cassette}", url=None)

    assert (recorded.verdicts, recorded.status) == (["fixed"], 0)
    assert f"7 model answers recorded in {cassette}" in recorded.output
    assert (replayed.verdicts, replayed.reasons, replayed.status) == (
        ["fixed"],
        recorded.reasons,
        0,
    )
    assert f"answers were replayed from {cassette}: no model was asked" in replayed.output
    assert "not asked for" not in replayed.output
    assert elsewhere.git("show", "HEAD:calc.py") == project.git("show", "HEAD:calc.py")
    first, second = recorded.report["clusters"][0], replayed.report["clusters"][0]
    assert (first["attempts"], second["attempts"]) == (2, 2)
    assert first["tokens"] == second["tokens"]
    kept = cassette.read_text()
    assert KEY not in kept
    assert str(project.path) not in kept
    wait_for(lambda: not residue(elsewhere.scratch), seconds=20)


def test_a_request_that_is_not_in_the_recording_says_what_differs(
    project: Project, elsewhere: Project, start_model: StartModel, tmp_path: Path
) -> None:
    cassette = tmp_path / "run.jsonl"
    record(project, start_model, cassette)
    test = (elsewhere.path / "test_calc.py").read_text()
    elsewhere.write({"test_calc.py": test.replace("add(2, 3) == 5", "add(20, 3) == 23")})
    elsewhere.commit_all("another test")
    ran = elsewhere.run(f"--agent-fix-replay={cassette}", url=None)

    assert (ran.verdicts, ran.status) == (["environment"], 1)
    assert "request 1 " in ran.reasons[0].lower()
    assert "add(20, 3) == 23" in ran.reasons[0]
    assert "--agent-fix-record" in ran.reasons[0]
    assert "of 7 recorded answers not asked for" in ran.output
    assert elsewhere.log() == ["another test", "start"]


@pytest.mark.parametrize("content", [None, "", "{}\n", '{"cassette": 99}\n'], ids=str)
def test_what_is_no_recording_ends_it_before_the_first_test(
    project: Project, tmp_path: Path, content: str | None
) -> None:
    cassette = tmp_path / "run.jsonl"
    if content is not None:
        cassette.write_text(content)
    ran = project.run(f"--agent-fix-replay={cassette}", url=None)
    assert (ran.status, ran.report) == (4, {})
    assert "--agent-fix-record FILE" in ran.output


def test_a_killed_run_leaves_a_recording_of_what_it_had(
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
