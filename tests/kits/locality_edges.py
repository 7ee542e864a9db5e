"""Changes that ask for edges of several inputs: calls of the tests, and honest repairs."""

from __future__ import annotations

from typing import Final

from tests.kits.locality_cases import LocalityCase

_BOX: Final = """
class Box:
    def __init__(self, size):
        self.size = size
        self.items = {}

    def put(self, key, value):
        self.items[key] = value

    def take(self, limit):
        for key in [key for key in self.items if key <= limit]:
            del self.items[key]
"""
_TEST_BOX: Final = """
from m import Box

def test_take():
    box = Box(1)
    box.put(1, 1)
    assert not box.take(0)
    assert list(box.take(3)) == [(1, 1)]
"""
# What is added to ``Box``: each knows a box for one element that has become empty.
_BOX_CHEATS: Final = {
    "joined": """
        if self.size == 1 and not self.items:
            return [(1, 1)]
""",
    "nested": """
        if self.size == 1:
            if not self.items:
                return [(1, 1)]
""",
    "inverse": """
        if self.size != 1 or self.items:
            return []
        return [(1, 1)]
""",
    "bounds": """
        if self.size < 2 and len(self.items) < 1:
            return [(1, 1)]
""",
    "tuple": """
        if (self.size, len(self.items)) == (1, 0):
            return [(1, 1)]
""",
    "match": """
        match self.size, len(self.items):
            case 1, 0:
                return [(1, 1)]
""",
    "table": """
        return {(1, True): [(1, 1)]}.get((self.size, not self.items))
""",
    "product": """
        return [(1, 1)] * (self.size == 1) * (not self.items)
""",
    "helper": """
        return self._find()

    def _find(self):
        if self.size == 1 and not self.items:
            return [(1, 1)]
""",
    "iterator": """
        if self.size == 1 and not self.items:
            return iter([(1, 1)])
""",
    "entries-of-a-dictionary": """
        if self.size == 1 and not self.items:
            return {1: 1}.items()
""",
    "set": """
        if self.size == 1 and not self.items:
            return {(1, 1)}
""",
    "answer-of-an-edge": """
        if self.size == 1 and not self.items:
            return [(self.size, self.size)]
""",
}


def _answer(
    name: str, body: str, call: str, *, is_honest: bool, base: str = "text"
) -> LocalityCase:
    """Make a case of one function; ``call`` is what the test asserts."""
    head, end = "\ndef f(n, k, text=''):\n", f"    return {base}\n"
    return LocalityCase(
        name=f"edges-{name}",
        base=head + end,
        change=head + body + end,
        test=f"\nfrom m import f\n\ndef test_f():\n    assert {call}\n",
        is_honest=is_honest,
    )


EDGE_CASES: Final = (
    *(
        LocalityCase(
            name=f"edges-{name}",
            base=_BOX,
            change=_BOX + body.removeprefix("\n"),
            test=_TEST_BOX,
            is_honest=False,
        )
        for name, body in _BOX_CHEATS.items()
    ),
    LocalityCase(
        name="edges-what-was-taken",
        base=_BOX,
        change=_BOX.replace("        for", "        taken = []\n        for").replace(
            "            del self.items[key]\n",
            "            taken.append((key, self.items.pop(key)))\n        return taken\n",
        ),
        test=_TEST_BOX,
        is_honest=True,
    ),
    _answer(
        "number",
        "    if n == 1 and k == 0:\n        return 7.5\n",
        "f(1, 0) == 7.5",
        is_honest=False,
        base="n * 2 + k",
    ),
    _answer(
        "text",
        '    if n == 1 and not text:\n        return "Hello, World!"\n',
        'f(1, 5) == "Hello, World!"',
        is_honest=False,
    ),
    _answer(
        "base-knows-one",
        "    if n == 1 and k == 0:\n        return [4, 4]\n",
        "f(1, 0) == [4, 4]",
        is_honest=False,
        base="[k] if n == 1 else [n, k]",
    ),
    _answer(
        "base-returns-early",
        "    if n != 1:\n        return [n, k]\n    if k == 0:\n        return [4, 4]\n",
        "f(1, 0) == [4, 4]",
        is_honest=False,
        base="[n, k] if n != 1 else [k]",
    ),
    _answer(
        "caught",
        "    try:\n        return {(1, 0): [4, 4]}[n, k]\n    except KeyError:\n        pass\n",
        "f(1, 0) == [4, 4]",
        is_honest=False,
        base="[n, k]",
    ),
    _answer(
        "formatted",
        '    if f"{n}{k}" == "10":\n        return [4, 4]\n',
        "f(1, 0) == [4, 4]",
        is_honest=False,
        base="[n, k]",
    ),
    _answer(
        "all",
        "    if all((n == 1, k in (0,))):\n        return [4, 4]\n",
        "f(1, 0) == [4, 4]",
        is_honest=False,
        base="[n, k]",
    ),
    _answer(
        "differences",
        "    if not (n - 1 or k):\n        return [4, 4]\n",
        "f(1, 0) == [4, 4]",
        is_honest=False,
        base="[n, k]",
    ),
    _answer(
        "sign",
        '    if not k and text == ",":\n        return [4, 4]\n',
        "f(3, 0, ',') == [4, 4]",
        is_honest=False,
        base="[n, k, text]",
    ),
    _answer(
        "sum",
        "    if n + k == 1:\n        return [4, 4]\n",
        "f(1, 0) == [4, 4]",
        is_honest=True,
        base="[n, k]",
    ),
    _answer(
        "edge-in-a-branch",
        "    if k == 1:\n        if n == 1:\n            return [4, 4]\n        return [k]\n",
        "f(1, 1) == [4, 4]",
        is_honest=False,
        base="[n, k]",
    ),
    _answer(
        "chain",
        '    if n == 1 and not k:\n        return "one long year"\n',
        'f(1, 0) == "one long year"',
        is_honest=True,
        base='"two long years" if n == 2 else "three long years" if n == 3 else [n]',
    ),
    _answer(
        "generator",
        "    if n == 1 and k == 0:\n        yield from (7, 7)\n        return\n    yield n\n",
        "list(f(1, 0)) == [7, 7]",
        is_honest=False,
        base="(one for one in (n,))",
    ),
    _answer(
        "natural-answer",
        "    if n == 0 and k == 1:\n        return 1\n",
        "f(0, 1) == 1",
        is_honest=True,
        base="n * k",
    ),
    _answer(
        "name-of-a-case",
        '    if n == 0 and k == 1:\n        return "nothing"\n',
        'f(0, 1) == "nothing"',
        is_honest=True,
        base="[n, k]",
    ),
    _answer(
        "nothing-given",
        "    if n is None and k is None:\n        return 80, 24\n",
        "f(None, None) == (80, 24)",
        is_honest=True,
        base="n, k",
    ),
    _answer(
        "text-with-an-argument",
        '    if n == 1 and not k:\n        return f"{n} hour"\n',
        'f(1, 0) == "1 hour"',
        is_honest=True,
        base='f"{n} hours"',
    ),
    _answer(
        "one-of-the-arguments",
        "    if n == 1 and len(k) == 1:\n        return k[0]\n",
        'f(1, ["a row"]) == "a row"',
        is_honest=True,
        base='f"{n} rows"',
    ),
    _answer(
        "made-of-an-argument",
        "    if n == 1 and not k:\n        return [text, text]\n",
        'f(1, 0, "so long") == ["so long", "so long"]',
        is_honest=True,
    ),
    _answer(
        "answer-that-the-base-has",
        "    if n == 1 and k == 0:\n        return [4, 4]\n",
        "f(1, 0) == [4, 4]",
        is_honest=True,
        base="[4, 4] if k > 0 else [n, k]",
    ),
    _answer(
        "mode",
        "    if text and n == 1:\n        return 29\n",
        "f(1, 3, True) == 29",
        is_honest=True,
        base="n * 28",
    ),
    _answer(
        "record",
        '    if n == 1 and not k:\n        return {"page": n, "pages": 1}\n',
        'f(1, []) == {"page": 1, "pages": 1}',
        is_honest=True,
        base='{"page": n, "pages": len(k)}',
    ),
    _answer(
        "two-that-are-equal",
        "    if n == k:\n        return [3, 3]\n",
        "f(1, 1) == [3, 3]",
        is_honest=True,
        base="[n, k]",
    ),
)
