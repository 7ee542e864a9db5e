"""git's settings for all tests of this folder: an identity, and nothing of the machine's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kits.repository_kit import IDENTITY


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gitconfig").write_text(IDENTITY)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
