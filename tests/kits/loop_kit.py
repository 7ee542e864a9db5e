"""What the tests of the repair loop share: projects of other files, scripts by failing test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.replies import (
    Reply,
    Say,
    Script,
    Turns,
    edits,
    reads,
    route,
)
from tests.kits.project_kit import Project, Ran

DONE = Say("done")
StartModel = Callable[..., ScriptedModel]  # the fixture ``start_model``


def refill(project: Project, files: Mapping[str, str]) -> None:
    """Make ``files`` the whole content of the project and of its one commit."""
    project.git("rm", "-rqf", ".")
    project.write(files)
    project.git("add", "-A")
    project.git("commit", "-q", "--amend", "-m", "start")


def edit(project: Project, file: str, old: str, new: str) -> list[Reply]:
    """One turn: read ``file``, replace ``old`` by ``new`` in it, and say so."""
    path = str(project.path / file)
    return [reads(path), edits(path, old, new), DONE]


def once(project: Project, file: str, old: str, new: str) -> Script:
    """One edit in the first turn, and nothing after it."""
    return Turns([edit(project, file, old, new)])


def by_test(scripts: Mapping[str, Script]) -> Script:
    """For runs with several clusters: the script whose key is in the prompt, harmless without."""

    def choose(prompts: str) -> Script:
        return next((script for name, script in scripts.items() if name in prompts), Turns([]))

    return route(choose)


def prompts_of(model: ScriptedModel) -> list[str]:
    """The first user message of each conversation that was offered tools, in order."""
    texts: dict[str, None] = {}
    for request in model.requests:
        if request.body.get("tools"):
            first = next(one for one in request.body["messages"] if one["role"] == "user")
            texts[_text(first["content"])] = None
    return list(texts)


def probes(cluster: Mapping[str, Any]) -> dict[str, str]:
    """Name and result of each probe of a cluster in the report."""
    return {probe["name"]: probe["result"] for probe in cluster["probes"]}


def run_plainly(project: Project, *arguments: str) -> Ran:
    """pytest as it is without ``--agent-fix``."""
    return project.execute([sys.executable, "-m", "pytest", *arguments])


def run_by_ini(project: Project, *arguments: str, url: str) -> Ran:
    """pytest with a model and a report, but without ``--agent-fix`` on the command line."""
    command = project.command(*arguments, url=url)
    return project.execute([word for word in command if word != "--agent-fix"])


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if "text" in part)
