"""Everything that failing tests use: their classes with all bases, fixtures, helpers, constants."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, parameters
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.source_tree import SourceTree, list_defined

_REACH: Final = 120  # definitions that are looked through
_BASES: Final = 20
_SET_UPS: Final = frozenset(
    {"setUp", "asyncSetUp", "setup_method", "setup", "setUpClass", "setup_class", "setUpTestData"}
    | {"setUpModule", "setup_module", "setup_function", "pytestmark"}
)
_BY_NAME: Final = frozenset({"usefixtures", "getfixturevalue", "lazy_fixture", "lf"})
Definition = tuple[Module, ast.AST]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedDefinitions:
    """The definitions that tests use, in the order in which they are met.

    ``aliases`` are other names that some of them have (``from m import NAME as OTHER``), with their
    own. ``unasked`` are the names of fixtures and set-ups that run without being asked for a value.
    """

    tests: tuple[Definition, ...] = ()
    others: tuple[Definition, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    unasked: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Definition]:
        yield from (*self.tests, *self.others)

    @property
    def helpers(self) -> frozenset[str]:
        """The names of the functions that are the tests' own, and no tests."""
        nodes = (node for _, node in self.others)
        return frozenset(node.name for node in nodes if isinstance(node, FUNCTIONS))


def find_used(
    tree: SourceTree[Module], path: str, names: Iterable[tuple[str, ...]]
) -> UsedDefinitions:
    """Find the tests ``names`` (with their classes) of one file, and all that they use."""
    module = tree.module(path)
    if module is None:
        return UsedDefinitions()
    search = _Search(tree, module)
    for name in names:
        search.add_test(name)
    return search.finish()


@dataclass(slots=True)
class _Search:
    tree: SourceTree[Module]
    start: Module
    tests: dict[int, Definition] = field(default_factory=dict)
    others: dict[int, Definition] = field(default_factory=dict)
    classes: dict[int, Definition] = field(default_factory=dict)  # of the tests, with all bases
    aliases: dict[str, str] = field(default_factory=dict)
    unasked: set[str] = field(default_factory=set)

    def add_test(self, name: tuple[str, ...]) -> None:
        """Find a test by the names of its classes and its own."""
        owners = self._find_classes(name[:-1])
        for module, node in owners:
            self.classes[id(node)] = module, node
            self._add_unasked(module, node.body)
            for one in node.decorator_list:
                self.others[id(one)] = module, one
        found = self._find_method(owners, name[-1]) if owners else None
        if found is None and len(name) == 1:
            found = self.tree.find(self.start, name[0], is_base=True)
        # A class may be made by a function or a decorator: its tests are somewhere in the file.
        anywhere = self._find_anywhere(name[-1], is_method=len(name) > 1)
        for test in [found] if found else anywhere:
            self.tests[id(test[1])] = test

    def _find_classes(self, names: tuple[str, ...]) -> list[tuple[Module, ast.ClassDef]]:
        """Return a class, the classes around it, and the bases of them all."""
        found: list[tuple[Module, ast.ClassDef]] = []
        owner: Definition | None = None
        for name in names:
            if owner is None:
                owner = self.tree.find(self.start, name, is_base=True)
            else:
                inside = _members(owner[1], frozenset({name}))
                owner = (owner[0], inside[0]) if inside else None
            if owner is None or not isinstance(owner[1], ast.ClassDef):
                return []
            found.insert(0, (owner[0], owner[1]))
        return self._with_bases(found)

    def _with_bases(
        self, found: list[tuple[Module, ast.ClassDef]]
    ) -> list[tuple[Module, ast.ClassDef]]:
        for module, node in found:  # grows while it is read
            for base in node.bases:
                named = _dotted(base)
                one = self.tree.find(module, named, is_base=True) if named else None
                is_new = one is not None and all(one[1] is not known for _, known in found)
                if one and is_new and isinstance(one[1], ast.ClassDef) and len(found) < _BASES:
                    found.append((one[0], one[1]))
        return found

    @staticmethod
    def _find_method(owners: list[tuple[Module, ast.ClassDef]], name: str) -> Definition | None:
        for module, node in owners:
            for one in _members(node, frozenset({name})):
                if isinstance(one, FUNCTIONS):
                    return module, one
        return None

    def _find_anywhere(self, name: str, *, is_method: bool) -> list[Definition]:
        return [
            (self.start, node)
            for node in self.start.nodes
            if isinstance(node, FUNCTIONS)
            and node.name == name
            and is_method == isinstance(self.start.parent(node), ast.ClassDef)
        ]

    def _add_unasked(self, module: Module, body: list[ast.stmt]) -> None:
        for one in (*_automatic(body), *_named(body, _SET_UPS)):
            self.others[id(one)] = module, one
            self.unasked.update(list_defined(one))

    def finish(self) -> UsedDefinitions:
        """Follow what the tests mention until nothing new is met."""
        conftests = list(self.tree.conftests(self.start.path)) if self.tests else []
        for module in [self.start, *conftests] if self.tests else []:
            self._add_unasked(module, module.body)
        waiting = [*self.tests.values(), *self.others.values()]
        while waiting and len(self.others) < _REACH:
            module, root = waiting.pop(0)
            self.unasked.update(_list_unasked(root))
            for name in dict.fromkeys(_mentions(root)):
                found = self._look_up(module, name, conftests)
                if found is None or id(found[1]) in {*self.others, *self.tests}:
                    continue
                own, last = list_defined(found[1]), name.rpartition(".")[2]
                if last not in own:
                    self.aliases[last] = own[0]
                if isinstance(found[1], ast.ClassDef):
                    continue  # a helper's own class; test classes are in already
                self.others[id(found[1])] = found
                waiting.append(found)
        return UsedDefinitions(
            tests=tuple(self.tests.values()),
            others=tuple(self.others.values()),
            aliases=tuple(self.aliases.items()),
            unasked=frozenset(self.unasked),
        )

    def _look_up(self, module: Module, name: str, conftests: list[Module]) -> Definition | None:
        if name.startswith("."):
            named = frozenset({name[1:]})
            for owner, node in self.classes.values():
                for one in _members(node, named):
                    return owner, one
            return None
        for place in (module, *conftests):
            found = self.tree.find(place, name)
            if found is not None:
                return found
        return None


def _members(node: ast.AST, names: frozenset[str]) -> list[ast.stmt]:
    return _named(node.body, names) if isinstance(node, ast.ClassDef) else []


def _named(body: list[ast.stmt], names: frozenset[str]) -> list[ast.stmt]:
    return [one for one in body if names & set(list_defined(one))]


def _automatic(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the fixtures that are used without being named."""
    found: list[ast.stmt] = []
    for one in body:
        for mark in one.decorator_list if isinstance(one, FUNCTIONS) else ():
            keywords = mark.keywords if isinstance(mark, ast.Call) else []
            if any(keyword.arg == "autouse" for keyword in keywords):
                found.append(one)
    return found


def _mentions(root: ast.AST) -> Iterator[str]:
    """Yield the names that ``root`` mentions; those of attributes begin with a dot."""
    for node in ast.walk(root):
        match node:
            case ast.Name(id=name):
                yield name
            case ast.Attribute(attr=name):
                yield f".{name}"
                dotted = _dotted(node)
                if dotted:
                    yield dotted
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for name in parameters(node.args):
                    yield from (name, f".{name}")  # a fixture may stand in the class
    yield from _list_unasked(root)


def _list_unasked(root: ast.AST) -> Iterator[str]:
    """Yield the fixtures that ``root`` names in texts: ``usefixtures("shop")``."""
    for node in ast.walk(root):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=arguments):
                words = [one.value for one in arguments if isinstance(one, ast.Constant)]
                yield from (w for w in words if isinstance(w, str) and name in _BY_NAME)


def _dotted(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return f"{owner}.{name}"
        case ast.Subscript(value=inner):
            return _dotted(inner)
    return ""
