"""Caps on tokens and money in whole runs: what could pass one is not sent, fixes stay."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.download import choose_release
from pytest_agentfix.testing.scripted_model.replies import (
    Raw,
    Reply,
    Script,
    ScriptedUsage,
    Turns,
    edits,
    reads,
)
from pytest_agentfix.testing.scripted_model.replies import Say as Words
from tests.kits.loop_kit import StartModel, by_test, refill
from tests.kits.project_kit import Project

USAGE = ScriptedUsage(prompt_tokens=20_000, completion_tokens=500, cached_tokens=5_000)
PRICE = "agent_fix_price = 2 10 0.5\n"  # US dollars per million: input, output, cache read
DAY = 24 * 3600  # seconds
ANSWER_COST = (15_000 * 2 + 500 * 10 + 5_000 * 0.5) / 1e6
TWO_BUGS = {
    "calc.py": "def add(left, right):\n    return left - right\n",
    "text.py": "def shout(word):\n    return word.lower()\n",
    "test_both.py": (
        "from calc import add\nfrom text import shout\n\n\n"
        "def test_add():\n    assert add(2, 3) == 5\n\n\n"
        "def test_shout():\n    assert shout('a') == 'A'\n"
    ),
    ".gitignore": "*.pyc\n",
}


def fix(project: Project, file: str, old: str, new: str) -> Script:
    """Three answers that each use what ``USAGE`` says."""
    path = str(project.path / file)
    steps = (reads(path), edits(path, old, new), Words("done"))
    return Turns([[with_usage(step) for step in steps]])


def with_usage(reply: Any) -> Reply:
    changed: Reply = type(reply)(
        **{name: getattr(reply, name) for name in reply.__slots__ if name != "usage"}, usage=USAGE
    )
    return changed


def write_ini(project: Project, *lines: str) -> None:
    project.write({"pytest.ini": "[pytest]\n" + "".join(lines)})
    project.commit_all("settings")


def test_what_was_judged_before_the_cap_stays(project: Project, start_model: StartModel) -> None:
    refill(project, TWO_BUGS)
    write_ini(project, PRICE, "agent_fix_minimise = false\n")
    first = fix(project, "calc.py", "left - right", "left + right")
    second = fix(project, "text.py", "lower", "upper")
    model = start_model(by_test({"test_add": first, "test_shout": second}))

    # Enough for the three answers of the first, not for the shortest that the second could have.
    cap = 3 * ANSWER_COST + 0.04
    arguments = (f"--agent-fix-max-cost={cap}", "--agent-fix-jobs=1")
    ran = project.run(*arguments, url=model.base_url)

    assert (ran.verdicts, ran.status) == (["fixed", "budget"], 1)
    assert "(--agent-fix-max-cost) could be passed" in ran.reasons[1]
    assert len(model.requests) == 3
    assert "spent in 3 requests" in ran.reasons[1]
    assert len(project.log()) == 3
    clusters = ran.report["clusters"]
    assert clusters[0]["cost_usd"] == pytest.approx(3 * ANSWER_COST)
    used = {"input": 45_000, "output": 1_500, "cached": 15_000, "written": 0}
    assert clusters[0]["tokens"] == used
    total = ran.report["totals"]["cost_usd"]
    assert total == pytest.approx(3 * ANSWER_COST)
    assert total <= cap


def test_a_small_fix_needs_a_small_cap(project: Project, start_model: StartModel) -> None:
    """The first request's worst case, its answer at full length, would be twice the cap."""
    path = str(project.path / "calc.py")
    steps = (reads(path), edits(path, "left - right", "left + right"), Words("done"))
    model = start_model(Turns([steps]))
    ran = project.run("--agent-fix-max-tokens=20000", url=model.base_url)

    assert (ran.verdicts, ran.status) == (["fixed"], 0)
    limits = [request.body["max_tokens"] for request in model.requests]
    assert 1_024 <= limits[0] < 16_000
    # The first answer has shown what a prompt really takes.
    assert all(limits[0] < limit <= 16_000 for limit in limits[1:])
    used = ran.report["totals"]["tokens"]
    assert sum(used.values()) + limits[-1] <= 20_000


def test_an_answer_that_the_cap_cuts_off_is_no_failed_fix(
    project: Project, start_model: StartModel
) -> None:
    event = {"choices": [{"index": 0, "delta": {"content": "I"}, "finish_reason": "length"}]}
    model = start_model(Turns([[Raw(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode())]]))
    ran = project.run("--agent-fix-max-tokens=20000", url=model.base_url)

    assert (ran.verdicts, len(model.requests)) == (["budget"], 1)
    limit = model.requests[0].body["max_tokens"]
    assert ran.reasons == [
        (
            f"the cap of 20,000 tokens for this run (--agent-fix-max-tokens) left {limit:,} tokens"
            " for an answer, and the model's was cut off there"
        )
    ]


def test_what_is_too_much_from_the_start_asks_nobody(
    project: Project, start_model: StartModel
) -> None:
    model = start_model(Turns([[Words("done")]]))
    ran = project.run("--agent-fix-max-tokens=3000", url=model.base_url)
    assert (ran.verdicts, ran.status, model.requests) == (["budget"], 1, [])
    assert "the cap of 3,000 tokens for this run (--agent-fix-max-tokens)" in ran.reasons[0]
    assert project.log() == ["start"]


def test_a_price_that_nobody_knows_ends_it_before_the_first_test(
    project: Project, start_model: StartModel
) -> None:
    model = start_model(Turns([[Words("done")]]))
    ran = project.run("--agent-fix-max-cost=1", url=model.base_url)
    assert (ran.status, ran.report, model.requests) == (4, {}, [])
    assert "the price of scripted/model-1 is unknown" in ran.output
    assert "agent_fix_price" in ran.output


def test_the_day_is_capped_over_all_runs(project: Project, start_model: StartModel) -> None:
    """Two runs with a cache folder of their own; the second finds what the first has spent."""
    binary = platformdirs.user_cache_path("pytest-agentfix") / choose_release().file_name
    cache = project.scratch / "cache"
    project.environ["XDG_CACHE_HOME"] = str(cache)
    write_ini(
        project, PRICE, f"agent_fix_opencode = {binary}\n", "agent_fix_caps = day.requests = 4\n"
    )
    broken = (project.path / "calc.py").read_text()
    model = start_model(fix(project, "calc.py", "left - right", "left + right"))

    stay_within_a_day(120)
    first = project.run(url=model.base_url)
    project.write({"calc.py": broken})
    project.commit_all("broken again")
    second = project.run(url=model.base_url)

    assert (first.verdicts, second.verdicts) == (["fixed"], ["budget"])
    assert len(model.requests) == 4
    assert second.reasons == [
        (
            "the cap of 4 model requests for today, by UTC and over all runs"
            " (agent_fix_caps day.requests) is reached"
        )
    ]
    kept = read_day(cache / "pytest-agentfix")
    assert kept["requests"] == 4
    assert kept["cost_usd"] == pytest.approx(4 * ANSWER_COST)
    assert kept["seconds"] > 0


def stay_within_a_day(seconds: int) -> None:
    """Wait for the next day, by UTC, where this one is over in less than ``seconds``."""
    left = DAY - time.time() % DAY
    if left < seconds:
        time.sleep(left + 1)


def read_day(folder: Path) -> Mapping[str, Any]:
    (file,) = folder.glob("spent-*.json")
    found: Mapping[str, Any] = json.loads(file.read_text())
    return found
