"""The place of this repository, for tests that read its files or run them elsewhere."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
