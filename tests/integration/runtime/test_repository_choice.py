"""The repository is that of the tests, wherever pytest's rootdir is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import (
    NoCommitsError,
    NotARepositoryError,
    OutsideRepositoryError,
    SettingError,
)
from pytest_agentfix.core.model import Invocation
from pytest_agentfix.runtime.repository_choice import choose_repository
from tests.kits.repository_kit import IDENTITY, make_repository, run_git

REPORT = "--agent-fix-report ../out.json"


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text(IDENTITY)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r", {"tests/test_a.py": b"", "calc.py": b""})


def invoke(cwd: Path, *tests: Path, rootdir: Path | None = None) -> Invocation:
    return Invocation(
        rootdir=rootdir or cwd, cwd=cwd, config_file=None, test_locations=tests or (cwd,)
    )


def test_the_rootdir_is_above(top: Path) -> None:
    assert choose_repository(invoke(top, rootdir=top.parent)).top == top


def test_the_current_folder_is_above(top: Path) -> None:
    assert choose_repository(invoke(top.parent, top / "tests" / "test_a.py")).top == top


def test_tests_are_in_another_repository_than_the_current_folder(top: Path, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "other", {"a.py": b""})
    invocation = invoke(other, top / "tests", rootdir=top)
    assert choose_repository(invocation).top == top


def test_the_current_folders_counts_where_two_hold_tests(top: Path, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "other", {"a.py": b""})
    assert choose_repository(invoke(top, top / "tests", other / "a.py")).top == top
    assert choose_repository(invoke(other, top / "tests", other / "a.py")).top == other


def test_names_instead_of_paths(top: Path, tmp_path: Path) -> None:
    invocation = Invocation(rootdir=top, cwd=tmp_path, config_file=top / "pytest.ini")
    assert choose_repository(invocation).top == top


def test_a_nested_repository_with_the_settings_of_the_outer(top: Path) -> None:
    inner = make_repository(top / "inner", {"test_b.py": b""})
    (top / "pytest.ini").touch()
    invocation = replace(invoke(inner, rootdir=top), config_file=top / "pytest.ini")
    assert choose_repository(invocation).top == top
    assert choose_repository(invoke(inner)).top == inner


def test_another_repository_that_cannot_be_used(top: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run_git(tmp_path / "empty", "init", "-q")
    assert choose_repository(invoke(tmp_path / "empty", top / "tests", rootdir=top)).top == top
    with pytest.raises(NoCommitsError):
        choose_repository(invoke(tmp_path / "empty", tmp_path))


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="not of one around it: git init"):
        choose_repository(invoke(tmp_path))


@pytest.mark.parametrize("name", ["pytest.ini", "pyproject.toml"])
def test_settings_from_above_the_repository(top: Path, name: str) -> None:
    config = top.parent / name
    config.touch()
    invocation = replace(invoke(top, rootdir=top.parent), config_file=config)
    with pytest.raises(OutsideRepositoryError) as caught:
        choose_repository(invocation)
    assert f"pytest takes its settings from {config}" in caught.value.problem
    assert f"Put a pytest.ini of its own into {top}" in caught.value.next_step


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", ""),
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("tests/tox.ini", "[pytest]\n"),
        ("setup.cfg", "[tool:pytest]\n"),
    ],
)
def test_an_options_value_that_hides_the_settings(top: Path, name: str, text: str) -> None:
    (top / name).write_text(text)
    invocation = replace(invoke(top, top / "tests", rootdir=top.parent), mistaken=REPORT)
    with pytest.raises(SettingError) as caught:
        choose_repository(invocation)
    assert f"does not read {top / name}" in caught.value.problem
    assert caught.value.next_step == "Write `--agent-fix-report=../out.json`."


def test_an_options_value_that_does_no_harm(top: Path) -> None:
    (top / "pyproject.toml").write_text("[tool.ruff]\n")
    invocation = replace(invoke(top, top / "tests", rootdir=top.parent), mistaken=REPORT)
    assert choose_repository(invocation).top == top


def test_a_rootdir_elsewhere(top: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    invocation = invoke(top, rootdir=tmp_path / "elsewhere")
    with pytest.raises(OutsideRepositoryError, match=f"--rootdir={top}"):
        choose_repository(invocation)
    with pytest.raises(SettingError, match=r"Write `--agent-fix-report=\.\./out\.json`"):
        choose_repository(replace(invocation, mistaken=REPORT))


def test_links_lead_to_the_repository(top: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(top)
    invocation = invoke(tmp_path / "link", tmp_path / "link" / "tests")
    assert choose_repository(invocation).top == top
