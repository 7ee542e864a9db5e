"""The paths a change set may touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange
from pytest_agentfix.judge.policy import Accepted, Policy, apply_policy
from pytest_agentfix.judge.policy.rules import RULES

BASE = {
    "calc.py": (b"def add(a, b):\n    return a - b\n", False),
    "README.md": (b"# calc\n", False),
    "run.sh": (b"#!/bin/sh\n", True),
    "pkg/__init__.py": (b"", False),
    "pkg/a.py": (b"a = 1\n", False),
    "scripts/run.py": (b"", False),
    "tests/test_calc.py": (b"def test(): ...\n", False),
    "tests/data/in.bin": (b"\0", False),
}
NEW = FileChange(b"new\n")
GONE = FileChange(None)


def _policy(**more: object) -> Policy:
    return Policy(**{"base_paths": frozenset(BASE), **more})  # type: ignore[arg-type]


def _apply(
    changes: Mapping[str, FileChange],
    policy: Policy | None = None,
    *,
    irregular: tuple[Drop, ...] = (),
    litter: frozenset[str] = frozenset(),
    base: Mapping[str, tuple[bytes, bool]] = BASE,
) -> Accepted:
    collected = Collected(changes=ChangeSet(changes), irregular=irregular)
    chosen = policy or _policy(base_paths=frozenset(base))
    return apply_policy(chosen, collected, litter, read_base=base.get)


def _reason(path: str, change: FileChange = NEW, policy: Policy | None = None) -> str | None:
    """Return the reason why ``path`` was dropped, ``None`` if it may stay."""
    accepted = _apply({path: change}, policy)
    if accepted == Accepted(ChangeSet({path: change})):
        return None
    (drop,) = accepted.dropped
    assert accepted.changes == ChangeSet()
    return drop.reason


def test_what_git_ignores_is_only_lent() -> None:
    globs = ("**", "pkg/a.py")
    ignored = frozenset({"pkg/a.py"})
    policy = _policy(ignored=ignored, allow=globs, opened=ignored, allow_test_edits=True)
    reason = "git ignores this file: it is only lent to the sandbox"
    assert _reason("pkg/a.py", NEW, policy) == _reason("pkg/a.py", GONE, policy) == reason
    assert _reason("pkg/A.py", NEW, policy) == reason
    assert _reason("calc.py", NEW, policy) is None


def test_what_git_stores_through_a_filter_is_left_alone() -> None:
    policy = _policy(filtered=frozenset({"pkg/a.py"}), allow=("**",))
    reason = "git stores this file through a filter, which is never run"
    assert _reason("pkg/a.py", NEW, policy) == _reason("pkg/a.py", GONE, policy) == reason
    assert _reason("calc.py", NEW, policy) is None


def test_files_outside_a_sparse_checkout_are_not_made_anew() -> None:
    policy = _policy(left_out=frozenset({"other/a.py"}), allow=("**",))
    reason = "there is such a file, outside the sparse checkout"
    assert _reason("other/a.py", NEW, policy) == reason
    assert _reason("other/b.py", NEW, policy) is None


def test_an_honest_fix_stays_whole() -> None:
    changes = {
        "calc.py": FileChange(b"def add(a, b):\n    return a + b\n"),
        "pkg/a.py": GONE,
        "pkg/b.py": FileChange("größe = 1\n".encode()),
        "new/module.py": NEW,
    }
    assert _apply(changes) == Accepted(ChangeSet(changes))


REFUSED = {
    "test file": [
        "tests/test_calc.py",
        "tests/helpers.py",
        "tests/data/in.csv",
        "pkg/test/x.py",
        "pkg/test_a.py",
        "pkg/a_test.py",
        "Pkg2/TEST_B.py",
    ],
    "conftest.py": ["conftest.py", "pkg/conftest.py", "tests/conftest.py", "Conftest.py"],
    "pytest configuration": [
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "tox.ini",
        "setup.cfg",
        "pyproject.toml",
        "pkg/pytest.ini",
        "PyProject.toml",
    ],
    "interpreter start-up file": [
        "sitecustomize.py",
        "src/usercustomize.py",
        "sitecustomize/__init__.py",
        "x.pth",
        "a/x.start",
        "sitecustomize.pyw",
        "python311._pth",
        "pyvenv.cfg",
    ],
    "hides an installed module of that name": [
        "pytest.py",
        "_pytest/__init__.py",
        "typing.py",
        "src/json/__init__.py",
        "numpy/core.py",
        "lib/attr.so",
        "typing.pyw",
        "scripts/json.py",  # no package: what else but an entry of sys.path
    ],
    "CI or editor configuration": [
        ".github/workflows/ci.yml",
        ".gitlab-ci.yml",
        ".circleci/config.yml",
        ".githooks/pre-commit",
        ".pre-commit-config.yaml",
        ".vscode/settings.json",
        ".idea/x.xml",
        ".devcontainer/devcontainer.json",
        ".env",
        ".zed/settings.json",
        "shop.code-workspace",
        "Shop.sublime-project",
    ],
    "git configuration": [
        ".gitattributes",
        ".gitmodules",
        "pkg/.gitignore",
        ".git-blame-ignore-revs",
        "hooks/pre-commit",
        "tools/git-hooks/post-checkout",
    ],
    "build or dependency file": [
        "setup.py",
        "MANIFEST.in",
        "requirements.txt",
        "requirements-dev.txt",
        "uv.lock",
        "Pipfile",
        "Makefile",
        "docker/Dockerfile.dev",
        "calc.egg-info/entry_points.txt",
        "pylock.toml",
        "pylock.dev.toml",
        "requirements/base.txt",
        "tox.toml",
        "BUILD.bazel",
        "flake.nix",
    ],
    "script of a task runner": [
        "noxfile.py",
        "ci/noxfile.py",
        "tasks.py",
        "build.py",
        "fabfile.py",
    ],
    "snapshot or cassette": [
        "pkg/__snapshots__/a.txt",
        "pkg/a.ambr",
        "pkg/cassettes/a.yaml",
        "pkg/report.approved.txt",
        "pkg/report.golden",
    ],
    "coding agents' own file": [
        "AGENTS.md",
        "CLAUDE.md",
        ".opencode/plugin/x.js",
        "opencode.json",
        "opencode.jsonc",
        ".cursorrules",
        ".claude/settings.json",
        ".kiro/steering/x.md",
        "docs/copilot-instructions.md",
    ],
    "test data": [
        "pkg/test_a.json",
        "pkg/testdata/a.py",
        "pkg/test_a/expected.bin",
        "pkg/golden_files/a.txt",
    ],
    "hidden file": [".profile", "pkg/.config/x"],
    "unsafe path": [".git/hooks/pre-commit", "../x.py", "-rf", "x:y", ".g\u200cit/config"],
    "unsafe path: the name is not in NFC": ["pkg/e\u0301.py"],
    "differs from another path only in case or Unicode form": ["Calc.py", "PKG/b.py"],
    "inside a submodule": ["vendor/lib/x.py", "vendor/lib"],
    "binary content": ["pkg/x.pyc"],
}


@pytest.mark.parametrize(
    ("path", "reason"), [(path, reason) for reason, paths in REFUSED.items() for path in paths]
)
def test_refused_by_default(path: str, reason: str) -> None:
    policy = _policy(installed_names=frozenset({"numpy", "attr"}), submodules=("vendor/lib",))
    shown = path.encode("unicode_escape").decode() if not path.isprintable() else path
    assert _apply({path: NEW}, policy) == Accepted(ChangeSet(), (Drop(shown, reason),))


@pytest.mark.parametrize("path", ["tasks.py", "build.py", "noxfile.py"])
def test_a_script_that_the_tests_import_is_a_module_like_others(path: str) -> None:
    policy = _policy(imported=frozenset({path}))
    assert not _apply({path: NEW}, policy).dropped
    assert _apply({"setup.py": NEW}, _policy(imported=frozenset({"setup.py"}))).dropped


@pytest.mark.parametrize(
    "path",
    [
        "pkg/typing.py",  # in a package: hides nothing
        "pkg/tasks.py",
        "pkg/testing.py",
        "ab_test/engine.py",
        "contest.py",
        "pkg/build/x.py",
        "docs/notes.md",
        "pkg/data.json",
        "pkg/template.html",
        "pkg/hooks/update.py",
        "docs/requirements/intro.md",
        "new/typing.py",  # nothing is there yet that could be on the path
    ],
)
def test_allowed_by_default(path: str) -> None:
    assert _reason(path) is None


def test_an_existing_module_that_hides_another_may_be_fixed() -> None:
    base = {"typing.py": (b"x", False), "json/a.py": (b"x", False)}
    changes = {"typing.py": NEW, "json/b.py": NEW}
    assert _apply(changes, base=base) == Accepted(ChangeSet(changes))


def test_a_folder_may_not_become_a_package_that_hides_another() -> None:
    base = {"json/schema.json": (b"{}", False), "csv/tool.py": (b"", False)}
    reason = "hides an installed module of that name"
    for path in ("json/__init__.py", "json/new.py", "csv/__init__.py"):
        assert _apply({path: NEW}, base=base) == Accepted(ChangeSet(), (Drop(path, reason),))
    assert _apply({"csv/new.py": NEW}, base=base) == Accepted(ChangeSet({"csv/new.py": NEW}))


def test_deleting_protected_files_is_refused() -> None:
    accepted = _apply({"tests/test_calc.py": GONE, "pkg/__init__.py": GONE})
    expected = ChangeSet({"pkg/__init__.py": GONE})
    assert accepted == Accepted(expected, (Drop("tests/test_calc.py", "test file"),))


def test_test_edits_can_be_allowed_but_not_of_pytests_configuration() -> None:
    changes = dict.fromkeys(
        ("tests/test_calc.py", "tests/data/x.json", "pkg/__snapshots__/a.txt"), NEW
    )
    refused = {"tests/conftest.py": NEW, "pytest.ini": NEW}
    assert _apply({**changes, **refused}, _policy(allow_test_edits=True)) == Accepted(
        ChangeSet(changes),
        (
            Drop("pytest.ini", "pytest configuration"),
            Drop("tests/conftest.py", "conftest.py"),
        ),
    )


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (("check_*.py",), "pkg/check_a.py", "test file"),
        (("check_*.py",), "pkg/test_a.py", None),
        (("pkg/spec_*.py",), "pkg/spec_a.py", "test file"),
        (("*.py",), "pkg/a.py", None),  # says nothing: everything would be a test
        (("*.py",), "pkg/test_a.py", "test file"),
        (("*.py", "check_*.py"), "pkg/check_a.py", "test file"),
    ],
)
def test_python_files(patterns: tuple[str, ...], path: str, expected: str | None) -> None:
    assert _reason(path, policy=_policy(test_patterns=patterns)) == expected


@pytest.mark.parametrize(
    ("test_paths", "path", "expected"),
    [
        (("checks",), "checks/helper.py", "test file"),
        (("./checks/",), "checks/deep/data.bin", "test file"),
        (("pkg/*/specs",), "pkg/x/specs/helper.py", "test file"),
        (("quality",), "quality/helper.py", "test file"),  # holds nothing but tests
        ((".",), "calc.py", None),
        (("pkg",), "pkg/a.py", None),  # the product: testpaths is there for its doctests
        (("/abs", "..", ""), "calc.py", None),
    ],
)
def test_testpaths(test_paths: tuple[str, ...], path: str, expected: str | None) -> None:
    base = frozenset({*BASE, "quality/test_a.py", "quality/helper.py"})
    assert _reason(path, policy=_policy(test_paths=test_paths, base_paths=base)) == expected


def test_the_failing_tests_own_file_is_a_test_whatever_its_name() -> None:
    assert _reason("pkg/a.py", policy=_policy(targets=frozenset({"pkg/a.py"}))) == "test file"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("flat/in.json", "test data"), ("flat/in.html", None), ("flat/deep/in.json", None)],
)
def test_data_beside_a_test(path: str, expected: str | None) -> None:
    base = frozenset({"flat/test_x.py"})
    assert _reason(path, policy=_policy(base_paths=base)) == expected


def test_protected_paths_are_configuration() -> None:
    policy = _policy(protected=frozenset({"ci/my.ini"}))
    assert _reason("ci/my.ini", policy=policy) == "pytest configuration"


def test_paths_of_the_marker() -> None:
    policy = _policy(paths=("pkg/*.py", "tests"))
    changes = {"pkg/a.py": NEW, "calc.py": NEW, "tests/test_calc.py": NEW}
    assert _apply(changes, policy) == Accepted(
        ChangeSet({"pkg/a.py": NEW}),
        (
            Drop("calc.py", "outside paths= of the marker"),
            Drop("tests/test_calc.py", "test file"),
        ),
    )


OPENED = [
    ".github/workflows/ci.yml",
    ".gitlab-ci.yml",
    "conftest.py",
    "tests/conftest.py",
    "pytest.ini",
    "ci/my.ini",
    "setup.py",
    "uv.lock",
    "pkg/__snapshots__/a.txt",
    "tests/test_calc.py",
    "pkg/test_a.json",
    ".profile",
    "typing.py",
]
# Each with a reason that "**" must not take away.
NEVER_OPENED = {
    "../x.py": "unsafe path",
    ".git/config": "unsafe path",
    "pkg/e\u0301.py": "unsafe path: the name is not in NFC",
    "vendor/lib/x.py": "inside a submodule",
    ".gitattributes": "git configuration",
    ".gitmodules": "git configuration",
    ".githooks/pre-commit": "git configuration",
    "hooks/pre-push": "git configuration",
    ".github/.gitattributes": "git configuration",
    "AGENTS.md": "coding agents' own file",
    ".opencode/plugin/x.js": "coding agents' own file",
    ".github/copilot-instructions.md": "coding agents' own file",
    "sitecustomize.py": "interpreter start-up file",
    "tests/x.pth": "interpreter start-up file",
    "Calc.py": "differs from another path only in case or Unicode form",
    "tests/x.so": "binary content",
}


def _open_policy(*allow: str, **more: object) -> Policy:
    protected = frozenset({"ci/my.ini"})
    return _policy(allow=allow, protected=protected, submodules=("vendor/lib",), **more)


@pytest.mark.parametrize("path", OPENED)
def test_a_glob_opens_what_it_matches(path: str) -> None:
    assert _reason(path, policy=_open_policy("docs/**", path)) is None
    assert _reason(path, policy=_open_policy("**")) is None
    assert _reason(path, policy=_open_policy("docs/**")) is not None


@pytest.mark.parametrize("path", NEVER_OPENED)
def test_no_glob_opens_what_is_never_open(path: str) -> None:
    (drop,) = _apply({path: NEW}, _open_policy("**", path)).dropped
    assert drop.reason == NEVER_OPENED[path]


def test_no_glob_opens_content_modes_and_planted_repositories() -> None:
    changes = {
        "tests/a.py": FileChange(b"\0"),
        "tests/b.py": FileChange("'\u202e'".encode()),
        "tests/c.py": FileChange(b"c\n", executable=True),
        **{f"tests/r/{name}": NEW for name in ("HEAD", "objects/x", "refs/x")},
    }
    assert _apply(changes, _open_policy("**")) == Accepted(
        ChangeSet({"tests/c.py": FileChange(b"c\n")}),
        (
            Drop("tests/a.py", "binary content"),
            Drop("tests/b.py", "bidirectional control characters"),
            Drop("tests/c.py", "the executable bit stays as it was"),
            Drop("tests/r/HEAD", "part of a bare git repository"),
            Drop("tests/r/objects/x", "part of a bare git repository"),
            Drop("tests/r/refs/x", "part of a bare git repository"),
        ),
    )


def test_no_glob_opens_more_than_the_marker_does() -> None:
    policy = _open_policy("conftest.py", "tests/**", paths=("pkg", "tests/data/**"))
    outside = "outside paths= of the marker"
    changes = {"conftest.py": NEW, "tests/data/x.csv": NEW, "tests/x.csv": NEW, "pkg/a.py": NEW}
    assert _apply(changes, policy) == Accepted(
        ChangeSet({"pkg/a.py": NEW, "tests/data/x.csv": NEW}),
        (Drop("conftest.py", outside), Drop("tests/x.csv", outside)),
    )


def test_which_rules_can_be_opened() -> None:
    assert {rule.name for rule in RULES if rule.can_be_opened} == {
        *("ci", "conftest", "pytest", "protected", "build", "task-script", "snapshot"),
        *("test", "test-data", "hidden", "shadow"),
    }


def test_new_paths_that_collide_are_both_left_out() -> None:
    reason = "differs from another path only in case or Unicode form"
    accepted = _apply({"pkg/new.py": NEW, "pkg/New.py": NEW})
    expected = (Drop("pkg/New.py", reason), Drop("pkg/new.py", reason))
    assert accepted == Accepted(ChangeSet(), expected)


@pytest.mark.parametrize(
    "content", [b"a\0b", b"\xff\xfe", "x".encode("utf-16")], ids=["NUL", "bytes", "UTF-16"]
)
def test_binary_content_is_refused(content: bytes) -> None:
    assert _reason("pkg/a.py", FileChange(content)) == "binary content"


def test_bidi_controls_may_stay_but_not_come_in() -> None:
    base = {"a.py": ("x = '\u202e'\n".encode(), False), "b.py": (b"", False)}
    changes = {
        "a.py": FileChange("y = '\u202e'\n".encode()),
        "b.py": FileChange("y = '\u2066'\n".encode()),
        "c.py": FileChange("y = '\u200f'\n".encode()),
    }
    reason = "bidirectional control characters"
    assert _apply(changes, base=base) == Accepted(
        ChangeSet({"a.py": changes["a.py"]}), (Drop("b.py", reason), Drop("c.py", reason))
    )


def test_executable_bits_stay_as_they_were() -> None:
    changes = {
        "calc.py": FileChange(BASE["calc.py"][0], executable=True),  # the bit only
        "pkg/a.py": FileChange(b"a = 2\n", executable=True),
        "new.sh": FileChange(b"#!/bin/sh\n", executable=True),
        "run.sh": FileChange(b"#!/bin/bash\n", executable=False),
    }
    reason = "the executable bit stays as it was"
    assert _apply(changes) == Accepted(
        ChangeSet(
            {
                "new.sh": FileChange(b"#!/bin/sh\n"),
                "pkg/a.py": FileChange(b"a = 2\n"),
                "run.sh": FileChange(b"#!/bin/bash\n", executable=True),
            }
        ),
        tuple(Drop(path, reason) for path in ("calc.py", "new.sh", "pkg/a.py", "run.sh")),
    )


def test_litter_goes_without_a_word_where_it_is_new() -> None:
    litter = frozenset({"out.log", "calc.py", "sock"})
    changes = {"out.log": NEW, "calc.py": NEW}
    irregular = (Drop("sock", "socket"), Drop("link", "symbolic link"))
    assert _apply(changes, litter=litter, irregular=irregular) == Accepted(
        ChangeSet({"calc.py": NEW}), (Drop("link", "symbolic link"),)
    )


@pytest.mark.parametrize("trio", [("HEAD", "objects/x", "refs/x"), ("head", "commondir")])
@pytest.mark.parametrize("folder", ["", "pkg/data/"])
def test_planted_repositories_are_left_out(folder: str, trio: tuple[str, ...]) -> None:
    changes = {f"{folder}{name}": NEW for name in (*trio, "config")}
    accepted = _apply({**changes, "calc.py": NEW})
    assert accepted == Accepted(
        ChangeSet({"calc.py": NEW}),
        tuple(Drop(path, "part of a bare git repository") for path in sorted(changes)),
    )


def test_a_repository_that_was_there_may_get_new_files() -> None:
    base = {f"demo/{name}": (b"", False) for name in ("HEAD", "objects/x", "refs/x")}
    assert _apply({"demo/notes": NEW}, base=base) == Accepted(ChangeSet({"demo/notes": NEW}))


def test_half_of_a_file_that_became_a_folder_is_left_out() -> None:
    policy = _policy(paths=("calc.py/*", "pkg"))  # forbids the deletion of calc.py itself
    reason = "a file is where another one needs a folder"
    changes = {"calc.py/x.py": NEW, "pkg": NEW}
    accepted = _apply(changes, policy)
    assert accepted.dropped == (Drop("calc.py/x.py", reason), Drop("pkg", reason))
    whole = {"calc.py": GONE, "calc.py/x.py": NEW}
    assert _apply(whole) == Accepted(ChangeSet(whole))


def test_every_rule_has_its_own_name() -> None:
    names = [rule.name for rule in RULES]
    assert sorted(set(names)) == sorted(names)


_parts = st.sampled_from(
    ["a", "A", "tests", ".git", "..", "", "conftest.py", "é", "e\u0301", "\udcff", "x\ny", "b.py"]
)
_paths = st.lists(_parts, min_size=1, max_size=4).map("/".join)
_changes = st.builds(
    FileChange, st.one_of(st.none(), st.binary(max_size=4)), executable=st.booleans()
)


@given(st.dictionaries(_paths, _changes, max_size=6), st.frozensets(_paths, max_size=3))
def test_whatever_comes_in_every_path_is_kept_or_dropped(
    changes: dict[str, FileChange], litter: frozenset[str]
) -> None:
    accepted = _apply(changes, litter=litter)
    kept: Callable[[str], bool] = accepted.changes.files.__contains__
    assert set(accepted.changes.files) <= set(changes)
    assert not any(
        ".git" in path.split("/") or ".." in path.split("/") for path in filter(kept, changes)
    )
    for drop in accepted.dropped:
        assert drop.path.isprintable()
    left = [path for path in changes if not kept(path) and path not in litter - set(BASE)]
    assert bool(left) <= bool(accepted.dropped)


def test_nothing_stays_of_a_change_that_was_not_read_as_a_whole() -> None:
    drop = Drop("z.py", "too many files")
    collected = Collected(
        changes=ChangeSet({"a.py": FileChange(b"x = 1\n")}), irregular=(drop,), is_complete=False
    )
    accepted = apply_policy(Policy(), collected, frozenset(), read_base=lambda _: None)
    assert accepted == Accepted(ChangeSet(), (drop,))
