"""Sources and tables that are not UTF-8, repaired by an agent whose editor knows UTF-8 only."""

from __future__ import annotations

from tests.kits.loop_kit import StartModel, once, refill
from tests.kits.project_kit import Project

SOURCE = """\
# -*- coding: latin-1 -*-
UNIT = "Größe"


def label(value):
    return f"{UNIT} {value - 1}"  # für alle


LETTERS = "äöü"
"""
TEST = """\
import sizes


def test_label():
    assert sizes.label(1) == "Gr\\u00f6\\u00dfe 2"


def test_letters():
    assert sizes.LETTERS == "\\u00e4\\u00f6\\u00fc"
"""


def test_a_source_with_a_coding_cookie(project: Project, start_model: StartModel) -> None:
    refill(project, {"test_sizes.py": TEST, ".gitignore": "*.pyc\n"})
    source = project.path / "sizes.py"
    source.write_bytes(SOURCE.encode("latin-1"))
    project.git("add", "-A")
    project.git("commit", "-q", "--amend", "-m", "start")
    model = start_model(once(project, "sizes.py", "value - 1", "value + 1"))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 passed, 1 fixed")
    assert source.read_bytes() == SOURCE.replace("value - 1", "value + 1").encode("latin-1")
    assert (project.log()[1:], project.status()) == (["start"], "")
    assert project.git("diff", "--numstat", "HEAD~1", "HEAD").split() == ["1", "1", "sizes.py"]
