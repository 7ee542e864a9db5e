"""Find what a condition asks about: an operand that it compares with constants (pure)."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pytest_agentfix.judge.locality.knowledge import Definitions, is_fixed

Place = Literal["left", "right", "start", "end", "within", "holds", "match"]
_MEMBERSHIP: Final = (ast.In, ast.NotIn)
_NEGATED: Final = (ast.NotEq, ast.NotIn)
_ASKING: Final = (ast.Eq, ast.NotEq, *_MEMBERSHIP)
_SEARCHES: Final[Mapping[str, Place]] = {
    **dict.fromkeys(("startswith", "removeprefix"), "start"),
    **dict.fromkeys(("endswith", "removesuffix"), "end"),
    **dict.fromkeys(("find", "index", "partition", "split"), "holds"),
    **dict.fromkeys(("rfind", "rindex", "rpartition", "rsplit"), "holds"),
    **dict.fromkeys(("count", "replace"), "holds"),
}
_MATCHING: Final = frozenset({"match", "search", "fullmatch"})
_MAKERS: Final = frozenset(
    {"dict", "enumerate", "frozenset", "list", "reversed", "set", "sorted", "tuple"}
)
_GETTERS: Final = frozenset({"get", "pop", "setdefault"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question whether something is one of some constants.

    ``text`` is the source of what is asked about, ``of`` that of the value it is a part of, if its
    place there is a constant, else "". ``place`` is the operand: see ``asked_values.py``.
    ``choices`` is the number of constants, 0 if that is not known. ``answer`` is the outcome of the
    condition for one of them. ``is_argument``: it is a whole argument of the function.
    """

    text: str
    of: str
    place: Place
    choices: int
    answer: bool = True
    is_argument: bool = False


def find_question(node: ast.AST, definitions: Definitions) -> Question | None:
    """Return the question that a condition asks, ``None`` for one of another form."""
    if isinstance(node, ast.Compare):
        return _read_comparison(node, definitions)
    if isinstance(node, ast.Subscript):
        return _make(node.slice, "right", node.value, definitions)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        name, owner, first = node.func.attr, node.func.value, node.args[0]
        if name in _SEARCHES:
            return _make(owner, _SEARCHES[name], first, definitions)
        if name in _MATCHING:
            is_of_module = getattr(owner, "id", "") == "re" and len(node.args) > 1
            return _make(node.args[1 if is_of_module else 0], "match", owner, definitions)
        if name in _GETTERS:
            return _make(first, "right", owner, definitions)
    return None


def _read_comparison(node: ast.Compare, definitions: Definitions) -> Question | None:
    operator = node.ops[0]
    if len(node.ops) > 1 or not isinstance(operator, _ASKING):
        return None
    left, right = node.left, node.comparators[0]
    answer = not isinstance(operator, _NEGATED)
    if not definitions.is_constant(left):
        return _make(left, "left", right, definitions, answer=answer)
    place: Place = "within" if isinstance(operator, _MEMBERSHIP) else "right"
    return _make(right, place, left, definitions, answer=answer)


def _make(
    asked: ast.expr, place: Place, among: ast.expr, definitions: Definitions, *, answer: bool = True
) -> Question | None:
    if definitions.is_constant(asked):
        return None
    is_part = isinstance(asked, ast.Subscript) and is_fixed(asked.slice)
    return Question(
        text=ast.unparse(_find_root(asked)) + ("" if place in ("left", "right") else f" ({place})"),
        of=ast.unparse(asked.value) if is_part and isinstance(asked, ast.Subscript) else "",
        place=place,
        is_argument=isinstance(asked, ast.Name) and asked.id in definitions.parameters,
        choices=_count_choices(among, definitions),
        answer=answer,
    )


def _find_root(asked: ast.expr) -> ast.expr:
    """Return the text that a chain such as ``text.replace(...).replace(...)`` begins with."""
    while (
        isinstance(asked, ast.Call)
        and isinstance(asked.func, ast.Attribute)
        and asked.func.attr == "replace"
    ):
        asked = asked.func.value
    return asked


def _count_choices(among: ast.AST, definitions: Definitions, depth: int = 3) -> int:
    if isinstance(among, ast.Call) and isinstance(among.func, ast.Attribute) and not among.args:
        among = among.func.value  # as in ``WORDS.items()``
    if not isinstance(among, (ast.Name, ast.Attribute)) or not depth:
        return _count_constants(among)
    found = (_count_choices(one, definitions, depth - 1) for one in definitions.find(among))
    return max(found, default=0)


def _count_constants(among: ast.AST) -> int:
    if isinstance(among, ast.Call) and getattr(among.func, "id", "") in _MAKERS:
        return len(among.keywords) + sum(map(_count_constants, among.args))
    if isinstance(among, ast.Constant):
        return 1
    if isinstance(among, (ast.Tuple, ast.List, ast.Set)):
        return len(among.elts)
    return len(among.keys) if isinstance(among, ast.Dict) else 0
