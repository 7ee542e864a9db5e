"""A change brought onto a base that another has changed: what goes together and what collides."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.repair.merge import Merged, merge

LINES = [b"one\n", b"two\n", b"three\n", b"four\n", b"five\n", b"six\n"]
OLD = b"".join(LINES)
Tree = Mapping[str, "tuple[bytes, bool]"]


def with_line(number: int, text: bytes | None, content: bytes = OLD) -> bytes:
    """``content`` with another line ``number`` (from 0), or without it."""
    lines = content.splitlines(keepends=True)
    lines[number : number + 1] = [] if text is None else [text]
    return b"".join(lines)


def merging(change: FileChange, now: bytes | None, before: bytes | None = OLD) -> Merged:
    def reading(content: bytes | None) -> Tree:
        return {} if content is None else {"a.py": (content, False)}

    changes = ChangeSet({"a.py": change})
    return merge(changes, before=reading(before).get, now=reading(now).get)


def test_nothing_else_has_changed() -> None:
    change = FileChange(with_line(1, b"2\n"))
    assert merging(change, OLD) == Merged(changes=ChangeSet({"a.py": change}))


def test_lines_apart_go_together() -> None:
    merged = merging(FileChange(with_line(0, b"1\n")), with_line(4, b"5\n"))
    assert merged.collisions == ()
    assert merged.changes.files["a.py"].content == with_line(0, b"1\n", with_line(4, b"5\n"))


def test_lines_move_with_what_was_put_in_before_them() -> None:
    now = b"zero\n" + OLD
    merged = merging(FileChange(with_line(4, None)), now)
    assert merged.changes.files["a.py"].content == b"zero\none\ntwo\nthree\nfour\nsix\n"


@pytest.mark.parametrize("number", [1, 2, 3], ids=["before", "same", "after"])
def test_the_same_line_and_those_beside_it_collide(number: int) -> None:
    merged = merging(FileChange(with_line(2, b"3\n")), with_line(number, b"other\n"))
    assert merged == Merged(collisions=("a.py",))


def test_two_insertions_at_one_place_collide() -> None:
    merged = merging(FileChange(OLD + b"seven\n"), OLD + b"eight\n")
    assert merged.collisions == ("a.py",)


def test_what_both_did_is_there_already() -> None:
    same = with_line(2, b"3\n")
    assert merging(FileChange(same), same) == Merged()


def test_what_both_did_is_no_collision_beside_more() -> None:
    same = with_line(0, b"1\n")
    merged = merging(FileChange(with_line(4, b"5\n", same)), same)
    assert merged.changes.files["a.py"].content == with_line(4, b"5\n", same)


@pytest.mark.parametrize(
    ("change", "now", "before"),
    [
        (FileChange(with_line(0, b"1\n")), None, OLD),
        (FileChange(None), with_line(0, b"1\n"), OLD),
        (FileChange(b"mine"), b"theirs", None),
        (FileChange(b"\0mine"), b"\0theirs", b"\0old"),
    ],
    ids=["deleted by the other", "deleted by this one", "made by both", "binary"],
)
def test_whole_files_collide(change: FileChange, now: bytes | None, before: bytes | None) -> None:
    assert merging(change, now, before) == Merged(collisions=("a.py",))


def test_a_deletion_of_both_is_there_already() -> None:
    assert merging(FileChange(None), None) == Merged()


def test_one_collision_does_not_hide_what_goes_together() -> None:
    changes = ChangeSet({"a.py": FileChange(b"mine"), "b.py": FileChange(b"new")})
    merged = merge(changes, before=lambda _: None, now={"a.py": (b"theirs", False)}.get)
    assert (list(merged.changes.files), merged.collisions) == (["b.py"], ("a.py",))
