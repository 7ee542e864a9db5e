"""The literals a piece of code answers with: those it returns, assigns, yields or passes on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.module import Module

_SINKS: Final = frozenset({"append", "write", "print", "add", "send", "put", "extend", "update"})
_LIMIT: Final = 400  # literals of one branch that are looked at

_ENCODERS: Final = frozenset(
    {"decode", "join", "fromhex", "unhexlify", "a2b_hex", "a2b_base64", "b64decode", "b32decode"}
    | {"b16decode", "b85decode", "urlsafe_b64decode", "decompress", "chr", "reversed", "swapcase"}
    | {"bytes", "bytearray", "standard_b64decode", "replace", "translate"}
)


def find_answers(module: Module, branch: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield the literals that ``branch`` (statements or expressions) can answer with."""
    count = 0
    for root in branch:
        values = [root] if isinstance(root, ast.expr) else _given(root)
        for value in values:
            for literal in split(module, value):
                count += 1
                if count > _LIMIT:
                    return
                yield literal


def split(module: Module, value: ast.expr, depth: int = 4) -> Iterator[ast.expr]:
    """Yield the literals that a value is, or is directly made of."""
    if module.fold(value) is not UNKNOWN:
        yield value
    if depth == 0:
        return
    for part in _parts(value):
        yield from split(module, part, depth - 1)


def _parts(value: ast.expr) -> list[ast.expr]:
    match value:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return parts
        case ast.Call(args=parts, keywords=keywords):
            return [*parts, *(keyword.value for keyword in keywords)]
        case ast.IfExp(body=one, orelse=other):
            return [one, other]
        case ast.BoolOp(values=parts) | ast.Dict(values=parts):
            return parts
    inner = getattr(value, "value", None)
    is_wrapped = isinstance(value, (ast.Await, ast.Starred)) and isinstance(inner, ast.expr)
    return [inner] if is_wrapped and inner is not None else []


def _given(root: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that statements return, assign, yield or pass on, but not raise."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Raise() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                continue
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
                yield value
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                yield value
            case ast.NamedExpr(value=value) | ast.AugAssign(value=value):
                yield value
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _SINKS:
                yield from node.args
        waiting.extend(ast.iter_child_nodes(node))


def is_encoded(node: ast.AST) -> bool:
    """Return whether an expression that evaluates to a literal hides it."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name in _ENCODERS and not _joins_words(node)
        case ast.Subscript(slice=ast.Slice()):
            return True
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            # Honest code breaks a long text between words, not within one.
            return not _ends_with_space(left) and not _begins_with_space(right)
    return False


def _joins_words(node: ast.Call) -> bool:
    match node.func:
        case ast.Attribute(attr="join", value=ast.Constant(value=str(between))):
            return bool(between.strip(" ")) is False and between != ""
    return False


def _ends_with_space(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return text.endswith((" ", "\n"))
        case ast.BinOp(right=right):
            return _ends_with_space(right)
    return False


def _begins_with_space(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).startswith((" ", "\n"))
