"""Rewrite one test function so that it fails unless a changed expectation holds."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pytest_agentfix.judge.variants.assert_calls import change_call, expect_other, is_raises
from pytest_agentfix.judge.variants.bindings import list_arguments
from pytest_agentfix.judge.variants.certain_statements import (
    get_sure_block,
    is_jumping,
    is_leaving,
    is_read,
    is_steady,
)
from pytest_agentfix.judge.variants.changed_values import Changer, find_made
from pytest_agentfix.judge.variants.locate import DEFINITIONS, SourcePlace
from pytest_agentfix.judge.variants.mutant_helpers import Helpers
from pytest_agentfix.judge.variants.random_names import make_word
from pytest_agentfix.judge.variants.source_text import split_docstring

# An assertion that holds is a survivor; one that fails is as it should be. The test goes on.
_WRAPPED: Final = """
try:
    pass
except {due}:
    {pardon}
else:
    {survivors}.append(1)
"""
# At its end, or at an early return, the test fails if there is no survivor. An exception that is
# none of ours passes through.
_WHOLE: Final = """
{survivors} = []
try:
    pass
except BaseException:
    {survivors}.append(1)
    raise
finally:
    if not {survivors}:
        raise AssertionError
"""


def mutate(place: SourcePlace, *, helpers: Helpers, changer: Changer) -> int:
    """Change the certain assertions of a test in place; return their number, 0 if unchanged.

    An expected exception that is examined afterwards is left alone, unless there is no other
    assertion: without it the rest of the test could not go on.
    """
    for takes_bound in (False, True):
        text, body = split_docstring(copy.deepcopy(place.function.body))
        rewriter = _Rewriter(
            changer=replace(changer, made=find_made(place.function)),
            helpers=helpers,
            receiver=_find_receiver(place),
            survivors=f"_{make_word(changer.rng)}",
            takes_bound=takes_bound,
            whole=body,
        )
        rewritten = rewriter.rewrite_block(body)
        if rewriter.count:
            place.function.body = [*text, *rewriter.close(rewritten)]
            return rewriter.count
    return 0


def _find_receiver(place: SourcePlace) -> str:
    if not place.classes:
        return ""
    arguments = list_arguments(place.function)
    return arguments[0].arg if arguments else ""


@dataclass(slots=True, kw_only=True)
class _Rewriter:
    changer: Changer
    helpers: Helpers
    receiver: str
    survivors: str
    takes_bound: bool
    whole: Sequence[ast.stmt]
    count: int = 0
    is_over: bool = field(default=False)  # something may have ended the function by here

    def rewrite_block(self, block: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Rewrite statements that run one after another."""
        rewritten: list[ast.stmt] = []
        is_cut = False
        for statement in block:
            is_sure = not (is_cut or self.is_over or isinstance(statement, DEFINITIONS))
            rewritten += self._rewrite(statement) if is_sure else [statement]
            is_cut = is_cut or is_jumping(statement)
            self.is_over = self.is_over or is_leaving(statement)
        return rewritten

    def close(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Wrap the rewritten body in the statement that decides the outcome at its end."""
        statements = ast.parse(_WHOLE.format(survivors=self.survivors)).body
        guard = statements[-1]
        assert isinstance(guard, ast.Try)
        guard.body = body
        return statements

    def _rewrite(self, statement: ast.stmt) -> list[ast.stmt]:
        match statement:
            case ast.Assert(test=test):
                conditions = self.changer.change_condition(test)
                changed = [ast.Assert(test=condition, msg=None) for condition in conditions]
                return self._wrap_all(changed) or [statement]
            case ast.Expr(value=ast.Call() as call) if self._is_raises(call):
                return self._rewrite_raising_call(statement, call)
            case ast.Expr(value=ast.Call() as call):
                calls = change_call(call, receiver=self.receiver, changer=self.changer)
                return self._wrap_all([ast.Expr(value=one) for one in calls]) or [statement]
            case ast.With(items=[item]) if self._is_raises(item.context_expr):
                return self._rewrite_raising_block(statement, item)
        inner = get_sure_block(statement)
        if inner is not None:
            inner[:] = self.rewrite_block(inner)
        return [statement]

    def _is_raises(self, call: ast.AST) -> bool:
        return is_raises(call, receiver=self.receiver, changer=self.changer)

    def _rewrite_raising_call(self, statement: ast.stmt, call: ast.Call) -> list[ast.stmt]:
        if len(call.args) == 1 or not is_steady(call.args[0]):
            return [statement]
        changed = ast.Expr(value=expect_other(call, self.helpers.fresh))
        return [self._wrap(changed, wanted=call.args[0])]

    def _rewrite_raising_block(self, statement: ast.With, item: ast.withitem) -> list[ast.stmt]:
        call, bound = item.context_expr, item.optional_vars
        assert isinstance(call, ast.Call)
        is_bound = bound is not None and not (
            isinstance(bound, ast.Name) and not is_read(bound.id, self.whole)
        )
        if (is_bound and not self.takes_bound) or not is_steady(call.args[0]):
            return [statement]
        wanted = call.args[0]
        item.context_expr = expect_other(call, self.helpers.fresh)
        return [self._wrap(statement, wanted=wanted)]

    def _wrap_all(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        return [self._wrap(statement) for statement in statements]

    def _wrap(self, statement: ast.stmt, *, wanted: ast.expr | None = None) -> ast.stmt:
        """Record a changed assertion that holds; a ``wanted`` exception may pass through."""
        self.count += 1
        due, pardon = "AssertionError", "pass"
        if wanted is not None:
            caught = f"_{make_word(self.changer.rng)}"
            due = f"BaseException as {caught}"
            question = f"{self.helpers.is_due}({caught}, {ast.unparse(wanted)})"
            pardon = f"if not {question}: raise"
        text = _WRAPPED.format(due=due, pardon=pardon, survivors=self.survivors)
        guard = ast.parse(text).body[0]
        assert isinstance(guard, ast.Try)
        guard.body = [statement]
        return guard
