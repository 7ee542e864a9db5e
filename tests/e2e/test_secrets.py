"""The key never enters a sandbox, and never leaves the host but for the provider.

One run with an agent that looks for it wherever it can, with everything kept and everything logged;
then one look after another at what that run left and said.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.model_server import RecordedRequest
from pytest_agentfix.testing.scripted_model.replies import Reply, Say, Turns, edits, reads, shell
from tests.kits.engine_kit import list_containers
from tests.kits.project_kit import Project, Ran, make_project, residue, wait_for

# In two parts: what looks for them is itself seen by the model.
HEAD, TAIL = "sk-canary", "0123456789abcdefghij"
KEY = f"{HEAD}-key-{TAIL}"
SECRETS = {
    "the key": KEY,
    "another provider's key": f"{HEAD}-other-{TAIL}",
    "the file .env": f"{HEAD}-dotenv-{TAIL}",
    "OpenCode's auth.json": f"{HEAD}-auth-{TAIL}",
    "the host's environment": f"{HEAD}-environ-{TAIL}",
}
LOOT = "loot.log"  # git-ignored: not collected, but kept in the workspace
SEARCH = f"""\
exec > {LOOT} 2>&1
echo '{HEAD[:4]}''{HEAD[4:]}-decoy' > /tmp/decoy
{{ env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; }} | grep -v apiKey
ls -la ~ "$HOME" /root /home /run ..
cat ~/.local/share/opencode/auth.json .env ../.env /run/secrets/* /proc/1/mem /proc/1/fd/*
{{ find / -xdev -type f; find . /tmp /dev /etc -type f; }} 2> /dev/null | sort -u \\
  | grep -v {LOOT} | xargs -d '\\n' grep -ah '{HEAD[:4]}''{HEAD[4:]}'
"""
TO_PRODUCT = f"""\
{{
  env | grep -v OPENCODE_CONFIG_CONTENT
  cat .env
  grep -rh '{HEAD[:4]}''{HEAD[4:]}' ~ . /proc/self/environ
}} 2>&1 | sed 's/^/# /' >> calc.py
"""
TOKEN = "printenv OPENCODE_CONFIG_CONTENT > config.log"

# pytest's own log file knows nothing of what happens between the tests and the end.
CONFTEST = """\
import logging
import os


def pytest_configure():
    if "HEIST_LOG" in os.environ:
        logging.basicConfig(filename=os.environ["HEIST_LOG"], level=logging.DEBUG)
"""


pytestmark = pytest.mark.xdist_group("heist")  # one run, for the tests of one process


@dataclass(frozen=True, kw_only=True)
class Heist:
    """The run, and what is left of it."""

    project: Project
    ran: Ran
    requests: list[RecordedRequest]
    token: str
    workspaces: list[Path]


@pytest.fixture(scope="module")
def heist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heist]:
    """Let the agent search, and clear up what was kept after all tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "DOCKER_", "OPENCODE", "PYTEST_")):
                patch.delenv(name)
        project = make_project(tmp_path_factory.mktemp("heist"))
        try:
            hide_secrets(project)
            yield run_heist(project)
        finally:
            remove_kept(project)
        wait_for(lambda: not residue(project.scratch), seconds=60)


def hide_secrets(project: Project) -> None:
    settings = "[pytest]\nagent_fix_minimise = false\n"  # or the loot would not be committed
    project.write(
        {".gitignore": "*.pyc\n.env\n*.log\n", "conftest.py": CONFTEST, "pytest.ini": settings}
    )
    project.commit_all("ignore")
    project.write({".env": f"SECRET={SECRETS['the file .env']}\n"})
    home = project.scratch / "home"
    auth = {"anthropic": {"type": "api", "key": SECRETS["OpenCode's auth.json"]}}
    (home / ".local/share/opencode").mkdir(parents=True)
    (home / ".local/share/opencode/auth.json").write_text(json.dumps(auth))
    project.environ |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(platformdirs.user_cache_path()),
        "XDG_CONFIG_HOME": "",
        "XDG_DATA_HOME": "",
        "HEIST_KEY": KEY,
        "HEIST_LOG": str(project.reports / "everything.log"),
        "OPENAI_API_KEY": SECRETS["another provider's key"],
        "AWS_SECRET_ACCESS_KEY": SECRETS["the host's environment"],
    }


def run_heist(project: Project) -> Heist:
    path = str(project.path / "calc.py")
    steps: list[Reply] = [
        shell(SEARCH),
        shell(f"cat {LOOT}"),
        shell(TOKEN),
        reads(path),
        edits(path, "left - right", "left + right"),
        shell(TO_PRODUCT),
        Say(f"done with {KEY}"),  # a provider that tells the key, which must not get through
    ]
    with ScriptedModel(Turns([steps])) as model:
        ran = project.run(
            "-v",
            "--showlocals",
            "--log-level=DEBUG",
            "-o",
            f"log_file={project.reports / 'pytest.log'}",
            f"--junit-xml={project.reports / 'junit.xml'}",
            "--agent-fix-keep",
            "--agent-fix-api-key-env=HEIST_KEY",
            f"--agent-fix-record={project.reports / 'cassette.jsonl'}",
            url=model.base_url,
        )
        requests = model.requests
    (project.reports / "output.txt").write_text(ran.output)
    workspaces = [
        path for path in project.scratch.glob("pytest-agentfix-*/*/workspace-*") if path.is_dir()
    ]
    configs = [path / "config.log" for path in workspaces if (path / "config.log").exists()]
    config = json.loads(configs[0].read_text())
    token = config["provider"]["scripted"]["options"]["apiKey"]
    return Heist(project=project, ran=ran, requests=requests, token=token, workspaces=workspaces)


def remove_kept(project: Project) -> None:
    for identity in list_containers(project):
        subprocess.run(["docker", "rm", "-f", "-v", identity], check=True, capture_output=True)
    for root in project.scratch.glob("pytest-agentfix-*"):
        subprocess.run(["rm", "-rf", str(root)], check=True)


def find_secrets(text: bytes) -> list[str]:
    """Which secrets are in ``text``, by name."""
    return [name for name, secret in SECRETS.items() if secret.encode() in text]


def find_in_files(folder: Path) -> dict[str, list[str]]:
    """The files below ``folder`` that hold secrets; no link is followed."""
    files = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    regular = [path for path in files if path.is_file() and not path.is_symlink()]
    found = {str(path): find_secrets(path.read_bytes()) for path in regular}
    return {path: names for path, names in found.items() if names}


def run_git(project: Project, *arguments: str) -> bytes:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=project.path, capture_output=True, check=True).stdout


def test_the_search_was_a_real_one(heist: Heist) -> None:
    assert (heist.ran.verdicts, heist.ran.status) == (["fixed"], 0)
    found = next(path / LOOT for path in heist.workspaces if (path / LOOT).exists())
    loot = found.read_text("utf-8", "replace")
    signs = ["OPENCODE=1", "/proc/1/mem: Permission denied", ".env: No such file", f"{HEAD}-decoy"]
    assert [sign for sign in signs if sign not in loot] == []
    assert b"# OPENCODE=1" in run_git(heist.project, "show", "HEAD:calc.py")


def test_the_provider_got_the_key_and_nobody_the_token(heist: Heist) -> None:
    assert len(heist.requests) >= 7
    assert {one.headers["authorization"] for one in heist.requests} == {f"Bearer {KEY}"}
    others = [
        {name: value for name, value in one.headers.items() if name != "authorization"}
        for one in heist.requests
    ]
    assert find_secrets(json.dumps(others).encode()) == []
    everything = json.dumps([[one.path, dict(one.headers), one.body] for one in heist.requests])
    assert heist.token not in everything


def test_the_agent_saw_no_secret(heist: Heist) -> None:
    seen = json.dumps([one.body for one in heist.requests]).encode()
    assert find_secrets(seen) == []


def test_no_container_holds_a_secret(heist: Heist) -> None:
    kept = list_containers(heist.project)
    assert len(kept) >= 3  # to reproduce, the agent's, the judge's
    inspected = subprocess.run(["docker", "inspect", *kept], check=True, capture_output=True).stdout
    assert find_secrets(inspected) == []
    assert heist.token.encode() not in inspected
    assert {one["State"]["Running"] for one in json.loads(inspected)} == {False}
    for identity in kept:
        archive = subprocess.run(["docker", "export", identity], check=True, capture_output=True)
        assert find_secrets(archive.stdout) == []


def test_no_scratch_folder_holds_a_secret(heist: Heist) -> None:
    assert heist.workspaces
    assert [find_in_files(root) for root in heist.project.scratch.glob("pytest-agentfix-*")] == [{}]


def test_nothing_told_holds_a_secret(heist: Heist) -> None:
    told = {path.name: path.read_bytes() for path in heist.project.reports.iterdir()}
    names = {"output.txt", "pytest.log", "everything.log", "junit.xml", "report.json"}
    assert set(told) == names | {"cassette.jsonl"}
    # With -v the log has what was said, too.
    bodies = [b"DEBUG:pytest_agentfix.gateway:request: {", b"DEBUG:pytest_agentfix.gateway:answer:"]
    signs = [b"httpcore", b"urllib3", b"git.cmd", b"pytest_agentfix", b"done with ***", *bodies]
    assert [sign for sign in signs if sign not in told["everything.log"]] == []
    assert told["cassette.jsonl"].count(b"\n") == 1 + len(heist.requests)
    assert b"done with ***" in told["cassette.jsonl"]
    for name, text in told.items():
        assert (name, find_secrets(text), heist.token.encode() in text) == (name, [], False)


def test_no_object_of_git_holds_a_secret(heist: Heist) -> None:
    objects = run_git(heist.project, "cat-file", "--batch-all-objects", "--batch", "--unordered")
    assert b"return left + right" in objects
    assert find_secrets(objects) == []
    assert heist.token.encode() not in objects
    assert find_in_files(heist.project.path / ".git") == {}


def test_the_token_is_a_run_s_own(heist: Heist) -> None:
    assert len(heist.token) >= 32
    assert not any(part in KEY for part in (heist.token[:8], heist.token[-8:]))
