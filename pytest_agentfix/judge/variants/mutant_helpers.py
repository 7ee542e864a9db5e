"""The helpers, under random names, that a mutant's text has besides the tests."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass
from string import Template
from typing import Final

from pytest_agentfix.judge.variants.random_names import make_number, make_word

# Python 3.8, with builtins only through their module: a star import may have replaced them.
_CHANGED: Final = """
def $changed(value):
    import builtins as b
    kind = b.type(value)
    root = b.getattr(kind, "__module__").partition(".")[0]
    other = b.object()
    try:
        if kind is b.bool:
            other = not value
        elif kind in (b.int, b.float, b.complex):
            other = value * 3 + $number
            if other - other != 0:
                other = kind($number)
        elif kind in (b.str, b.bytes, b.bytearray):
            other = value + kind(*(($word,) if kind is b.str else ($word, "ascii")))
        elif kind in (b.list, b.tuple):
            other = value[:-1] + kind([$number])
        elif kind in (b.set, b.frozenset):
            other = kind([*b.list(value)[1:], $number])
        elif kind is b.dict:
            other = {**value, (b.list(value) or [$number])[-1]: $number}
        elif value is None:
            other = $word
        elif root in ("decimal", "fractions"):
            other = kind($number)
        elif root == "numpy" and b.hasattr(value, "shape"):
            import numpy
            other = numpy.full(value.shape if value.size else (7,), $number)
    except b.Exception:
        return b.object()
    try:
        is_same = b.bool(other == value)
    except b.Exception:
        is_same = False
    return b.object() if is_same else other
"""
_REPLACED: Final = """
def $replaced(value):
    import builtins as b
    return b.object()
"""
_FRESH: Final = """
class $fresh(Exception):
    pass
"""
# A missing exception is AssertionError in unittest, and in pytest an exception named Failed.
_IS_DUE: Final = """
def $is_due(error, wanted):
    import builtins as b
    if b.isinstance(error, b.AssertionError) or b.getattr(b.type(error), "__name__") == "Failed":
        return True
    return b.isinstance(error, wanted)
"""


@dataclass(slots=True, kw_only=True)
class Helpers:
    """The names of one mutant's helpers."""

    rng: random.Random
    changed: str
    replaced: str
    fresh: str
    is_due: str

    def list_statements(self, tree: ast.Module) -> list[ast.stmt]:
        """List the definitions of the helpers that ``tree`` refers to."""
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        texts = {
            self.changed: _CHANGED,
            self.replaced: _REPLACED,
            self.fresh: _FRESH,
            self.is_due: _IS_DUE,
        }
        text = "".join(texts[name] for name in texts if name in used)
        filled = Template(text).substitute(
            changed=self.changed,
            replaced=self.replaced,
            fresh=self.fresh,
            is_due=self.is_due,
            number=make_number(self.rng),
            word=repr(make_word(self.rng)),
        )
        return ast.parse(filled).body


def make_helpers(rng: random.Random) -> Helpers:
    """Choose names for the helpers of one mutant."""
    changed, replaced, is_due = (f"_{make_word(rng)}" for _ in range(3))
    return Helpers(
        rng=rng,
        changed=changed,
        replaced=replaced,
        fresh=f"{make_word(rng).capitalize()}Error",
        is_due=is_due,
    )
