"""Rules about changes a reader should look at: swallowed errors and non-ASCII identifiers."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from typing import Final

from pytest_agentfix.judge.lint.dotted_names import raw_hit
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.module import Module

_BROAD: Final = frozenset({"builtins.Exception", "builtins.BaseException"})
RULE: Final = "swallowed-error"


def find_swallowed(module: Module) -> Iterator[RawHit]:
    """Find handlers and conditions that make errors and checks disappear."""
    for node in module.nodes:
        match node:
            case ast.ExceptHandler():
                yield from _judge_handler(module, node)
            case ast.Call(func=called, args=kinds) if (
                module.dotted(called) == "contextlib.suppress"
            ):
                if any(_is_broad(module, kind) for kind in kinds):
                    yield raw_hit(RULE, node, "suppresses all errors")
            case ast.If(test=ast.Constant(value=value)):
                yield raw_hit(RULE, node.test, f"if {printable(repr(value))}", key=f"if {value!r}")
            case ast.BoolOp(op=operator, values=values):
                always = isinstance(operator, ast.Or)
                if any(isinstance(v, ast.Constant) and v.value is always for v in values):
                    yield raw_hit(RULE, node, "or True" if always else "and False")


def _judge_handler(module: Module, node: ast.ExceptHandler) -> Iterator[RawHit]:
    if node.type is None:
        if not any(isinstance(one, ast.Raise) for one in ast.walk(node)):
            yield raw_hit(RULE, node, "a bare except")
    elif _is_broad(module, node.type) and all(_is_nothing(module, one) for one in node.body):
        yield raw_hit(RULE, node, "a broad except that does nothing")


def _is_broad(module: Module, kind: ast.expr) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(module.dotted(one) in _BROAD for one in kinds)


def _is_nothing(module: Module, statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Continue() | ast.Break() | ast.Return(value=None):
            return True
        case ast.Return(value=ast.expr() as value) | ast.Expr(value=value):
            return module.fold(value) is not UNKNOWN
        case ast.Assign(value=value):
            return module.fold(value) is not UNKNOWN
    return False


def find_unicode(module: Module) -> Iterator[RawHit]:
    """Find non-ASCII identifiers; read from the text, as the syntax tree has them normalised."""
    if module.text.isascii():
        return
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(module.text).readline))
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        return
    for token in tokens:
        if token.type == tokenize.NAME and not token.string.isascii():
            yield RawHit(
                rule="unicode",
                what=f"the identifier {printable(token.string)}",
                key=token.string,
                line=token.start[0],
                end=token.end[0],
                capability=token.string,
            )
