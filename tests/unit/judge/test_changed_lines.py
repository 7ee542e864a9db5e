"""A change set as changed lines, and as files that make or undo it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.judge.changed_lines import find_changed_lines, render_files, undo

TOP = Path("/top/my repo")
BASE = {"a.py": b"one\ntwo\nthree\nfour\n", "data.txt": b"1\n", "gone.py": b"x\n"}


def read(path: str) -> tuple[bytes, bool] | None:
    return (BASE[path], False) if path in BASE else None


def change(**files: bytes | None) -> ChangeSet:
    return ChangeSet({f"{name}.py": FileChange(content) for name, content in files.items()})


@pytest.mark.parametrize(
    ("lines", "content"),
    [
        ([2], b"one\n2\nthree\nfour\n"),
        ([1, 6], b"zero\none\ntwo\nthree\nfour\nfive\n"),
        ([2], b"one\nthree\nfour\n"),  # the line that took the place of what went away
        ([3], b"one\ntwo\nthree\n"),
        ([1, 2], b"\xff\n\xfe\n"),
        ([2], b"one\ntw\xf6\nthree\nfour\n"),
    ],
)
def test_changed_lines(lines: list[int], content: bytes) -> None:
    assert {f"{TOP}/a.py": lines} == find_changed_lines(change(a=content), read, top=TOP)


def test_letters_of_other_encodings_are_told_apart() -> None:
    changes = ChangeSet({"a.py": FileChange(b"one\ntw\xf6\n")})
    base = {"a.py": (b"one\ntw\xe9\n", False)}
    assert find_changed_lines(changes, base.get, top=TOP) == {f"{TOP}/a.py": [2]}


def test_lines_of_new_and_of_no_files() -> None:
    changes = ChangeSet(
        {
            "new.py": FileChange(b"a\nb\n"),
            "empty.py": FileChange(b""),
            "a.py": FileChange(BASE["a.py"]),
            "gone.py": FileChange(None),
            "data.txt": FileChange(b"2\n"),
        }
    )
    assert find_changed_lines(changes, read, top=TOP) == {f"{TOP}/new.py": [1, 2]}


def test_there_and_back() -> None:
    changes = change(a=b"new\n", new=b"n\n", gone=None)
    there = render_files(changes, read, top=TOP, paths=changes.files)
    assert there == {f"{TOP}/a.py": b"new\n", f"{TOP}/new.py": b"n\n", f"{TOP}/gone.py": None}
    assert undo(changes, read, top=TOP) == {
        f"{TOP}/a.py": BASE["a.py"],
        f"{TOP}/new.py": None,
        f"{TOP}/gone.py": b"x\n",
    }
