"""Forty small bugs in a suite whose tests depend on each other: each honest repair lands."""

from __future__ import annotations

import pytest

from tests.kits.loop_kit import StartModel, by_test, once, prompts_of, refill, run_plainly
from tests.kits.project_kit import Project
from tests.kits.small_bugs import FAILING, FUNCTIONS, make_small_bugs

SESSIONS = 44  # of agents, at most: some fixes are made again on top of others
LIMIT = 3600  # seconds of a run
OPTIONS = ("--agent-fix-jobs=auto", "--agent-fix-max-clusters=60")


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10))
def test_only_the_bugs_are_red(project: Project, seed: int) -> None:
    suite = make_small_bugs(seed)
    refill(project, suite.files)
    red = run_plainly(project, "-q", "-p", "no:cacheprovider")
    assert red.counts().startswith(f"{FAILING} failed, "), red.output
    for bug in suite.bugs:
        project.write({bug.path: suite.files[bug.path].replace(bug.bad, bug.good)})
    green = run_plainly(project, "-q", "-p", "no:cacheprovider")
    assert green.counts().endswith(" passed"), green.output
    assert "failed" not in green.counts()


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10))
def test_the_right_repair_offered_once_lands(
    project: Project, start_model: StartModel, seed: int
) -> None:
    suite = make_small_bugs(seed)
    refill(project, suite.files)
    model = start_model(
        by_test({bug.test: once(project, bug.path, bug.bad, bug.good) for bug in suite.bugs})
    )
    ran = project.run(*OPTIONS, url=model.base_url, limit=LIMIT)
    wrong = [
        (cluster["verdict"], cluster["reason"], cluster["tests"])
        for cluster in ran.report["clusters"]
        if cluster["verdict"] != "fixed"
    ]
    assert wrong == []
    assert (ran.status, f"{FAILING} fixed" in ran.counts()) == (0, True), ran.output
    assert len(project.log()) == FUNCTIONS + 1
    assert len(prompts_of(model)) <= SESSIONS
    assert project.status() == ""
