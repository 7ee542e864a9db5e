"""The inputs and expected results of failing tests, read from their source."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pytest_agentfix.core.python_source import last_name
from pytest_agentfix.judge.lint.comparators import find_comparing_calls
from pytest_agentfix.judge.lint.literal_roles import RAISES, find_roles, list_keys
from pytest_agentfix.judge.lint.literals import literal_key
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.lint.tested_calls import find_calls
from pytest_agentfix.judge.lint.used_definitions import UsedDefinitions, find_used
from pytest_agentfix.judge.source_tree import SourceTree

_PART: Final = 6  # characters
_KEYWORD: Final = re.compile(r"[\w.-]*|[a-z]+( [a-z]+)+")
_LITERALS: Final = 5_000  # of one test file that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """The keys of literals that failing tests use as inputs and as expected results.

    ``raised`` are the names of the exceptions they expect. A literal can be on both sides.
    ``calls`` are the keys of the literals that meet in one call of the code under test.
    ``comparing`` are the dotted names of imported functions that they call only to compare.
    """

    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    raised: frozenset[str] = frozenset()
    calls: frozenset[frozenset[str]] = frozenset()
    comparing: frozenset[str] = frozenset()

    def __or__(self, other: Expectations) -> Expectations:
        return Expectations(
            inputs=self.inputs | other.inputs,
            outputs=self.outputs | other.outputs,
            raised=self.raised | other.raised,
            calls=self.calls | other.calls,
            comparing=self.comparing | other.comparing,
        )

    def has_input(self, value: Any) -> bool:
        """Return whether ``value`` is an input of a failing test."""
        return literal_key(value) in self.inputs

    def has_part(self, value: Any) -> bool:
        """Return whether ``value`` is a text of its own kind within an input: ``page=2``."""
        if not isinstance(value, str) or len(value) < _PART or _KEYWORD.fullmatch(value):
            return False
        return value in _join_texts(self.inputs)

    def has_output(self, value: Any) -> bool:
        """Return whether a failing test expects ``value``."""
        return literal_key(value) in self.outputs

    def has_call(self, literals: Iterable[Collection[str]]) -> bool:
        """Return whether one call has a literal of each of these alternatives (keys)."""
        wanted = list(literals)
        if any(self.inputs.isdisjoint(keys) and self.outputs.isdisjoint(keys) for keys in wanted):
            return False
        return any(all(not call.isdisjoint(keys) for keys in wanted) for call in self.calls)


@lru_cache(maxsize=4)
def _join_texts(keys: frozenset[str]) -> str:
    """Join the texts among keys, so that searching them takes one look."""
    return "\0".join(sorted(key[2:] for key in keys if key.startswith("s:")))


def read_expectations(
    tree: SourceTree[Module], path: str, names: Iterable[tuple[str, ...]]
) -> Expectations:
    """Read the literals of the test functions ``names`` of one file, and of all they use.

    ``names`` are those of a test's classes and its own. Never raises: a file that cannot be read
    has none.
    """
    classes: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for name in names:
        classes.setdefault(name[:-1], []).append(name)
    found = Expectations()
    try:
        for group in classes.values():  # each class has its own attributes
            found |= _read(find_used(tree, path, [name for name in group if name]))
    except (RecursionError, MemoryError):
        return Expectations()
    return found


def _read(used: UsedDefinitions) -> Expectations:
    inputs: set[str] = set()
    outputs: set[str] = set()
    raised: set[str] = set()
    helpers = used.helpers
    for module, root in used:
        for node in ast.walk(root):
            if isinstance(node, ast.Call) and last_name(node.func) in RAISES:
                kinds = [getattr(one, "elts", [one])[:1] for one in node.args[:1]]
                raised |= {last_name(kind) for one in kinds for kind in one}
            if len(inputs) + len(outputs) < _LITERALS:
                is_input, is_output = find_roles(module, node, root, helpers)
                keys = list(list_keys(module.fold(node))) if is_input or is_output else []
                inputs.update(keys if is_input else ())
                outputs.update(keys if is_output else ())
    return Expectations(
        inputs=frozenset(inputs),
        outputs=frozenset(outputs),
        raised=frozenset(raised - {""}),
        calls=find_calls(used),
        comparing=_find_comparing(used),
    )


def _find_comparing(used: UsedDefinitions) -> frozenset[str]:
    """Find the imported functions that the tests of each module call only to compare."""
    roots: dict[int, tuple[Module, list[ast.AST]]] = {}
    for module, root in used:
        roots.setdefault(id(module), (module, []))[1].append(root)
    return frozenset[str]().union(*(find_comparing_calls(*one) for one in roots.values()))
