"""Rewrite one test function so that it fails unless a changed expectation holds."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pytest_agentfix.core.python_source import parse
from pytest_agentfix.judge.variants.assert_calls import change_call, expect_other, is_raises
from pytest_agentfix.judge.variants.bindings import list_arguments
from pytest_agentfix.judge.variants.certain_statements import (
    get_sure_block,
    is_jumping,
    is_leaving,
    is_read,
    is_steady,
)
from pytest_agentfix.judge.variants.changed_values import Change, Changer, find_made
from pytest_agentfix.judge.variants.locate import DEFINITIONS, SourcePlace
from pytest_agentfix.judge.variants.mutant_helpers import Helpers
from pytest_agentfix.judge.variants.random_names import make_word
from pytest_agentfix.judge.variants.source_text import split_docstring

# A test keeps marks: 2 for a changed assertion that holds, 1 for one that failed as it should and
# is evidence, -1 for one that no change of its expectation turns red, 0 for others.
_WRAPPED: Final = """
try:
    pass
except {due}:
    {pardon}
else:
    {marks}.append(2)
"""
_TAPED: Final = "{keep}, {play}, {judge} = {tape}()"
_JUDGED: Final = """
{marks}.append({judge}(lambda: {replayed}, {questions}))
{keep} = {play} = {judge} = None
"""
# At its end, or at an early return, the test fails unless the marks are against the code. An
# exception that is none of ours passes through.
_WHOLE: Final = """
{marks} = []
try:
    pass
except BaseException:
    {marks}.append(2)
    raise
finally:
    if 2 not in {marks} and (1 in {marks} or -1 not in {marks}):
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
            marks=f"_{make_word(changer.rng)}",
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
    marks: str
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
        statements = parse(_WHOLE.format(marks=self.marks)).body
        guard = statements[-1]
        assert isinstance(guard, ast.Try)
        guard.body = body
        return statements

    def _rewrite(self, statement: ast.stmt) -> list[ast.stmt]:
        match statement:
            case ast.Assert(test=test):
                changes = self.changer.change_condition(test)
                return [
                    each
                    for one in changes
                    for each in self._rewrite_one(one, ast.Assert(test=one.expression, msg=None))
                ] or [statement]
            case ast.Expr(value=ast.Call() as call) if self._is_raises(call):
                return self._rewrite_raising_call(statement, call)
            case ast.Expr(value=ast.Call() as call):
                changes = change_call(call, receiver=self.receiver, changer=self.changer)
                return [
                    each
                    for one in changes
                    for each in self._rewrite_one(one, ast.Expr(value=one.expression))
                ] or [statement]
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
        text = make_word(self.changer.rng)
        changed = ast.Expr(value=expect_other(call, self.helpers.fresh, text))
        return [self._wrap_raising(changed, wanted=call.args[0], text=text)]

    def _rewrite_raising_block(self, statement: ast.With, item: ast.withitem) -> list[ast.stmt]:
        call, bound = item.context_expr, item.optional_vars
        assert isinstance(call, ast.Call)
        is_bound = bound is not None and not (
            isinstance(bound, ast.Name) and not is_read(bound.id, self.whole)
        )
        if (is_bound and not self.takes_bound) or not is_steady(call.args[0]):
            return [statement]
        wanted = call.args[0]
        text = make_word(self.changer.rng)
        item.context_expr = expect_other(call, self.helpers.fresh, text)
        return [self._wrap_raising(statement, wanted=wanted, text=text)]

    def _rewrite_one(self, change: Change, statement: ast.stmt) -> list[ast.stmt]:
        """Wrap a changed assertion; after it, change its expectation in further ways."""
        replay = change.replay
        if replay is None:
            return [self._wrap(statement, is_evidence=change.is_evidence)]
        names = {
            "keep": replay.names.keep,
            "play": replay.names.play,
            "judge": f"_{make_word(self.changer.rng)}",
            "tape": self.helpers.tape,
            "marks": self.marks,
        }
        questions = tuple((one.kind, one.groups) for one in replay.questions)
        replayed = ast.unparse(ast.fix_missing_locations(replay.replayed))
        judged = _JUDGED.format(**names, replayed=replayed, questions=questions)
        return [
            *parse(_TAPED.format(**names)).body,
            self._wrap(statement, is_evidence=False),
            *parse(judged).body,
        ]

    def _wrap_raising(self, statement: ast.stmt, *, wanted: ast.expr, text: str) -> ast.stmt:
        """Wrap a statement in which a ``wanted`` exception may pass through.

        Its message is not to have the random ``text``, which only the changed test asks for.
        """
        caught = f"_{make_word(self.changer.rng)}"
        question = f"{self.helpers.is_due}({caught}, {ast.unparse(wanted)})"
        mark = f"{self.marks}.append(2 if {text!r} in str({caught}) else 1)"
        is_known = f"isinstance({caught}, {ast.unparse(wanted)})"
        pardon = f"if not {question}: raise\n    if {is_known}: {mark}"
        return self._guard(statement, due=f"BaseException as {caught}", pardon=pardon)

    def _wrap(self, statement: ast.stmt, *, is_evidence: bool = True) -> ast.stmt:
        """Mark a changed assertion that holds."""
        pardon = f"{self.marks}.append({int(is_evidence)})"
        return self._guard(statement, due="AssertionError", pardon=pardon)

    def _guard(self, statement: ast.stmt, *, due: str, pardon: str) -> ast.stmt:
        self.count += 1
        text = _WRAPPED.format(due=due, pardon=pardon, marks=self.marks)
        guard = parse(text).body[0]
        assert isinstance(guard, ast.Try)
        guard.body = [statement]
        return guard
