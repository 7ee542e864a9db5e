"""The session of a second opinion, with the real OpenCode."""

from __future__ import annotations

import json

from tests.kits.loop_kit import StartModel, once
from tests.kits.project_kit import Project
from tests.kits.review_kit import GENERAL, Reviewed, list_reviews
from tests.loop.test_review import FIX, SAME, assert_landed


def test_opencode_offers_no_tool_and_sees_nothing_of_the_repository(
    project: Project, start_model: StartModel
) -> None:
    """All that the reviewer's model gets is the instructions and the question."""
    project.write({"AGENTS.md": "Answer in verse.\n"})
    project.commit_all("instructions")
    model = start_model(Reviewed(once(project, *FIX), GENERAL))
    ran = project.run(SAME, url=model.base_url)
    assert_landed(project, ran)
    [request] = list_reviews(model)
    assert {"tools", "tool_choice", "functions"} & request.body.keys() == set()
    assert [one["role"] for one in request.body["messages"]] == ["system", "user"]
    text = json.dumps(request.body)
    assert "You are asked for a second opinion" in text
    assert str(project.path) not in text
    assert "Answer in verse" not in text
