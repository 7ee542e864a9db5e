"""Give a class a copy of the test that it inherits, so that this class alone can be changed."""

from __future__ import annotations

import ast
import builtins
import copy
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, Function, names_in, parse
from pytest_agentfix.judge.variants.bindings import list_arguments, list_bound, map_imports
from pytest_agentfix.judge.variants.lineage import Ancestor, Project
from pytest_agentfix.judge.variants.locate import find_class, list_definitions
from pytest_agentfix.judge.variants.random_names import make_word
from pytest_agentfix.judge.variants.results import TestName

_NOT_FOUND: Final = "its class inherits it from code that is not in the tree"
_GLOBAL: Final = "it is inherited, and assigns to globals of its module"
_CLASS_NAMES: Final = "it is inherited, and its decorators use names of its class"
_LOCAL_BASE: Final = "it is inherited from a class that its module does not know by name"
_BUILTINS: Final = frozenset(dir(builtins))
# The attribute in quotes is no sign that a test goes by its module's name.
_GLUE: Final = """
{definer} = None
{globals} = __import__("sys").modules[getattr({definer}, "__module__")].__dict__
"""


@dataclass(slots=True, kw_only=True)
class Inherited:
    """The tests of the module at ``path`` that were copied into the classes asked for.

    ``ancestors`` are the bases of the classes, as far as they are in the project.
    """

    path: str = ""
    ancestors: dict[TestName, list[Ancestor]] = field(default_factory=dict)
    impossible: dict[TestName, str] = field(default_factory=dict)

    def list_trees(self) -> list[ast.Module]:
        """List the other modules in which bases are defined."""
        found = {
            id(one.module.tree): one.module.tree
            for ancestors in self.ancestors.values()
            for one in ancestors
            if one.module.path != self.path
        }
        return list(found.values())


def copy_inherited(
    tree: ast.Module, names: Sequence[TestName], project: Project | None, *, rng: random.Random
) -> Inherited:
    """Copy the wanted tests that their classes inherit into these classes, in place."""
    inherited = Inherited()
    if project is None:
        return inherited
    inherited.path = project.path
    for name in names:
        classes = find_class(tree, name[:-1]) if len(name) > 1 else ()
        if not classes:
            continue
        ancestors = inherited.ancestors[name] = project.list_ancestors(classes[-1], tree)
        if any(one.name == name[-1] for one in list_definitions(classes[-1].body)):
            continue
        found = _find_method(ancestors, name[-1])
        if found is None:
            inherited.impossible[name] = _NOT_FOUND
            continue
        copied = _Copier(tree=tree, ancestor=found[1], classes=classes, rng=rng)
        reason = copied.find_obstacle(found[0])
        if reason:
            inherited.impossible[name] = reason
            continue
        classes[-1].body.append(copied.copy(found[0]))
        _put_before(tree, classes[0], [*copied.imports, *copied.make_glue()])
    return inherited


def _put_before(tree: ast.Module, holder: ast.ClassDef, statements: Iterable[ast.stmt]) -> None:
    for node in ast.walk(tree):
        for _, block in ast.iter_fields(node):
            if isinstance(block, list) and holder in block:
                place = block.index(holder)
                block[place:place] = statements
                return


def _find_method(ancestors: Iterable[Ancestor], name: str) -> tuple[Function, Ancestor] | None:
    for ancestor in ancestors:
        for one in list_definitions(ancestor.node.body):
            if isinstance(one, FUNCTIONS) and one.name == name:
                return one, ancestor
    return None


@dataclass(slots=True, kw_only=True)
class _Copier:
    """Copies one method so that it means the same in the class it is copied into."""

    tree: ast.Module
    ancestor: Ancestor
    classes: Sequence[ast.ClassDef]
    rng: random.Random
    definer: str = ""
    globals: str = ""
    is_glued: bool = False
    imports: list[ast.stmt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.definer, self.globals = (f"_{make_word(self.rng)}" for _ in range(2))

    def find_obstacle(self, method: Function) -> str:
        if any(isinstance(one, ast.Global) for one in ast.walk(method)):
            return _GLOBAL
        members = {name for one in self.ancestor.node.body for name in list_bound(one)}
        early = [*method.decorator_list, *_list_defaults(method)]
        if any(members & names_in(part) for part in early):
            return _CLASS_NAMES
        known = {name for one in self.tree.body for name in list_bound(one)}
        return "" if {*names_in(self.ancestor.expression), "*"} & known else _LOCAL_BASE

    def copy(self, method: Function) -> Function:
        copied = copy.deepcopy(method)
        copied.returns = None
        for one in ast.walk(copied):
            if isinstance(one, ast.arg):
                one.annotation = None
        changed = _Rewriter(copier=self, first=_get_first(method), named=self._map_names(copied))
        result = changed.visit(copied)
        assert isinstance(result, FUNCTIONS)
        return result

    def make_glue(self) -> list[ast.stmt]:
        """Make the statements before the class that give the copy what it refers to."""
        if not self.is_glued:
            return []
        text = _GLUE.format(definer=self.definer, globals=self.globals)
        statements = parse(text).body
        first = statements[0]
        assert isinstance(first, ast.Assign)
        first.value = copy.deepcopy(self.ancestor.expression)
        return statements

    def _map_names(self, method: Function) -> dict[str, ast.expr]:
        """Map the names of the other module that are not to be looked up in this one."""
        other = self.ancestor.module.tree
        if other is self.tree:
            return {}
        local = _list_local(method)
        bound = {name for one in other.body for name in list_bound(one)}
        own = {name for one in self.tree.body for name in list_bound(one)}
        theirs, ours = map_imports(other), map_imports(self.tree)
        found: dict[str, ast.expr] = {}
        for name in sorted(names_in(method) - local):
            if name not in bound and name in _BUILTINS:
                continue
            if name in theirs and not theirs[name].startswith("."):
                if theirs[name] == ours.get(name):
                    continue
                if name not in own:
                    self.imports += _find_import(other, name)
                    continue
            found[name] = ast.Subscript(
                value=ast.Name(id=self.globals, ctx=ast.Load()),
                slice=ast.Constant(name),
                ctx=ast.Load(),
            )
        return found


@dataclass(slots=True, kw_only=True)
class _Rewriter(ast.NodeTransformer):
    """Replaces what means something else outside its class or its module."""

    copier: _Copier
    first: str
    named: dict[str, ast.expr]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        is_super = isinstance(node.func, ast.Name) and node.func.id == "super"
        if is_super and not node.args and self.first:
            node.args = [self._name(self.copier.definer), self._name(self.first)]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == "__class__":
            return self._name(self.copier.definer)
        if node.id in self.named and isinstance(node.ctx, ast.Load):
            self.copier.is_glued = True
            return copy.deepcopy(self.named[node.id])
        node.id = self._mangle(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = self._mangle(node.attr)
        return node

    def _name(self, name: str) -> ast.Name:
        self.copier.is_glued = self.copier.is_glued or name == self.copier.definer
        return ast.Name(id=name, ctx=ast.Load())

    def _mangle(self, name: str) -> str:
        """Return the name that a private one of the defining class has everywhere else."""
        if not name.startswith("__") or name.endswith("__"):
            return name
        return f"_{self.copier.ancestor.node.name.lstrip('_')}{name}"


def _list_defaults(method: Function) -> list[ast.expr]:
    arguments = method.args
    return [*arguments.defaults, *(one for one in arguments.kw_defaults if one is not None)]


def _get_first(method: Function) -> str:
    arguments = list_arguments(method)
    return arguments[0].arg if arguments else ""


def _list_local(method: Function) -> set[str]:
    """Return the names that are local to a function or to one inside it."""
    found: set[str] = set()
    for one in ast.walk(method):
        if isinstance(one, ast.arg):
            found.add(one.arg)
        elif isinstance(one, ast.stmt) and one is not method:
            found |= list_bound(one)
        elif isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
            found.add(one.id)
        elif isinstance(one, ast.ExceptHandler) and one.name:
            found.add(one.name)
    return found


def _find_import(tree: ast.Module, name: str) -> list[ast.stmt]:
    """Return the statement that imports one name, without the others in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name.partition(".")[0]) == name:
                    one = copy.copy(node)
                    one.names = [alias]
                    return [one]
    return []
