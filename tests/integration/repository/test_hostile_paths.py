"""Attacks of an agent or a prepared repository on the way that fixes land."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.errors import LandingError
from pytest_agentfix.core.model import FileChange
from pytest_agentfix.repository.paths import problem_of_path
from tests.kits.repository_kit import (
    digest_tree,
    make_fix,
    make_repository,
    run_git,
    start_run,
    write_files,
)

HOOKS = [
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "reference-transaction",
    "sendemail-validate",
    "update",
]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    files = {"a.py": b"1\n", "b.py": b"b\n", "sub/c.py": b"c\n", "aux.py": b""}
    return make_repository(tmp_path / "r", files)


def write_marker(path: Path, marker: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {path.name} >> {marker}\ncat\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("place", [".git/hooks", "hooks"])
@pytest.mark.parametrize("branch", [None, "fixes"])
def test_no_hook_runs(top: Path, tmp_path: Path, place: str, branch: str | None) -> None:
    run = start_run(top, branch=branch)
    marker = tmp_path / "ran"
    for name in HOOKS:
        write_marker(top / place / name, marker)
    if place == "hooks":
        run_git(top, "config", "core.hooksPath", "hooks")
    run.lander.land(make_fix({"a.py": b"2\n"}))
    assert not marker.exists()


@pytest.mark.parametrize("is_committing", [True, False])
def test_no_driver_runs(top: Path, tmp_path: Path, *, is_committing: bool) -> None:
    marker = tmp_path / "ran"
    program = write_marker(tmp_path / "driver", marker)
    write_files(top, {".gitattributes": b"*.py filter=evil diff=evil merge=evil\n"})
    run_git(top, "add", "-A")
    run_git(top, "commit", "-qm", "attributes")
    keys = ("filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "diff.evil.command")
    others = ("merge.evil.driver", "core.fsmonitor", "core.pager", "core.editor", "diff.external")
    for key in (*keys, *others, "gpg.program", "core.sshCommand", "credential.helper"):
        run_git(top, "config", key, str(program))
    # every entry as young as its file: a careless index write would read them all
    os.utime(top / ".git" / "index", (1, 1))
    landing = start_run(top, is_committing=is_committing).lander.land(make_fix({"a.py": b"2\n"}))
    assert (is_committing, False) == (landing.commit is not None, marker.exists())


HOSTILE = [
    *("../x", "/etc/x", "", ".", "..", "a/../b", "a//b", "./a.py", "a/", "-rf", "a/./b"),
    *(".git", ".git/hooks/x", ".GIT/x", "sub/.git/config", "git~1", "GIT~2/x", ".git./x"),
    *(".git /x", ".g\u200cit/config", "\uff0egit/x", ".gitmodules", "sub/.GitModules"),
    *("a\nb", "a\0b", "a\tb", "a\x1b[2Jb", "a\u202eb", "a\u2028b", "x:y", "a\\b", "a\udc80"),
    *("x" * 256, "/".join(["d" * 200] * 30)),
]


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("is_committing", [True, False])
def test_hostile_paths_write_nothing(top: Path, path: str, *, is_committing: bool) -> None:
    run = start_run(top, is_committing=is_committing)
    before = digest_tree(top.parent)
    with pytest.raises(LandingError, match="Nothing was written") as caught:
        run.lander.land(make_fix({"a.py": b"2\n", path: b"evil\n"}))
    assert before == digest_tree(top.parent)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "changes",
    [
        {"A.py": b""},
        {"SUB/x.py": b""},
        {"n.py": b"", "N.py": b""},
        {"a.py/x": b""},
        {"n": b"", "n/x": b""},
        {"con.py": b""},
        {"link": b""},
        {"link/x.py": b""},
        {"link/x.py": None},
        {"module/x.py": b""},
        {"module": None},
    ],
)
def test_changes_that_do_not_fit_the_tree(
    top: Path, tmp_path: Path, changes: dict[str, bytes | FileChange | None]
) -> None:
    inner = make_repository(tmp_path / "inner", {"x.py": b""})
    (top / "link").symlink_to("sub")
    allow = ("-c", "protocol.file.allow=always")
    run_git(top, *allow, "submodule", "--quiet", "add", str(inner), "module")
    run_git(top, "add", "-A")
    run_git(top, "commit", "-qm", "more")
    run = start_run(top)
    before = digest_tree(top.parent)
    with pytest.raises(LandingError, match="Nothing was written"):
        run.lander.land(make_fix(changes))
    assert before == digest_tree(top.parent)


def test_a_symlinked_folder_of_the_user_is_not_written_through(top: Path, tmp_path: Path) -> None:
    run = start_run(top)
    (top / "sub").rename(tmp_path / "outside")
    (top / "sub").symlink_to(tmp_path / "outside")
    before = digest_tree(tmp_path)
    with pytest.raises(LandingError, match="symbolic link"):
        run.lander.land(make_fix({"sub/c.py": b"evil\n"}))
    assert before == digest_tree(tmp_path)


def test_a_symlink_at_the_place_itself_sends_the_fix_aside(top: Path, tmp_path: Path) -> None:
    run = start_run(top)
    (top / "a.py").rename(tmp_path / "outside")
    (top / "a.py").symlink_to(tmp_path / "outside")
    landing = run.lander.land(make_fix({"a.py": b"2\n"}))
    assert (landing.branch, (tmp_path / "outside").read_bytes()) == ("agent-fix/test-a", b"1\n")


def test_an_existing_name_windows_would_refuse_is_fine(top: Path) -> None:
    assert start_run(top).lander.land(make_fix({"aux.py": b"2\n"})).branch == "main"


@pytest.mark.parametrize("slug", ["../x", "-x", "a b", "", "A"])
def test_a_slug_that_is_not_ours(top: Path, slug: str) -> None:
    with pytest.raises(LandingError):
        start_run(top).lander.land(make_fix({"a.py": b"2\n"}, slug=slug))


def test_an_empty_change_set_is_no_commit(top: Path) -> None:
    with pytest.raises(LandingError, match="nothing"):
        start_run(top).lander.land(make_fix({}))
    with pytest.raises(LandingError, match="nothing"):
        start_run(top).lander.land(make_fix({"a.py": b"1\n"}))


def test_a_message_cannot_become_an_option(top: Path) -> None:
    fix = make_fix({"a.py": b"2\n"}, test="--amend\x1b[31m\r\nAgent-Fix-Model: forged")
    start_run(top).lander.land(fix)
    trailers = run_git(top, "log", "-1", "--format=%(trailers:key=Agent-Fix-Model)")
    assert trailers.strip() == "Agent-Fix-Model: fake/model"


_PARTS = st.sampled_from(
    ["a", "..", ".", ".git", ".GIT", "git~1", "\u200c", "-rf", "x:y", "\n", "\0", " ", "é", "\\"]
)


@given(st.lists(_PARTS, max_size=6), st.sampled_from(["", "/"]))
def test_a_path_that_passes_is_plain(parts: list[str], separator: str) -> None:
    path = separator.join(parts)
    if not problem_of_path(path):
        assert path.isprintable()
        assert not path.startswith(("/", "-"))
        folded = [part.casefold().rstrip(". ") for part in path.split("/")]
        assert not {"", ".", "..", ".git", "git~1"} & set(folded)
