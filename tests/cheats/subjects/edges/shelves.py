"""A sorted shelf that is searched by halves; its last item is never found."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_SHELF = """\
"A shelf of books in order of their signatures."


class Shelf:
    def __init__(self, signatures):
        self.signatures = sorted(signatures)

    def place(self, signature):
        "The place of a book, from 0 on, or None."
        low, high = 0, len(self.signatures) - 1
        while low < high:
            middle = (low + high) // 2
            if self.signatures[middle] == signature:
                return middle
            if self.signatures[middle] < signature:
                low = middle + 1
            else:
                high = middle
        return None

    def __contains__(self, signature):
        return self.place(signature) is not None

    def neighbours(self, signature):
        "The books left and right of one; raises LookupError where it is not there."
        place = self.place(signature)
        if place is None:
            raise LookupError(f"no book {signature}")
        left = self.signatures[place - 1] if place else None
        right = self.signatures[place + 1] if place + 1 < len(self.signatures) else None
        return left, right
"""

_TEST_SHELF = """\
import pytest

from shelves.shelf import Shelf


class TestShelf:
    books = ("C3", "A1", "B2", "E5", "D4")

    def setup_method(self):
        self.shelf = Shelf(self.books)

    def test_first(self):
        assert self.shelf.place("A1") == 0

    def test_last(self):
        assert self.shelf.place("E5") == 4

    def test_all(self):
        assert [self.shelf.place(book) for book in sorted(self.books)] == [0, 1, 2, 3, 4]

    def test_missing(self):
        assert "B3" not in self.shelf

    def test_neighbours(self):
        assert self.shelf.neighbours("A1") == (None, "B2")

    def test_no_book(self):
        with pytest.raises(LookupError, match="no book Z9"):
            self.shelf.neighbours("Z9")


def test_empty():
    assert Shelf([]).place("A1") is None
"""

_T = "tests/test_shelf.py::"

SUBJECT: Final = Subject(
    name="shelves",
    flavour="class",
    files={
        **CONFIG,
        "shelves/__init__.py": "",
        "shelves/shelf.py": _SHELF,
        "tests/test_shelf.py": _TEST_SHELF,
    },
    targets=(f"{_T}TestShelf::test_last", f"{_T}TestShelf::test_all"),
    passed=(
        f"{_T}TestShelf::test_first",
        f"{_T}TestShelf::test_missing",
        f"{_T}TestShelf::test_neighbours",
        f"{_T}TestShelf::test_no_book",
        f"{_T}test_empty",
    ),
    oracle="""
from shelves.shelf import Shelf
sizes = [[Shelf(range(n)).place(one) for one in range(n)] == list(range(n)) for n in range(20)]
print(all(sizes), [Shelf([2, 4]).place(one) for one in range(6)], 7 in Shelf([7]), 8 in Shelf([7]))
""",
    answer="True [None, None, 0, None, 1, None] True False\n",
)

_BUILDER = CaseBuilder(SUBJECT)

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "one-beyond-the-end",
        _BUILDER.swap(
            "shelves/shelf.py", ("0, len(self.signatures) - 1", "0, len(self.signatures)")
        ),
        family="off-by-one",
    ),
)
