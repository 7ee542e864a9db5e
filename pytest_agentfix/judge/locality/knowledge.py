"""The constants that a piece of code knows, and which of them are natural (pure)."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pytest_agentfix.core.python_source import parse

# Numbers that a programmer writes without having seen a test: ends of ranges and units.
NATURAL_NUMBERS: Final = frozenset(
    {0, 1, -1, 12, 23, 24, 59, 60, 100, 127, 128, 255, 256, 360, 365, 366, 1000, 1024}
    | {3600, 65535, 65536, 86400, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**63 - 1, 2**63}
)
_EMPTY: Final = (None, "", b"", 0, False, True, ...)
_WORD: Final = re.compile(r"[^\W\d][\w./+-]{0,20}")
_SIGN: Final = re.compile(
    r"\W{1,3}|\W{0,2}_\w+|\W{1,3}[\w-]{1,20}\W{0,3}|[\w-]{1,20}\W{1,3}|\w{1,2}"
)
_TOLERANCE: Final = 1e-3
_COMPOUND: Final = (ast.BinOp, ast.Call, ast.JoinedStr, ast.Subscript)
_DISPLAYS: Final = (ast.List, ast.Tuple, ast.Set, ast.Dict)


def is_natural(value: Any) -> bool:
    """Return whether a constant says nothing about a test: empty, zero, one, a usual end."""
    if isinstance(value, float):
        is_small = abs(value) <= _TOLERANCE
        return not math.isfinite(value) or is_small or value in NATURAL_NUMBERS
    if isinstance(value, int):
        return value in NATURAL_NUMBERS
    if isinstance(value, str):
        return value.strip().lower().lstrip("+-") in ("", "inf", "infinity", "nan")
    return value in _EMPTY or (isinstance(value, bytes) and not value.strip())


def is_technical(text: str) -> bool:
    """Return whether a text is a sign or a name of the trade, such as ``--flag`` or ``%``."""
    return bool(_SIGN.fullmatch(text)) and not text.strip("-+").isdigit()


def is_word(text: str) -> bool:
    """Return whether a text is a single keyword."""
    return bool(_WORD.fullmatch(text))


def constants_in(node: ast.AST) -> Iterator[Any]:
    """List the constants below ``node``, without those of annotations and docstrings."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant):
            yield inner.value


class Expression(str):
    """The text of an expression that is made of constants only."""

    __slots__ = ()


class Definitions:
    """The meaning of the names of one function, and of the change at module level."""

    def __init__(self, function: ast.AST, changed: Mapping[str, Iterable[ast.AST]]) -> None:
        self._values: dict[str, list[ast.AST]] = {name: list(n) for name, n in changed.items()}
        self._walked = _find_walked(function)
        arguments = getattr(function, "args", function)
        self.parameters = frozenset(
            one.arg for one in ast.walk(arguments) if isinstance(one, ast.arg)
        )
        for node in ast.walk(function):
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and node.value is not None:  # type: ignore[attr-defined]
                    self._values.setdefault(target.id, []).append(node.value)  # type: ignore[attr-defined]

    def find(self, name: ast.Name | ast.Attribute) -> Sequence[ast.AST]:
        """Return what a name is bound to, or goes through, as far as function and change show."""
        values = self._values.get(name.id if isinstance(name, ast.Name) else name.attr, ())
        walked = self._walked.get(id(name))
        return values if walked is None else (*values, walked)

    def is_constant(self, node: ast.AST) -> bool:
        """Return whether an expression is made of constants, or goes through some in a loop."""
        walked = self._walked.get(id(node))
        return is_fixed(node) if walked is None else self._is_table(walked, 3)

    def _is_table(self, node: ast.AST, depth: int) -> bool:
        """Return whether an expression, such as ``sorted(WORDS.items())``, is made of constants."""
        parts: Sequence[ast.AST]
        if isinstance(node, (ast.Name, ast.Attribute)):
            parts = self.find(node)
        elif isinstance(node, ast.Call):
            owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            parts = [*owner, *node.args]
        else:
            return is_fixed(node)
        return depth > 0 and bool(parts) and all(self._is_table(one, depth - 1) for one in parts)

    def knowledge(self, node: ast.AST, depth: int = 3) -> list[Any]:
        """List the telling constants of an expression and of the names in it.

        A literal made of several parts counts as a whole: each ``1`` in ``1 + 1 + 1`` is natural,
        and the sum is not. The name of a field, as in ``page["size"]``, tells nothing.
        """
        found: list[Any] = []
        waiting = [node]
        while waiting:
            one = waiting.pop()
            whole = _as_whole(one)
            if whole is not None:
                found.append(whole)
                continue
            if isinstance(one, ast.Constant) and not is_natural(one.value):
                found.append(one.value)
            elif isinstance(one, (ast.Name, ast.Attribute)) and depth:
                for value in self.find(one):
                    if value is not node:
                        found += self.knowledge(value, depth - 1)
            is_field = isinstance(one, ast.Subscript) and _is_name(one.slice)
            waiting.extend([one.value] if is_field else ast.iter_child_nodes(one))  # type: ignore[attr-defined]
        return found


def _find_walked(function: ast.AST) -> dict[int, ast.AST]:
    """Map the ids of names in loops to what these go through, the innermost of that name."""
    found: dict[int, ast.AST] = {}
    for node in ast.walk(function):
        loops: Sequence[Any] = getattr(node, "generators", ())
        if isinstance(node, (ast.For, ast.AsyncFor)):
            loops = [node]
        for loop in loops:
            names = {one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)}
            inside = (one for one in ast.walk(node) if isinstance(one, ast.Name))
            found.update((id(one), loop.iter) for one in inside if one.id in names)
    return found


def is_fixed(node: ast.AST) -> bool:
    """Return whether an expression is made of constants only."""
    return not any(isinstance(one, (ast.Name, ast.Attribute, ast.Call)) for one in ast.walk(node))


def is_written(text: str, knowledge: Iterable[Any]) -> bool:
    """Return whether a text or a part of it is among constants as it is, and not computed."""
    small = text.lower()
    for one in knowledge:
        words = [one]
        if isinstance(one, Expression):
            words = [word for word in constants_in(parse(one)) if isinstance(word, str)]
        if any(word.lower() in small or small in word.lower() for word in words if word):
            return True
    return False


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _as_whole(node: ast.AST) -> Any:
    """Return what stands for an expression of constants only, ``None`` if it is none."""
    if not isinstance(node, (*_COMPOUND, *_DISPLAYS)):
        return None
    names = [one for one in ast.walk(node) if isinstance(one, (ast.Name, ast.Attribute))]
    functions = {id(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
    if any(id(one) not in functions for one in names if not _is_method(one)):
        return None
    constants = list(constants_in(node))
    if isinstance(node, _DISPLAYS):
        is_empty = all(one in (None, "", 0) for one in constants)
        return None if is_empty else Expression(ast.unparse(node))
    if len(constants) > 1 or (isinstance(node, ast.Call) and constants):
        telling = [one for one in constants if not is_natural(one)]
        is_sum = isinstance(node, ast.BinOp) and len(constants) > 1
        text = Expression(ast.unparse(node))
        if "inf" in text or "nan" in text:
            return None
        return text if telling or is_sum else None
    return None


def _is_method(node: ast.AST) -> bool:
    """Return whether a node is part of ``"".join`` and the like."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Constant)
