"""Find the functions that a change concerns, and the conditions that it adds or alters (pure)."""

from __future__ import annotations

import ast
import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_agentfix.core.python_source import decode_source, parse_source
from pytest_agentfix.judge.lint.file_diff import find_added
from pytest_agentfix.judge.locality.knowledge import Definitions, constants_in, is_fixed
from pytest_agentfix.judge.locality.precedents import (
    GETTERS,
    OPENERS,
    has_precedent,
    hashable,
    list_bindings,
    list_compared,
    list_keys,
    list_questions,
    name_of,
)
from pytest_agentfix.judge.locality.questions import find_question
from pytest_agentfix.judge.locality.watched_code import (
    Condition,
    Marker,
    WatchedCode,
    WatchedFunction,
    position_of,
)

BESIDE: Final = 6  # numbers of a change whose neighbours are tried as arguments
TEXT_LIMIT: Final = 80  # characters of a condition that are shown
_BUILTIN_METHODS: Final = frozenset(
    name for one in (dict, list, set, str, bytes) for name in vars(one) if not name.startswith("_")
)
_TABLES: Final = (ast.Dict, ast.List, ast.Tuple, ast.Set, ast.Call)
_ASKING: Final = (ast.Compare, ast.BoolOp, ast.Call, ast.Subscript, ast.BinOp)


@dataclass(slots=True)
class _Found:
    """The functions and conditions of all files; ``numbers`` are those of conditions to come."""

    functions: list[WatchedFunction] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    markers: dict[int, Marker] = field(default_factory=dict)
    words: dict[Any, None] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add_words(self, values: Iterable[Any]) -> None:
        for value in values:
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                self.words[value] = None


class CodeReader:
    """Reads the changed files one after another and numbers what is to be watched."""

    def __init__(self) -> None:
        self._files: list[_FileReader] = []

    def finish(self) -> WatchedCode:
        """Return everything that was found; a file may use the names that another one changes."""
        names: dict[str, list[ast.AST]] = {}
        for file in self._files:
            for name, values in file.changed_names.items():
                names.setdefault(name, []).extend(values)
        found = _Found()
        for file in self._files:
            file.changed_names = names
            file.read(found)
        return WatchedCode(
            functions=tuple(found.functions),
            conditions=tuple(found.conditions),
            markers=found.markers,
            words=tuple(found.words),
        )

    def read(self, path: str, before: bytes | None, after: bytes) -> str:
        """Take one file; return why it cannot be read, or ""."""
        old_text = decode_source(before or b"")
        new_text = decode_source(after)
        old = None if old_text is None else parse_source(old_text)
        new = None if new_text is None else parse_source(new_text)
        if old is None or new is None or old_text is None or new_text is None:
            return f"{path} cannot be read as Python"
        added = find_added(old_text.split("\n"), new_text.split("\n"))
        if not added and before is not None:
            added = _find_gaps(old_text.split("\n"), new_text.split("\n"))
        self._files.append(_FileReader(path, old, new, added))
        return ""


def _find_gaps(old: Sequence[str], new: Sequence[str]) -> frozenset[int]:
    """Return the line that took the place of deleted ones."""
    same = zip(old, new, strict=False)
    first = next((i for i, (a, b) in enumerate(same) if a != b), len(new) - 1)
    return frozenset({first + 1, max(first, 1)}) if old != new else frozenset()


class _FileReader:
    """Finds what is to be watched in one file."""

    def __init__(self, path: str, old: ast.Module, new: ast.Module, added: frozenset[int]) -> None:
        self._all = _Found()
        self._path = path
        self._added = added
        self._new = new
        self._old_functions = dict(_name_functions(old))
        self.changed_names = self._find_changed_names(old, new)
        self._numbers: dict[int, int] = {}  # id of a node -> its condition
        self._done: set[int] = set()
        asking = (node for node in ast.walk(old) if isinstance(node, _ASKING))
        self._known = {_fingerprint(node) for node in (*asking, *_list_tests(old))}
        self._tables = {
            name: len(list(constants_in(value)))
            for name, value in list_bindings(old)
            if isinstance(value, _TABLES)
        }
        self._keys = frozenset(hashable(list_keys(old)))
        filled = [
            (name, value)
            for name, value in _list_assigned(new)
            if self._is_added(value) and list(constants_in(value))
        ]
        self._filled = frozenset(name for name, _ in filled)
        self._new_tables = frozenset(name for name, value in filled if isinstance(value, _TABLES))

    def read(self, found: _Found) -> None:
        self._all = found
        named = list(_name_functions(self._new))
        changed = [(name, node) for name, node in named if self._concerns(node)]
        names = {name.rpartition(".")[2] for name, _ in changed}
        callers = [one for one in named if one not in changed and _calls(one[1], names)]
        for name, node in [*changed, *callers]:
            self._watch(name, node)

    def _concerns(self, node: ast.AST) -> bool:
        first, last = _span(node)
        if any(first <= line <= last for line in self._added):
            return True
        return any(_mentions(inner, self.changed_names) for inner in ast.walk(node))

    def _watch(self, name: str, node: Any) -> None:
        old = self._old_functions.get(name)
        number = len(self._all.functions)
        known = self._keys if old is None else self._keys | list_compared(old)
        there = frozenset(hashable(constants_in(old))) if old is not None else frozenset()
        mine = [inner for inner in ast.walk(node) if self._is_added(inner)]
        mine += self._list_changed_values(node)
        self._all.add_words(sorted(there, key=repr)[:40])
        added = frozenset(
            one for inner in mine for one in hashable(constants_in(inner)) if one not in there
        )
        self._all.add_words(_list_beside(added))
        function = WatchedFunction(
            number=number,
            path=self._path,
            name=name,
            line=node.lineno,
            position=position_of(node),
            base_position=None if old is None else position_of(old),
            constants=known,
            added_constants=added,
            new_parameters=_list_parameters(node) - _list_parameters(old),
            tables=self._new_tables - _list_parameters(node),
        )
        self._all.functions.append(function)
        definitions = Definitions(node, self.changed_names)
        self._find_conditions(node, old, number, definitions)

    def _is_added(self, node: ast.AST) -> bool:
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None) or 0
        return bool(first) and any(first <= line <= last for line in self._added)

    def _find_conditions(
        self, function: Any, old: Any, number: int, definitions: Definitions
    ) -> None:
        asking = list(_list_tests(function))
        is_new = any(self._is_added(one) and not self._is_known(one) for one in asking)
        tests = {id(one) for one in asking}
        asked = Counter() if old is None else list_questions(old, self._tables)
        nodes: list[Any] = list(ast.walk(function))
        for node in nodes:
            if id(node) in self._done or isinstance(node, OPENERS):
                continue
            self._done.add(id(node))
            is_mentioning = _mentions_inside(node, self.changed_names)
            if not self._is_added(node) and not is_mentioning:
                continue
            if isinstance(node, (ast.Try, ast.Match)):
                self._add_parts(node, number)
                continue
            is_known = not is_mentioning and isinstance(node, _ASKING) and self._is_known(node)
            is_test = id(node) in tests
            kind = "" if is_known else self._kind_of(node, definitions, is_test=is_test)
            is_bare = is_test and not isinstance(node, ast.Constant)
            if not kind and not (is_bare and (is_new or not self._is_known(node))):
                continue
            known = definitions.knowledge(node) if kind else []
            condition = self._take_number(node)
            self._all.conditions.append(
                Condition(
                    number=condition,
                    kind=kind or "test",
                    path=self._path,
                    line=node.lineno,
                    position=position_of(node),
                    text=_show(node),
                    function=number,
                    knowledge=tuple(known),
                    parts=tuple(
                        self._take_number(one)
                        for one in getattr(node, "values", ())
                        if isinstance(one, ast.Compare)
                    )
                    if kind == "truth"
                    else (),
                    has_precedent=has_precedent(node, asked),
                    is_one_sided=kind in ("get", "item", "attribute")
                    or (kind in ("call", "product") and id(node) not in tests),
                    question=find_question(node, definitions) if kind else None,
                )
            )

    def _is_known(self, node: ast.AST) -> bool:
        """Return whether the base asks the same thing somewhere in this file."""
        return _fingerprint(node) in self._known

    def _take_number(self, node: ast.AST) -> int:
        if id(node) not in self._numbers:
            self._numbers[id(node)] = next(self._all.numbers)
        return self._numbers[id(node)]

    def _add_parts(self, node: Any, function: int) -> None:
        is_match = isinstance(node, ast.Match)
        parts = node.cases if is_match else node.handlers
        places = [(part, part.pattern if is_match else part) for part in parts]
        added = [(part, at) for part, at in places if self._is_added(at)]
        numbers = []
        for part, at in added:
            number = next(self._all.numbers)
            numbers.append(number)
            known = [] if not is_match else Definitions(part.pattern, {}).knowledge(part.pattern)
            self._all.conditions.append(
                Condition(
                    number=number,
                    kind="case" if is_match else "handler",
                    path=self._path,
                    line=at.lineno,
                    position=position_of(at),
                    text=_show(at) if is_match else "except …",
                    function=function,
                    knowledge=tuple(known),
                    has_precedent=is_match and len(parts) - len(added) > 1,
                    is_one_sided=True,
                )
            )
        if numbers:
            kind = "match" if is_match else "try"
            marker = (self._path, position_of(node), kind, tuple(numbers))
            self._all.markers[next(self._all.numbers)] = marker

    def _kind_of(self, node: ast.AST, definitions: Definitions, *, is_test: bool) -> str:
        if isinstance(node, ast.Compare):
            return "" if self._is_state(node) else "compare"
        if isinstance(node, ast.BoolOp):
            return "truth"
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            is_open = not isinstance(node.slice, (ast.Slice, ast.Constant, ast.Tuple, ast.UnaryOp))
            return "item" if is_open and not self._is_kept(node.value) else ""
        if isinstance(node, ast.Call):
            return self._kind_of_call(node, definitions)
        is_value = isinstance(node, ast.BinOp) or (isinstance(node, ast.Name) and is_test)
        if is_value and definitions.knowledge(node):
            return "truth" if is_test else "product"
        return ""

    def _kind_of_call(self, node: ast.Call, definitions: Definitions) -> str:
        name = getattr(node.func, "id", "")
        if name in ("getattr", "hasattr") and len(node.args) > 1:
            return "" if isinstance(node.args[1], ast.Constant) else "attribute"
        if isinstance(node.func, ast.Attribute) and node.func.attr in GETTERS and node.args:
            is_open = not isinstance(node.args[0], ast.Constant)
            return "get" if is_open and not self._is_kept(node.func.value) else ""
        return "call" if definitions.knowledge(node) else ""

    def _is_state(self, node: ast.Compare) -> bool:
        is_membership = isinstance(node.ops[0], (ast.In, ast.NotIn))
        is_open = not is_fixed(node.left)  # a constant is not what an object has met before
        return is_membership and is_open and self._is_kept(node.comparators[0])

    def _is_kept(self, container: ast.AST) -> bool:
        """Return whether a container is an object's own state: the change does not fill it."""
        if not isinstance(container, ast.Attribute):
            return False
        if container.attr in self.changed_names:
            return False
        return container.attr not in self._filled

    def _list_changed_values(self, node: ast.AST) -> list[ast.AST]:
        """List what the names in a function mean that the change binds anew."""
        names = {name_of(one): None for one in ast.walk(node) if _mentions(one, self.changed_names)}
        return [value for name in names for value in self.changed_names[name]]

    def _find_changed_names(self, old: ast.Module, new: ast.Module) -> dict[str, list[ast.AST]]:
        """Map the names that the change binds anew, in a module or class, to their values."""
        before = {(name, _fingerprint(value)) for name, value in list_bindings(old)}
        found: dict[str, list[ast.AST]] = {}
        for name, value in list_bindings(new):
            if (name, _fingerprint(value)) not in before:
                found.setdefault(name, []).append(value)
        return found


def _list_assigned(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """List the names and attributes that are assigned anywhere, with their values."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, (ast.Name, ast.Attribute)):
                    yield name_of(target), node.value


def _name_functions(tree: ast.AST) -> Iterator[tuple[str, Any]]:
    """List all functions with their qualified names; those with the same name are numbered."""
    seen: Counter[str] = Counter()
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, outer = waiting.pop(0)
        for inner in ast.iter_child_nodes(node):
            name = outer
            if isinstance(inner, (*OPENERS, ast.ClassDef)):
                name = f"{outer}.{getattr(inner, 'name', '<lambda>')}".lstrip(".")
                seen[name] += 1
                if seen[name] > 1:
                    name += f"#{seen[name]}"
            if isinstance(inner, OPENERS):
                yield name, inner
            waiting.append((inner, name))


def _span(node: Any) -> tuple[int, int]:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return first, node.end_lineno or node.lineno


def _calls(node: ast.AST, names: Collection[str]) -> bool:
    calls = (one.func for one in ast.walk(node) if isinstance(one, ast.Call))
    return any(name_of(one) in names and not _is_builtin_method(one) for one in calls)


def _is_builtin_method(function: ast.expr) -> bool:
    """Return whether a call is likelier one of a table's or a text's, such as ``values.get(...)``.

    The function's own object, as in ``self.get(...)``, is neither.
    """
    if not isinstance(function, ast.Attribute) or function.attr not in _BUILTIN_METHODS:
        return False
    owner = function.value
    is_super = isinstance(owner, ast.Call) and name_of(owner.func) == "super"
    return not is_super and getattr(owner, "id", "") not in ("self", "cls")


def _mentions(node: ast.AST, names: Mapping[str, object]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names and isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Attribute) and node.attr in names


def _mentions_inside(node: ast.AST, names: Mapping[str, object]) -> bool:
    """Return whether an expression, or what a statement of several parts asks, has such a name."""
    if not names or isinstance(node, (ast.Try, ast.Match)):
        return False
    return any(_mentions(inner, names) for inner in ast.walk(node))


def _strip_not(test: ast.expr) -> ast.expr:
    """Return a test without ``not`` in front."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test = test.operand
    return test


def _list_tests(tree: ast.AST) -> Iterator[ast.expr]:
    """List the expressions whose truth is asked."""
    for node in ast.walk(tree):
        tests: list[ast.expr] = []
        if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
            tests = [node.test]
        elif isinstance(node, ast.BoolOp):
            tests = node.values
        elif isinstance(node, ast.comprehension):
            tests = node.ifs
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            tests = [node.operand]
        for test in tests:
            yield _strip_not(test)


def _list_beside(added: Iterable[Any]) -> list[int | float]:
    """List the neighbours of the numbers that a change adds: they may be the ends of a range."""
    numbers = sorted(one for one in added if type(one) in (int, float) and math.isfinite(one))
    return [one + step for one in numbers[:BESIDE] for step in (-1, 1, -0.5, 0.5)]


def _list_parameters(function: Any) -> frozenset[str]:
    arguments = getattr(function, "args", None)
    if arguments is None:
        return frozenset()
    return frozenset(one.arg for one in ast.walk(arguments) if isinstance(one, ast.arg))


def _fingerprint(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return ""


def _show(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
