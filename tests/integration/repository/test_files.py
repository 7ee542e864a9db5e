"""The tree as the tests saw it, what git ignores, and the agent's one-commit repository."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import DiskFullError
from pytest_agentfix.repository import Repository, make_snapshot
from pytest_agentfix.repository.gitignore import IgnoreRules, parse_patterns, quote_glob
from tests.kits.repository_kit import IDENTITY, digest_tree, make_repository, run_git, write_files


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def test_lists_what_the_tests_saw(tmp_path: Path) -> None:
    files = {"a.py": b"", "gone.py": b"", "d/x.py": b"", ".gitignore": b"build/\n*.log\n"}
    top = make_repository(tmp_path / "r", files)
    (top / "gone.py").unlink()
    write_files(top, {"new é.py": b"", "build/lib.so": b"", "build/x.log": b"", "y.log": b""})
    (top / "link").symlink_to("a.py")
    repository = Repository.open(top)
    expected = (".gitignore", "a.py", "d/x.py", "link", "new é.py")
    assert expected == repository.list_files()
    assert tuple(sorted([*expected, "build/lib.so"])) == repository.list_files(["build/*.so"])


def test_a_folder_that_became_a_symlink_is_left_out(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b"", "d/x.py": b""})
    (top / "d").rename(tmp_path / "elsewhere")
    (top / "d").symlink_to(tmp_path / "elsewhere")
    assert Repository.open(top).list_files() == ("a.py", "d")


def test_submodules_and_nested_repositories_contribute(tmp_path: Path) -> None:
    inner = make_repository(tmp_path / "inner", {"i.py": b"", ".gitignore": b"*.o\n"})
    top = make_repository(tmp_path / "r", {"a.py": b""})
    file_allowed = ("-c", "protocol.file.allow=always")
    run_git(top, *file_allowed, "submodule", "--quiet", "add", str(inner), "sub")
    run_git(top, "commit", "-q", "-m", "sub")
    write_files(top, {"sub/new.py": b"", "sub/x.o": b""})
    make_repository(top / "nested", {"n.py": b""})
    repository = Repository.open(top)
    expected = (".gitmodules", "a.py", "nested/n.py", "sub/.gitignore", "sub/i.py", "sub/new.py")
    assert expected == repository.list_files()
    assert repository.submodules == ("sub",)


def test_listing_runs_no_fsmonitor(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    hook = tmp_path / "monitor"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    run_git(top, "config", "core.fsmonitor", str(hook))
    Repository.open(top).list_files()
    assert not (tmp_path / "ran").exists()


_RULES = {
    ".gitignore": b"# c\n*.log\n!keep.log\n/top.txt\nbuild/\ndoc/*.txt\n\\#hash\nsp\\ \ntrail  \n"
    b"foo/*\n!foo/keep\n**/deep\na/**/z\nlast/**\n[a-c]?.c\n[!x]y.c\n[[:digit:]]n\n[z-a]r\nq[\n"
    b"crlf.txt\r\n!\n\\!bang\n",
    "sub/.gitignore": b"!*.log\n/only\n*\n!*/\n!*.py\n",
    "build/.gitignore": b"!in.txt\n",
}
_PATHS = [
    *("x.log", "keep.log", "d/x.log", "d/keep.log", "top.txt", "d/top.txt", "build/in.txt"),
    *("d/build/x", "doc/a.txt", "doc/d/a.txt", "#hash", "sp ", "sp", "trail", "foo/keep"),
    *("foo/x", "foo/x/y", "p/q/deep", "deep", "deep/x", "a/z", "a/b/c/z", "a/b", "last/x/y"),
    *("last", "ab.c", "db.c", "dir/ab.c", "ay.c", "xy.c", "1n", "n", "yr", "q[", "crlf.txt"),
    *("!bang", "bang", "sub/x.log", "sub/only", "sub/a.py", "sub/d/b.py", "sub/d/c.txt"),
    *("info.txt", "glob.txt", "d/glob.txt", "é.log", "plain.py", ".hidden"),
]


def _ask_git(top: Path, paths: list[str]) -> set[str]:
    done = subprocess.run(
        ["git", "check-ignore", "-z", "--stdin", "--no-index"],
        cwd=top,
        input="\0".join(paths).encode(),
        capture_output=True,
        check=False,
    )
    return set(done.stdout.decode().split("\0")) - {""}


def test_ignore_rules_agree_with_git(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    write_files(top, _RULES)
    (top / ".git" / "info").mkdir(exist_ok=True)
    (top / ".git" / "info" / "exclude").write_text("info.txt\n")
    write_files(tmp_path, {"xdg/git/ignore": b"glob.txt\n"})
    rules = Repository.open(top).ignore_rules()
    assert _ask_git(top, _PATHS) == {path for path in _PATHS if rules.is_ignored(path)}


_PATTERNS = (
    *("*.log", "!a.log", "[ab].log", "?.o", "*.py", "!*.py", "*", "!*/", "/*", "**/gen", "gen/**"),
    *("build/", "!build/", "/build", "src", "!src", "/src", "src/*", "src/**", "!src/**/*.py"),
    *("docs/*", "!docs/keep.py", "docs/**/x.log", "gen/", "!gen/keep.py"),
)


@pytest.mark.parametrize("seed", range(12))
def test_any_ignore_rules_agree_with_git(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    top = make_repository(tmp_path / "r", {"a.py": b""})
    for folder in ("", "src/", "src/build/"):
        lines = rng.sample(_PATTERNS, rng.randint(1, 5))
        write_files(top, {f"{folder}.gitignore": "\n".join(lines).encode()})
    folders = [rng.choices(("build", "src", "docs", "gen"), k=rng.randint(0, 3)) for _ in range(60)]
    names = ("x.log", "a.log", "a.o", "m.py", "keep.py", "x")
    paths = ["/".join([*parts, rng.choice(names)]) for parts in folders]
    rules = Repository.open(top).ignore_rules()
    assert _ask_git(top, paths) == {path for path in paths if rules.is_ignored(path)}


def test_ignore_rules_take_core_excludes_file(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", {"a.py": b""})
    write_files(tmp_path, {"mine": b"*.mine\n"})
    run_git(top, "config", "core.excludesFile", str(tmp_path / "mine"))
    rules = Repository.open(top).ignore_rules()
    assert (rules.is_ignored("d/x.mine"), rules.is_ignored("d/x.yours")) == (True, False)


@pytest.mark.parametrize("path", ["-rf", "a\nb", "../x", "x.log\n", "/x.log/", ""])
def test_ignore_rules_take_any_string(path: str) -> None:
    rules = IgnoreRules({"": parse_patterns(["*.py"])})
    assert not rules.is_ignored(path)


def test_snapshot_holds_everything_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    (tmp_path / "gitconfig").write_text(IDENTITY + "[commit]\n\tgpgSign = true\n")
    folder = tmp_path / "tree"
    files = {
        ".gitignore": b"*.so\n",
        ".gitattributes": b"* text eol=crlf\n*.py filter=x working-tree-encoding=UTF-16\n",
        "a.py": b"x = 1\r\n",
        "lib.so": b"\0\1",
        "empty": b"",
    }
    write_files(folder, files)
    (folder / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    before = digest_tree(folder)
    make_snapshot(folder)
    assert before == digest_tree(folder, without=(".git",))
    assert sorted([*files, "run"]) == run_git(folder, "ls-files").splitlines()
    assert run_git(folder, "rev-list", "--all", "--count") == "1"
    assert run_git(folder, "log", "--format=%an") == "pytest-agentfix"
    assert run_git(folder, "status", "--porcelain", "--ignored") == ""
    assert run_git(folder, "remote") + run_git(folder, "reflog") == ""
    assert not (folder / ".git" / "hooks").exists()
    assert run_git(folder, "show", "HEAD:a.py") == "x = 1\r"


def test_snapshot_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git's own words about it are long, and of no use to anybody."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pytest_agentfix.repository.snapshot.Index.write", fail)
    with pytest.raises(DiskFullError) as caught:
        make_snapshot(tmp_path)
    assert str(caught.value) == (
        "The disk is full while making a workspace a git repository. "
        "Make room, or set TMPDIR to a larger disk, and run pytest again."
    )


def test_snapshot_of_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    make_snapshot(tmp_path / "empty")
    assert run_git(tmp_path / "empty", "rev-list", "--all", "--count") == "1"


def test_hidden_names_ignored_do_not_hide_ordinary_folders() -> None:
    rules = IgnoreRules({"": parse_patterns([".*", "!*/", "out/"])})
    folders = ["src", "src/deep", "out", "out/deep"]
    assert [rules.is_ignored_folder(folder) for folder in folders] == [False, False, True, True]


def test_git_says_which_imported_files_are_ignored(tmp_path: Path) -> None:
    inner = make_repository(tmp_path / "inner", {"i.py": b"", ".gitignore": b"_version.py\n"})
    rules = b"_version.py\n*.so\nvendored/\nforced.py\nbuild/\n"
    top = make_repository(tmp_path / "r", {"a.py": b"", ".gitignore": rules})
    run_git(top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "s")
    generated = [
        "_version.py",
        "p/x.so",
        "[odd] \n é.so",
        ":(top)x.so",
        "s/_version.py",
        "build/lib.so",
    ]
    write_files(top, dict.fromkeys([*generated, "forced.py", "new.py", "s/mine.py"], b""))
    make_repository(top / "vendored", {"v.py": b""})
    make_repository(top / "nested", {"n.py": b"", ".gitignore": b"*.so\n"})
    write_files(top, {"nested/n.so": b""})
    run_git(top, "add", "-f", "forced.py")
    (top / "link").symlink_to("p")
    (top / "link.so").symlink_to("p/x.so")
    imported = [*generated, "forced.py", "new.py", "s/mine.py", "s/i.py", "a.py", "vendored/v.py"]
    imported += ["nested/n.py", "nested/n.so", "link/x.so", "link.so", "gone.so", "p"]
    tree = Repository.open(top).list_tree(["build/**"], imported)
    ignored = {*generated, "vendored/v.py", "nested/n.so", "link.so"} - {"build/lib.so"}
    assert set(tree.imported) == ignored
    assert tree.included == {"build/lib.so"}
    assert ignored.isdisjoint(tree.files)
    assert {"build/lib.so", "forced.py", "s/i.py"} <= set(tree.files)
    assert Repository.open(top).list_tree([], ["a.py"]).imported == ()


@pytest.mark.parametrize("name", ["[a]*?.so", "!x.so", "#x.so", "a\\b.so", "d/é x.so"])
def test_the_line_that_includes_a_file_takes_that_one(tmp_path: Path, name: str) -> None:
    top = make_repository(tmp_path / "r", {".gitignore": b"*.so\n"})
    write_files(top, {name: b"", "ab.so": b"", "d/other.so": b"", "x.so": b""})
    tree = Repository.open(top).list_tree([quote_glob(name)])
    assert tree.included == {name}
