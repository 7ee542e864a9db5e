"""Find the functions that a change concerns, and the conditions that it adds or alters (pure)."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_agentfix.core.python_source import FUNCTIONS, decode_source, parse_source
from pytest_agentfix.judge.lint.file_diff import find_added
from pytest_agentfix.judge.locality.knowledge import Definitions, constants_in
from pytest_agentfix.judge.locality.questions import Question, find_question

BESIDE: Final = 6  # numbers of a change whose neighbours are tried as arguments
TEXT_LIMIT: Final = 80  # characters of a condition that are shown
_OPENERS: Final = (*FUNCTIONS, ast.Lambda)
_GETTERS: Final = frozenset({"get", "pop", "setdefault"})
_ASKING: Final = (ast.Compare, ast.BoolOp, ast.Call, ast.Subscript, ast.BinOp)
_SELECTING: Final = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)  # and not the ends of a range
Position = tuple[int, int, int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition that the change adds or alters.

    ``knowledge`` are the telling constants in it, ``parts`` the numbers of the comparisons that it
    joins. With ``has_precedent`` the base asks the same question of other constants.
    ``is_one_sided``: only its being true tells anything. The kind ``test`` is that of what only
    has a truth, and of the base's own questions that the change joins to others; such a condition
    has neither ``knowledge`` nor ``question``.
    """

    number: int
    kind: str
    path: str
    line: int
    position: Position
    text: str
    function: int
    knowledge: tuple[Any, ...] = ()
    parts: tuple[int, ...] = ()
    has_precedent: bool = False
    is_one_sided: bool = False
    question: Question | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFunction:
    """A function that the change concerns; positions are ``None`` where it does not exist.

    ``constants`` are those that the base's version compares with, or has as a default, and the keys
    of its module's tables.
    ``added_constants`` are those which only the new version has.
    """

    number: int
    path: str
    name: str
    line: int
    position: Position
    base_position: Position | None = None
    constants: frozenset[Any] = frozenset()
    added_constants: frozenset[Any] = frozenset()
    new_parameters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCode:
    """All functions and conditions of a change; ``cases`` maps a ``match`` or ``try`` to parts."""

    functions: tuple[WatchedFunction, ...] = ()
    conditions: tuple[Condition, ...] = ()
    markers: Mapping[int, tuple[str, Position, str, tuple[int, ...]]] = field(default_factory=dict)
    words: tuple[Any, ...] = ()


def position_of(node: ast.AST) -> Position:
    """Return what a node is named by; see ``condition_notes.position``."""
    return (
        getattr(node, "lineno", 0),
        getattr(node, "col_offset", 0),
        getattr(node, "end_lineno", None) or 0,
        getattr(node, "end_col_offset", None) or 0,
        type(node).__name__,
    )


class CodeReader:
    """Reads the changed files one after another and numbers what is to be watched."""

    def __init__(self) -> None:
        self._functions: list[WatchedFunction] = []
        self._conditions: list[Condition] = []
        self._markers: dict[int, tuple[str, Position, str, tuple[int, ...]]] = {}
        self._words: dict[Any, None] = {}
        self._next = 0
        self._files: list[_FileReader] = []

    def finish(self) -> WatchedCode:
        """Return everything that was found; a file may use the names that another one changes."""
        names: dict[str, list[ast.AST]] = {}
        for file in self._files:
            for name, values in file.changed_names.items():
                names.setdefault(name, []).extend(values)
        for file in self._files:
            file.changed_names = names
            file.read()
        return WatchedCode(
            functions=tuple(self._functions),
            conditions=tuple(self._conditions),
            markers=self._markers,
            words=tuple(self._words),
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
        self._files.append(_FileReader(self, path, old, new, added))
        return ""

    def take_number(self) -> int:
        """Return the next number of a condition."""
        self._next += 1
        return self._next

    def add_function(self, function: WatchedFunction) -> None:
        """Add a function."""
        self._functions.append(function)

    def add_condition(self, condition: Condition) -> None:
        """Add a condition."""
        self._conditions.append(condition)

    def add_marker(
        self, number: int, path: str, node: ast.AST, kind: str, parts: list[int]
    ) -> None:
        """Add a ``match`` or ``try`` with the numbers of its parts."""
        self._markers[number] = (path, position_of(node), kind, tuple(parts))

    def add_words(self, values: Iterable[Any]) -> None:
        """Add values to try as arguments."""
        for value in values:
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                self._words[value] = None

    @property
    def function_count(self) -> int:
        """The number of functions so far."""
        return len(self._functions)


def _find_gaps(old: Sequence[str], new: Sequence[str]) -> frozenset[int]:
    """Return the line that took the place of deleted ones."""
    same = zip(old, new, strict=False)
    first = next((i for i, (a, b) in enumerate(same) if a != b), len(new) - 1)
    return frozenset({first + 1, max(first, 1)}) if old != new else frozenset()


class _FileReader:
    """Finds what is to be watched in one file."""

    def __init__(
        self,
        all_code: CodeReader,
        path: str,
        old: ast.Module,
        new: ast.Module,
        added: frozenset[int],
    ) -> None:
        self._all = all_code
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
            for name, value in _list_bindings(old)
            if isinstance(value, (ast.Dict, ast.List, ast.Tuple, ast.Set, ast.Call))
        }
        self._keys = frozenset(_hashable(_list_keys(old)))

    def read(self) -> None:
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
        number = self._all.function_count
        known = self._keys if old is None else self._keys | _list_compared(old)
        there = frozenset(_hashable(constants_in(old))) if old is not None else frozenset()
        mine = [inner for inner in ast.walk(node) if self._is_added(inner)]
        self._all.add_words(sorted(there, key=repr)[:40])
        added = frozenset(
            one for inner in mine for one in _hashable(constants_in(inner)) if one not in there
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
        )
        self._all.add_function(function)
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
        asked = Counter() if old is None else _list_questions(old, self._tables)
        nodes: list[Any] = list(ast.walk(function))
        for node in nodes:
            if id(node) in self._done or isinstance(node, _OPENERS):
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
            self._all.add_condition(
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
                    has_precedent=_has_precedent(node, asked),
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
            self._numbers[id(node)] = self._all.take_number()
        return self._numbers[id(node)]

    def _add_parts(self, node: Any, function: int) -> None:
        is_match = isinstance(node, ast.Match)
        parts = node.cases if is_match else node.handlers
        numbers = []
        for part in parts:
            at = part.pattern if is_match else part
            if not self._is_added(at):
                continue
            number = self._all.take_number()
            numbers.append(number)
            known = [] if not is_match else Definitions(part.pattern, {}).knowledge(part.pattern)
            self._all.add_condition(
                Condition(
                    number=number,
                    kind="case" if is_match else "handler",
                    path=self._path,
                    line=at.lineno,
                    position=position_of(at),
                    text=_show(at) if is_match else "except …",
                    function=function,
                    knowledge=tuple(known),
                    has_precedent=is_match and len(parts) - len(numbers) > 1,
                    is_one_sided=True,
                )
            )
        if numbers:
            kind = "match" if is_match else "try"
            self._all.add_marker(self._all.take_number(), self._path, node, kind, numbers)

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
        if isinstance(node.func, ast.Attribute) and node.func.attr in _GETTERS and node.args:
            is_open = not isinstance(node.args[0], ast.Constant)
            return "get" if is_open and not self._is_kept(node.func.value) else ""
        return "call" if definitions.knowledge(node) else ""

    def _is_state(self, node: ast.Compare) -> bool:
        is_membership = isinstance(node.ops[0], (ast.In, ast.NotIn))
        return is_membership and self._is_kept(node.comparators[0])

    def _is_kept(self, container: ast.AST) -> bool:
        """Return whether a container is an object's own state: the change does not fill it."""
        if not isinstance(container, ast.Attribute):
            return False
        if container.attr in self.changed_names:
            return False
        values = _list_attributes(self._new).get(container.attr, [])
        added = [value for value in values if self._is_added(value)]
        return not any(list(constants_in(value)) for value in added)

    def _find_changed_names(self, old: ast.Module, new: ast.Module) -> dict[str, list[ast.AST]]:
        """Map the names that the change binds anew, in a module or class, to their values."""
        before = {(name, _fingerprint(value)) for name, value in _list_bindings(old)}
        found: dict[str, list[ast.AST]] = {}
        for name, value in _list_bindings(new):
            if (name, _fingerprint(value)) not in before:
                found.setdefault(name, []).append(value)
        return found


def _list_bindings(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """List the assignments that run at import, with additions to tables."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _OPENERS):
            continue
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                inner = target.value if isinstance(target, ast.Subscript) else target
                name = getattr(inner, "id", getattr(inner, "attr", ""))
                yield name, node if isinstance(target, ast.Subscript) else node.value
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            owner = getattr(node.value.func, "value", None)
            name = getattr(owner, "id", getattr(owner, "attr", ""))
            if name:
                yield name, node.value
        waiting.extend(ast.iter_child_nodes(node))


def _list_attributes(tree: ast.AST) -> dict[str, list[ast.AST]]:
    """Map the attributes that are assigned anywhere to their values."""
    found: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute):
                    found.setdefault(target.attr, []).append(node.value)
    return found


def _name_functions(tree: ast.AST, above: str = "") -> Iterator[tuple[str, Any]]:
    """List all functions with their qualified names; those with the same name are numbered."""
    seen: Counter[str] = Counter()
    waiting: list[tuple[ast.AST, str]] = [(tree, above)]
    while waiting:
        node, outer = waiting.pop(0)
        for inner in ast.iter_child_nodes(node):
            name = outer
            if isinstance(inner, (*_OPENERS, ast.ClassDef)):
                name = f"{outer}.{getattr(inner, 'name', '<lambda>')}".lstrip(".")
                seen[name] += 1
                if seen[name] > 1:
                    name += f"#{seen[name]}"
            if isinstance(inner, _OPENERS):
                yield name, inner
            waiting.append((inner, name))


def _span(node: Any) -> tuple[int, int]:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return first, node.end_lineno or node.lineno


def _calls(node: ast.AST, names: Collection[str]) -> bool:
    calls = (one.func for one in ast.walk(node) if isinstance(one, ast.Call))
    return any(_name_of(function) in names for function in calls)


def _mentions(node: ast.AST, names: Mapping[str, object]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names and isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Attribute) and node.attr in names


def _mentions_inside(node: ast.AST, names: Mapping[str, object]) -> bool:
    """Return whether an expression, or what a statement of several parts asks, has such a name."""
    if not names or isinstance(node, (ast.Try, ast.Match)):
        return False
    return any(_mentions(inner, names) for inner in ast.walk(node))


def _strip_not(test: ast.expr) -> tuple[ast.expr, bool]:
    """Return a test without ``not`` in front, and whether there was an even number of them."""
    sign = True
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, sign = test.operand, not sign
    return test, sign


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
            yield _strip_not(test)[0]


def _list_questions(function: ast.AST, tables: Mapping[str, int]) -> Counter[str]:
    """Count the constants with which the base compares, by what is compared.

    ``tables`` are the sizes of the tables that the base knows, by name.
    """
    found: Counter[str] = Counter()
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], _SELECTING):
            sides = [node.left, *node.comparators]
            fixed = [side for side in sides if _is_fixed(side)]
            count = sum(len(list(constants_in(side))) for side in fixed)
            count += sum(tables.get(_name_of(side), 0) for side in sides)
            for side in sides:
                if side not in fixed:
                    found[ast.unparse(side)] += count
        elif isinstance(node, ast.Subscript):
            found[ast.unparse(node.slice)] += _count_entries(node.value, tables)
        elif isinstance(node, ast.Call) and _is_getter(node.func) and node.args:
            table = node.func.value  # type: ignore[attr-defined]
            found[ast.unparse(node.args[0])] += _count_entries(table, tables)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
            "startswith", "endswith",
        ):  # fmt: skip
            found[ast.unparse(node.func.value)] += len(list(constants_in(node)))  # type: ignore[attr-defined]
    return found


def _is_getter(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in _GETTERS


def _list_keys(module: ast.Module) -> Iterator[Any]:
    """List the constant keys of a module's tables."""
    for _, value in _list_bindings(module):
        if isinstance(value, ast.Dict):
            yield from (key.value for key in value.keys if isinstance(key, ast.Constant))


def _count_entries(table: ast.expr, tables: Mapping[str, int]) -> int:
    return len(table.keys) if isinstance(table, ast.Dict) else tables.get(_name_of(table), 0)


def _has_precedent(node: ast.AST, asked: Counter[str]) -> bool:
    """Return whether the base asks the same thing, with other constants, twice or more."""
    sides: list[ast.expr] = []
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
    elif isinstance(node, ast.Subscript):
        sides = [node.slice]
    elif isinstance(node, ast.Call):
        sides = [
            *node.args[:1],
            *([node.func.value] if isinstance(node.func, ast.Attribute) else []),
        ]
    return any(asked[ast.unparse(side)] > 1 for side in sides if not _is_fixed(side))


def _name_of(node: ast.AST) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def _is_fixed(node: ast.expr) -> bool:
    return not any(isinstance(one, (ast.Name, ast.Attribute, ast.Call)) for one in ast.walk(node))


def _list_compared(function: Any) -> frozenset[Any]:
    """List the constants that a function compares with or has as a default."""
    found: list[Any] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Compare):
            found += [one for side in (node.left, *node.comparators) for one in constants_in(side)]
        elif isinstance(node, ast.arguments):
            for default in (*node.defaults, *filter(None, node.kw_defaults)):
                found += constants_in(default)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            found += constants_in(node.right)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range":
            found += constants_in(node)
    near = [one + step for one in found if type(one) is int for step in (1, -1)]
    return frozenset(_hashable([*found, *near]))


def _list_beside(added: Iterable[Any]) -> list[int | float]:
    """List the neighbours of the numbers that a change adds: they may be the ends of a range."""
    numbers = sorted(one for one in added if type(one) in (int, float) and math.isfinite(one))
    return [one + step for one in numbers[:BESIDE] for step in (-1, 1, -0.5, 0.5)]


def _list_parameters(function: Any) -> frozenset[str]:
    arguments = getattr(function, "args", None)
    if arguments is None:
        return frozenset()
    return frozenset(one.arg for one in ast.walk(arguments) if isinstance(one, ast.arg))


def _hashable(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (str, bytes, int, float, complex)):
            yield value


def _fingerprint(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return ""


def _show(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
