"""OpenCodes that are not the pinned one, in whole runs: what is told, and what is paid."""

from __future__ import annotations

from pytest_agentfix.testing.scripted_model.model_server import ScriptedModel
from tests.kits.loop_kit import StartModel
from tests.kits.project_kit import Project, Ran
from tests.loop.test_scenarios import assert_untouched, right


def run_with(project: Project, model: ScriptedModel, version: str, *more: str) -> Ran:
    """Run with a binary that tells ``version``, and does nothing else."""
    binary = project.scratch / "opencode"
    binary.write_text(f"#!/bin/sh\necho {version}\n")
    binary.chmod(0o755)
    return project.run("-o", f"agent_fix_opencode={binary}", *more, url=model.base_url)


def test_later_release_that_fails_its_trial_costs_nothing(
    project: Project, start_model: StartModel
) -> None:
    model = start_model(right(project))
    ran = run_with(project, model, "1.19.5", "-v")
    assert (ran.verdicts, ran.status) == (["environment"], 1), ran.output
    [cluster] = ran.report["clusters"]
    assert "was tried, as it is later than the driver, and failed at the step" in cluster["reason"]
    assert "OpenCode 1.19.5 is later than its driver; it is tried first" in ran.report["notices"]
    assert model.requests == []
    assert_untouched(project)


def test_release_for_which_there_is_no_driver_costs_nothing(
    project: Project, start_model: StartModel
) -> None:
    model = start_model(right(project))
    ran = run_with(project, model, "3.0.0")
    assert (ran.verdicts, ran.status) == (["environment"], 1), ran.output
    assert "is OpenCode 3.0.0; only 1.18 and later 1.x" in ran.report["clusters"][0]["reason"]
    assert model.requests == []


def test_a_2_x_is_told_to_be_untried(project: Project, start_model: StartModel) -> None:
    model = start_model(right(project))
    ran = run_with(project, model, "2.3.2")
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    [notice] = ran.report["notices"]
    assert notice.startswith("OpenCode 2.3.2 is driven as its documentation says; no 2.x could be")


def test_what_was_passed_over_is_told_in_a_verbose_run(
    project: Project, start_model: StartModel
) -> None:
    ran = project.run("-v", url=start_model(right(project)).base_url)
    assert ran.report["notices"] == ["passed over: another"]


def test_what_was_passed_over_is_no_matter_otherwise(
    project: Project, start_model: StartModel
) -> None:
    ran = project.run(url=start_model(right(project)).base_url)
    assert ran.report["notices"] == []
