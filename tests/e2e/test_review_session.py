"""The session of a second opinion, with the real OpenCode."""

from __future__ import annotations

import json

import platformdirs

from pytest_agentfix.gateway.providers.protocols import WireProtocol
from pytest_agentfix.gateway.providers.registry import ANTHROPIC, PROVIDERS
from tests.kits.loop_kit import StartModel, once
from tests.kits.project_kit import Project
from tests.kits.review_kit import GENERAL, Reviewed, list_reviews
from tests.loop.test_review import FIX, SAME, assert_landed, find_opinion


def test_opencode_offers_no_tool_and_sees_nothing_of_the_repository(
    project: Project, start_model: StartModel
) -> None:
    """All that the reviewer's model gets is the instructions and the question."""
    project.write({"AGENTS.md": "Answer in verse.\n"})
    project.commit_all("instructions")
    model = start_model(Reviewed(once(project, *FIX), GENERAL))
    ran = project.run(SAME, url=model.base_url)
    assert_landed(project, ran)
    assert find_opinion(ran)["result"] == "passed", find_opinion(ran)
    [request] = list_reviews(model)
    assert {"tools", "tool_choice", "functions"} & request.body.keys() == set()
    assert [one["role"] for one in request.body["messages"]] == ["system", "user"]
    text = json.dumps(request.body)
    assert "You are asked for a second opinion" in text
    assert str(project.path) not in text
    assert "Answer in verse" not in text


def test_another_provider_is_asked_with_its_own_key(
    project: Project, start_model: StartModel
) -> None:
    """Over another protocol, too; the repair's model and key stay with the repair."""
    model = start_model(Reviewed(once(project, *FIX), GENERAL))
    config = {
        "model": "mine/model-1",
        "provider": {
            "mine": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {
                    "baseURL": model.base_url_for(WireProtocol.CHAT),
                    "apiKey": "key-of-mine",
                },
            },
            "anthropic": {"options": {"baseURL": model.base_url_for(WireProtocol.MESSAGES)}},
        },
    }
    home = project.scratch / "home"
    file = home / "config/opencode/opencode.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(config))
    project.environ |= {
        **dict.fromkeys((name for row in PROVIDERS for name in row.key_names), ""),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(platformdirs.user_cache_path()),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "ANTHROPIC_API_KEY": "key-of-anthropic",
    }
    named = f"anthropic/{ANTHROPIC.default_model}"
    ran = project.run(f"--agent-fix-review={named}", url=None)
    assert_landed(project, ran)
    assert find_opinion(ran)["result"] == "passed", find_opinion(ran)
    [request] = list_reviews(model)
    others = [one for one in model.requests if one is not request]
    assert request.path == ANTHROPIC.build_target(ANTHROPIC.default_model)
    assert request.headers["x-api-key"] == "key-of-anthropic"
    assert "tools" not in request.body
    assert {one.headers["authorization"] for one in others} == {"Bearer key-of-mine"}
    assert "key-of-mine" not in json.dumps([request.body, dict(request.headers)])
    assert find_opinion(ran)["detail"].startswith(f"{named} takes it for right")
