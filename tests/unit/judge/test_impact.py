"""The functions a change touches, and the reasons why it may touch more."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.judge.impact import Impact, find_impact

TOP = Path("/top")
BASE = """\
import functools

TABLE = {"a": 1}


def plain(a, b):
    if a:
        return a
    else:
        return b


class Shape:
    sides = 3

    @property
    def area(self):
        def half():
            return 0.5
        return half() * 2

    @functools.lru_cache
    def kept(self):
        return 1


def short(): return 1
"""


def find(new: str, *, old: str = BASE, name: str = "a.py", executable: bool = False) -> Impact:
    changes = ChangeSet({name: FileChange(new.encode(), executable=executable)})
    return find_impact(changes, lambda _: (old.encode(), False), top=TOP)


@pytest.mark.parametrize(
    ("lines", "old", "new"),
    [
        ([7, 8, 9, 10], "        return a\n", "        return -a\n"),
        ([7, 8], "    else:\n        return b\n", ""),
        ([7, 8, 9, 10, 11], "        return a\n", "        # why\n        return a\n"),
        ([18, 19, 20], "0.5", "0.25"),
    ],
)
def test_all_lines_of_a_changed_function(lines: list[int], old: str, new: str) -> None:
    assert find(BASE.replace(old, new)) == Impact({"/top/a.py": lines})


def test_several_functions_of_one_file() -> None:
    changed = BASE.replace("return b", "return -b").replace("* 2", "* 3")
    assert find(changed) == Impact({"/top/a.py": [7, 8, 9, 10, 18, 19, 20]})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"a": 1', '"a": 2'),
        ("sides = 3", "sides = 4"),
        ("def plain(a, b):", "def plain(a, b=1):"),
        ("    @property\n", ""),
        ("import functools", "import functools\nimport math"),
        ("def short(): return 1", "def short(): return 2"),
        ("\n\nclass Shape", "\n\ndef more():\n    return 1\n\n\nclass Shape"),
        ("        return b\n", ""),  # and the lines around are still a function's
        ("class Shape:", "class Shape(dict):"),
    ],
)
def test_what_concerns_everybody(old: str, new: str) -> None:
    impact = find(BASE.replace(old, new, 1))
    assert impact.unknown_reason
    assert not impact.lines


def test_a_function_whose_results_may_be_kept() -> None:
    assert (
        find(BASE.replace("return 1\n\n", "return 2\n\n")).unknown_reason
        == "a.py: kept is decorated"
    )


def test_text_that_moves_into_a_function_is_seen() -> None:
    old = 'def f():\n    """A."""\n    x = 1\n\n\nX = 1\n'
    new = 'def f():\n    """A."""\n    x = 1\n\n\n    X = 1\n'
    assert find(new, old=old).unknown_reason == "a.py changes outside of its functions"


def test_files_that_are_no_modules_or_new_or_gone() -> None:
    assert find("1\n", name="data.json").unknown_reason
    assert find("def f(:\n").unknown_reason == "a.py cannot be read as Python"
    assert find(BASE, executable=True).unknown_reason
    for changes in (ChangeSet({"a.py": FileChange(None)}), ChangeSet({"n.py": FileChange(b"")})):
        read = {"a.py": (BASE.encode(), False)}.get
        assert find_impact(changes, read, top=TOP).unknown_reason


def test_a_path_that_coverage_would_take_for_a_pattern() -> None:
    assert find(BASE.replace("0.5", "0.25"), name="a[1].py").unknown_reason
