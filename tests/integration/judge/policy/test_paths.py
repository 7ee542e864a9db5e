"""The paths that are let in, whatever bytes somebody makes of them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange
from pytest_agentfix.core.paths import display, fold, is_git_alike, normalise
from pytest_agentfix.judge.policy import Policy, apply_policy, compile_glob, is_agents_own

GOOD = [
    "calc.py",
    "src/calc/__init__.py",
    "src/ünï/çalc.py",
    "日本/語.py",
    "a b/c d.py",
    "a/.hidden",
    "git/config.py",
    "src/git.py",
    "...a",
    "a~1b.py",
    "console.py",
    "x" * 255,
]

HOSTILE = {
    "empty": "",
    "a blank that is none": "a\xa0b.py",
    "a wide blank": "a\u3000b.py",
    "absolute": "/etc/passwd",
    "parent": "..",
    "escape": "a/../../etc/passwd",
    "escape that comes back": "a/../a.py",
    "here": ".",
    "here first": "./a.py",
    "empty part": "a//b.py",
    "folder": "a/",
    "git": ".git/hooks/pre-commit",
    "git deep down": "a/.git/config",
    "git in capitals": ".GIT/config",
    "git by its short name": "git~1/config",
    "git by its short name in capitals": "a/GIT~2",
    "git with a zero-width character": ".g\u200cit/config",
    "git in wide letters": "\uff0e\uff47\uff49\uff54/config",
    "git with a trailing dot": ".git./config",
    "git with a trailing space": ".git /config",
    "git as a stream": ".git::$INDEX_ALLOCATION/config",
    "short name of conftest.py": "CONFTE~1.PY",
    "backslash": "a\\b.py",
    "drive": "C:a.py",
    "stream": "x:y",
    "option": "-rf",
    "option further down": "a/-rf",
    "NUL": "a\0b",
    "newline": "a\nb",
    "carriage return": "a\rb",
    "escape sequence": "a\x1b[31m",
    "DEL": "a\x7f",
    "C1": "a\x9b31m",
    "line separator": "a\u2028b",
    "bidi": "a\u202eyp.b",
    "zero-width": "a\u200bb.py",
    "byte order mark": "\ufeffa.py",
    "Hangul filler": "a\u3164.py",
    "variation selector": "a\ufe0f.py",
    "surrogate": "a\udcff.py",
    "private use": "a\ue000.py",
    "leading space": " a.py",
    "trailing space": "a.py ",
    "no-break space at the end": "a/b\u00a0/c.py",
    "trailing dot": "a./b.py",
    "device": "con",
    "device with an ending": "a/AUX.py",
    "device with a space": "nul .txt",
    "device in superscript": "com¹.txt",
    "wildcard": "a*.py",
    "long part": "x" * 256,
    "long part in bytes": "ü" * 128,
    "long path": "/".join(["x" * 100] * 11),
    "deep": "/".join("x" * 129),
}

ALPHABET = st.one_of(
    st.sampled_from(
        [
            *("/", "..", ".", ".git", "git~1", "GIT", "\0", "\n", "\u200c", "\u202e", "-rf"),
            *("x:y", "\\", " ", "~1", "con", "\udc80", "\ud800", "a", "é", "e\u0301", "x" * 300),
        ]
    ),
    st.characters(),
)
PATHS = st.lists(ALPHABET, max_size=12).map("".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("oracle")
    _git(top, "init", "--quiet")
    for key in ("core.protectNTFS", "core.protectHFS"):
        _git(top, "config", key, "true")
    return top


def _git(top: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(top), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *arguments], cwd=top, input=stdin, env=environ, capture_output=True, check=False
    )


def _git_takes(top: Path, path: str) -> bool:
    entry = b"100644 " + b"1" * 40 + b" 0\t" + os.fsencode(path) + b"\0"
    (top / ".git/index").unlink(missing_ok=True)
    return _git(top, "update-index", "-z", "--index-info", stdin=entry).returncode == 0


@pytest.mark.parametrize("path", GOOD)
def test_plain_path_is_returned_as_it_is(path: str) -> None:
    assert normalise(path) == path


@pytest.mark.parametrize("path", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_path_is_refused(path: str) -> None:
    assert normalise(path) is None


@given(PATHS)
def test_nothing_that_is_let_in_leads_out(path: str) -> None:
    answer = normalise(path)
    assert answer in (path, None)
    if answer is not None:
        joined = os.path.normpath(f"/top/{answer}")
        assert joined == f"/top/{answer}"
        assert not {"", ".", "..", ".git"} & set(answer.casefold().split("/"))
        assert answer.isprintable()


@settings(deadline=None, max_examples=150)
@given(path=PATHS)
def test_git_takes_what_is_let_in(repository: Path, path: str) -> None:
    if normalise(path) is not None:
        assert _git_takes(repository, path)


@pytest.mark.parametrize("path", GOOD)
def test_git_takes_good_paths(repository: Path, path: str) -> None:
    assert _git_takes(repository, path)


@pytest.mark.parametrize("path", ["-rf", "a\nb", "con.py", "x:y"])
def test_git_alone_would_not_do(repository: Path, path: str) -> None:
    assert (_git_takes(repository, path), normalise(path)) == (True, None)


@given(st.text())
def test_git_alikes_never_crash_and_never_miss_git(text: str) -> None:
    is_git_alike(text)
    assert is_git_alike(f".git{' ' * (len(text) % 3)}")


@given(PATHS)
def test_display_is_printable_and_short(path: str) -> None:
    shown = display(path)
    assert shown.isprintable()
    assert len(shown) <= 200


def test_display_escapes_what_cannot_be_seen() -> None:
    assert display("a\x1b\udcff\u202e é.py") == r"a\x1b\xff\u202e é.py"


@given(st.text(), st.text())
def test_fold_is_stable(one: str, other: str) -> None:
    assert fold(fold(one)) == fold(one)
    assert fold(f"{one}/{other}") == f"{fold(one)}/{fold(other)}"


def test_fold_equals_what_file_systems_mix_up() -> None:
    assert fold("STRASSE/É.py") == fold("straße/e\u0301.PY")


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("src/*.py", ["src/a.py"], ["src/a/b.py", "a.py", "src/a.txt"]),
        ("src", ["src", "src/a/b.py"], ["srcs/a.py", "a/src"]),
        ("src/", ["src/a/b.py"], ["srcs/a.py"]),
        ("./src/**", ["src/a.py", "src/a/b"], ["a/src/b"]),
        ("**/models.py", ["models.py", "a/b/models.py"], ["amodels.py"]),
        ("a/**/b.py", ["a/b.py", "a/x/y/b.py"], ["ab.py"]),
        ("a?c.py", ["abc.py"], ["a/c.py", "ac.py"]),
        ("[ab].py", ["a.py"], ["c.py"]),
        ("[!a].py", ["b.py"], ["a.py", "/.py"]),
        ("[z-a].py", [], ["z.py"]),
        ("a[b.py", ["a[b.py"], ["ab.py"]),
        (".", ["a", "a/b"], []),
    ],
)
def test_glob(glob: str, yes: list[str], no: list[str]) -> None:
    regex = compile_glob(glob)
    assert [path for path in yes + no if regex.fullmatch(path)] == yes


@given(st.text(alphabet="ab*?[]!^-/\\.&|~"), st.text(alphabet="ab/"))
def test_no_glob_crashes(glob: str, path: str) -> None:
    compile_glob(glob).fullmatch(path)


SPECIAL = st.sampled_from(
    [
        *("calc.py", "pkg/__init__.py", "pkg", "pkg/a.py/b.py", "tests/test_a.py", "conftest.py"),
        *("pytest.ini", ".github/x.yml", "HEAD", "refs/x", "objects/x", "json.py", "AGENTS.md"),
        *(f"pkg/{hostile}" for hostile in HOSTILE.values()),
    ]
)
CHANGES = st.dictionaries(
    st.one_of(PATHS, SPECIAL),
    st.builds(
        FileChange,
        st.one_of(
            st.none(), st.sampled_from([b"", b"\0", "\u202e".encode()]), st.binary(max_size=9)
        ),
        executable=st.booleans(),
    ),
    max_size=6,
)
GLOBS = st.lists(st.one_of(st.sampled_from(["**", "*", "tests/**", "[", "**/*.py"]), PATHS))
POLICIES = st.builds(
    Policy,
    test_patterns=GLOBS.map(tuple),
    test_paths=GLOBS.map(tuple),
    targets=st.frozensets(SPECIAL, max_size=2),
    paths=st.one_of(st.none(), GLOBS.map(tuple)),
    allow_test_edits=st.booleans(),
    installed_names=st.frozensets(st.text(max_size=3), max_size=2),
    submodules=st.lists(PATHS, max_size=2).map(tuple),
    protected=st.frozensets(SPECIAL, max_size=2),
    allow=GLOBS.map(tuple),
)
BASE: dict[str, tuple[bytes, bool]] = {
    "calc.py": (b"1\n", True),
    "pkg/__init__.py": (b"", False),
    "tests/test_a.py": (b"", False),
}


@settings(deadline=None)
@given(CHANGES, POLICIES, st.frozensets(SPECIAL, max_size=2), st.lists(PATHS, max_size=2))
def test_the_policy_as_a_whole_keeps_nothing_that_leads_out(
    changes: dict[str, FileChange], policy: Policy, litter: frozenset[str], irregular: list[str]
) -> None:
    collected = Collected(
        changes=ChangeSet(changes), irregular=tuple(Drop(path, "a link") for path in irregular)
    )
    policy = replace(policy, base_paths=frozenset(BASE))
    accepted = apply_policy(policy, collected, litter, read_base=BASE.get)
    files = accepted.changes.files
    assert [normalise(path) for path in files] == [*files]
    assert not [path for path in files if os.path.normpath(f"/top/{path}") != f"/top/{path}"]
    assert not [path for path in files if is_agents_own(path) or ".git" in path.split("/")]
    there = {*BASE, *files} - {path for path, change in files.items() if change.is_deletion}
    assert not [path for path in there if any(other.startswith(f"{path}/") for other in there)]
    for path, change in files.items():
        assert changes[path].content == change.content
        assert b"\0" not in (change.content or b"")
        assert change.is_deletion or change.executable == BASE.get(path, (b"", False))[1]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".opencode/agents/x.md", True),
        (".opencode", True),
        ("opencode.json", True),
        ("sub/OpenCode.jsonc", True),
        ("AGENTS.md", True),
        (".cursorrules", True),
        ("opencode/json.py", False),
        ("src/agents.py", False),
    ],
)
def test_agents_own(path: str, expected: bool) -> None:  # noqa: FBT001
    assert is_agents_own(path) is expected
