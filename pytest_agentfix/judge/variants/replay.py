"""Split a condition into values that are recorded once and a formula that is evaluated again.

The formula has no calls into the code under test, so that a test's side effects happen once,
however often the condition is evaluated with another expectation.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from pytest_agentfix.core.python_source import last_name, names_in
from pytest_agentfix.judge.variants.bindings import qualify
from pytest_agentfix.judge.variants.comparers import is_comparer
from pytest_agentfix.judge.variants.expected_side import has_names, weigh
from pytest_agentfix.judge.variants.random_names import split_words

# "soft": one change that turns the condition red is evidence. "objects": the same, and without it
# the test has failed, unless all values are of built-in types. "strict": without it the test has
# failed. "same": the second leaf gets the value of the first.
Kind: TypeAlias = Literal["soft", "objects", "strict", "same"]

_OPPOSITES: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    one: other
    for left, right in (
        (ast.Eq, ast.NotEq),
        (ast.In, ast.NotIn),
        (ast.Is, ast.IsNot),
        (ast.Lt, ast.GtE),
        (ast.Gt, ast.LtE),
    )
    for one, other in ((left, right), (right, left))
}
_UNCHANGEABLE: Final = (ast.NotIn, ast.IsNot)
_ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Div)
_DISTANCES: Final = frozenset({"abs", "fabs", "absolute"})
_FIGURES: Final = _DISTANCES | split_words(
    "round sum min max amax nanmax norm mean sqrt hypot total_seconds"
)
_ITERATING: Final = split_words("zip enumerate reversed")
_TYPE_CHECKS: Final = split_words("isinstance issubclass hasattr")
_METHODS: Final = split_words("startswith endswith issubset issuperset match fullmatch search")
_COMPREHENSIONS: Final = (ast.GeneratorExp, ast.ListComp, ast.SetComp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Leaves to be moved far away: in each group, one leaf has to turn the condition red."""

    kind: Kind
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ReplayNames:
    """The names of the recorder and the player."""

    keep: str
    play: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A condition in two forms.

    ``recorded`` is evaluated in the place of the condition and hands each leaf's value to a
    recorder. ``replayed`` takes the leaves' values from a player.
    """

    names: ReplayNames
    recorded: ast.expr
    replayed: ast.expr
    questions: tuple[Question, ...]


def make_replay(
    condition: ast.expr, names: ReplayNames, *, imports: Mapping[str, str]
) -> Replay | None:
    """Split ``condition``; ``None`` if there is no expectation in it to be changed."""
    splitter = _Splitter(names=names, imports=imports)
    recorded, replayed = splitter.split(condition, must_hold=True)
    if not splitter.questions:
        return None
    return Replay(
        names=names, recorded=recorded, replayed=replayed, questions=tuple(splitter.questions)
    )


Split: TypeAlias = tuple[ast.expr, ast.expr]


@dataclass(slots=True, kw_only=True)
class _Splitter:
    names: ReplayNames
    imports: Mapping[str, str]
    questions: list[Question] = field(default_factory=list)
    bound: frozenset[str] = frozenset()  # the variables of comprehensions around
    is_in_all: bool = False
    is_negated: bool = False
    spans: dict[int, range] = field(default_factory=dict)  # the leaves of each part
    count: int = 0

    def split(self, node: ast.expr, *, must_hold: bool = False) -> Split:
        """Return both forms of a part; ``must_hold`` if the whole is false without it."""
        begin = self.count
        forms = self._split(node, must_hold=must_hold)
        self.spans[id(node)] = range(begin, self.count)
        return forms

    def _split(  # noqa: PLR0911 - a table
        self, node: ast.expr, *, must_hold: bool
    ) -> Split:
        match node:
            case ast.Compare():
                return self._split_comparison(node, must_hold=must_hold)
            case ast.BoolOp(op=operator, values=values):
                holds = must_hold and isinstance(operator, ast.And)
                parts = [self.split(one, must_hold=holds) for one in values]
                first, second = copy.copy(node), copy.copy(node)
                first.values, second.values = _unzip(parts)
                return first, second
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.is_negated = not self.is_negated
                forms = _fill(node, operand=self.split(operand))
                self.is_negated = not self.is_negated
                return forms
            case ast.BinOp(left=left, op=operator, right=right) if has_names(node) and isinstance(
                operator, _ARITHMETIC
            ):
                return _fill(node, left=self.split(left), right=self.split(right))
            case ast.BinOp(left=left, op=ast.Pow() | ast.Mult(), right=ast.Constant(value=number)):
                if isinstance(number, int | float):  # a factor that is moved could take for ever
                    return _fill(node, left=self.split(left))
            case ast.Attribute(value=value) if _is_calculated(value):
                return _fill(node, value=self.split(value))
            case ast.Call(args=args, keywords=keywords) if not _has_stars(args, keywords):
                return self._split_call(node, must_hold=must_hold) or self._make_leaf(node)
        return self._make_leaf(node)

    def _make_leaf(self, node: ast.expr) -> Split:
        number = ast.Constant(self.count)
        self.count += 1
        if not has_names(node) or (isinstance(node, ast.Name) and node.id in self.bound):
            return node, _call(self.names.play, number, node)
        return _call(self.names.keep, number, node), _call(self.names.play, number)

    def _split_comparison(self, node: ast.Compare, *, must_hold: bool) -> Split:
        operands = [node.left, *node.comparators]
        operator = self._get_operator(node)
        if isinstance(operator, ast.NotEq):
            parts, leaves = self._split_all(operands, is_whole=True)
            is_right = weigh(operands[1]) >= weigh(operands[0])
            self._ask("same", leaves if is_right else leaves[::-1])
        elif difference := _find_difference(operands, operator):
            parts, _ = self._split_all(operands)
            is_distance = any(_is_distance_of(one, difference) for one in operands)
            sides = [self.spans.get(id(one), ()) for one in (difference.left, difference.right)]
            self._ask("strict" if is_distance and must_hold else "soft", sides)
        else:
            parts, leaves = self._split_all(operands)
            if not any(isinstance(one, _UNCHANGEABLE) for one in (*node.ops, operator)):
                is_sure = isinstance(operator, ast.Eq) and must_hold and self.is_in_all
                self._ask("objects" if is_sure else "soft", _choose_expected(operands, leaves))
        first_form, second_form = copy.copy(node), copy.copy(node)
        recorded, replayed = _unzip(parts)
        first_form.left, first_form.comparators = recorded[0], recorded[1:]
        second_form.left, second_form.comparators = replayed[0], replayed[1:]
        return first_form, second_form

    def _get_operator(self, node: ast.Compare) -> ast.cmpop | None:
        """Return the operator of a simple comparison as it has to hold, ``None`` for a chain."""
        if len(node.ops) > 1:
            return None
        found = node.ops[0]
        return _OPPOSITES[type(found)]() if self.is_negated else found

    def _split_all(
        self, operands: Sequence[ast.expr], *, is_whole: bool = False
    ) -> tuple[list[Split], list[list[int]]]:
        """Split operands; return them with the leaves of each."""
        parts, leaves = [], []
        for one in operands:
            begin = self.count
            parts.append(self._make_leaf(one) if is_whole else self.split(one))
            leaves.append(list(range(begin, self.count)))
        return parts, leaves

    def _split_call(  # noqa: PLR0911 - a table
        self, node: ast.Call, *, must_hold: bool
    ) -> Split | None:
        name = last_name(node)
        if name in ("all", "any") and len(node.args) == 1:
            return self._split_quantifier(node, must_hold=must_hold and name == "all")
        if name in _ITERATING and isinstance(node.func, ast.Name):
            return self._fill_call(node, [self.split(one) for one in node.args])
        if name in _FIGURES:
            is_calculated = any(_is_calculated(one) for one in (node.func, *node.args))
            return self._split_figure(node) if is_calculated else None
        if name in _TYPE_CHECKS and len(node.args) == 2:  # noqa: PLR2004 - value and type
            parts, leaves = self._split_all(node.args)
            self._ask_agreeing("soft", leaves[1:])
            return self._fill_call(node, parts)
        if name in _METHODS and node.args:
            return self._split_method(node)
        if is_comparer(name):
            return self._split_comparer(node, must_hold=must_hold)
        return None

    def _split_quantifier(self, node: ast.Call, *, must_hold: bool) -> Split | None:
        inner = node.args[0]
        if not isinstance(inner, _COMPREHENSIONS):
            return None
        if any(one.is_async for one in inner.generators):
            return None
        return self._fill_call(node, [self._split_comprehension(inner, must_hold=must_hold)])

    def _split_comprehension(
        self, node: ast.GeneratorExp | ast.ListComp | ast.SetComp, *, must_hold: bool
    ) -> Split:
        around, was_in_all = self.bound, self.is_in_all
        generators: list[tuple[ast.comprehension, ast.comprehension]] = []
        for one in node.generators:
            iterated = self.split(one.iter)
            self.bound |= names_in(one.target)
            ifs = _unzip([self.split(each) for each in one.ifs])
            pair = [
                ast.comprehension(target=one.target, iter=each, ifs=conditions, is_async=0)
                for each, conditions in zip(iterated, ifs, strict=True)
            ]
            generators.append((pair[0], pair[1]))
        self.is_in_all = must_hold
        element = self.split(node.elt, must_hold=must_hold)
        self.bound, self.is_in_all = around, was_in_all
        first, second = copy.copy(node), copy.copy(node)
        first.elt, second.elt = element
        first.generators = [one for one, _ in generators]
        second.generators = [one for _, one in generators]
        return first, second

    def _split_figure(self, node: ast.Call) -> Split:
        parts = [
            self._split_comprehension(one, must_hold=False)
            if isinstance(one, _COMPREHENSIONS) and not any(x.is_async for x in one.generators)
            else self.split(one)
            for one in node.args
        ]
        if isinstance(node.func, ast.Attribute) and _is_calculated(node.func.value):
            owner = self.split(node.func.value)
            return self._fill_call(node, parts, owner=owner)
        return self._fill_call(node, parts)

    def _split_method(self, node: ast.Call) -> Split | None:
        if not isinstance(node.func, ast.Attribute):
            return None
        if qualify(node.func.value, self.imports) == "re":
            parts, leaves = self._split_all(node.args)
            self._ask_agreeing("soft", _choose_expected(node.args[:2], leaves[:2]))
            return self._fill_call(node, parts)
        operands = [node.func.value, *node.args]
        parts, leaves = self._split_all(operands)
        self._ask_agreeing("soft", _choose_expected(operands[:2], leaves[:2]))
        return self._fill_call(node, parts[1:], owner=parts[0])

    def _split_comparer(self, node: ast.Call, *, must_hold: bool) -> Split | None:
        """Split ``near(a, b)`` or ``a.equals(b)``: moving either operand has to be noticed."""
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if owner is not None and last_name(node) == "close":
            return None  # of a file or the like
        is_method = owner is not None and len(node.args) == 1 and not self._is_fixed(owner)
        if not is_method and len(node.args) < 2:  # noqa: PLR2004 - a pair
            return None
        kind: Kind = "strict" if must_hold else "soft"
        if is_method and owner is not None:
            parts, leaves = self._split_all([owner, *node.args])
            self._ask_agreeing(kind, leaves[1:2])
            return self._fill_call(node, parts[1:], owner=parts[0])
        own = None if owner is None or self._is_fixed(owner) else self.split(owner)
        parts, leaves = self._split_all(node.args)
        self._ask_agreeing(kind, leaves[:2])
        return self._fill_call(node, parts, owner=own)

    def _is_fixed(self, owner: ast.expr) -> bool:
        """Return whether an owner is a module or the test's own object: there is no value."""
        dotted = qualify(owner, self.imports)
        name = owner.id if isinstance(owner, ast.Name) else ""
        return name in ("self", "cls") or (name in self.imports and bool(dotted))

    def _fill_call(
        self, node: ast.Call, parts: Sequence[Split], *, owner: Split | None = None
    ) -> Split:
        words = [(word.arg, self.split(word.value)) for word in node.keywords]
        forms: list[ast.expr] = []
        for number in (0, 1):
            form = copy.copy(node)
            form.args = [part[number] for part in parts]
            form.keywords = [ast.keyword(arg=arg, value=part[number]) for arg, part in words]
            if owner is not None and isinstance(node.func, ast.Attribute):
                form.func = copy.copy(node.func)
                form.func.value = owner[number]
            forms.append(form)
        return forms[0], forms[1]

    def _ask_agreeing(self, kind: Kind, groups: Sequence[Sequence[int]]) -> None:
        """Ask about a call that is true if two values agree; nothing turns its opposite red."""
        if not self.is_negated:
            self._ask(kind, groups)

    def _ask(self, kind: Kind, groups: Sequence[Sequence[int]]) -> None:
        if groups and all(groups):
            question = Question(kind=kind, groups=tuple(tuple(group) for group in groups))
            self.questions.append(question)


def _choose_expected(
    operands: Sequence[ast.expr], leaves: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Choose the leaves of the expectation; those of every operand if it is not clear which."""
    weights = [weigh(one) for one in operands]
    if len(set(weights)) == 1:
        return [list(one) for one in leaves]
    pairs = zip(weights, leaves, strict=True)
    return [[leaf for weight, group in pairs if weight > min(weights) for leaf in group]]


def _find_difference(operands: Sequence[ast.expr], operator: ast.cmpop | None) -> ast.BinOp | None:
    """Find the difference that a comparison bounds from above: ``abs(a - b) < limit``."""
    match operator:
        case ast.Lt() | ast.LtE():
            return _find_subtraction(operands[0])
        case ast.Gt() | ast.GtE():
            return _find_subtraction(operands[1])
    return None


def _find_subtraction(node: ast.expr) -> ast.BinOp | None:
    return next((one for one in _walk_figures(node) if isinstance(one.op, ast.Sub)), None)


def _is_distance_of(node: ast.expr, difference: ast.BinOp) -> bool:
    """Return whether ``node`` is ``abs(difference)``."""
    return (
        isinstance(node, ast.Call) and last_name(node) in _DISTANCES and node.args == [difference]
    )


def _is_calculated(node: ast.expr) -> bool:
    """Return whether a difference of values is in an expression of figures."""
    return _find_subtraction(node) is not None


def _walk_figures(node: ast.expr) -> Iterator[ast.BinOp]:
    """Yield the operations that a figure is made by, without those in calls of other code."""
    match node:
        case ast.BinOp(left=left, op=operator, right=right):
            if has_names(node):
                if isinstance(operator, _ARITHMETIC):
                    yield node
                yield from _walk_figures(left)
                yield from _walk_figures(right)
        case ast.Call(func=function, args=args) if last_name(node) in _FIGURES:
            if isinstance(function, ast.Attribute):
                yield from _walk_figures(function.value)
            for one in args:
                yield from _walk_figures(one)
        case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element) | ast.SetComp(elt=element):
            yield from _walk_figures(element)
        case ast.Attribute(value=value):
            yield from _walk_figures(value)


def _has_stars(args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> bool:
    return any(isinstance(one, ast.Starred) for one in args) or any(
        word.arg is None for word in keywords
    )


def _fill(node: ast.expr, **parts: Split) -> Split:
    forms = [copy.copy(node), copy.copy(node)]
    for name, pair in parts.items():
        for form, part in zip(forms, pair, strict=True):
            setattr(form, name, part)
    return forms[0], forms[1]


def _unzip(parts: Sequence[Split]) -> tuple[list[ast.expr], list[ast.expr]]:
    return [one for one, _ in parts], [one for _, one in parts]


def _call(function: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(func=ast.Name(id=function, ctx=ast.Load()), args=list(arguments), keywords=[])
