"""Where fixes go, and that nothing else of the user's repository is touched on the way."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.testing.scripted_model.replies import Conversation, Reply, Script
from tests.kits.loop_kit import StartModel, once, run_plainly
from tests.kits.project_kit import CALC, Project, Ran

FIXED = CALC.replace("left - right", "left + right")
HALF = "\n\ndef half(value):\n    return value / 2\n"
HOOKS = (
    "post-checkout",
    "post-commit",
    "post-index-change",
    "pre-commit",
    "prepare-commit-msg",
    "reference-transaction",
)
# What a commit on the checked-out branch moves; new objects come on top.
MOVED = {"index", "logs/HEAD", "logs/refs/heads/main", "refs/heads/main"}


@pytest.fixture
def script(project: Project) -> Script:
    """The right edit at once."""
    return once(project, "calc.py", "left - right", "left + right")


def git_files(project: Project) -> dict[str, str]:
    """Every file of the repository's own folder with its hash."""
    folder = project.path / ".git"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The files that differ; new objects are none of them, changed and missing ones are."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {name for name in names if name in before or not name.startswith("objects/")}


def bring_in(project: Project, ran: Ran) -> None:
    """Type the command that the summary prints."""
    [advice] = [cluster["advice"] for cluster in ran.report["clusters"]]
    assert f"to bring it in: {advice}" in ran.output
    done = subprocess.run(advice, shell=True, cwd=project.path, env=project._environ(), check=False)
    assert done.returncode == 0


def branches(project: Project) -> list[str]:
    return project.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()


def ends(ran: Ran) -> tuple[list[str], int, str]:
    return ran.verdicts, ran.status, ran.counts()


FIXED_ENDS = (["fixed"], 0, "1 passed, 1 fixed")


def test_patch_instead_of_a_commit(
    project: Project, start_model: StartModel, script: Script
) -> None:
    before = git_files(project)
    ran = project.run("--agent-fix-no-commit", url=start_model(script).base_url)
    assert ends(ran) == FIXED_ENDS
    assert git_files(project) == before
    assert (project.path / "calc.py").read_text() == CALC
    [cluster] = ran.report["clusters"]
    assert (cluster["commit"], cluster["branch"]) == (None, None)
    [patch] = project.reports.glob("*.patch")
    assert cluster["patch"] == str(patch)
    assert cluster["advice"] == f"git apply {shlex.quote(str(patch))}"
    bring_in(project, ran)
    assert (project.path / "calc.py").read_text() == FIXED


def test_branch_of_the_user_s_choice(
    project: Project, start_model: StartModel, script: Script
) -> None:
    before = git_files(project)
    ran = project.run("--agent-fix-branch", "fixes/nightly", url=start_model(script).base_url)
    assert ends(ran) == FIXED_ENDS
    new = {"refs/heads/fixes/nightly", "logs/refs/heads/fixes/nightly"}
    assert changed(before, git_files(project)) == new
    assert (project.log(), project.status()) == (["start"], "")
    assert (project.path / "calc.py").read_text() == CALC
    assert project.git("show", "fixes/nightly:calc.py") == FIXED
    bring_in(project, ran)
    assert (project.path / "calc.py").read_text() == FIXED
    assert len(project.log()) == 2


def test_everything_else_stays_as_it_was(
    project: Project, start_model: StartModel, script: Script
) -> None:
    project.write({"notes.txt": "one\n", "staged.txt": "one\n"})
    project.commit_all("notes")
    project.write({"notes.txt": "two\n", "staged.txt": "two\n", "new.txt": "new\n"})
    project.git("add", "staged.txt")
    for hook in HOOKS:
        file = project.path / ".git" / "hooks" / hook
        file.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(project.reports / hook))}\n")
        file.chmod(0o755)
    before = git_files(project)
    junit = project.reports / "junit.xml"
    ran = project.run(
        "--agent-fix-exit-non-zero-on-fix", f"--junit-xml={junit}", url=start_model(script).base_url
    )
    assert ends(ran) == (["fixed"], 1, "1 passed, 1 fixed")
    assert changed(before, git_files(project)) == MOVED
    assert {path.name for path in project.reports.iterdir()} == {"junit.xml", "report.json"}
    shutil.rmtree(project.path / ".git" / "hooks")
    assert project.git("status", "--porcelain").splitlines() == [
        " M notes.txt",
        "M  staged.txt",
        "?? new.txt",
    ]
    assert project.git("show", ":staged.txt") == "two\n"
    assert project.git("diff", "--name-only", "HEAD~1", "HEAD").split() == ["calc.py"]
    [cluster] = ran.report["clusters"]
    assert properties(junit) == {
        "test_add": {
            "agent_fix.verdict": "fixed",
            "agent_fix.reason": cluster["reason"],
            "agent_fix.commit": cluster["commit"],
            "agent_fix.attempts": "1",
        },
        "test_double": {},
    }


def properties(junit: Path) -> dict[str, dict[str, str]]:
    return {
        case.attrib["name"]: {
            one.attrib["name"]: one.attrib["value"] for one in case.iter("property")
        }
        for case in ET.parse(junit).iter("testcase")
    }


def test_uncommitted_edits_in_the_file_of_the_fix(
    project: Project, start_model: StartModel, script: Script
) -> None:
    (project.path / "calc.py").write_text(CALC + HALF)
    before = git_files(project)
    ran = project.run(url=start_model(script).base_url)
    assert ends(ran) == FIXED_ENDS
    branch = ran.report["clusters"][0]["branch"]
    assert branch.startswith("agent-fix/test-add-")
    assert changed(before, git_files(project)) == {
        f"refs/heads/{branch}",
        f"logs/refs/heads/{branch}",
    }
    assert (project.path / "calc.py").read_text() == CALC + HALF
    assert project.git("show", f"{branch}:calc.py") == FIXED + HALF
    bring_in(project, ran)
    assert (project.path / "calc.py").read_text() == FIXED + HALF
    assert (project.log(), project.status()) == (["start"], " M calc.py\n")


def test_detached_head(project: Project, start_model: StartModel, script: Script) -> None:
    project.git("checkout", "-q", "--detach")
    ran = project.run(url=start_model(script).base_url)
    assert ends(ran) == FIXED_ENDS
    [cluster] = ran.report["clusters"]
    assert branches(project) == [cluster["branch"], "main"]
    assert (project.log(), project.status()) == (["start"], "")
    assert (project.path / "calc.py").read_text() == CALC
    bring_in(project, ran)
    assert project.git("rev-parse", "HEAD").strip() == cluster["commit"]
    assert (project.path / "calc.py").read_text() == FIXED


class Meanwhile:
    """A script during which, once, the user commits something else."""

    def __init__(self, project: Project, script: Script) -> None:
        self._project = project
        self._script = script
        self._is_committed = False

    def __call__(self, conversation: Conversation) -> Reply:
        if not self._is_committed:
            self._is_committed = True
            self._project.write({"other.txt": "of the user\n"})
            self._project.commit_all("meanwhile")
        return self._script(conversation)


def test_head_moved_meanwhile(project: Project, start_model: StartModel, script: Script) -> None:
    ran = project.run(url=start_model(Meanwhile(project, script)).base_url)
    assert ends(ran) == FIXED_ENDS
    [cluster] = ran.report["clusters"]
    assert branches(project) == [cluster["branch"], "main"]
    assert (project.log(), project.status()) == (["meanwhile", "start"], "")
    assert (project.path / "calc.py").read_text() == CALC
    bring_in(project, ran)
    assert project.log()[1:] == ["meanwhile", "start"]
    assert project.status() == ""
    assert run_plainly(project).counts() == "2 passed"


def test_no_model_is_asked_if_no_commit_can_be_signed(
    project: Project, start_model: StartModel, script: Script
) -> None:
    project.git("config", "commit.gpgSign", "true")
    project.git("config", "gpg.program", "/nowhere/gpg")
    before = git_files(project)
    model = start_model(script)
    ran = project.run(url=model.base_url)
    assert ends(ran) == (["environment"], 1, "1 failed, 1 passed")
    assert "signing a commit fails" in ran.reasons[0]
    assert "git commit-tree -S" in ran.output
    assert model.requests == []
    assert git_files(project) == before
    ran = project.run("--agent-fix-no-commit", url=model.base_url)  # as the reason says
    assert ends(ran) == FIXED_ENDS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_tree_that_is_mounted_read_only(project: Project) -> None:
    there = project.path.with_name("there")
    there.mkdir()
    bind = ["mount", "--bind", "-o", "ro", str(project.path), str(there)]
    if subprocess.run(bind, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        ran = replace(project, path=there).run(url="http://127.0.0.1:9/v1")
    finally:
        subprocess.run(["umount", str(there)], check=True)
    assert ran.status == pytest.ExitCode.USAGE_ERROR
    assert "is mounted read-only. Mount it writable, or ask for patches" in ran.output


def test_sparse_and_partial_clone(
    project: Project, start_model: StartModel, script: Script
) -> None:
    project.write({"docs/index.md": "words\n"})
    project.commit_all("docs")
    project.git("config", "uploadpack.allowFilter", "true")
    folder = project.path.with_name("clone")
    origin = f"file://{project.path}"
    project.git("clone", "-q", "--filter=blob:none", "--sparse", origin, str(folder))
    clone = replace(project, path=folder)
    clone.git("remote", "set-url", "origin", "file:///nowhere")
    model = start_model(once(clone, "calc.py", "left - right", "left + right"))
    assert ends(clone.run(url=model.base_url)) == FIXED_ENDS
    assert clone.log()[1:] == ["docs", "start"]
    assert (clone.status(), (folder / "docs").exists()) == ("", False)
    assert clone.git("ls-files", "-t").splitlines()[-2:] == ["S docs/index.md", "H test_calc.py"]
