"""Change expectations: replace a value by another one of the same type."""

from __future__ import annotations

import ast
import copy
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.python_source import last_name
from pytest_agentfix.judge.variants.bindings import list_identifiers, qualify
from pytest_agentfix.judge.variants.expected_side import MAKERS, weigh
from pytest_agentfix.judge.variants.random_names import make_number, make_word
from pytest_agentfix.judge.variants.replay import Replay, ReplayNames, make_replay

# Objects equal to things they are not: a changed expectation is not certain to be noticed.
_MATCHERS: Final = frozenset({"dirty_equals", "re_assert", "hamcrest", "callee", "testfixtures"})
_ANYTHING: Final = re.compile(r"ANY|(?i:any.+|.*always_?eq.*|.*_any)")
_CLOSE: Final = frozenset({"allclose", "isclose", "array_equal", "array_equiv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A condition, or a call that asserts one, that honest code does not meet.

    It is evidence if not meeting it says that the expectation matters; a mere opposite does not.
    """

    expression: ast.expr
    replay: Replay | None = None
    is_evidence: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Changer:
    """Changes the expectations of one test function.

    ``changed`` and ``replaced`` are the names of functions in the variant: one changes a value
    while the test runs, one returns another object for it. Both operands are evaluated whichever is
    changed, as the rest of the test may depend on it. ``made`` are the local names that hold an
    instance some class has just made.
    """

    rng: random.Random
    changed: str
    replaced: str
    imports: Mapping[str, str]
    made: frozenset[str] = frozenset()

    def change_condition(self, condition: ast.expr) -> list[Change]:
        """Return what to assert in place of ``condition``, each one false; [] if unsure."""
        match condition:
            case ast.BoolOp(op=ast.And(), values=values):
                parts = [self.change_condition(value) for value in values]
                if all(parts):
                    return [one for part in parts for one in part]
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                pair = self.change_pair(left, right)
                if pair is None:
                    return []
                changed = ast.Compare(left=pair[0], ops=[ast.Eq()], comparators=[pair[1]])
                return [Change(expression=changed)]
            case ast.Call(func=function, args=[left, right, *more]):
                pair = self.change_pair(left, right) if last_name(function) in _CLOSE else None
                if pair is not None:
                    call = copy.copy(condition)
                    call.args = [*pair, *more]
                    return [Change(expression=call)]
        return [self.negate(condition)]

    def negate(self, condition: ast.expr) -> Change:
        """Return the opposite of ``condition``, which is evaluated again with other expectations.

        Without an expectation to be changed, the opposite is all there is.
        """
        names = ReplayNames(*(f"_{make_word(self.rng)}" for _ in range(2)))
        replay = make_replay(condition, names, imports=self.imports)
        whole = condition if replay is None else replay.recorded
        opposite = ast.UnaryOp(op=ast.Not(), operand=whole)
        return Change(expression=opposite, replay=replay, is_evidence=False)

    def change_pair(self, left: ast.expr, right: ast.expr) -> tuple[ast.expr, ast.expr] | None:
        """Change one of two operands expected to be equal; ``None`` if the outcome is uncertain."""
        if self._is_lenient(left) or self._is_lenient(right):
            return None
        if weigh(right) >= weigh(left):
            return left, self._change(right, beside=left)
        return self._change(left, beside=right), right

    def _is_lenient(self, node: ast.expr) -> bool:
        """Return whether an operand may be equal to anything, like ``mock.ANY``."""
        roots = {
            qualify(one, self.imports).partition(".")[0]
            for one in ast.walk(node)
            if isinstance(one, ast.Name)
        }
        return bool(roots & _MATCHERS) or any(
            _ANYTHING.fullmatch(name) for name in list_identifiers(node)
        )

    def _change(self, node: ast.expr, *, beside: ast.expr) -> ast.expr:
        is_made = isinstance(beside, ast.Name) and beside.id in self.made
        if is_made or _is_instance(beside):
            # An object whose own equality is tested may well be equal to another literal.
            return _call(self.replaced, node)
        return self.change_expectation(node)

    def change_expectation(self, node: ast.expr) -> ast.expr:
        """Change a literal in the text, anything else while the test runs."""
        changed = self._change_literal(node)
        if changed is not None:
            return changed
        if isinstance(node, ast.Call) and last_name(node) == "approx" and node.args:
            call = copy.copy(node)
            call.args = [self.change_expectation(node.args[0]), *node.args[1:]]
            return call
        return _call(self.changed, node)

    def _change_literal(self, node: ast.expr) -> ast.expr | None:
        more = ast.Constant(make_number(self.rng))
        changed = copy.copy(node)
        match changed:
            case ast.Constant(value=value):
                return ast.Constant(self._change_value(value))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant()):
                return more
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                # Keep the length, to notice a comparison that only counts.
                changed.elts = [*items[:-1], more]
            case ast.Dict(keys=[*_, ast.expr()], values=values):
                changed.values = [*values[:-1], more]
            case ast.Dict(keys=keys, values=values):
                changed.keys, changed.values = [*keys, more], [*values, more]
            case ast.JoinedStr(values=values):
                changed.values = [*values, ast.Constant(make_word(self.rng))]
            case _:
                return None
        return changed

    def _change_value(self, value: object) -> str | bytes | bool | float | complex:
        number, word = make_number(self.rng), make_word(self.rng)
        match value:
            case bool():
                return not value
            case int():
                changed = value * 3 + number
                return changed if changed != value else changed + 1
            case float() | complex():
                changed_float = value * 3 + number
                is_new = changed_float - changed_float == 0 and changed_float != value
                return changed_float if is_new else float(number)
            case str():
                return value + word
            case bytes():
                return value + word.encode()
        return word


def find_made(function: ast.AST) -> frozenset[str]:
    """Find the local names that are given a new instance: ``x = Thing(...)``."""
    return frozenset(
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _is_instance(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    )


def _is_instance(node: ast.expr) -> bool:
    """Return whether an expression calls a class, going by its name."""
    name = last_name(node) if isinstance(node, ast.Call) else ""
    return name[:1].isupper() and name not in MAKERS


def _call(function: str, argument: ast.expr) -> ast.Call:
    return ast.Call(func=ast.Name(id=function, ctx=ast.Load()), args=[argument], keywords=[])
