"""The files that the base is made of, at the first failure and at the suite's end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_agentfix.core.settings import Settings
from pytest_agentfix.repository import Repository
from pytest_agentfix.runtime.base_files import copy_base, list_base_files, make_history
from pytest_agentfix.sandbox.environments import Environment
from tests.kits.repository_kit import IDENTITY, make_repository, write_files

ENVIRONMENT = Environment(
    kind="local", image="", python="python3", user=(os.getuid(), os.getgid()), env={}
)


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gitconfig").write_text(IDENTITY)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    top = make_repository(tmp_path / "r", {"a.py": b"", ".gitignore": b"_*.py\ndata/\ntoken.py\n"})
    ignored = ("_version.py", "_late.py", "_unused.py", "token.py", "data/x.json", "run.cassette")
    write_files(top, dict.fromkeys(ignored, b"{}\n"))
    return top


def test_ignored_files_are_imported_or_included(top: Path) -> None:
    settings = Settings(include=("data/**",), record=top / "run.cassette")
    imported = [f"{top}/{name}" for name in ("_version.py", "token.py", "a.py")]
    files = list_base_files(Repository.open(top), settings, [*imported, "/elsewhere/b.py"])
    assert files.files == (".gitignore", "_version.py", "a.py", "data/x.json")
    assert files.ignored == {"_version.py", "data/x.json"}
    assert [notice.partition(" ")[0] for notice in files.notices] == ["token.py", "ignored"]


def test_what_was_prepared_stays_unless_more_was_imported(top: Path, tmp_path: Path) -> None:
    repository = Repository.open(top)
    early = list_base_files(repository, Settings(), [f"{top}/_version.py"])
    base = copy_base(top, early, ENVIRONMENT, tmp_path / "base")
    again = list_base_files(Repository.open(top), Settings(), [f"{top}/_version.py", "/x.py"])
    assert base.refresh(again.files) == (base, False)
    late = list_base_files(repository, Settings(), [f"{top}/_version.py", f"{top}/_late.py"])
    refreshed, is_changed = base.refresh(late.files)
    assert is_changed
    assert refreshed.read("_late.py") == (b"{}\n", False)
    assert refreshed.read("_unused.py") is None


def test_history_only_where_it_is_asked_for(top: Path, tmp_path: Path) -> None:
    repository = Repository.open(top)
    files = list_base_files(repository, Settings(), [])
    base = copy_base(top, files, ENVIRONMENT, tmp_path / "base")

    def folder(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    assert make_history(repository, Settings(), base, folder) is None
    made = make_history(repository, Settings(repository_history="judge"), base, folder)
    assert made == tmp_path / "history/.git"
