"""The functions that a change alters, paired over both versions of a file."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.judge.sessions.orders import TracedFunction
from pytest_agentfix.judge.traced_functions import AlteredFunctions, find_altered_functions

TOP = Path("/top")


def find(before: str | bytes | None, after: str | bytes | None) -> AlteredFunctions:
    old, new = (
        textwrap.dedent(text).encode() if isinstance(text, str) else text
        for text in (before, after)
    )
    changes = ChangeSet({"a.py": FileChange(new), "a.txt": FileChange(b"def f():\n    pass\n")})
    return find_altered_functions(changes, lambda _: None if old is None else (old, False), top=TOP)


def tell(found: AlteredFunctions) -> list[list[tuple[str, int, int, list[int]]]]:
    return [
        [
            (one.name, one.first, one.number, list(one.lines))
            for path, functions in traced.items()
            for one in functions
            if path == "/top/a.py"
        ]
        for traced in (found.on_base, found.with_change)
    ]


def test_a_body() -> None:
    found = find(
        """
        def same():
            return 1

        def f(a):
            if a:
                return 1
            return 2
        """,
        """
        # Moves down all that follows.
        def same():
            return 1

        def f(a):
            if a is None:
                return 0
            if a:
                return 1
            return 3
        """,
    )
    assert tell(found) == [
        [("f", 5, 1, [1, 2, 3, 0])],
        [("f", 6, 1, [1, 0, 0, 2, 3, 0])],
    ]
    assert found.on_base["/top/a.py"][0] == TracedFunction(
        name="f", first=5, number=1, lines=[1, 2, 3, 0]
    )


def test_decorators_and_methods_and_functions_inside() -> None:
    text = """
        class A:
            @property
            def size(self):
                def inner():
                    return 1
                return inner()

            @size.setter
            def size(self, size):
                self._size = 1

            async def size2(self): return 1
        """
    setter = [("size", 9, 1, [1, 2, 0])]
    assert tell(find(text, text.replace("_size = 1", "_size = 2"))) == [setter, setter]
    for version in tell(find(text, text.replace("  return 1\n", "  return 2\n"))):
        places = sorted((name, first, lines) for name, first, _, lines in version)
        assert places == [("inner", 5, [1, 0]), ("size", 3, [1, 2, 3, 0, 5])]


def test_functions_that_one_version_has() -> None:
    text = "def f():\n    return g()\n\ndef g():\n    return 1\n"
    renamed = text.replace("g()", "h()")
    assert tell(find(text, renamed)) == [
        [("f", 1, 1, [1, 0]), ("g", 4, 0, [])],
        [("f", 1, 1, [1, 0]), ("h", 4, 0, [])],
    ]
    assert [sorted(side) for side in tell(find(None, text))] == [
        [],
        [("f", 1, 0, []), ("g", 4, 0, [])],
    ]
    assert tell(find(text, None))[1] == []


def test_a_setter_that_is_added_is_not_taken_for_the_property() -> None:
    before = "class A:\n    @property\n    def a(self):\n        return 1\n"
    after = before.replace("return 1", "return 2") + (
        "    @a.setter\n    def a(self, value):\n        self.b = value\n"
    )
    on_base, with_change = tell(find(before, after))
    assert on_base == [("a", 2, 1, [1, 2, 0])]
    assert sorted(with_change) == [("a", 2, 1, [1, 2, 0]), ("a", 5, 0, [])]


def test_moved_functions_are_not_altered() -> None:
    one, other = "def f():\n    return 1\n", "def g():\n    return 2\n"
    assert find(one + other, other + one) == AlteredFunctions()


def test_files_are_numbered_together() -> None:
    files = {"a.py": b"def f():\n    return 1\n", "b.py": b"def g():\n    return 1\n"}
    changes = ChangeSet(
        {path: FileChange(text.replace(b"1", b"2")) for path, text in files.items()}
    )
    found = find_altered_functions(changes, lambda path: (files[path], False), top=TOP)
    assert [one[0].number for one in found.on_base.values()] == [1, 2]
    assert [one[0].number for one in found.with_change.values()] == [1, 2]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"x = 1\n", b"x = 2\n"),
        (b"half = lambda n: n\n", b"half = lambda n: 1\n"),
        (b"def f(:\n", b"def f(:\n    pass\n"),
        (b"\xff", b"\x00"),
        (b"# coding: nothing\n", b"# coding: utf-7\ndef f():\n    pass\n"),
        (None, None),
    ],
)
def test_nothing_to_trace(before: bytes | None, after: bytes | None) -> None:
    assert find(before, after) == AlteredFunctions()
