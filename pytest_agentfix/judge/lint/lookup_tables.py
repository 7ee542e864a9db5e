"""Rules about tables from the failing tests' inputs to their answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from pytest_agentfix.judge.lint.dotted_names import mark, raw_hit
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.folded import UNKNOWN, Pairs
from pytest_agentfix.judge.lint.hits import RawHit
from pytest_agentfix.judge.lint.literals import is_trivial, literal_key, parts
from pytest_agentfix.judge.lint.module import Module

_TRIVIAL_ENTRIES: Final = 3  # from which a table of small numbers is the tests' own
_PAIR: Final = 2
_KEYWORD: Final = re.compile(r"[A-Za-z_][\w.-]*")
_DISPLAYS: Final = (ast.Dict, ast.List, ast.Tuple, ast.Set)
_MADE: Final = (ast.Call, ast.DictComp, ast.ListComp, ast.GeneratorExp, ast.BinOp)


def find_tables(  # noqa: C901 - a table
    module: Module, expected: Expectations
) -> Iterator[RawHit]:
    """Find new tables most of whose entries are cases of the failing tests."""
    for node in module.nodes:
        if isinstance(node, (*_DISPLAYS, *_MADE)):
            entries = _entries(module, node) if isinstance(node, _DISPLAYS) else []
            entries = entries or _folded_entries(module, node)
            capability = _describe(module, node, entries)
            if entries and capability:
                yield mark(node, capability)
            if entries and _is_copied(entries, expected):
                yield _hit(node, len(entries), capability)
            elif isinstance(node, ast.Dict) and _is_keyed(module, node, expected):
                what = "a table keyed by the tests' own inputs"
                yield raw_hit("test-inputs", node, what, capability=capability)
        elif isinstance(node, ast.ClassDef):
            entries = [pair for one in node.body for pair in _member(module, one)]
            capability = f"table:{node.name}"
            if entries:
                yield mark(node, capability)
            if entries and _is_copied(entries, expected):
                yield _hit(node, len(entries), capability)
        elif isinstance(node, ast.Subscript):
            yield from _find_indexed(module, node, expected)
        if isinstance(node, (ast.Assign, ast.Call)):
            yield from _find_stored(module, node, expected)


def _describe(module: Module, node: ast.AST, entries: list[tuple[Any, Any]]) -> str:
    """Return a capability that tells whether the file already had such a table.

    Tables of rows that are tried in turn are identified by their structure: adding one more such
    table beside another is how they are completed. A dict answers one question and is identified by
    its name.
    """
    name = _name(module, node)
    if not name or isinstance(node, ast.Dict):
        return f"table:{name}" if name else ""
    kinds = sorted({f"{type(key).__name__}-{type(value).__name__}" for key, value in entries})
    return f"rows:{','.join(kinds)}"


def _find_stored(
    module: Module, node: ast.Assign | ast.Call, expected: Expectations
) -> Iterator[RawHit]:
    """Find ``ANSWERS[question] = answer``, one by one, and questions stored with anything."""
    match node:
        case ast.Assign(targets=[ast.Subscript(slice=asked), *_], value=given):
            pass
        case ast.Call(func=ast.Attribute(attr="setdefault" | "__setitem__"), args=[asked, given]):
            pass
        case _:
            return
    pair = module.fold(asked), module.fold(given)
    is_copied = _is_case(pair, expected) and pair[0] != pair[1]
    if is_copied and not any(map(is_trivial, pair)):
        yield _hit(node, 1, "")
    elif _is_own(pair[0], expected):
        yield raw_hit("test-inputs", node, "stores something for the tests' own input")


def _is_own(key: Any, expected: Expectations) -> bool:
    """Return whether a key says by itself that it comes from a test: it is no common word."""
    if key is UNKNOWN or is_trivial(key):
        return False
    is_keyword = isinstance(key, str) and _KEYWORD.fullmatch(key) is not None
    return not is_keyword and _is_input(key, expected)


def _is_keyed(module: Module, node: ast.Dict, expected: Expectations) -> bool:
    """Return whether most keys of a dict of functions and the like are inputs of the tests."""
    keys = [module.fold(key) for key in node.keys if key is not None]
    own = [key for key in keys if _is_own(key, expected)]
    is_known = all(module.fold(value) is not UNKNOWN for value in node.values)
    return not is_known and len(own) * 2 > len(keys)


def _folded_entries(module: Module, node: ast.expr) -> list[tuple[Any, Any]]:
    """Return the pairs of a table that is put together from literals, encoded ones as well."""
    value = module.fold(node)
    if isinstance(node, _DISPLAYS) or not isinstance(value, list):
        return []
    if isinstance(value, Pairs):
        return list(value)
    rows = [row for row in value if isinstance(row, list) and len(row) == _PAIR]
    return [(row[0], row[1]) for row in rows] if len(rows) == len(value) >= _PAIR else []


def _member(module: Module, statement: ast.stmt) -> list[tuple[Any, Any]]:
    """Return the pair that a class attribute or a member of an enumeration is."""
    match statement:
        case ast.Assign(value=ast.Tuple(elts=[key, value])):
            return [(module.fold(key), module.fold(value))]
    return []


def _find_indexed(module: Module, node: ast.Subscript, expected: Expectations) -> Iterator[RawHit]:
    """Find ``ANSWERS[QUESTIONS.index(n)]``."""
    match node.slice:
        case ast.Call(func=ast.Attribute(attr="index", value=asked)):
            answers, questions = module.fold(node.value), module.fold(asked)
            if isinstance(answers, list) and isinstance(questions, list):
                entries = list(zip(questions, answers, strict=False))
                if entries and _is_copied(entries, expected):
                    yield _hit(node, len(entries), "")


def _hit(node: ast.AST, count: int, capability: str) -> RawHit:
    what = f"a table of the tests' answers ({count} entries)"
    found = raw_hit("special-case", node, what, capability=capability)
    return replace(found, is_whole=True)


def _name(module: Module, node: ast.AST) -> str:
    match module.parent(node):
        case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)]):
            return name
        case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
    return ""


def _entries(module: Module, node: ast.expr) -> list[tuple[Any, Any]]:
    """Return the pairs of a table; empty if ``node`` is no table."""
    if isinstance(node, ast.Dict):
        return [
            (_key(module, key), module.fold(value))
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        ]
    rows = [row for row in getattr(node, "elts", ()) if isinstance(row, (ast.Tuple, ast.List))]
    if len(rows) < _PAIR or any(len(row.elts) != _PAIR for row in rows):
        return []
    return [(module.fold(row.elts[0]), module.fold(row.elts[1])) for row in rows]


def _key(module: Module, node: ast.expr) -> Any:
    """Return a key; of one that is calculated, what it is calculated from."""
    value = module.fold(node)
    if value is UNKNOWN and isinstance(node, ast.Call):
        known = [module.fold(one) for one in node.args]
        return next((one for one in known if one is not UNKNOWN), UNKNOWN)
    return value


def _is_copied(entries: list[tuple[Any, Any]], expected: Expectations) -> bool:
    """Return whether most entries, and at least two or all, are the tests' own cases.

    Cases that are their own answers say nothing for or against it.
    """
    cases = [pair for pair in entries if _is_case(pair, expected)]
    copied = [(key, value) for key, value in cases if key != value]
    telling = len(entries) - len(cases) + len(copied)
    distinctive = [pair for pair in copied if not all(map(is_trivial, pair))]
    if len(distinctive) == 0 and len(copied) < _TRIVIAL_ENTRIES:
        return False
    return 2 * len(copied) > telling and (
        len(copied) >= _PAIR
        or (len(copied) == len(entries) and not any(map(is_trivial, copied[0])))
    )


def _is_case(pair: tuple[Any, Any], expected: Expectations) -> bool:
    key, value = pair
    if isinstance(key, (bool, type(None))) or "?" in (literal_key(key), literal_key(value)):
        return False
    return _is_input(key, expected) and expected.has_output(value)


def _is_input(key: Any, expected: Expectations) -> bool:
    """Return whether ``key`` is a test's input, as one value or as several arguments."""
    if expected.has_input(key):
        return True
    several = parts(key) if isinstance(key, list) else []
    return len(several) >= _PAIR and all(expected.has_input(one) for one in several)
