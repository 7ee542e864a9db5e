"""Rules about questions for one input that are made to look like something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from pytest_agentfix.core.python_source import FUNCTIONS, last_name
from pytest_agentfix.judge.lint.constant_folding import fold_with
from pytest_agentfix.judge.lint.dotted_names import raw_hit
from pytest_agentfix.judge.lint.equalities import table_keys
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.literals import is_trivial, literal_key
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.lint.recognition import DIGESTS

RULE: Final = "test-inputs"
_NAMES: Final = frozenset({"__name__", "__qualname__"})
_SUMS: Final = (
    ast.Add, ast.Sub, ast.Mult, ast.Pow, ast.Div, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift,
)  # fmt: skip
_DISPLAYS: Final = (ast.List, ast.Tuple, ast.Dict)
_EDGES: Final = (0, 1, -1)
# Functions that no question needs on a literal. ``float("inf")``, ``Decimal("1")``, ``ord("a")``
# and displays (``set()``) are the usual spelling of what they make.
_NEEDLESS: Final = frozenset(
    {"int", "str", "bytes", "bytearray", "len", "sum", "chr", "abs", "round", "min", "max"}
    | {"hex", "bin", "oct", "join", "reversed", "sorted", "repr", "from_bytes", "loads", "index"}
    | {"literal_eval", "b64decode", "unhexlify", "fromhex", "decompress", "swapcase", "find", "pow"}
    | {"divmod"}
)
# Each input has an own result: whoever compares that with a literal asks for one input.
_TELLING: Final = frozenset(
    {"bytes", "chr", "hex", "bin", "oct", "str", "repr", "tuple", "list", "reversed", "join"}
    | {"encode", "swapcase", "from_bytes", "format", "int", "bytearray"}
)
_INPUTS: Final = 300  # that are tried
_COMPARED: Final = 2_000  # comparisons of one file for which they are
_DIGITS: Final = 30


def find_disguises(module: Module) -> Iterator[RawHit]:  # noqa: C901 - a table
    """Find calculations with a question for one number, checksums, names and identity tables."""
    for node in module.nodes:
        match node:
            case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _SUMS):
                if _is_one_number(module, left) or _is_one_number(module, right):
                    yield raw_hit(RULE, node, "calculates with a question for one number")
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                if _is_ones_name(module, left, right) or _is_ones_name(module, right, left):
                    yield raw_hit(RULE, node, "asks for the name of a function or class")
                is_order = isinstance(operator, (ast.Lt, ast.LtE, ast.Gt, ast.GtE))
                if not is_order and _is_checksum_asked(module, left, right):
                    yield raw_hit(RULE, node, "asks for an input by its checksum")
            case (
                ast.Subscript(value=table, slice=asked)
                | ast.Call(func=ast.Attribute(value=table, attr="get"), args=[asked, *_])
            ):
                if _makes_checksum(asked) and list(table_keys(module, table)):
                    yield raw_hit(RULE, node, "looks an input up by its checksum")
                elif isinstance(table, _DISPLAYS) and _is_one_number(module, asked):
                    yield raw_hit(RULE, node, "chooses by a question for one number")
            case ast.Dict(keys=[_, *_] as keys, values=values):
                pairs = zip(keys, values, strict=True)
                if all(key and _is_same(module, key, value) for key, value in pairs):
                    yield raw_hit(RULE, node, "a table that gives back what it is asked for")


def find_hidden_inputs(module: Module, expected: Expectations) -> Iterator[RawHit]:
    """Find inputs of failing tests that are compared with as an expression, or by a transform."""
    if not expected.inputs:
        return
    tried = list(_values_of(expected))
    left = _COMPARED
    for node in module.nodes:
        if isinstance(node, ast.expr) and _is_hidden(module, node, expected):
            yield _hit(node, "writes the tests' own", module.fold(node))
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)) and left:
            left -= 1
            for one, other in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
                for value in _transformed(module, one, module.fold(other), tried):
                    yield _hit(node, "asks by a transform for the tests' own", value)
    yield from _find_dispatch(module, expected)


def _hit(node: ast.AST, how: str, value: Any) -> RawHit:
    what = f"{how} {printable(repr(value), limit=40)}"
    return raw_hit(RULE, node, what, key=f"hidden:{literal_key(value)}")


def _is_hidden(module: Module, node: ast.expr, expected: Expectations) -> bool:
    value = module.fold(node)
    if value is UNKNOWN or value in _EDGES or not value or not expected.has_input(value):
        return False
    return _is_needless(node) and _is_asked(module, node)


def _is_needless(node: ast.expr) -> bool:
    """Return whether a literal would have done."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[_, *_]):
            return name in _NEEDLESS
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return isinstance(left, ast.Constant) and isinstance(right, ast.Constant)
        case ast.Subscript(value=ast.Constant()):
            return True
    return False


def _is_asked(module: Module, node: ast.expr) -> bool:
    """Return whether a value is compared with, or looked up: it says which case it is."""
    child: ast.AST = node
    for outer in module.ancestors(node):
        match outer:
            case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn() | ast.Is(), *_]):
                return True
            case ast.Dict(keys=keys):
                return any(child is key for key in keys)
            case ast.MatchValue():
                return True
            case ast.Tuple() | ast.List() | ast.Set():
                child = outer
            case _:
                return False
    return False


def _values_of(expected: Expectations) -> Iterator[Any]:
    """Yield the numbers and texts among the inputs."""
    for key in sorted(expected.inputs)[:_INPUTS]:
        if key.startswith("s:"):
            yield key[2:]
        elif key.startswith("n:") and key[2:].lstrip("-").isdecimal() and len(key) < _DIGITS:
            yield int(key[2:])


def _transformed(module: Module, node: ast.expr, wanted: Any, inputs: list[Any]) -> Iterator[Any]:
    """Yield the inputs that ``node`` turns into ``wanted``, if it says nothing else of them."""
    if wanted is UNKNOWN or isinstance(node, (ast.Name, ast.Attribute)):
        return
    named = (one for one in ast.walk(node) if isinstance(one, ast.Name))
    names = {one.id for one in named if module.is_local(one)}
    if len(names) != 1 or not _is_telling(module, node):
        return
    is_calculated = not any(isinstance(one, ast.Call) for one in ast.walk(node))
    for value in inputs:
        if value in _EDGES or not value or (is_calculated and is_trivial(value)):
            continue
        found = fold_with(node, dict.fromkeys(names, value), module.fold, module.dotted)
        if found is not UNKNOWN and type(found) is type(wanted) and found == wanted:
            yield value
            return


def _is_telling(module: Module, node: ast.AST) -> bool:  # noqa: PLR0911 - a table
    """Return whether everything done to a name keeps different values apart."""
    match node:
        case ast.Name():
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr=name), args=arguments):
            parts = [owner, *arguments]
            return name in _TELLING and all(_is_plain(module, one) for one in parts)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            is_based = name != "int" or len(arguments) > 1  # ``int(text)`` is a way to read it
            return name in _TELLING and is_based and all(_is_plain(module, a) for a in arguments)
        case ast.BinOp(
            left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.BitXor(), right=right
        ):
            return _is_plain(module, left) and _is_plain(module, right)
        case ast.Subscript(value=inner, slice=ast.Slice(lower=None, upper=None)):
            return _is_telling(module, inner)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return all(_is_plain(module, part) for part in parts)
    return False


def _is_plain(module: Module, node: ast.AST) -> bool:
    is_type = isinstance(node, ast.Name) and node.id in ("int", "str", "bytes")
    return is_type or module.fold(node) is not UNKNOWN or _is_telling(module, node)


def _find_dispatch(module: Module, expected: Expectations) -> Iterator[RawHit]:
    """Find functions that are named after an input and looked up by it: ``f"_case_{n}"``."""
    prefixes = [prefix for node in module.nodes for prefix in _name_prefixes(module, node)]
    if not prefixes:
        return
    for node in module.nodes:
        name = node.name if isinstance(node, (*FUNCTIONS, ast.ClassDef)) else ""
        for prefix in prefixes:
            rest = name.removeprefix(prefix)
            is_number = rest.isdecimal() and f"n:{int(rest)}" in expected.inputs
            if name.startswith(prefix) and (is_number or _is_made_of_input(rest, expected)):
                yield raw_hit(RULE, node, f"{printable(name)} is named after the tests' own input")
                break


def _is_made_of_input(rest: str, expected: Expectations) -> bool:
    """Return whether a name comes from an input that is no name itself (``12 apples``)."""
    return any(
        key.startswith("s:")
        and not key[2:].isidentifier()
        and "".join(c if c.isalnum() else "_" for c in key[2:]) == rest
        for key in expected.inputs
    ) and any(char.isalpha() for char in rest)


def _name_prefixes(module: Module, node: ast.AST) -> Iterator[str]:
    """Yield the beginnings of names that are put together to be looked up."""
    match node:
        case ast.Call(args=[_, name, *_]) if module.dotted(node.func) == "builtins.getattr":
            yield from _beginnings(name)
        case (
            ast.Subscript(value=table, slice=name)
            | ast.Call(func=ast.Attribute(value=table, attr="get"), args=[name, *_])
        ):
            match table:
                case ast.Call(func=ast.Name(id="globals" | "locals" | "vars")):
                    yield from _beginnings(name)


def _beginnings(name: ast.expr) -> Iterator[str]:
    match name:
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add()):
            yield text
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            yield text.partition("%")[0]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            yield text.partition("{")[0]


def _is_one_number(module: Module, node: ast.expr) -> bool:
    match node:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            values = [module.fold(left), module.fold(right)]
            return any(type(value) is int and value not in (0, 1) for value in values)
        case ast.Call(func=ast.Name(id="int" | "bool" | "float"), args=[inner]):
            return _is_one_number(module, inner)
    return False


def _is_ones_name(module: Module, node: ast.expr, other: ast.expr) -> bool:
    value = module.fold(other)
    is_name = isinstance(node, ast.Attribute) and node.attr in _NAMES
    return is_name and isinstance(value, str) and value.isidentifier() and value != "__main__"


def _is_checksum_asked(module: Module, left: ast.expr, right: ast.expr) -> bool:
    for one, other in ((left, right), (right, left)):
        value = module.fold(other)
        if _makes_checksum(one) and value is not UNKNOWN and value not in _EDGES and value:
            return True
    return False


def _makes_checksum(node: ast.AST) -> bool:
    """Return whether a value is a number or text that stands for a whole input."""
    for inner in ast.walk(node):
        name = last_name(inner) if isinstance(inner, ast.Call) else ""
        if name in DIGESTS or (name == "sum" and _mentions_characters(inner)):
            return True
    return False


def _mentions_characters(call: ast.AST) -> bool:
    names = {last_name(one) for part in getattr(call, "args", ()) for one in ast.walk(part)}
    return not names.isdisjoint({"ord", "encode"})


def _is_same(module: Module, key: ast.expr, value: ast.expr) -> bool:
    one, other = module.fold(key), module.fold(value)
    return type(one) is int and type(other) is int and one == other
