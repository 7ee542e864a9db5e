"""OpenCode repairs over each of the four protocols, and the key stays outside in each.

One run for each: the provider is set up as a user would, and the agent looks for the key first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.gateway.providers.registry import (
    ANTHROPIC,
    COMPATIBLE,
    GOOGLE,
    OPENAI,
    PROVIDERS,
    ProviderRow,
)
from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.model_server import RecordedRequest
from pytest_agentfix.testing.scripted_model.replies import (
    Call,
    Conversation,
    Reply,
    Say,
    ScriptedUsage,
    edits,
    patches,
    reads,
    shell,
)
from tests.kits.loop_kit import StartModel
from tests.kits.project_kit import Project, Ran

# In two parts: what looks for them is itself seen by the model.
HEAD, TAIL = "sk-conformance", "zyxwvutsrqponmlkjihg"
KEY = f"{HEAD}-{TAIL}"
SEARCH = f"""\
head='{HEAD[:4]}''{HEAD[4:]}'
export DECOY="$head-in-env"
PLACE="$head-in-proc" sleep 60 > /dev/null 2>&1 < /dev/null &
# Until it is what it is to be, it is a copy of this shell, with this shell's environment.
until grep -qa "$head-in-proc" "/proc/$!/environ"; do sleep 0.05; done
echo "$head-in-workspace" > decoy.txt
{{ env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; grep -rah "$head" . ~; }} \\
  2> /dev/null | grep -ao "$head-[a-z][-a-z]*" | sort -u
rm decoy.txt
kill $!
"""
FOUND = {f"{HEAD}-in-env", f"{HEAD}-in-proc", f"{HEAD}-in-workspace"}

# Different in each answer and each field, so that nothing can be mistaken for something else.
USAGES = (
    ScriptedUsage(prompt_tokens=1_000, completion_tokens=11, written_tokens=700),
    ScriptedUsage(prompt_tokens=2_003, completion_tokens=23, cached_tokens=900, written_tokens=80),
    ScriptedUsage(prompt_tokens=3_017, completion_tokens=37, cached_tokens=2_000),
    ScriptedUsage(prompt_tokens=4_029, completion_tokens=53, cached_tokens=3_000),
)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A provider the way a user sets it up. ``row`` says what the request has to look like."""

    row: ProviderRow
    model: str
    key_name: str

    @property
    def is_compatible(self) -> bool:
        return self.row is COMPATIBLE


SETUPS = (
    Setup(row=COMPATIBLE, model="model-1", key_name="MY_MODELS_KEY"),
    Setup(row=OPENAI, model=OPENAI.default_model, key_name="OPENAI_API_KEY"),
    Setup(row=ANTHROPIC, model=ANTHROPIC.default_model, key_name="ANTHROPIC_API_KEY"),
    Setup(row=GOOGLE, model=GOOGLE.default_model, key_name="GOOGLE_API_KEY"),
)


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.row.protocol.value)
def test_a_bug_is_repaired_and_the_key_stays_outside(
    project: Project, start_model: StartModel, setup: Setup
) -> None:
    model = start_model(Repairing(project.path / "calc.py"))
    ran = run(project, model, setup)

    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 passed, 1 fixed")
    assert len(project.log()) == 2
    assert ran.report["clusters"][0]["commit"] == project.git("rev-parse", "HEAD").strip()
    assert "    return left + right\n" in project.git("show", "HEAD:calc.py")
    assert project.status() == ""

    requests = model.requests
    assert [request.path for request in requests] == [setup.row.build_target(setup.model)] * 4
    assert [find_credentials(request) for request in requests] == [
        {setup.row.key_header: setup.row.format_key(KEY)}
    ] * 4
    assert find_loot(requests) == FOUND
    assert TAIL not in json.dumps([request.body for request in requests])
    assert find_tokens(ran) == {
        "input": sum(u.prompt_tokens - u.cached_tokens for u in USAGES),
        "output": sum(usage.completion_tokens for usage in USAGES),
        "cached": sum(usage.cached_tokens for usage in USAGES),
    }


class Repairing:
    """Searches, reads, repairs with the tool it is offered for that, and says so."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __call__(self, conversation: Conversation) -> Reply:
        step = conversation.step
        if conversation.turn or step >= len(USAGES):
            return Say("There should be nothing left to do.")
        calls = [shell(SEARCH), reads(self._path), self._repair(conversation.tools)]
        if step == len(calls):
            return Say("done", usage=USAGES[step])
        call = calls[step]
        return Call(call.tool, call.arguments, text=f"Step {step}.", usage=USAGES[step])

    def _repair(self, tools: Sequence[str]) -> Call:
        repair = edits if "edit" in tools else patches
        return repair(self._path, "    return left - right", "    return left + right")


def run(project: Project, model: ScriptedModel, setup: Setup) -> Ran:
    """Run with no other key and no other config in sight than those of ``setup``."""
    home = project.scratch / "home"
    names = {name for row in PROVIDERS for name in row.key_names}
    project.environ |= {
        **dict.fromkeys(names, ""),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(platformdirs.user_cache_path()),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        setup.key_name: KEY,
    }
    url = model.base_url_for(setup.row.protocol)
    if setup.is_compatible:
        return project.run(f"--agent-fix-api-key-env={setup.key_name}", url=url)
    config = {
        "model": f"{setup.row.name}/{setup.model}",
        "provider": {setup.row.name: {"options": {"baseURL": url}}},
    }
    file = home / "config/opencode/opencode.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(config))
    return project.run(url=None)


def find_credentials(request: RecordedRequest) -> dict[str, str]:
    """All headers that hold a key, or are where a protocol has one."""
    headers = {row.key_header for row in PROVIDERS}
    return {
        name: value for name, value in request.headers.items() if name in headers or TAIL in value
    }


def find_loot(requests: Sequence[RecordedRequest]) -> set[str]:
    """What the agent's search found, as the model was told in the request after it."""
    [result] = requests[1].conversation.results
    return set(re.findall(re.escape(HEAD) + r"[\w-]*", result))


def find_tokens(ran: Ran) -> dict[str, int]:
    """The cluster's tokens in the report, with those written to a cache among the input."""
    [cluster] = ran.report["clusters"]
    tokens = dict(cluster["tokens"])
    tokens["input"] += tokens.pop("written", 0)
    return tokens
