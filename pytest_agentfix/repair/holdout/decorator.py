"""The one parametrize decorator of a test function, where its cases are written out."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pytest_agentfix.repair.holdout.source import CannotTakeOutError

Display = ast.List | ast.Tuple
N = TypeVar("N")

_NOT_WRITTEN_OUT: Final = "its cases are not written out in the decorator"
_PARAMETERS: Final = ("argnames", "argvalues", "indirect", "ids", "scope")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decorator:
    """``parametrize(names, values, ids=ids)`` of one function.

    ``is_single``: an element of ``values`` is the one argument's value, and no sequence of values.
    """

    names: tuple[str, ...]
    is_single: bool
    values: ast.expr
    ids: ast.expr | None

    @property
    def cases(self) -> Display:
        """The literal list of cases; raises ``CannotTakeOutError`` where it is none."""
        if not isinstance(self.values, Display) or not is_written_out(self.values):
            raise CannotTakeOutError(_NOT_WRITTEN_OUT)
        return self.values


def find_decorator(tree: ast.Module, names: Sequence[str]) -> Decorator:
    """Find the decorator of the function ``names[-1]`` in the classes named before it.

    Raises ``CannotTakeOutError`` where there is none, more than one, or one of another form.
    """
    calls = [
        node
        for node in _find_decorators(tree, names)
        if isinstance(node, ast.Call) and name_of(node.func) == "parametrize"
    ]
    if len(calls) > 1:
        raise CannotTakeOutError("it has more than one parametrize decorator")
    return _read_call(_only(calls))


def name_of(node: ast.expr) -> str:
    """The last name of ``a.b.name``, "" of anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_written_out(node: ast.expr | None) -> bool:
    """Return whether ``node`` is a list or tuple with all its elements there."""
    return isinstance(node, Display) and not any(
        isinstance(element, ast.Starred) for element in node.elts
    )


def literal(node: ast.expr | None) -> object:
    """Return the value of ``node`` if it is plain data; else raise ``CannotTakeOutError``."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise CannotTakeOutError(_NOT_WRITTEN_OUT) from None


def _find_decorators(tree: ast.Module, names: Sequence[str]) -> list[ast.expr]:
    body: list[ast.stmt] = tree.body
    for name in names[:-1]:
        classes = [each for each in body if isinstance(each, ast.ClassDef) and each.name == name]
        body = _only(classes).body
    functions = [
        each
        for each in body
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and each.name == names[-1]
    ]
    return _only(functions).decorator_list


def _only(nodes: Sequence[N]) -> N:
    if len(nodes) != 1:
        raise CannotTakeOutError(_NOT_WRITTEN_OUT)
    return nodes[0]


def _read_call(call: ast.Call) -> Decorator:
    given = _bind(call)
    if literal(given.get("indirect")) not in (None, False, [], ()):
        raise CannotTakeOutError("its cases go through fixtures")
    if "argnames" not in given or "argvalues" not in given:
        raise CannotTakeOutError(_NOT_WRITTEN_OUT)
    ids = given.get("ids")
    written = literal(given["argnames"])
    names = tuple(_split_names(written))
    return Decorator(
        names=names,
        is_single=isinstance(written, str) and "," not in written,
        values=given["argvalues"],
        ids=None if isinstance(ids, ast.Constant) and ids.value is None else ids,
    )


def _bind(call: ast.Call) -> Mapping[str, ast.expr]:
    """The arguments by name; all have to be plain ones."""
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
    is_plain = len(named) == len(call.keywords) and not any(
        isinstance(argument, ast.Starred) for argument in call.args
    )
    if not is_plain or len(call.args) > len(_PARAMETERS):
        raise CannotTakeOutError(_NOT_WRITTEN_OUT)
    return {**dict(zip(_PARAMETERS, call.args, strict=False)), **named}


def _split_names(names: object) -> Iterable[str]:
    """As pytest does: a text with commas, or a sequence of texts."""
    if isinstance(names, str):
        return [name.strip() for name in names.split(",") if name.strip()]
    if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
        return names
    raise CannotTakeOutError(_NOT_WRITTEN_OUT)
