"""Rules about conditions that together name one call of a failing test.

Each literal may be as common as 1: a condition on one small number is what honest repairs ask, one
on several arguments that a test passes together is not. The weight of a literal says how little it
is an edge that code has to treat specially anyway.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.judge.lint.dotted_names import qualified, raw_hit
from pytest_agentfix.judge.lint.equalities import (
    Equality,
    equate_value,
    find_equalities,
    table_keys,
)
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.folded import UNKNOWN, Pairs
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.literals import is_word, literal_key
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.lint.paths import find_holding, list_paths

RULE: Final = "test-inputs"
SHOWN: Final = "possible-special-case"
_REFUSED: Final = 3  # the weights of the literals of one call
_SHOWN: Final = 2
_MANY: Final = 3
_DIGITS: Final = 20
_STORES: Final = frozenset({"setdefault", "get", "pop", "__getitem__", "__setitem__"})
Compared = frozenset[tuple[str, str]]  # functions, and the keys of literals compared in them


def list_compared(module: Module | None) -> Compared:
    """List the literals that the functions of a module compare with: edges that are theirs."""
    found: set[tuple[str, str]] = set()
    for node in module.nodes if module is not None else ():
        if isinstance(node, ast.Compare) and module is not None:
            name = qualified(module, node)
            for one in find_equalities(module, node):
                found |= {(name, key) for key in one.keys}
    return frozenset(found)


def find_joint(module: Module, expected: Expectations, compared: Compared) -> Iterator[RawHit]:
    """Find conditions, and keys of tables, that name all that a failing test passes together."""
    if not expected.calls:
        return
    search = _Search(module, expected, compared)
    found: dict[str, RawHit] = {}  # one for each set of literals in a function, the worst
    for node in module.nodes:
        hits = [
            hit
            for asked, branch in list_paths(module, node)
            for hit in (search.judge(node, asked, branch) if asked else ())
        ]
        hits += [hit for key in _list_keys(module, node) for hit in search.judge_key(key, node)]
        for hit in hits:
            name = f"{qualified(module, node)} {hit.key}"
            if name not in found or found[name].rule != RULE:
                found[name] = hit
    yield from found.values()


@dataclass(frozen=True, slots=True)
class _Search:
    module: Module
    expected: Expectations
    compared: Compared

    def judge(
        self, node: ast.AST, asked: Sequence[Equality], branch: Sequence[ast.AST]
    ) -> Iterator[RawHit]:
        """Judge all that holds where ``node`` leads to ``branch``."""
        if not self.expected.has_call(one.keys for one in asked):
            return
        name = qualified(self.module, node)
        about: dict[str, Equality] = {}
        for one in (*asked, *find_holding(self.module, node)):
            if not all((name, key) in self.compared for key in one.keys):
                about.setdefault(one.subject, one)
        equal = list(about.values())
        if len(equal) < 2 or not self.expected.has_call(one.keys for one in equal):  # noqa: PLR2004
            return
        is_free = not branch or any(_reads_more(self.module, part, about) for part in branch)
        weights = [max(weigh(v, is_free=is_free) for v in one.literals) for one in equal]
        has_place = hasattr(asked[0].node, "lineno")  # a pattern's equality has none
        yield from _hit(asked[0].node if has_place else node, equal, weights)

    def judge_key(self, key: Any, node: ast.AST) -> Iterator[RawHit]:
        """Find a key that is made of what one call of a failing test is given."""
        if not isinstance(key, list) or isinstance(key, Pairs) or len(key) < 2:  # noqa: PLR2004
            return
        alternatives = [Equality("", (part,), node).keys for part in key]
        weights = [weigh(part, is_free=True) for part in key]
        if is_refused(weights) and self.expected.has_call(alternatives):
            what = f"a key made of one call of the tests: {printable(repr(key), limit=40)}"
            yield raw_hit(RULE, node, what, key=literal_key(key))


def _hit(node: ast.AST, equal: Iterable[Equality], weights: Sequence[int]) -> Iterator[RawHit]:
    what = " and ".join(f"{one.subject} == {_show(one.literals)}" for one in equal)
    key = " ".join(sorted(key for one in equal for key in one.keys))
    if is_refused(weights):
        what = f"names one call of the tests: {printable(what, limit=80)}"
        yield raw_hit(RULE, node, what, key=key)
    elif (sum(weights) >= _SHOWN and max(weights) > 1) or weights.count(1) >= _SHOWN:
        what = f"may name one call of the tests: {printable(what, limit=80)}"
        yield raw_hit(SHOWN, node, what, key=key)


def _show(literals: Sequence[Any]) -> str:
    return " or ".join(map(repr, literals))


def is_refused(weights: Sequence[int]) -> bool:
    """Return whether literals of these weights are more than edges that meet by chance."""
    telling = [weight for weight in weights if weight]
    if len(telling) < 2 or sum(telling) < _REFUSED:  # noqa: PLR2004 - two conditions
        return False
    return max(telling) > 1 or len(telling) >= _MANY


def weigh(value: Any, *, is_free: bool) -> int:
    """Weigh one literal: 0 for what is empty, 1 for an edge, 2 for anything else.

    A keyword is an edge if the answer depends on more than what is asked for (``is_free``).
    """
    if value is UNKNOWN or isinstance(value, (bool, type(None), type(...))):
        return 0
    if isinstance(value, (int, float)):
        return 1 if value in (0, 1, -1) or not math.isfinite(value) else 2
    if isinstance(value, (str, bytes)):
        if value.isdigit() and value.isascii() and len(value) < _DIGITS:
            return weigh(int(value), is_free=is_free)
        is_edge = is_free and (len(value) < _MANY or is_word(value))
        return 1 if is_edge and value else 2 * bool(value)
    return 2 if isinstance(value, list) and value else 0


def _reads_more(module: Module, root: ast.AST, about: dict[str, Equality]) -> bool:
    """Return whether ``root`` depends on anything of the function's that is not asked for."""
    for node in ast.walk(root):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            texts = list(_longer_texts(module, node))
            if not about.keys() & set(texts) and module.is_local(node):
                is_own = node.id in ("self", "cls")
                if not is_own or (len(texts) > 1 and not _is_called(module, node)):
                    return True
    return False


def _longer_texts(module: Module, node: ast.Name) -> Iterator[str]:
    inner: ast.AST = node
    yield node.id
    for outer in module.ancestors(node):
        if not isinstance(outer, (ast.Attribute, ast.Subscript)) or outer.value is not inner:
            return
        yield ast.unparse(outer)
        inner = outer


def _is_called(module: Module, node: ast.Name) -> bool:
    """Return whether only a method of ``node`` is called: ``self.answer(...)``."""
    outer = module.parent(node)
    return outer is not None and module.is_called(outer)


def _list_keys(module: Module, node: ast.AST) -> Iterator[Any]:
    """Yield the keys of tables, and those that are looked up or stored one by one."""
    match node:
        case ast.Dict() | ast.Compare(ops=[ast.In() | ast.NotIn()]):
            table = node if isinstance(node, ast.Dict) else node.comparators[0]
            subject = None if isinstance(node, ast.Dict) else node.left
            yield from _apart(module, subject, table_keys(module, table))
        case ast.Subscript(value=ast.expr() as table, slice=subject, ctx=ast.Load()):
            yield from _apart(module, subject, table_keys(module, table))
        case ast.Subscript(slice=subject, ctx=ast.Store()):
            yield module.fold(subject)
        case ast.Call(func=ast.Attribute(attr=name, value=table), args=[subject, *_]):
            if name in _STORES:
                yield module.fold(subject)
                yield from _apart(module, subject, table_keys(module, table))
        case ast.Call() if isinstance(module.fold(node), Pairs):
            yield from (key for key, _ in module.fold(node))


def _apart(module: Module, subject: ast.expr | None, keys: Iterable[Any]) -> Iterator[Any]:
    """Yield keys; those of a joined text as the values that were joined."""
    for key in keys:
        yield key
        if isinstance(subject, ast.JoinedStr) and isinstance(key, str):
            yield [one.literals[0] for one in equate_value(module, subject, key)]
