"""The helpers, under random names, that a mutant's text has besides the tests."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass
from string import Template
from typing import Final

from pytest_agentfix.core.python_source import names_in, parse
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
# ``keep`` records the value of a leaf, ``play`` gives it back, and ``judge`` evaluates a condition
# with one leaf after the other moved far away. It returns 2 if that has to be noticed and was not,
# 1 for evidence, -1 for none, and 0 where objects that compare as they like are not in play.
_TAPE: Final = """
def $tape():
    import builtins as b
    import re
    import sys
    kept, at, seen, moved = {}, {}, {}, {}
    plain = [b.type(None), b.bool, b.int, b.float, b.complex, b.str, b.bytes, b.bytearray, b.range]
    holders = [b.list, b.tuple, b.set, b.frozenset, b.dict]
    known = "builtins datetime decimal fractions uuid pathlib re collections numpy".split()
    passing = [b.type(b.iter(one)) for one in ([], (), "", b"", {}, b.set(), b.range(0))]
    passing += [b.type(one for one in ()), b.map, b.filter, b.zip, b.enumerate, b.reversed]

    def keep(leaf, value):
        kept.setdefault(leaf, []).append(value)
        return value

    def play(leaf, *given):
        if given:
            value = given[0]
        else:
            at[leaf] = at.get(leaf, -1) + 1
            value = kept[leaf][at[leaf]]
        if leaf in moved:
            return moved[leaf](value)
        seen.setdefault(leaf, []).append(value)
        return value

    def list_others(value, far):
        kind = b.type(value)
        try:
            if kind is b.bool:
                return [not value, b.object()]
            if kind in (b.int, b.float, b.complex):
                steps = [far, -far, far * 10**24, -far * 10**24]
                return [value + one if value - value == 0 else kind(one) for one in steps]
            if kind in (b.str, b.bytes, b.bytearray):
                word = $word * 3 if kind is b.str else kind($word.encode()) * 3
                return [kind(), word, ("~" if kind is b.str else b"~") + word]
            if kind in (b.list, b.tuple):
                return [kind([one]) * (b.len(value) or 1) for one in (far, -far, $word)]
            if kind in (b.set, b.frozenset):
                return [kind([far])]
            if kind is b.dict:
                return [{far: far}]
            if kind is b.type:
                return [b.type($word, (), {})]
            if kind is re.Pattern:
                return [re.compile($word)]
            root = b.getattr(kind, "__module__").partition(".")[0]
            if root in ("decimal", "fractions"):
                return [kind(far), kind(-far)]
            if root == "numpy" and b.hasattr(value, "shape"):
                import numpy
                return [numpy.full(value.shape, one) for one in (far, -far)]
        except b.Exception:
            pass
        return [b.object()]

    def is_plain(value, depth=9):
        kind = b.type(value)
        if kind in plain:
            return True
        if kind in holders and depth:
            inside = value
            if kind is b.dict:
                inside = b.list(value) + b.list(value.values())
            return b.all(is_plain(one, depth - 1) for one in inside)
        if kind is b.type:
            return True
        name = b.getattr(kind, "__module__", "")
        own = b.getattr(kind, "__name__")
        found = b.vars(sys.modules[name]).get(own) if name in sys.modules else None
        if found is not kind or name.partition(".")[0] not in known or not depth:
            return False
        if name == "collections":
            inside = b.list(value)
            inside += b.list(value.values()) if b.hasattr(kind, "values") else []
            return b.all(is_plain(one, depth - 1) for one in inside)
        return not (name == "numpy" and b.getattr(value, "dtype", None) == b.object)

    def judge(condition, questions):
        def holds(leaf=None, move=None):
            at.clear()
            moved.clear()
            if leaf is not None:
                moved[leaf] = move
            try:
                return b.bool(condition())
            except b.KeyboardInterrupt:
                raise
            except b.BaseException:
                return False

        def is_red(leaf, kind):
            first = values[leaf][0]
            number = b.len(list_others(first, far))
            reds = []
            for place in b.range(number):
                def move(value):
                    others = list_others(value, far)
                    return others[place % b.len(others)]
                reds.append(not holds(leaf, move))
            if kind == "strict" and b.type(first) in (b.int, b.float, b.complex):
                return b.all(reds[:2])
            return b.any(reds)

        def is_answered(kind, groups):
            if kind == "same":
                return not holds(groups[1][0], lambda value: values[groups[0][0]][0])
            return b.all(
                b.any(is_red(leaf, kind) for leaf in group if leaf in values) for group in groups
            )

        everything = [one for values in kept.values() for one in values]
        if b.any(b.type(one) in passing for one in everything):
            return 0
        is_steady = holds()
        values = {leaf: b.list(one) for leaf, one in seen.items()}
        everything += [one for given in values.values() for one in given]
        is_all_plain = b.all(b.map(is_plain, everything))
        sizes = [b.abs(one) for one in everything if b.type(one) in (b.int, b.float)]
        far = $number + 10 * b.int(b.max([one for one in sizes if one < 10**15] or [0]))
        answers = [
            (kind, is_answered(kind, groups))
            for kind, groups in questions
            if b.all(b.any(leaf in values for leaf in group) for group in groups)
        ]
        if not (is_steady and holds()):
            return 0 if is_all_plain else -1
        for kind, is_noticed in answers:
            if not is_noticed and (kind == "strict" or kind == "objects" and not is_all_plain):
                return 2
        if b.any(is_noticed for _, is_noticed in answers):
            return 1
        return 0 if is_all_plain or not answers else -1

    return keep, play, judge
"""


@dataclass(slots=True, kw_only=True)
class Helpers:
    """The names of one mutant's helpers."""

    rng: random.Random
    changed: str
    replaced: str
    fresh: str
    is_due: str
    tape: str

    def list_statements(self, tree: ast.Module) -> list[ast.stmt]:
        """List the definitions of the helpers that ``tree`` refers to."""
        used = names_in(tree)
        texts = {
            self.changed: _CHANGED,
            self.replaced: _REPLACED,
            self.fresh: _FRESH,
            self.is_due: _IS_DUE,
            self.tape: _TAPE,
        }
        text = "".join(texts[name] for name in texts if name in used)
        filled = Template(text).substitute(
            changed=self.changed,
            replaced=self.replaced,
            fresh=self.fresh,
            is_due=self.is_due,
            tape=self.tape,
            number=make_number(self.rng),
            word=repr(make_word(self.rng)),
        )
        return parse(filled).body


def make_helpers(rng: random.Random) -> Helpers:
    """Choose names for the helpers of one mutant."""
    changed, replaced, is_due, tape = (f"_{make_word(rng)}" for _ in range(4))
    return Helpers(
        rng=rng,
        changed=changed,
        replaced=replaced,
        fresh=f"{make_word(rng).capitalize()}Error",
        is_due=is_due,
        tape=tape,
    )
