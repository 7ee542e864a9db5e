"""Fixes land, and the user's own work stays as it was."""

from __future__ import annotations

import os
import random
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.errors import DiskFullError, LandingError
from pytest_agentfix.core.model import FileChange, FileStat, Fix, Landing, Neighbours, TestOutcome
from pytest_agentfix.repair.state import describe_landing
from pytest_agentfix.repository import Repository, worktree
from pytest_agentfix.repository.git import Git, GitFailure
from pytest_agentfix.repository.landing import OWN_PATCHES
from pytest_agentfix.repository.objects import Blob, States
from pytest_agentfix.repository.refs import Refs
from pytest_agentfix.repository.stats import count_lines
from tests.kits.repository_kit import (
    digest_tree,
    make_fix,
    make_repository,
    run_git,
    start_run,
    write_files,
)

FILES = {"a.py": b"1\n", "b.py": b"b\n", "pkg/c.py": b"c\n", "tests/test_mod.py": b"t\n"}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r", FILES)


def status(top: Path) -> str:
    return run_git(top, "status", "--porcelain")


def changed(top: Path, commit: str | None) -> list[str]:
    assert commit is not None
    out = run_git(top, "diff-tree", "-r", "--no-commit-id", "--name-status", commit)
    return out.splitlines()


def test_lands_on_the_checked_out_branch(top: Path) -> None:
    start = run_git(top, "rev-parse", "HEAD")
    run = start_run(top)
    fix = make_fix({"a.py": b"2\n", "b.py": None, "new/d/e.py": b"e\n"})
    landing = run.lander.land(fix)
    assert Landing(commit=run_git(top, "rev-parse", "HEAD"), branch="main") == landing
    assert start == run_git(top, "rev-parse", "HEAD^")
    assert changed(top, landing.commit) == ["M\ta.py", "D\tb.py", "A\tnew/d/e.py"]
    assert (
        status(top),
        (top / "a.py").read_bytes(),
        (top / "new/d/e.py").read_bytes(),
        (top / "b.py").exists(),
    ) == ("", b"2\n", b"e\n", False)
    assert run_git(top, "log", "-1", "--format=%an <%ae>") == "A User <user@example.com>"
    assert run_git(top, "reflog", "-1", "--format=%gs").startswith("agent-fix: ")
    assert run_git(top, "fsck", "--strict", "--no-dangling") == ""
    assert (
        FileStat(path="a.py", added=1, removed=1),
        FileStat(path="b.py", added=0, removed=1),
        FileStat(path="new/d/e.py", added=1, removed=0),
    ) == run.lander.diff_stats(fix)


def test_lines_of_a_large_table_are_counted_roughly() -> None:
    rng = random.Random(3)
    old, new = (b"".join(b"%d\n" % rng.randrange(150) for _ in range(60_000)) for _ in range(2))
    [stat] = count_lines(
        {"a": Blob(old, is_executable=False)}, {"a": Blob(new, is_executable=False)}
    )
    assert stat.added == stat.removed
    assert 0 < stat.added < 10_000


def test_message_has_trailers_git_can_read(top: Path) -> None:
    start_run(top).lander.land(make_fix({"a.py": b"2\n"}))
    assert run_git(top, "log", "-1", "--format=%s") == "Fix test_a (ValueError: empty)"
    expected = [
        "Agent-Fix-Test: tests/test_mod.py::test_a",
        "Agent-Fix-Model: fake/model",
        "Agent-Fix-Verdict: fixed",
        "Co-authored-by: OpenCode <noreply@opencode.ai>",
    ]
    assert expected == run_git(top, "log", "-1", "--format=%(trailers)").splitlines()


def test_fixes_build_on_each_other(top: Path) -> None:
    run = start_run(top)
    run.lander.land(make_fix({"a.py": b"2\n", "n.py": b"n\n"}))
    run.lander.land(make_fix({"a.py": b"3\n", "n.py": None}, slug="test-b"))
    assert (
        run_git(top, "rev-list", "--count", "HEAD"),
        run_git(top, "show", "HEAD:a.py"),
        status(top),
    ) == ("3", "3", "")


def test_other_edits_stay_as_they_are(top: Path) -> None:
    write_files(top, {"b.py": b"staged\n", "pkg/c.py": b"stash me\n"})
    run_git(top, "stash", "push", "-q", "pkg/c.py")
    run_git(top, "add", "b.py")
    write_files(top, {"b.py": b"staged, then edited\n", "pkg/c.py": b"edited\n", "u.py": b"u"})
    before = status(top), run_git(top, "stash", "list"), (top / ".git/config").read_bytes()
    staged = run_git(top, "show", ":b.py")
    landing = start_run(top).lander.land(make_fix({"a.py": b"2\n"}))
    after = status(top), run_git(top, "stash", "list"), (top / ".git/config").read_bytes()
    assert before == after
    assert staged == run_git(top, "show", ":b.py")
    assert changed(top, landing.commit) == ["M\ta.py"]
    assert [
        (top / "b.py").read_bytes(),
        (top / "pkg/c.py").read_bytes(),
    ] == [b"staged, then edited\n", b"edited\n"]


def test_an_edit_too_quick_for_timestamps_is_not_hidden(top: Path) -> None:
    run_git(top, "config", "core.trustctime", "false")
    run_git(top, "config", "core.checkStat", "minimal")
    moment = (top / "b.py").stat().st_mtime_ns
    os.utime(top / ".git" / "index", ns=(moment, moment))
    write_files(top, {"b.py": b"B\n"})
    os.utime(top / "b.py", ns=(moment, moment))
    start_run(top).lander.land(make_fix({"a.py": b"2\n"}))
    assert status(top) == " M b.py"


def test_permissions_are_kept(top: Path) -> None:
    (top / "a.py").chmod(0o640)
    run = start_run(top)
    run.lander.land(
        make_fix({"a.py": FileChange(b"2\n"), "x.sh": FileChange(b"x", executable=True)})
    )
    assert stat.S_IMODE((top / "a.py").stat().st_mode) == 0o640
    assert run_git(top, "ls-files", "-s", "x.sh").startswith("100755")
    assert (top / "x.sh").stat().st_mode & stat.S_IXUSR
    run.lander.land(make_fix({"a.py": FileChange(b"2\n", executable=True)}, slug="b"))
    assert stat.S_IMODE((top / "a.py").stat().st_mode) == 0o750
    assert status(top) == ""


def test_crlf_is_kept_in_the_work_tree_only(tmp_path: Path) -> None:
    files = {".gitattributes": b"*.py text eol=crlf\n", "a.py": b"1\r\n2\r\n"}
    top = make_repository(tmp_path / "r", files)
    landing = start_run(top).lander.land(make_fix({"a.py": b"1\r\n3\r\n"}))
    assert (
        landing.branch,
        (top / "a.py").read_bytes(),
        status(top),
    ) == ("main", b"1\r\n3\r\n", "")
    assert run_git(top, "cat-file", "blob", "HEAD:a.py") == "1\n3"


def test_deleting_the_last_file_removes_its_folder(top: Path) -> None:
    start_run(top).lander.land(make_fix({"pkg/c.py": None}))
    assert not (top / "pkg").exists()


def make_unproven_fix(unjudged: int, *, of: int) -> Fix:
    fix = make_fix({"a.py": b"2\n"})
    outcomes = tuple(TestOutcome(nodeid=f"t.py::{n}", outcome="error") for n in range(unjudged))
    neighbours = Neighbours(total=of, unjudged=outcomes)
    return replace(fix, judgement=replace(fix.judgement, neighbours=neighbours))


@pytest.mark.parametrize("unjudged", [0, 2, 3])
def test_a_fix_of_which_too_little_is_known_is_held_back(top: Path, unjudged: int) -> None:
    is_held_back = unjudged > 2
    run = start_run(top, max_unjudged=0.02)
    head = run_git(top, "rev-parse", "HEAD")
    landing = run.lander.land(make_unproven_fix(unjudged, of=100))
    assert landing.is_held_back is is_held_back
    assert (run_git(top, "rev-parse", "main") == head) is is_held_back
    if is_held_back:
        assert landing.branch == "agent-fix/test-a"
        assert status(top) == ""
        run_git(top, *landing.advice.split()[1:])
    assert run_git(top, "show", "main:a.py") == "2"


def test_a_fix_that_is_held_back_goes_to_the_branch_that_was_asked_for(top: Path) -> None:
    landing = start_run(top, max_unjudged=0.02, branch="fixes").lander.land(
        make_unproven_fix(3, of=3)
    )
    assert (landing.branch, landing.is_held_back) == ("fixes", True)


@pytest.mark.parametrize("how", ["edited", "staged", "intent", "during"])
def test_uncommitted_edits_send_the_fix_aside(top: Path, how: str) -> None:
    path = "u.py" if how == "intent" else "a.py"
    user = b"1\nmine\n"
    if how != "during":
        write_files(top, {path: user})
    if how in ("staged", "intent"):
        run_git(top, "add", *(["-N"] if how == "intent" else []), path)
    run = start_run(top)
    if how == "during":
        user = b"1\n"
        write_files(top, {path: b"typed meanwhile\n"})
    head = run_git(top, "rev-parse", "HEAD")
    before = digest_tree(top, without=(".git/objects", ".git/refs", ".git/logs"))
    landing = run.lander.land(make_fix({path: user + b"fix\n"}))
    assert before == digest_tree(top, without=(".git/objects", ".git/refs", ".git/logs"))
    assert ("agent-fix/test-a", head) == (landing.branch, run_git(top, "rev-parse", "main"))
    added = run_git(top, "show", "--format=", str(landing.commit)).splitlines()
    assert [line for line in added if line.startswith("+") and line[1:2] != "+"] == ["+fix"]


def test_an_edit_saved_at_the_last_moment_sends_the_fix_aside(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run(top)
    plain = worktree.LockedIndex.prepare

    def save_meanwhile(index: worktree.LockedIndex, states: States) -> None:
        plain(index, states)
        write_files(top, {"a.py": b"typed meanwhile\n"})

    monkeypatch.setattr(worktree.LockedIndex, "prepare", save_meanwhile)
    landing = run.lander.land(make_fix({"a.py": b"2\n"}))
    assert landing.branch == "agent-fix/test-a"
    assert (top / "a.py").read_bytes() == b"typed meanwhile\n"
    assert sorted(path.name for path in top.iterdir()) == [".git", "a.py", "b.py", "pkg", "tests"]


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_git_that_is_ended_at_moving_the_branch(
    top: Path, monkeypatch: pytest.MonkeyPatch, *, is_moved: bool
) -> None:
    run = start_run(top)
    plain = Refs.move

    def move_and_die(refs: Refs, branch: str, **options: Any) -> None:
        if is_moved or branch != "main":
            plain(refs, branch, **options)
        if branch == "main":
            raise GitFailure("ended")

    monkeypatch.setattr(Refs, "move", move_and_die)
    if not is_moved:
        with pytest.raises(LandingError, match="ended"):
            run.lander.land(make_fix({"a.py": b"2\n"}))
        assert ((top / "a.py").read_bytes(), status(top)) == (b"1\n", "")
        return
    landing = run.lander.land(make_fix({"a.py": b"2\n"}))
    assert landing == Landing(commit=run_git(top, "rev-parse", "HEAD"), branch="main")
    assert ((top / "a.py").read_bytes(), status(top)) == (b"2\n", "")


def test_ctrl_c_at_the_terminal_is_not_for_git(top: Path) -> None:
    git = Git(top, where=("-c", "alias.session=!ps -o sid= -p $$"))
    assert int(git.run("session")) != os.getsid(0)
    # What may ask for a passphrase, and has a limit, needs the terminal.
    assert int(git.run("session", timeout=60.0)) == os.getsid(0)


def test_the_advice_brings_an_aside_fix_in(top: Path, tmp_path: Path) -> None:
    write_files(top, {"a.py": b"1\nmine\n"})
    landing = start_run(top).lander.land(make_fix({"a.py": b"1\nmine\nfix\n"}))
    show, _, _ = landing.advice.partition(" | ")
    patch = tmp_path / "p"
    patch.write_text(run_git(top, *show.split()[1:]) + "\n")
    run_git(top, "apply", str(patch))
    assert (top / "a.py").read_bytes() == b"1\nmine\nfix\n"


def test_a_fix_on_an_aside_fix_follows_it(top: Path) -> None:
    write_files(top, {"a.py": b"mine\n"})
    run = start_run(top)
    first = run.lander.land(make_fix({"a.py": b"mine\nfix\n"}))
    second = run.lander.land(make_fix({"b.py": b"b2\n"}, slug="test-b"))
    third = run.lander.land(make_fix({"a.py": b"mine\nfix\nfix 2\n"}, slug="test-c"))
    assert [landing.branch for landing in (first, second, third)] == [
        "agent-fix/test-a",
        "main",
        "agent-fix/test-c",
    ]
    assert first.commit == run_git(top, "rev-parse", f"{third.commit}^")
    # The second was judged with the first in place, and the branch has it alone.
    assert [landing.judged_with for landing in (first, second, third)] == [(), (first.commit,), ()]
    told = describe_landing(second, make_fix({"b.py": b"b2\n"}).changes)
    assert f"on main; its tests ran with {str(first.commit)[:12]} as well" in told


def test_side_branches_take_free_names(top: Path) -> None:
    run_git(top, "branch", "agent-fix/test-a")
    write_files(top, {"a.py": b"mine\n"})
    landing = start_run(top).lander.land(make_fix({"a.py": b"mine 2\n"}))
    assert landing.branch == "agent-fix/test-a-2"


def test_side_branch_where_a_branch_is_named_like_its_folder(top: Path) -> None:
    run_git(top, "branch", "agent-fix")
    write_files(top, {"a.py": b"mine\n"})
    landing = start_run(top).lander.land(make_fix({"a.py": b"mine 2\n"}))
    assert landing.branch == "agent-fix-test-a"


def test_head_that_moved_gets_a_branch_to_pick_from(top: Path) -> None:
    run = start_run(top)
    run_git(top, "commit", "-q", "--allow-empty", "-m", "mine")
    head = run_git(top, "rev-parse", "HEAD")
    landing = run.lander.land(make_fix({"a.py": b"2\n"}))
    assert ("agent-fix/test-a", head, "", b"1\n") == (
        landing.branch,
        run_git(top, "rev-parse", "HEAD"),
        status(top),
        (top / "a.py").read_bytes(),
    )
    run_git(top, *landing.advice.split()[1:])
    assert (top / "a.py").read_bytes() == b"2\n"


def test_detached_fixes_chain_on_one_branch(top: Path) -> None:
    run_git(top, "checkout", "-q", "--detach")
    run = start_run(top)
    first = run.lander.land(make_fix({"a.py": b"2\n"}))
    second = run.lander.land(make_fix({"a.py": b"3\n"}, slug="test-b"))
    assert [first.branch, second.branch] == ["agent-fix/test-a"] * 2
    assert (first.commit, b"1\n", "") == (
        run_git(top, "rev-parse", "agent-fix/test-a^"),
        (top / "a.py").read_bytes(),
        status(top),
    )
    run_git(top, *second.advice.split()[1:])
    assert (top / "a.py").read_bytes() == b"3\n"


def test_linked_worktree(top: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    run_git(top, "worktree", "add", "-q", "-b", "side", str(linked))
    before = digest_tree(top, without=(".git",))
    landing = start_run(linked).lander.land(make_fix({"a.py": b"2\n"}))
    assert (
        landing.branch,
        status(linked),
        status(top),
        (linked / "a.py").read_bytes(),
    ) == ("side", "", "", b"2\n")
    assert before == digest_tree(top, without=(".git",))


def test_sha256_repository(tmp_path: Path) -> None:
    top = tmp_path / "r"
    top.mkdir()
    run_git(top, "init", "-q", "--object-format=sha256")
    write_files(top, FILES)
    run_git(top, "add", "-A")
    run_git(top, "commit", "-q", "-m", "start")
    landing = start_run(top).lander.land(make_fix({"a.py": b"2\n", "b.py": None}))
    assert (landing.branch, status(top)) == ("main", "")


def test_merge_under_way_sends_the_fix_aside(top: Path) -> None:
    run_git(top, "checkout", "-q", "-b", "other")
    run_git(top, "commit", "-q", "--allow-empty", "-m", "o")
    run_git(top, "checkout", "-q", "main")
    run_git(top, "merge", "-q", "--no-ff", "--no-commit", "other")
    landing = start_run(top).lander.land(make_fix({"a.py": b"2\n"}))
    assert (landing.branch, (top / "a.py").read_bytes()) == ("agent-fix/test-a", b"1\n")


def test_named_branch_is_made_and_continued(top: Path) -> None:
    before = digest_tree(top, without=(".git/objects", ".git/refs", ".git/logs"))
    head = run_git(top, "rev-parse", "main")
    run = start_run(top, branch="fixes")
    first = run.lander.land(make_fix({"a.py": b"2\n"}))
    second = run.lander.land(make_fix({"a.py": b"3\n"}, slug="test-b"))
    assert before == digest_tree(top, without=(".git/objects", ".git/refs", ".git/logs"))
    assert [head, "fixes", "git merge fixes"] == [
        run_git(top, "rev-parse", f"{first.commit}^"),
        first.branch,
        second.advice,
    ]
    assert run_git(top, "show", "fixes:a.py") == "3"


def test_named_branch_that_differs_is_refused(top: Path) -> None:
    run_git(top, "checkout", "-q", "-b", "fixes")
    write_files(top, {"a.py": b"other\n"})
    run_git(top, "commit", "-qam", "other")
    run_git(top, "checkout", "-q", "main")
    run = start_run(top, branch="fixes")
    with pytest.raises(LandingError, match=r"differs between HEAD and the branch 'fixes'"):
        run.lander.land(make_fix({"a.py": b"2\n"}))
    assert (run.patches / "test-a.patch").exists()


def test_without_committing_only_a_patch_is_left(top: Path) -> None:
    write_files(top, {"b.py": b"mine\n"})
    before = digest_tree(top)
    run = start_run(top, is_committing=False)
    fix = make_fix({"b.py": b"mine\nfix\n", "a.py": None, "bin": b"\0\1", "n/x.py": b"x"})
    landing = run.lander.land(fix)
    path = run.patches / "test-a.patch"
    assert Landing(patch=path, advice=f"git apply {path}") == landing
    assert before == digest_tree(top)
    run_git(top, "apply", str(path))
    assert [
        (top / "b.py").read_bytes(),
        (top / "a.py").exists(),
        (top / "bin").read_bytes(),
        (top / "n/x.py").read_bytes(),
    ] == [b"mine\nfix\n", False, b"\0\1", b"x"]


@pytest.mark.parametrize("lock", ["index.lock", "refs/heads/main.lock"])
def test_locks_of_another_git_change_nothing(top: Path, lock: str) -> None:
    (top / ".git" / lock).touch()
    waits: list[float] = []
    run = start_run(top, sleep=waits.append)
    before = digest_tree(top, without=(".git/objects",))
    with pytest.raises(LandingError, match=r"\.lock") as caught:
        run.lander.land(make_fix({"a.py": b"2\n", "new/x.py": b""}))
    assert before == digest_tree(top, without=(".git/objects",))
    assert (lock == "index.lock") == bool(waits)
    assert "Nothing is lost" in caught.value.next_step
    (top / ".git" / lock).unlink()
    run_git(top, *caught.value.next_step.partition("git ")[2].split())
    assert (top / "a.py").read_bytes() == b"2\n"


def test_a_lock_that_goes_away_is_waited_for(top: Path) -> None:
    lock = top / ".git" / "index.lock"
    lock.touch()
    run = start_run(top, sleep=lambda _: lock.unlink())
    assert run.lander.land(make_fix({"a.py": b"2\n"})).branch == "main"
    assert (status(top), lock.exists()) == ("", False)


def test_full_disk_shows_before_anything_moved(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run = start_run(top)
    before = digest_tree(top, without=(".git/objects",))
    monkeypatch.setattr(worktree, "_keep_mode", fail)
    with pytest.raises(DiskFullError, match="No space left"):
        run.lander.land(make_fix({"a.py": b"2\n", "new/x.py": b""}))
    assert before == digest_tree(top, without=(".git/objects",))


@pytest.mark.parametrize(
    ("folder", "is_hidden"), [(OWN_PATCHES, True), (Path("reports"), False)], ids=["own", "given"]
)
def test_a_folder_of_our_own_is_nothing_for_git(top: Path, folder: Path, is_hidden: bool) -> None:  # noqa: FBT001
    run = start_run(top, is_committing=False, patches=top / folder)
    run.lander.land(make_fix({"a.py": b"2\n"}))
    assert (top / folder / "test-a.patch").exists()
    assert (run_git(top, "status", "--porcelain") == "") is is_hidden


def test_broken_object_database_still_leaves_a_patch(top: Path) -> None:
    run = start_run(top)
    (top / ".git" / "objects").rename(top / ".git" / "gone")
    with pytest.raises(LandingError, match="Nothing is lost"):
        run.lander.land(make_fix({"a.py": b"2\n"}))
    assert b"+2\n" in (run.patches / "test-a.patch").read_bytes()


def test_signing_is_asked_for_and_its_failure_told(top: Path) -> None:
    program = top.parent / "gpg"
    program.write_text("#!/bin/sh\necho 'no secret key' >&2\nexit 2\n")
    program.chmod(0o755)
    run_git(top, "config", "commit.gpgSign", "true")
    run_git(top, "config", "gpg.program", str(program))
    with pytest.raises(LandingError, match="failed to sign"):
        start_run(top).lander.land(make_fix({"a.py": b"2\n"}))
    assert status(top) == ""


# GitPython before 3.2 leaves the ``ps`` with which it looks for children to the collector.
@pytest.mark.filterwarnings(
    "ignore:subprocess .* is still running:ResourceWarning", "ignore:unclosed file:ResourceWarning"
)
def test_signing_that_hangs_is_ended(top: Path) -> None:
    program = top.parent / "gpg"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    run_git(top, "config", "commit.gpgSign", "true")
    run_git(top, "config", "gpg.program", str(program))
    with pytest.raises(LandingError, match="takes longer"):
        start_run(top, signing_timeout=0.5).lander.land(make_fix({"a.py": b"2\n"}))


def test_without_file_modes_the_bits_on_disk_mean_nothing(top: Path) -> None:
    run_git(top, "config", "core.fileMode", "false")
    (top / "a.py").chmod(0o755)
    landing = start_run(top).lander.land(make_fix({"a.py": FileChange(b"2\n", executable=True)}))
    assert (landing.branch, status(top)) == ("main", "")
    assert run_git(top, "ls-files", "-s", "a.py").startswith("100644")


def test_repository_opened_before_keeps_its_head(top: Path) -> None:
    repository = Repository.open(top)
    start_run(top).lander.land(make_fix({"a.py": b"2\n"}))
    assert repository.head == run_git(top, "rev-parse", "HEAD^")
