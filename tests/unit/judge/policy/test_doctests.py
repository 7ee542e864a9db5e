"""The examples of doctests, which stay although their file is repaired."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange
from pytest_agentfix.judge.policy import Accepted, Policy, apply_policy
from pytest_agentfix.judge.policy.doctests import restore_examples

BASE = '''\
"""Sums.

>>> double(2)
4
"""


def double(n):
    """Double a number: größer.

    >>> double(1)
    2
    """
    return n


class Sums:
    def add(self, a):
        """Add.

        >>> Sums().add(1)
        1
        """
        return a


__test__ = {"more": """
>>> double(3)
6
"""}
'''
DOUBLE = "    >>> double(1)\n    2\n"
WEAKER = "    >>> double(1)\n    1\n"
FIX = ("return n\n", "return 2 * n\n")


def _edit(*edits: tuple[str, str], text: str = BASE) -> str:
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def _restore(text: str, base: str = BASE) -> str | None:
    restored = restore_examples(text.encode(), base.encode())
    return None if restored is None else restored.decode()


@pytest.mark.parametrize(
    "edits",
    [
        ((DOUBLE, WEAKER),),
        ((DOUBLE, ""),),
        ((DOUBLE, "    >>> double(1)  # doctest: +SKIP\n    2\n"),),
        ((DOUBLE, "    >>> n = 1\n" + DOUBLE),),
        (("double(2)\n4", "double(2)\n2"),),
        ((">>> Sums().add(1)\n        1", ">>> Sums()\n        ..."),),
        (("double(3)\n6", "double(3)\n3"),),
        ((DOUBLE, WEAKER), ("double(2)\n4", "double(2)\n2"), ("double(3)\n6", "double(3)\n3")),
    ],
)
def test_examples_of_the_base_come_back(edits: tuple[tuple[str, str], ...]) -> None:
    assert _restore(_edit(*edits)) == BASE
    assert _restore(_edit(*edits, FIX)) == _edit(FIX)


def test_prose_new_docstrings_and_docstrings_that_go_stay_as_they_are() -> None:
    new = 'def half(n):\n    """>>> half(2)\n    1\n    """\n'
    without = _edit((BASE[BASE.index('    """Double') : BASE.index("    return n\n")], ""))
    for text in (_edit(("größer", "more")), BASE + new, without, _edit(FIX)):
        assert _restore(text) == text


def test_second_definition_has_the_examples_of_the_first() -> None:
    again = 'def double(n):\n    """Double.\n\n' + WEAKER + '    """\n    return n\n'
    restored = _restore(BASE + again)
    assert restored is not None
    assert restored.startswith(BASE)
    assert DOUBLE in restored[len(BASE) :]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encoding_and_line_ends_stay(encoding: str, end: str) -> None:
    cookie = "# coding: latin-1\n" if encoding == "latin-1" else ""
    base = (cookie + BASE).replace("\n", end).encode(encoding)
    new = (cookie + _edit((DOUBLE, WEAKER))).replace("\n", end).encode(encoding)
    assert restore_examples(new, base) == base


def test_impossible() -> None:
    assert _restore("def f(:\n") is None
    assert restore_examples(_edit((DOUBLE, WEAKER)).encode() + b"\r\n", BASE.encode()) is None


def _apply(text: str | None, **more: object) -> Accepted:
    content = None if text is None else text.encode()
    changes = ChangeSet({"sums.py": FileChange(content)})
    policy = Policy(base_paths=frozenset({"sums.py"}), **more)  # type: ignore[arg-type]
    base = {"sums.py": (BASE.encode(), False)}
    return apply_policy(policy, Collected(changes=changes), frozenset(), read_base=base.get)


def test_policy_keeps_the_rest_and_tells() -> None:
    doctested = frozenset({"sums.py"})
    drop = Drop("sums.py", "a doctest's examples")
    whole = ChangeSet({"sums.py": FileChange(_edit(FIX).encode())})
    weaker = _edit((DOUBLE, WEAKER), FIX)
    assert _apply(weaker, doctested=doctested) == Accepted(whole, (drop,))
    assert _apply(_edit((DOUBLE, WEAKER)), doctested=doctested) == Accepted(ChangeSet(), (drop,))
    assert _apply("def f(:\n", doctested=doctested).dropped == (
        Drop("sums.py", "its doctests cannot be read"),
    )
    for more in (
        {},
        {"doctested": doctested, "allow_test_edits": True},
        {"doctested": doctested, "allow": ("sums.py",)},
        {"doctested": doctested, "opened": doctested},
    ):
        kept = ChangeSet({"sums.py": FileChange(weaker.encode())})
        assert _apply(weaker, **more) == Accepted(kept)
    assert _apply(None, doctested=doctested) == Accepted(ChangeSet({"sums.py": FileChange(None)}))
