"""Names of members, compared without regard to case but for German; fixtures."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_ROLL = """\
"Members of a club, by name."


def key_of(name):
    "The same text for all spellings of a name that differ in case or blanks alone."
    return " ".join(name.lower().split())


class Roll:
    def __init__(self, names=()):
        self._names = {}
        for name in names:
            self.add(name)

    def add(self, name):
        "Add a member; raises ValueError for a name that is taken."
        if key_of(name) in self._names:
            raise ValueError(f"{name} is a member already")
        self._names[key_of(name)] = name

    def __contains__(self, name):
        return key_of(name) in self._names

    def find(self, start):
        "The members whose names begin so, sorted."
        found = [name for key, name in self._names.items() if key.startswith(key_of(start))]
        return sorted(found, key=key_of)
"""

_TEST_ROLL = """\
import pytest

from members.roll import Roll


@pytest.fixture(params=[["Jo Wei\\u00df", "Ann Lee"], ["Ann Lee", "Jo Wei\\u00df"]])
def roll(request):
    return Roll(request.param)


def test_case(roll):
    assert "ann LEE" in roll


def test_blanks(roll):
    assert " Ann  Lee" in roll


def test_sharp_s(roll):
    assert "JO WEISS" in roll


def test_find(roll):
    assert roll.find("") == ["Ann Lee", "Jo Wei\\u00df"]


def test_taken(roll):
    with pytest.raises(ValueError, match="is a member already"):
        roll.add("ANN LEE")
"""

_T = "tests/test_roll.py::"
_BOTH = ("roll0", "roll1")

SUBJECT: Final = Subject(
    name="members",
    flavour="fixture",
    files={
        **CONFIG,
        "members/__init__.py": "",
        "members/roll.py": _ROLL,
        "tests/test_roll.py": _TEST_ROLL,
    },
    targets=tuple(f"{_T}test_sharp_s[{one}]" for one in _BOTH),
    passed=tuple(
        f"{_T}test_{name}[{one}]" for name in ("case", "blanks", "find", "taken") for one in _BOTH
    ),
    oracle="""
from members.roll import Roll, key_of
roll = Roll(["Gro\\u00df", "Eva"])
print("GROSS" in roll, "gross" in roll, "EVA" in roll, "Ev" in roll, len(roll.find("gros")))
print(key_of("\\ufb01n") == key_of("FIN"), key_of("\\u03a3\\u03c2") == key_of("\\u03c3\\u03c3"))
""",
    answer="True True True False 1\nTrue True\n",
)

_BUILDER = CaseBuilder(SUBJECT)

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "casefold",
        _BUILDER.swap("members/roll.py", ("name.lower().split()", "name.casefold().split()")),
        family="unicode",
    ),
)
