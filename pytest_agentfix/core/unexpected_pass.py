"""Recognise, by pytest's text of a failure, a test that passes and was expected to fail."""

from __future__ import annotations

from typing import Final

_EDITS: Final = {
    "[XPASS(strict)]": "it passes and is marked xfail with strict=True: remove the mark",
    "Unexpected success": "it passes and is marked expectedFailure: remove the decorator",
}


def find_unexpected_pass(text: str) -> str:
    """Return the edit that the test needs, "" if ``text`` tells of another failure."""
    return next((edit for start, edit in _EDITS.items() if text.strip().startswith(start)), "")
