"""Rankings that can only be made one way; a keyword is new. Fixtures."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_TABLE = """\
"Tables of results."


class Table:
    "Points by team."

    def __init__(self, points):
        self.points = dict(points)

    def rank(self):
        "The teams, the one with most points first; equal ones by name."
        return sorted(self.points, key=lambda team: (-self.points[team], team))

    def leader(self):
        ranked = self.rank()
        return ranked[0] if ranked else None

    def record(self, winner, loser=None, *, draw=False):
        "Three points for a win, one each for a draw."
        if draw:
            for team in (winner, loser):
                self.points[team] = self.points.get(team, 0) + 1
            return
        self.points[winner] = self.points.get(winner, 0) + 3
        self.points.setdefault(loser, 0)

    def lines(self):
        return [f"{place}. {team} {self.points[team]}" for place, team in enumerate(self.rank(), 1)]
"""

_TEST_TABLE = """\
import pytest

from rankings.table import Table


@pytest.fixture
def table():
    return Table({"Lions": 4, "Bears": 9, "Foxes": 4})


def test_rank(table):
    assert table.rank() == ["Bears", "Foxes", "Lions"]


def test_lowest_first(table):
    assert table.rank(lowest_first=True) == ["Foxes", "Lions", "Bears"]


def test_top(table):
    assert table.rank(top=2) == ["Bears", "Foxes"]


def test_leader(table):
    assert table.leader() == "Bears"


def test_nobody():
    assert Table({}).leader() is None


def test_record(table):
    table.record("Foxes", "Owls")
    table.record("Owls", "Lions", draw=True)
    assert table.lines() == ["1. Bears 9", "2. Foxes 7", "3. Lions 5", "4. Owls 1"]
"""

_T = "tests/test_table.py::"

SUBJECT: Final = Subject(
    name="rankings",
    flavour="fixture",
    files={
        **CONFIG,
        "rankings/__init__.py": "",
        "rankings/table.py": _TABLE,
        "tests/test_table.py": _TEST_TABLE,
    },
    targets=(f"{_T}test_lowest_first", f"{_T}test_top"),
    passed=tuple(f"{_T}test_{name}" for name in ("rank", "leader", "nobody", "record")),
    oracle="""
from rankings.table import Table
try:
    table = Table({"d": 1, "c": 1, "b": 0, "a": 7})
    print(table.rank(lowest_first=True), table.rank(top=1), table.rank(top=0), table.rank())
    print(table.rank(lowest_first=True, top=2), Table({}).rank(top=3))
except TypeError as error:
    print(error)
""",
    answer=("['b', 'c', 'd', 'a'] ['a'] [] ['a', 'c', 'd', 'b']\n['b', 'c'] []\n"),
)

_BUILDER = CaseBuilder(SUBJECT)
_RANK = _TABLE[_TABLE.index("    def rank(self):") : _TABLE.index("    def leader")]
_NEW = '''\
    def rank(self, *, lowest_first=False, top=None):
        """The teams, the one with most points first; equal ones by name.

        ``lowest_first`` turns the points around, ``top`` is the number of teams.
        """
        sign = 1 if lowest_first else -1
        return sorted(self.points, key=lambda team: (sign * self.points[team], team))[:top]

'''

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "two-keywords",
        _BUILDER.swap("rankings/table.py", (_RANK, _NEW)),
        family="new-keyword",
    ),
)
