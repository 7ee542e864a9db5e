"""Hunks of a change, and dropping those that are not needed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_agentfix.core.hunks import Hunk, join_hunks, split_hunks
from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.judge.ddmin import minimise

Base = Mapping[str, tuple[bytes, bool]]


def _split(base: Base, files: Mapping[str, FileChange]) -> tuple[Hunk, ...]:
    return split_hunks(ChangeSet(files), base.get)


def test_one_hunk_for_each_group_of_changed_lines() -> None:
    base = {"a.py": (b"1\n2\n3\n4\n5\n", True), "b.py": (b"x\n", False)}
    files = {
        "b.py": FileChange(b"x\ny\n"),
        "a.py": FileChange(b"0\n1\nII\nIII\n4\n", executable=True),
    }
    assert _split(base, files) == (
        Hunk(path="a.py", start=0, stop=0, lines=(b"0\n",)),
        Hunk(path="a.py", start=1, stop=3, lines=(b"II\n", b"III\n")),
        Hunk(path="a.py", start=4, stop=5),
        Hunk(path="b.py", start=1, stop=1, lines=(b"y\n",)),
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, FileChange(b"new\n")),
        ((b"old\n", False), FileChange(None)),
        ((b"1\n2\n", False), FileChange(b"one\n2\nthree\n", executable=True)),
        ((b"1\n2\n", False), FileChange(b"1\n2\n")),
        ((b"1\n\0\n3\n", False), FileChange(b"1.\n\0\n3.\n")),
        ((b"1\n2\n3\n", False), FileChange(b"1.\n2\n\0\n")),
        ((b"1\n2\n3\n", False), FileChange(b"x" * 1_000_001 + b"\n2\n4\n")),
        ((b"", False), FileChange(b"1\n2\n")),
    ],
    ids=["new", "deleted", "mode", "same", "binary before", "binary", "large", "empty before"],
)
def test_what_is_one_hunk(before: tuple[bytes, bool] | None, after: FileChange) -> None:
    base: Base = {} if before is None else {"a": before}
    hunks = _split(base, {"a": after})
    assert len(hunks) == 1
    assert join_hunks(hunks, base.get) == ChangeSet({"a": after})
    assert join_hunks((), base.get) == ChangeSet()


def test_a_part_of_the_hunks_makes_a_part_of_the_change() -> None:
    base = {"a.py": (b"1\r\n2\r\n3\r\n4", True), "b.py": (b"x\n", False)}
    files = {
        "a.py": FileChange(b"1\r\ntwo\r\n3\r\n4\r\n5", executable=True),
        "b.py": FileChange(None),
    }
    two, five, gone = _split(base, files)
    parts = {
        (two,): {"a.py": FileChange(b"1\r\ntwo\r\n3\r\n4", executable=True)},
        (five,): {"a.py": FileChange(b"1\r\n2\r\n3\r\n4\r\n5", executable=True)},
        (gone, two): {
            "a.py": FileChange(b"1\r\ntwo\r\n3\r\n4", executable=True),
            "b.py": FileChange(None),
        },
        (gone, five, two): files,
    }
    assert {part: join_hunks(part, base.get).files for part in parts} == parts


def test_a_file_of_many_equal_lines_is_not_compared_for_hours() -> None:
    base = {"a": (b"head\n" + b"\n" * 20_000 + b"x\n" + b"\n" * 20_000 + b"tail\n", False)}
    changed = base["a"][0].replace(b"x\n", b"y\n")
    assert _split(base, {"a": FileChange(changed)}) == (
        Hunk(path="a", start=20_001, stop=20_002, lines=(b"y\n",)),
    )
    doubled = b"1" + base["a"][0] + b"2"
    (hunk,) = _split(base, {"a": FileChange(doubled)})
    assert (hunk.start, hunk.stop) == (0, 40_003)
    assert join_hunks([hunk], base.get) == ChangeSet({"a": FileChange(doubled)})


_lines = st.lists(st.sampled_from([b"a\n", b"b\r\n", b"c\r", b"\xff\n", b"\n", b"d", b"\0"]))
_content = st.one_of(_lines.map(b"".join), st.binary(max_size=12))
_paths = st.sampled_from(["a.py", "b.py", "c/d.py"])
_bases = st.dictionaries(_paths, st.tuples(_content, st.booleans()))
_files = st.dictionaries(
    _paths, st.builds(FileChange, st.one_of(st.none(), _content), executable=st.booleans())
)


@given(_bases, _files)
def test_all_hunks_are_the_change_byte_for_byte(base: Base, files: dict[str, FileChange]) -> None:
    hunks = _split(base, files)
    assert join_hunks(hunks, base.get) == ChangeSet(files)
    assert join_hunks(hunks[::-1], base.get) == ChangeSet(files)
    assert len({*hunks}) == len(hunks)


@given(_bases, _files, st.data())
def test_any_part_is_a_change_of_the_same_files(
    base: Base, files: dict[str, FileChange], data: st.DataObject
) -> None:
    part = [hunk for hunk in _split(base, files) if data.draw(st.booleans())]
    changes = join_hunks(part, base.get).files
    assert {*changes} == {hunk.path for hunk in part}
    for path, change in changes.items():
        assert (change.content is None) == (files[path].content is None)
        assert change.executable == files[path].executable


HUNKS = tuple(Hunk(path=f"{number:02}.py") for number in range(24))


class Oracle:
    """Says which parts are enough, and records the questions."""

    def __init__(self, is_enough: Callable[[frozenset[Hunk]], bool], limit: int = 10_000) -> None:
        self._is_enough = is_enough
        self._limit = limit
        self.asked: list[tuple[Hunk, ...]] = []

    def has_time(self) -> bool:
        return len(self.asked) < self._limit

    def is_enough(self, part: tuple[Hunk, ...]) -> bool:
        self.asked.append(part)
        return self._is_enough(frozenset(part))

    def minimise(self, hunks: tuple[Hunk, ...]) -> tuple[Hunk, ...]:
        return minimise(hunks, self.is_enough, has_time=self.has_time)


_numbers = st.integers(1, len(HUNKS))


@given(_numbers, st.sets(st.sampled_from(range(len(HUNKS))), min_size=1))
@example(24, {0, 23})
@example(24, {*range(24)})
@example(1, {0})
def test_exactly_what_is_needed_is_found(count: int, needed: set[int]) -> None:
    hunks = HUNKS[:count]
    required = tuple(hunk for number, hunk in enumerate(hunks) if number in needed) or hunks[:1]
    oracle = Oracle(lambda part: part >= {*required})
    assert oracle.minimise(hunks) == required
    assert len({*oracle.asked}) == len(oracle.asked)  # nothing twice
    assert () not in oracle.asked
    assert hunks not in oracle.asked
    assert len(oracle.asked) <= count**2 + 3 * count  # the worst case of the paper


@given(_numbers, st.frozensets(st.frozensets(st.sampled_from(HUNKS), min_size=1), max_size=5))
def test_no_single_hunk_of_what_is_found_can_go(
    count: int, enough: frozenset[frozenset[Hunk]]
) -> None:
    """Even if more is not always better: only these parts and the whole are enough."""
    hunks = HUNKS[:count]
    oracle = Oracle(lambda part: part in enough)
    found = oracle.minimise(hunks)
    assert found == tuple(hunk for hunk in hunks if hunk in found)
    assert found == hunks or frozenset(found) in enough
    assert len(oracle.asked) <= count**2 + 3 * count
    if len(found) > 1:
        without_one = itertools.combinations(found, len(found) - 1)
        assert not any(frozenset(part) in enough for part in without_one)


@given(st.integers(0, 60), st.sets(st.sampled_from(HUNKS), min_size=1))
def test_when_time_is_up_it_is_the_best_so_far(limit: int, needed: set[Hunk]) -> None:
    oracle = Oracle(lambda part: part >= needed, limit)
    found = oracle.minimise(HUNKS)
    assert len(oracle.asked) <= limit
    good = [part for part in oracle.asked if needed <= {*part}]
    assert found == min([HUNKS, *good], key=len)


def test_nothing_is_asked_about_one_hunk_or_none() -> None:
    oracle = Oracle(lambda _: False)
    assert (oracle.minimise(()), oracle.minimise(HUNKS[:1])) == ((), HUNKS[:1])
    assert oracle.asked == []


def test_a_few_hunks_of_many_take_few_questions() -> None:
    oracle = Oracle(lambda part: HUNKS[5] in part)
    assert oracle.minimise(HUNKS) == (HUNKS[5],)
    assert len(oracle.asked) <= 10
