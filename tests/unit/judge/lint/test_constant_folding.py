"""Expressions made of literals have a value; nothing else has, and nothing is too large."""

from __future__ import annotations

import ast
import base64
import zlib
from typing import Any

import pytest

from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.module import read_module

HEAD = (
    "import ast, base64, codecs, gzip, json, math, string, zlib\nfrom decimal import Decimal\n"
    "from fractions import Fraction\nfrom collections import defaultdict\nTABLE = {'a': 1}\n"
)
BLOB = base64.b64encode(zlib.compress(b'{"12 apples": [1, 2]}')).decode()


def fold(expression: str) -> Any:
    """Fold an expression in a module that has imported much."""
    module = read_module("a.py", f"{HEAD}X = {expression}\n".encode())
    assert module is not None
    last = module.body[-1]
    assert isinstance(last, ast.Assign)
    return module.fold(last.value)


VALUES = {
    "int('3')": 3,
    "int('ff', base=16)": 255,
    "bytes([3])": b"\x03",
    "bytes('ab', 'ascii')": b"ab",
    "40 + 1": 41,
    "2 ** 5": 32,
    "1 << 4 | 1": 17,
    "~4": -5,
    "+3": 3,
    "float('inf')": float("inf"),
    "-math.inf": float("-inf"),
    "len('abc')": 3,
    "ord('a') + 1": 98,
    "chr(97) + 'b'": "ab",
    "'Ab'.upper().encode()": b"AB",
    "'{}-{}'.format(1, 'x')": "1-x",
    "'a,b'.split(',')": ["a", "b"],
    "f'{3}:{\"x\"}'": "3:x",
    "''.join(sorted('cab'))": "abc",
    "'abcdef'[4:1:-1]": "edc",
    "string.ascii_lowercase[:3]": "abc",
    "[1, *(2, 3)]": [1, 2, 3],
    "tuple(range(3))": [0, 1, 2],
    "set([2, 2])": [2],
    "frozenset({3})": [3],
    "list({'a': 1})": ["a"],
    "{**{'a': 1}, 'b': 2}": [("a", 1), ("b", 2)],
    "dict(a=1)": [("a", 1)],
    "dict([('a', 1)])": [("a", 1)],
    "dict(zip('ab', (1, 2)))": [("a", 1), ("b", 2)],
    "dict.fromkeys('ab', 1)": [("a", 1), ("b", 1)],
    "dict(enumerate('ab', 1))": [(1, "a"), (2, "b")],
    "defaultdict(int, {'a': 1})": [("a", 1)],
    "{k: v for k, v in [('a', 1)]}": [("a", 1)],
    "{k: 1 for k in TABLE}": [("a", 1)],
    "str.maketrans('a', 'b')": [(97, 98)],
    "'aa'.translate(str.maketrans('a', 'b'))": "bb",
    "TABLE['a']": 1,
    "TABLE.get('b', 7)": 7,
    "sum([1, 2])": 3,
    "divmod(7, 2)": [3, 1],
    "sorted((1, 2), reverse=True)": [2, 1],
    "Decimal('1.5')": 1.5,
    "Decimal('2')": 2,
    "Fraction(1, 2)": 0.5,
    "int.from_bytes(b'\\x05', 'big')": 5,
    "json.loads('{\"a\": [1]}')": [("a", [1])],
    f"json.loads(zlib.decompress(base64.b64decode('{BLOB}')))": [("12 apples", [1, 2])],
    "ast.literal_eval('(1, 2)')": [1, 2],
    "(x := 5)": 5,
}  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), VALUES.items(), ids=VALUES)
def test_literals_in_disguise_have_a_value(expression: str, value: Any) -> None:
    assert fold(expression) == value


UNFOLDED = (
    "x", "f(1)", "[x]", "{'a': x}", "[*x]", "{**x}", "2 ** 9999", "2 ** 2 ** 60", "1 << 10 ** 9",
    "range(10 ** 12)", "list(range(10 ** 6))", "'a' * 10 ** 9", "[0] * 10 ** 9", "1j", "1 / 0",
    "(-8) ** 0.5", "Decimal('no')", "Fraction(1, 0)", "json.loads('[' * 40000)", "dict(**x)",
    "ast.literal_eval('(')", "'%9999999d' % 1", "str.maketrans('a', 'bc')", "[1][5]", "TABLE['z']",
    "int('9' * 1900)", "zlib.decompress(b'no')", "'x'.zfill(10 ** 9)", "sum('ab')", "~1.5",
    "TABLE | x", "[x for x in 'ab' if x]", "json.loads('{\"a\": 1}', parse_int=print)",
)  # fmt: skip


@pytest.mark.parametrize("expression", UNFOLDED)
def test_what_is_no_literal_or_too_large_has_none(expression: str) -> None:
    assert fold(expression) is UNKNOWN
