"""Every dependency has a floor, with its reason in CONTRIBUTING.md."""

from __future__ import annotations

import re
import runpy
from importlib.metadata import requires

from tests.kits.places import REPOSITORY

read_floors = runpy.run_path(str(REPOSITORY / "scripts" / "floors.py"))["read_floors"]
FLOORS = read_floors((REPOSITORY / "pyproject.toml").read_text("utf-8"))


def test_every_dependency_has_a_floor_and_nothing_else() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^dependencies = \[$(.*?)^\]$", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert len(FLOORS) == len(block[1].strip().splitlines())
    names = {re.split(r"[<>=; ]", one, maxsplit=1)[0] for one in requires("pytest-agentfix") or ()}
    assert set(FLOORS) <= names


def test_every_floor_has_its_reason() -> None:
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)>=([0-9.]+)` \| .+ \|$", guide, re.MULTILINE))
    assert rows == FLOORS


def test_no_floor_in_a_table_of_something_else() -> None:
    assert read_floors('[tool]\ndependencies = [\n    "a>=1",\n]\nx = [\n    "b>=2",\n]\n') == {
        "a": "1"
    }
    assert read_floors("") == {}
