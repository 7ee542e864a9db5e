"""A landing that cannot be is told of before anything is spent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import (
    BranchNameError,
    DiskFullError,
    LandingError,
    NoCommitsError,
    RepositoryUnreadableError,
    RepositoryUnwritableError,
)
from pytest_agentfix.repository import Repository, check_landing, check_writable
from pytest_agentfix.repository.locks import find_holder
from tests.kits.lock_kit import committing, opening
from tests.kits.repository_kit import (
    digest_tree,
    make_fix,
    make_repository,
    run_git,
    start_run,
    write_files,
)

FILES = {"a.py": b"1\n", "pkg/b.py": b"b\n"}
ROOT = Path(__file__).parents[3]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r", FILES)


def check(top: Path, *, branch: str | None = None, **options: object) -> None:
    settings = {"sleep": lambda _: None, "signing_timeout": 30.0, **options}
    check_landing(Repository.open(top), branch=branch, **settings)  # type: ignore[arg-type]


def fail(top: Path, **options: object) -> LandingError:
    """Have the check fail, and nothing change by it."""
    before = digest_tree(top)
    with pytest.raises(LandingError) as caught:
        check(top, **options)  # type: ignore[arg-type]
    assert digest_tree(top) == before
    assert "No model was asked" in caught.value.problem
    return caught.value


def test_nothing_is_in_the_way(top: Path) -> None:
    before = digest_tree(top)
    check(top)
    check(top, branch="fixes")
    check_writable(Repository.open(top), None)
    assert digest_tree(top) == before


@pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
def test_a_lock_that_was_left(top: Path, lock: str) -> None:
    path = top / ".git" / lock
    path.touch()
    os.utime(path, (0, 0))
    waits: list[float] = []
    error = fail(top, sleep=waits.append)
    assert sum(waits) == pytest.approx(10, abs=0.2)
    assert f"{path} exists for " in error.problem
    assert error.next_step.endswith(f"rm {path}")
    subprocess.run(error.next_step.partition(": ")[2], shell=True, check=True)
    check(top)


def test_a_lock_that_goes_is_waited_for(top: Path) -> None:
    lock = top / ".git" / "index.lock"
    lock.touch()
    check(top, sleep=lambda _: lock.unlink())


def test_a_commit_under_way(top: Path) -> None:
    write_files(top, {"pkg/b.py": b"mine\n"})
    with committing(top) as pid:
        error = fail(top)
        assert f"git commit (process {pid}) is at work here" in error.problem
        assert "rm " not in error.next_step
        check(top, branch="fixes")  # needs neither index nor HEAD
    check(top)
    assert run_git(top, "log", "-1", "--format=%s") == "message"


def test_a_lock_held_by_another_program(top: Path) -> None:
    with opening(top / ".git" / "index.lock") as pid:
        error = fail(top)
        assert f"(process {pid}) is at work here" in error.problem
    assert find_holder(top / ".git" / "index.lock", [top]) is None


def test_a_git_that_only_reads_holds_nothing(top: Path) -> None:
    lock = top / ".git" / "index.lock"
    lock.touch()
    reader = subprocess.Popen(
        ["git", "cat-file", "--batch"], cwd=top, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert find_holder(lock, [top]) is None
    finally:
        reader.communicate()


def test_patches_need_no_locks(top: Path) -> None:
    (top / ".git" / "index.lock").touch()
    sign_with(top, gpg_program="/nowhere/gpg")
    check(top, is_committing=False)


@pytest.mark.parametrize("path", [".git/hooks", "own-hooks"])
def test_a_hook_that_protects_branches_is_not_asked(top: Path, path: str) -> None:
    run_git(top, "config", "core.hooksPath", str(top.parent / path))
    hook = top.parent / path / "reference-transaction"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    check(top)
    assert start_run(top).lander.land(make_fix({"a.py": b"2\n"})).branch == "main"


def test_a_full_disk_is_told_as_such(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    sign_with(top, gpg_program="/nowhere/gpg")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", fill)
    with pytest.raises(DiskFullError, match="Make room"):
        check(top)


@pytest.mark.parametrize("where", ["detached", "linked", "named"])
def test_only_locks_in_the_way_count(top: Path, where: str) -> None:
    (top / ".git" / "index.lock").touch()
    (top / ".git" / "refs/heads/main.lock").touch()
    if where == "detached":
        run_git(top, "update-ref", "--no-deref", "HEAD", "HEAD^{commit}")
        (top / ".git" / "HEAD").write_text(run_git(top, "rev-parse", "HEAD") + "\n")
        check(top)
    elif where == "linked":
        linked = top.parent / "linked"
        run_git(top, "worktree", "add", "-q", "-b", "side", str(linked))
        check(linked)
        (top / ".git/worktrees/linked/index.lock").touch()
        fail(linked)
    else:
        check(top, branch="fixes")
        (top / ".git" / "refs/heads/fixes.lock").touch()
        fail(top, branch="fixes")


def test_in_a_hook_the_fix_goes_aside_and_the_commit_goes_on(top: Path) -> None:
    code = (
        "from pathlib import Path; from tests.kits.repository_kit import *;"
        "from pytest_agentfix.repository import check_landing;"
        f"check_landing(Repository.open(Path({str(top)!r})), branch=None);"
        f"start_run(Path({str(top)!r})).lander.land(make_fix({{'a.py': b'2\\n'}}))"
    )
    hook = top / ".git" / "hooks" / "pre-commit"
    hook.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c "{code}"\n')
    hook.chmod(0o755)
    for arguments in (["-a"], ["pkg/b.py"], []):
        write_files(top, {"pkg/b.py": run_git(top, "show", "HEAD:pkg/b.py").encode() + b"more\n"})
        run_git(top, "add", "pkg/b.py")
        run_git(top, "commit", "-q", "-m", "mine", *arguments)
    assert run_git(top, "status", "--porcelain") == ""
    assert run_git(top, "rev-list", "--count", "main") == "4"
    sides = run_git(top, "for-each-ref", "--format=%(refname:short)", "refs/heads/agent-fix")
    assert len(sides.split()) == 3
    assert run_git(top, "show", "agent-fix/test-a:a.py") == "2"


@pytest.fixture
def gnupg(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for keys: with a short path, as its sockets are in it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        monkeypatch.setenv("GNUPGHOME", name)
        yield Path(name)
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)


def make_gpg_key(passphrase: str) -> None:
    make = ["--quick-gen-key", "A User <user@example.com>", "ed25519", "sign", "never"]
    given = ["--pinentry-mode", "loopback", "--passphrase", passphrase]
    subprocess.run(["gpg", "--batch", *given, *make], check=True, capture_output=True)
    subprocess.run(["gpgconf", "--kill", "all"], check=True)  # forget the passphrase


def make_ssh_key(top: Path, passphrase: str) -> Path:
    key = top.parent / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(key)]
    subprocess.run(command, check=True)
    return key


def sign_with(top: Path, **settings: str) -> None:
    run_git(top, "config", "commit.gpgSign", "true")
    for name, value in settings.items():
        run_git(top, "config", name.replace("_", "."), value)


def lock_openpgp(top: Path, gnupg: Path) -> None:
    make_gpg_key("secret")
    (gnupg / "gpg-agent.conf").write_text("pinentry-program /bin/false\n")
    sign_with(top)


def miss_openpgp(top: Path, _: Path) -> None:
    sign_with(top, user_signingKey="0123456789ABCDEF")


def miss_program(top: Path, _: Path) -> None:
    sign_with(top, gpg_program="/nowhere/gpg")


def lock_ssh(top: Path, _: Path) -> None:
    sign_with(top, gpg_format="ssh", user_signingKey=str(make_ssh_key(top, "secret")))


def miss_ssh(top: Path, _: Path) -> None:
    sign_with(top, gpg_format="ssh", user_signingKey=str(top.parent / "gone"))


def name_no_ssh(top: Path, _: Path) -> None:
    sign_with(top, gpg_format="ssh")


def miss_x509(top: Path, _: Path) -> None:
    sign_with(top, gpg_format="x509")


@pytest.mark.parametrize(
    "arrange",
    [lock_openpgp, miss_openpgp, miss_program, lock_ssh, miss_ssh, name_no_ssh, miss_x509],
    ids=lambda arrange: arrange.__name__,
)
def test_a_key_that_cannot_sign(
    top: Path,
    gnupg: Path,
    monkeypatch: pytest.MonkeyPatch,
    arrange: Callable[[Path, Path], None],
) -> None:
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    arrange(top, gnupg)
    error = fail(top)
    assert "signing a commit fails (commit.gpgSign with " in error.problem
    assert "git commit-tree -S" in error.next_step
    with pytest.raises(LandingError, match="signing a commit fails"):
        start_run(top).lander.land(make_fix({"a.py": b"2\n"}))


def test_a_program_that_never_signs(top: Path) -> None:
    program = top.parent / "gpg"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    sign_with(top, gpg_program=str(program))
    error = fail(top, signing_timeout=0.5)
    assert "takes longer than 0.5 seconds; is a passphrase asked for?" in error.problem
    assert "commit-tree" not in error.problem


@pytest.mark.parametrize("form", ["openpgp", "ssh"])
def test_a_key_that_can_sign(top: Path, gnupg: Path, form: str) -> None:
    assert gnupg.exists()
    if form == "openpgp":
        make_gpg_key("")
        sign_with(top)
    else:
        sign_with(top, gpg_format="ssh", user_signingKey=str(make_ssh_key(top, "")))
    before = digest_tree(top)
    check(top)
    assert digest_tree(top) == before
    assert start_run(top).lander.land(make_fix({"a.py": b"2\n"})).branch == "main"
    assert "gpgsig" in run_git(top, "cat-file", "commit", "HEAD")


def test_what_is_no_trouble_with_signing_is_not_told_as_such(top: Path) -> None:
    sign_with(top, gpg_format="ssh", user_signingKey=str(make_ssh_key(top, "")))
    run = start_run(top)
    (top / ".git" / "objects").rename(top / ".git" / "gone")
    with pytest.raises(LandingError) as caught:
        run.lander.land(make_fix({"a.py": b"2\n"}))
    assert "signing" not in caught.value.problem


def test_a_partial_clone_without_its_folders(top: Path) -> None:
    run_git(top, "config", "uploadpack.allowFilter", "true")
    clone = top.parent / "clone"
    run_git(top.parent, "clone", "-q", "-n", "--filter=tree:0", f"file://{top}", str(clone))
    error = fail(clone)
    assert "this partial clone lacks folders of HEAD" in error.problem
    fail(clone, is_committing=False)
    command = error.next_step.partition(": ")[2]
    subprocess.run(command, shell=True, cwd=clone, check=True)
    check(clone)


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Give up root's rights, for which no folder is closed, and open the way to ``folder``."""
    if os.geteuid() != 0:
        yield
        return
    modes = [(one, one.stat().st_mode) for one in folder.parents]
    for one, mode in modes:
        one.chmod(mode | 0o55)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for one, mode in modes:
            one.chmod(mode)


@pytest.mark.parametrize(
    "name",
    [
        *(".git/objects", ".git/objects/3f", ".git/refs/heads", ".git/refs/heads/user"),
        *(".git", "."),
    ],
)
def test_a_folder_that_may_not_be_written(top: Path, name: str) -> None:
    (top / ".git/objects/3f").mkdir(exist_ok=True)
    run_git(top, "checkout", "-q", "-b", "user/topic")
    repository = Repository.open(top)
    for folder, _, _ in os.walk(top):
        Path(folder).chmod(0o777)
    with as_nobody(top):
        check_writable(repository, None)
    (top / name).chmod(0o555)
    with as_nobody(top), pytest.raises(RepositoryUnwritableError) as caught:
        check_writable(repository, None)
    assert f"may not write in {(top / name).resolve()}." in caught.value.problem
    assert "--agent-fix-no-commit" in caught.value.next_step
    if name in (".", ".git"):  # nothing is put there
        with as_nobody(top):
            check_writable(repository, "fixes")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_tree_that_is_mounted_read_only(top: Path) -> None:
    there = top.parent / "there"
    there.mkdir()
    bind = ["mount", "--bind", "-o", "ro", str(top), str(there)]
    if subprocess.run(bind, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        with pytest.raises(RepositoryUnwritableError, match="is mounted read-only"):
            check_writable(Repository.open(there), None)
    finally:
        subprocess.run(["umount", str(there)], check=True)


@pytest.mark.parametrize("how", ["init", "orphan"])
def test_a_branch_without_a_commit(top: Path, how: str) -> None:
    if how == "init":
        shutil.rmtree(top / ".git")
        run_git(top, "init", "-q")
    else:
        run_git(top, "checkout", "-q", "--orphan", "fresh")
    branch = "main" if how == "init" else "fresh"
    with pytest.raises(NoCommitsError, match=f"no commit on its branch '{branch}'") as caught:
        Repository.open(top)
    subprocess.run(caught.value.next_step.partition(": ")[2], shell=True, cwd=top, check=True)
    assert Repository.open(top).branch == branch


def test_a_head_that_cannot_be_read_is_not_called_unborn(top: Path) -> None:
    head = run_git(top, "rev-parse", "HEAD")
    (top / ".git/objects" / head[:2] / head[2:]).unlink()
    with pytest.raises(RepositoryUnreadableError, match=f"HEAD's commit {head[:12]} is missing"):
        Repository.open(top)


@pytest.mark.parametrize("how", ["checkout", "rebase", "bisect"])
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_branch_that_another_git_works_on(top: Path, how: str, where: str) -> None:
    run_git(top, "commit", "-q", "--allow-empty", "-m", "second")
    at = top
    if where == "elsewhere":
        at = top.parent / "linked"
        run_git(top, "worktree", "add", "-q", "--detach", str(at))
    run_git(at, "checkout", "-q", "-b", "side")
    if how == "rebase":
        run_git(at, "rebase", "-q", "--exec", "false", "HEAD^", check=False)
    elif how == "bisect":
        run_git(at, "bisect", "start", "HEAD", "HEAD^")
    with pytest.raises(BranchNameError, match="checked out, rebased or bisected"):
        Repository.open(top).check_branch_name("side")
    Repository.open(top).check_branch_name("free")
