"""The table of promises in CONTRIBUTING.md names tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.kits.places import REPOSITORY

TESTS = REPOSITORY / "tests"
ROWS = re.findall(r"^\|.*\|$", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE)
NAMED = sorted(set(re.findall(r"`(\w+/[\w/]*test_\w+\.py)(?:::(\w+))?`", "\n".join(ROWS))))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_shows_a_promise_is_there(path: str, name: str) -> None:
    text = (TESTS / path).read_text()
    if "import *" in text:  # the end-to-end run of a file of the loop's
        text = (TESTS / path.replace("e2e/", "loop/")).read_text()
    assert f"def {name}(" in text or not name


def test_the_table_was_found() -> None:
    assert len(NAMED) > 20
