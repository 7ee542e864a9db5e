"""Hunks that only carry words or imports go with the hunks of code that they stand with."""

from __future__ import annotations

import textwrap

import pytest

from pytest_agentfix.core.hunks import join_hunks, split_hunks
from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.judge.trial_hunks import TrialHunks, sort_hunks

BASE = '''\
"""A shop.

Prices are whole cents.
"""

import sys

RATE = 3

# Prices.
# They have no tax.


def price(value, count=1):
    """Return the price.

    Nothing is rounded.
    """
    # Count it.
    count = count or 1
    total = value - count
    print(total)
    seen = []
    return total


class Cart:
    """A cart.

    It is empty at first.
    """

    limit = 10

    def add(self, value):
        return value

    def size(self):
        return 0


def other(value):
    """Do something else."""
    # Nothing special.
    seen = []
    return [
        value,
        seen,
    ]
'''
CODE = ("value - count", "value + count")


def sort(*edits: tuple[str, str], base: str = BASE) -> tuple[TrialHunks, dict[str, bytes]]:
    """Make the edits in one file, and sort the hunks of the change."""
    new = base
    for old, text in edits:
        assert new.count(old) == 1, old
        new = new.replace(old, text)
    files = {"shop.py": (base.encode(), False)}
    return sort_files(files, {"shop.py": FileChange(new.encode())})


def sort_files(
    base: dict[str, tuple[bytes, bool]], files: dict[str, FileChange]
) -> tuple[TrialHunks, dict[str, bytes]]:
    hunks = sort_hunks(split_hunks(ChangeSet(files), base.get), base.get)
    candidates = join_hunks(hunks.candidates, base.get)
    return hunks, {path: change.content or b"" for path, change in candidates.files.items()}


@pytest.mark.parametrize(
    "edit",
    [
        ("Nothing is rounded.", "Nothing is rounded.\n\n    .. versionchanged:: 2\n"),
        ("Return the price.", "Return the whole price."),
        ("# Count it.", "# Add what is counted."),
        ("    # Count it.\n", ""),
        ("    seen = []\n    return total", "    seen = []\n\n    return total"),
        ("return total", "return total  # in cents"),
        ("def price(value, count=1):", "def price(value: int, count: int = 1) -> int:"),
        ("seen = []\n    return total", "seen: list[int] = []\n    return total"),
        ("Prices are whole cents.", "Prices are whole cents, and added."),
    ],
    ids=[
        *("version note", "docstring", "comment", "comment goes", "blank line"),
        *("comment after code", "hints", "hint of a variable", "module docstring"),
    ],
)
def test_words_go_with_the_code_of_their_statement(edit: tuple[str, str]) -> None:
    hunks, _ = sort(CODE, edit)
    assert len(hunks.hunks) == 2
    assert len(hunks.candidates) == 1
    [code] = hunks.candidates
    assert b"value + count" in b"".join(code.lines)
    assert hunks.complete([code]) == hunks.hunks
    assert hunks.complete([]) == ()


@pytest.mark.parametrize(
    "edit",
    [
        ("# Nothing special.", "# Nothing."),
        ("Do something else.", "Do something different."),
        ("def other(value):", "def other(value: int) -> object:"),
        ("A cart.", "A basket."),
        ("RATE = 3", "RATE = 3  # percent"),
        ("seen = []\n    return total", "seen = None\n    return total"),
        ("        value,\n        seen,\n", "        value, seen,\n"),
        ("limit = 10", "limit: int = 10"),
        ("import sys\n", "import os\nimport sys\n"),
    ],
    ids=[
        *("comment elsewhere", "docstring elsewhere", "hints elsewhere", "class elsewhere"),
        *("module's comment", "code", "layout", "field", "import that nobody uses"),
    ],
)
def test_everything_else_can_be_left_out(edit: tuple[str, str]) -> None:
    hunks, _ = sort(CODE, edit)
    assert hunks.candidates == hunks.hunks
    assert len(hunks.hunks) == 2


def test_a_class_is_one_statement_with_all_its_methods() -> None:
    code = ("return 0", "return len(self.items)")
    hunks, _ = sort(code, ("It is empty at first.", ".. versionchanged:: 2"), CODE)
    price, size = hunks.candidates
    assert len(hunks.complete([size])) == 2
    assert hunks.complete([price]) == (price,)


def test_comments_right_above_a_statement_belong_to_it() -> None:
    base = BASE.replace("They have no tax.\n\n\n", "They have no tax.\n")
    hunks, _ = sort(CODE, ("# They have no tax.", "# With tax."), base=base)
    assert len(hunks.candidates) == 1
    hunks, _ = sort(CODE, ("# They have no tax.", "# With tax."))
    assert len(hunks.candidates) == 2


HINT = ("def price(value, count=1):", "def price(value: Decimal, count=1):")


@pytest.mark.parametrize(
    "imports",
    [
        [("import sys\n", "import sys\nfrom decimal import Decimal\n")],
        [
            ("import sys\n", "import sys\nfrom typing import TYPE_CHECKING\n"),
            ("RATE = 3\n", "RATE = 3\n\nif TYPE_CHECKING:\n    from decimal import Decimal\n"),
        ],
    ],
    ids=["import", "for type checkers"],
)
def test_an_import_goes_with_the_hint_that_uses_it(imports: list[tuple[str, str]]) -> None:
    hunks, _ = sort(CODE, HINT, *imports)
    assert len(hunks.hunks) == 2 + len(imports)
    [code] = hunks.candidates
    assert hunks.complete([code]) == hunks.hunks


def test_an_import_that_only_unneeded_code_uses_goes_with_that_code() -> None:
    edits = (("limit = 10", "limit = math.inf"), ("import sys\n", "import math\nimport sys\n"))
    hunks, _ = sort(CODE, *edits)
    price, _ = hunks.candidates
    assert hunks.complete([price]) == (price,)


def test_an_import_that_replaces_another_is_code() -> None:
    hunks, _ = sort(CODE, ("import sys\n", "import shop.sys as sys\n"))
    assert hunks.candidates == hunks.hunks


def test_a_docstring_in_two_hunks_that_cannot_stand_alone_is_code() -> None:
    base = textwrap.dedent(
        """\
        def price(value):
            # Some
            # more
            # words
            return value - 1
        """
    )
    edits = (("    # Some", '    """Some'), ("    # words", '    words"""'), ("- 1", "+ 1"))
    hunks, _ = sort(*edits, base=base)
    assert len(hunks.candidates) == len(hunks.hunks)


NOTES = {
    "CHANGES": b"v1\n",
    "CHANGELOG.md": b"v1\n",
    "NEWS.rst": b"v1\n",
    "HISTORY.txt": b"v1\n",
    "README.md": b"v1\n",
    "docs/usage.txt": b"v1\n",
}


@pytest.mark.parametrize("path", [*NOTES, "changelog.d/12.change.md", "newsfragments/3.bugfix.rst"])
def test_notes_and_prose_stay_with_anything(path: str) -> None:
    base = {"shop.py": (BASE.encode(), False)}
    if path in NOTES:
        base[path] = (NOTES[path], False)
    code = FileChange(BASE.replace(*CODE).encode())
    hunks, candidates = sort_files(base, {path: FileChange(b"v1\nv2\n"), "shop.py": code})
    assert [*candidates] == ["shop.py"]
    assert hunks.complete(hunks.candidates) == hunks.hunks


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("SUMMARY.md", FileChange(b"I have fixed it.\n")),
        ("README.md", FileChange(None)),
        ("rates.txt", FileChange(b"v1\nv2\n")),
        ("history/table.py", FileChange(b"v2\n")),
        ("docs/conf.py", FileChange(b"v2 = 0\n")),
    ],
    ids=["new prose", "deleted", "data", "code", "code of the docs"],
)
def test_what_is_no_note(path: str, change: FileChange) -> None:
    base = {"shop.py": (BASE.encode(), False), "README.md": (b"v1\n", False)}
    base["rates.txt"] = (b"v1\n", False)
    code = FileChange(BASE.replace(*CODE).encode())
    hunks, _ = sort_files(base, {path: change, "shop.py": code})
    assert hunks.candidates == hunks.hunks


def test_notes_alone_follow_nothing() -> None:
    base = {path: (content, False) for path, content in NOTES.items()}
    hunks, _ = sort_files(base, {path: FileChange(b"v2\n") for path in NOTES})
    assert hunks.candidates == hunks.hunks


@pytest.mark.parametrize(
    "content",
    [b"def f(:\n    x\n1\n", b"# coding: utf-7\nx\n1\n", b"\0x\n1\n", b"(" * 1000 + b"\nx\n1\n"],
    ids=["syntax", "encoding", "binary", "deep"],
)
def test_what_cannot_be_parsed_is_code(content: bytes) -> None:
    base = {"shop.py": (content, False)}
    hunks, _ = sort_files(base, {"shop.py": FileChange(b"# more\n" + content + b"# end\n")})
    assert hunks.candidates == hunks.hunks


def test_a_reformatted_large_file_is_not_looked_at_for_minutes() -> None:
    lines = [f"x{number} = {number}\n" for number in range(4000)]
    new = "".join(line if n % 2 else f"# {n}\n" + line for n, line in enumerate(lines))
    base = {"shop.py": ("".join(lines).encode(), False)}
    hunks, _ = sort_files(base, {"shop.py": FileChange(new.encode())})
    assert hunks.candidates == hunks.hunks
    assert len(hunks.hunks) == 2000
