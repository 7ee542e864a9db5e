"""Functions of the product by which failing tests compare: a fix must not loosen its own judge."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pytest_agentfix.core.python_source import (
    FUNCTIONS,
    Function,
    is_text_statement,
    last_name,
    names_in,
    parameters,
)
from pytest_agentfix.judge.lint.file_diff import FileDiff
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.variants.bindings import is_pytest, map_imports, qualify
from pytest_agentfix.judge.variants.comparers import is_comparer
from pytest_agentfix.judge.variants.expected_side import weigh

_TRUTHS: Final = frozenset({"assertTrue", "assertFalse", "failUnless", "failIf"})
_PAIRING: Final = frozenset({"zip", "isclose", "allclose", "array_equal"})
_EXPECTED: Final = 4  # the weight of an operand that is a literal, or named like an expectation
_PAIR: Final = 2


def find_comparing_calls(module: Module, roots: Iterable[ast.AST]) -> frozenset[str]:
    """Return the dotted names of functions that tests call only to compare.

    The call is asserted to be true. One of its arguments is an expectation, and another was made by
    other code that the test imports.
    """
    tree = module.nodes[0]
    imports = {name: dotted for name, dotted in map_imports(tree).items() if _is_ours(dotted)}
    found: set[str] = set()
    for root in roots:
        made = _list_made(root, imports)
        for condition in _list_conditions(root):
            for call in _list_calls(condition):
                dotted = qualify(call.func, imports)
                if _first_name(call.func) in imports and _is_comparing(call, imports, made):
                    found.add(dotted)
    return frozenset(found)


def _is_ours(dotted: str) -> bool:
    return dotted.partition(".")[0] not in sys.stdlib_module_names and not is_pytest(dotted)


def _list_conditions(root: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(root):
        if isinstance(node, ast.Assert):
            yield node.test
        elif isinstance(node, ast.Call) and last_name(node) in _TRUTHS:
            yield from node.args[:1]


def _list_calls(condition: ast.expr) -> Iterator[ast.Call]:
    """Yield the calls whose result is only asked whether it is true."""
    match condition:
        case ast.BoolOp(values=values):
            for value in values:
                yield from _list_calls(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _list_calls(operand)
        case ast.Call():
            yield condition


def _is_comparing(call: ast.Call, imports: Mapping[str, str], made: set[str]) -> bool:
    operands = [*call.args, *(word.value for word in call.keywords)]
    if len(operands) < _PAIR:
        return False
    tested = [one for one in operands if _is_made(one, imports, made)]
    return bool(tested) and any(
        weigh(one) >= _EXPECTED or not _is_made(one, imports, made) for one in operands
    )


def _list_made(root: ast.AST, imports: Mapping[str, str]) -> set[str]:
    """Return the names that are bound to results of imported code."""
    made: set[str] = set()
    for _ in range(_PAIR):  # the second time, names that others were made of are known
        for node in ast.walk(root):
            if isinstance(node, ast.Assign) and _is_made(node.value, imports, made):
                made.update(*map(names_in, node.targets))
    return made


def _is_made(node: ast.expr, imports: Mapping[str, str], made: set[str]) -> bool:
    return any(
        (isinstance(one, ast.Name) and one.id in made)
        or (isinstance(one, ast.Call) and _first_name(one.func) in imports)
        for one in ast.walk(node)
    )


def _first_name(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def find_changed_comparers(
    diffs: Sequence[FileDiff], comparing: Iterable[str]
) -> Iterator[tuple[str, RawHit]]:
    """Find changed functions among those by which the failing tests compare.

    A function counts if its name says that it compares, or if it treats two of its arguments alike.
    """
    for diff in diffs:
        if diff.old is None or (diff.new is None and diff.after is not None):
            continue
        for dotted in sorted(comparing):
            if not _is_at(dotted, diff.path):
                continue
            name = dotted.rpartition(".")[2]
            old, new = _find_functions(diff.old, name), _find_functions(diff.new, name)
            if any(map(_is_comparison, old)) and _describe(old, diff.old) != _describe(
                new, diff.new
            ):
                line = new[0].lineno if new else 0
                what = f"changes {printable(name)}(), by which the failing test compares"
                yield diff.path, RawHit(rule="comparator", what=what, key=what, line=line, end=line)


def _is_at(dotted: str, path: str) -> bool:
    """Return whether a module's path may be where an imported function is defined."""
    names = path.removesuffix(".py").removesuffix("/__init__").split("/")
    parts = dotted.strip(".").split(".")[:-1]
    return any(
        names[start : start + len(wanted)] == wanted
        for wanted in (parts, parts[:-1])  # a function of a module, or of a class in it
        for start in range(len(names))
        if wanted or not parts
    )


def _find_functions(module: Module | None, name: str) -> list[Function]:
    nodes = [] if module is None else module.nodes
    return [node for node in nodes if isinstance(node, FUNCTIONS) and node.name == name]


def _is_comparison(function: Function) -> bool:
    return is_comparer(function.name) or any(
        _is_symmetric(node, parameters(function.args)) for node in ast.walk(function)
    )


def _is_symmetric(node: ast.AST, names: Sequence[str]) -> bool:
    """Return whether an operation has two parameters in the same role: ``a.x == b.x``."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return _are_alike(left, right, names)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _are_alike(left, right, names)
        case ast.Call(args=[left, right, *_]) if last_name(node) in _PAIRING:
            return _are_alike(left, right, names)
    return False


def _are_alike(left: ast.expr, right: ast.expr, names: Sequence[str]) -> bool:
    own = [names_in(side) & set(names) for side in (left, right)]
    if any(len(one) != 1 for one in own) or own[0] == own[1]:
        return False
    first, second = (
        ast.dump(side).replace(f"id={min(one)!r}", "id")
        for side, one in zip((left, right), own, strict=True)
    )
    return first == second


def _describe(functions: Sequence[Function], module: Module | None) -> list[str]:
    """Describe functions without their texts and hints, and the constants that they refer to."""
    described = []
    names: set[str] = set()
    for one in functions:
        body = [node for node in one.body if not is_text_statement(node)]
        described += [ast.dump(node) for node in (*one.decorator_list, *body)]
        described += [ast.dump(node) for node in one.args.defaults]
        described += parameters(one.args)
        names |= names_in(one)
    if module is None:
        return described
    for node in module.nodes:
        if isinstance(node, ast.Assign) and isinstance(module.parent(node), ast.Module):
            bound = {one.id for one in node.targets if isinstance(one, ast.Name)}
            described += [ast.dump(node.value)] if bound & names else []
    return described
