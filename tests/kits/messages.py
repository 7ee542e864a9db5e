"""The messages that the package's source ends runs and clusters with, read without running it."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeGuard

from pytest_agentfix.core import errors
from tests.kits.places import REPOSITORY

PACKAGE: Final = REPOSITORY / "pytest_agentfix"
ERRORS: Final = frozenset(
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.AgentFixError)
)
# Other calls that put their first argument before the user.
_TELLERS: Final = frozenset({"UsageError", "_remark", "exit"})
_ENDS: Final = frozenset({"Verdict", "TurnEnd"})  # a reason follows one of these

Scope = tuple[ast.AST, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A message at ``place``; ``parts`` are its constant words, with a gap between two of them."""

    place: str
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The message with ``{}`` for what is filled in."""
        return "{}".join(self.parts)

    def is_told_by(self, entry: str) -> bool:
        """Return whether ``entry`` is this message with any words in the gaps."""
        return re.fullmatch(".*".join(map(re.escape, self.parts)), entry) is not None


@functools.cache
def find_messages() -> tuple[list[Message], list[str]]:
    """Return the messages of the whole package, and the calls whose words are made elsewhere.

    A call is told as ``path function``, with the path relative to the package.
    """
    messages: list[Message] = []
    unresolved: list[str] = []
    modules = read_modules()
    kinds = ERRORS | _find_subclasses(modules.values())
    for path, module in modules.items():
        for scope, node in _walk(module):
            for told in _list_texts(node, kinds):
                found = list(dict.fromkeys(_resolve(told, scope)))
                messages += [Message(f"{path}:{node.lineno}", parts) for parts in found]
                if not found:
                    function = next((one.name for one in scope[::-1] if _is_function(one)), "")
                    unresolved.append(f"{path} {function}".strip())
    return [one for one in messages if one.text.strip("{}")], unresolved


@functools.cache
def read_modules() -> dict[str, ast.Module]:
    """Return the modules of this package that speak to users, by their paths in it."""
    modules = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE).as_posix()
        # Neither doubles nor programs in a sandbox, which tell nobody but this package.
        if not (path.startswith("testing/") or "in_sandbox/" in path):
            modules[path] = ast.parse(file.read_text("utf-8"))
    return modules


def list_constants() -> list[str]:
    """Return all texts in the source, an f-string's constant parts one by one."""
    return [
        node.value
        for module in read_modules().values()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _find_subclasses(modules: Iterable[ast.Module]) -> frozenset[str]:
    """Return the names of classes that have one of ``ERRORS`` as a base."""
    return frozenset(
        node.name
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id in ERRORS for base in node.bases)
    )


def _is_function(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef)


def _walk(module: ast.Module) -> Iterator[tuple[Scope, ast.expr]]:
    """Yield every expression with what is around it: its module, classes and functions."""
    waiting: list[tuple[Scope, ast.AST]] = [((module,), module)]
    while waiting:
        scope, node = waiting.pop()
        if isinstance(node, ast.expr):
            yield scope, node
        inner = (*scope, node) if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else scope
        waiting += ((inner, child) for child in ast.iter_child_nodes(node))


def _list_texts(node: ast.expr, kinds: frozenset[str]) -> list[ast.expr]:
    """Return the expressions of the messages that ``node`` itself tells."""
    if isinstance(node, ast.Call):
        names = {
            one.id if isinstance(one, ast.Name) else one.attr
            for one in ast.walk(node.func)
            if isinstance(one, (ast.Name, ast.Attribute))
        }
        is_notice = "append" in names and any(name.endswith("notices") for name in names)
        is_told = bool(names & _TELLERS) and "sys" not in names
        if is_notice or is_told or names & kinds:
            return node.args[:1]
        reasons = [word.value for word in node.keywords if word.arg == "reason"]
        if any(word.arg == "verdict" for word in node.keywords) and reasons:
            return reasons
        return _follow_end(node.args)
    return _follow_end(node.elts) if isinstance(node, ast.Tuple) else []


def _follow_end(nodes: list[ast.expr]) -> list[ast.expr]:
    """Return what follows a verdict or the end of a turn, if that is not another one."""
    return nodes[1:2] if len(nodes) > 1 and _is_end(nodes[0]) and not _is_end(nodes[1]) else []


def _is_end(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in _ENDS


def _resolve(node: ast.AST, scope: Scope) -> Iterator[tuple[str, ...]]:
    """Yield the texts that ``node`` can be, in their constant parts; none where it has none."""
    match node:
        case ast.Constant(value=str(text)):
            yield (text,)
        case ast.JoinedStr(values=values):
            yield tuple(_split(values))
        case ast.BinOp(left=left, right=right):
            for first in _resolve(left, scope):
                for rest in _resolve(right, scope):
                    yield (*first[:-1], first[-1] + rest[0], *rest[1:])
        case ast.IfExp(body=body, orelse=other):
            yield from (*_resolve(body, scope), *_resolve(other, scope))
        case ast.BoolOp(values=values):
            yield from (text for value in values for text in _resolve(value, scope))
        case ast.Name(id=name):
            yield from (text for it in _find_values(name, scope) for text in _resolve(it, scope))


def _split(values: Iterable[ast.expr]) -> list[str]:
    """Return the constant parts of an f-string, one more than it has gaps."""
    parts = [""]
    for value in values:
        if isinstance(value, ast.Constant):
            parts[-1] += str(value.value)
        else:
            parts.append("")
    return parts


def _find_values(name: str, scope: Scope) -> Iterator[ast.expr]:
    """Yield what is assigned to ``name`` in the innermost scope that assigns to it."""
    for place in reversed(scope):
        found = [
            one.value
            for one in ast.walk(place)
            if isinstance(one, (ast.Assign, ast.AnnAssign))
            and one.value is not None
            and any(
                isinstance(target, ast.Name) and target.id == name
                for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
            )
        ]
        found = found or _find_arguments(name, place, scope[0])
        if found:
            yield from found
            return


def _find_arguments(name: str, place: ast.AST, module: ast.AST) -> list[ast.expr]:
    """Return what the calls in ``module`` give to the parameter ``name`` of ``place``."""
    parameters = [one.arg for one in place.args.args] if _is_function(place) else []
    if not _is_function(place) or name not in parameters:
        return []
    at = parameters.index(name) - (parameters[0] == "self")
    return [
        call.args[at]
        for call in ast.walk(module)
        if isinstance(call, ast.Call)
        and place.name in (getattr(call.func, "attr", ""), getattr(call.func, "id", ""))
        and len(call.args) > at
    ]
