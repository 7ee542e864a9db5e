"""Sort a test's decorators: those a call can do without, and the arguments they supply."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.core.python_source import last_name
from pytest_agentfix.judge.variants.bindings import list_identifiers, qualify
from pytest_agentfix.judge.variants.random_names import split_words

_MARK: Final = "pytest.mark."
_LABELS: Final = split_words(
    "asyncio skipif skip timeout filterwarnings xdist_group order dependency agent_fix"
)
_ACTING: Final = split_words(
    "xfail usefixtures flaky django_db vcr anyio trio enable_socket disable_socket allow_hosts "
    "freeze_time httpx_mock respx urls ignore_template_errors default_cassette"
)
_HYPOTHESIS: Final = frozenset({"given", "settings", "example", "seed"})
_PATCHERS: Final = ("unittest.mock.patch", "mock.patch")
_NEW: Final = {"patch": 1, "object": 2}  # where the replacement stands among the arguments
_UNCLEAR: Final = "its parametrize cannot be read"


class UnclearError(Exception):
    """A test cannot be called without pytest; the message is the reason, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parametrized:
    """One ``parametrize``: its names and the expression of its values."""

    names: tuple[str, ...]
    values: ast.expr


@dataclass(slots=True, kw_only=True)
class Decorated:
    """The effect of a test's decorators.

    ``patched`` arguments are supplied by ``mock.patch``, ``given`` ones by Hypothesis,
    ``given_last`` of them by position at the end.
    """

    kept: list[ast.expr] = field(default_factory=list)
    parametrized: list[Parametrized] = field(default_factory=list)
    patched: int = 0
    given: set[str] = field(default_factory=set)
    given_last: int = 0


def read_decorators(decorators: list[ast.expr], imports: Mapping[str, str]) -> Decorated:
    """Sort decorators; raises ``UnclearError`` for one that a call without pytest would miss."""
    found = Decorated()
    for decorator in decorators:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        dotted = qualify(called, imports)
        if dotted.startswith(_MARK):
            _read_mark(decorator, dotted[len(_MARK) :], found)
            continue
        found.kept.append(decorator)
        if dotted.startswith(_PATCHERS):
            found.patched += _count_patched(decorator, dotted)
        elif dotted.startswith("hypothesis."):
            _read_hypothesis(decorator, dotted, found)
        else:
            _check_other(dotted)
    return found


def _read_mark(decorator: ast.expr, name: str, found: Decorated) -> None:
    if name == "parametrize" and isinstance(decorator, ast.Call):
        found.parametrized.append(_read_parametrize(decorator))
        return
    has_arguments = isinstance(decorator, ast.Call) and (decorator.args or decorator.keywords)
    if name in _ACTING or (has_arguments and name not in _LABELS):
        raise UnclearError(f"its marker {name} may be at work")


def _check_other(dotted: str) -> None:
    root, _, rest = dotted.partition(".")
    is_known = root in sys.stdlib_module_names and bool(rest)
    if dotted not in ("staticmethod", "classmethod") and not is_known:
        raise UnclearError("it has a decorator that may need pytest")
    if rest.endswith("expectedFailure"):
        raise UnclearError("its failures are expected")


def _count_patched(decorator: ast.expr, dotted: str) -> int:
    """Count the arguments that a ``mock.patch`` decorator supplies by position."""
    kind = dotted.rpartition(".")[2]
    if kind == "dict":
        return 0
    if kind not in _NEW or not isinstance(decorator, ast.Call):
        raise UnclearError("the arguments its mock.patch supplies cannot be read")
    words = {word.arg for word in decorator.keywords}
    if None in words or any(isinstance(one, ast.Starred) for one in decorator.args):
        raise UnclearError("the arguments its mock.patch supplies cannot be read")
    return int(len(decorator.args) <= _NEW[kind] and "new" not in words)


def _read_hypothesis(decorator: ast.expr, dotted: str, found: Decorated) -> None:
    if dotted.rpartition(".")[2] not in _HYPOTHESIS:
        raise UnclearError("it has a decorator that may need pytest")
    if not (isinstance(decorator, ast.Call) and dotted.endswith(".given")):
        return
    found.given_last += len(decorator.args)
    if any(isinstance(one, ast.Starred) for one in decorator.args):
        raise UnclearError("the arguments Hypothesis supplies cannot be read")
    for word in decorator.keywords:
        if word.arg is None:
            raise UnclearError("the arguments Hypothesis supplies cannot be read")
        found.given.add(word.arg)


def _read_parametrize(call: ast.Call) -> Parametrized:
    given = dict(zip(("argnames", "argvalues"), call.args, strict=False))
    for word in call.keywords:
        if word.arg == "indirect" and not (
            isinstance(word.value, ast.Constant) and word.value.value is False
        ):
            raise UnclearError("its parametrize is indirect")
        given[word.arg or "?"] = word.value
    indirect_place = 2
    if {"argnames", "argvalues"} - given.keys() or "?" in given or len(call.args) > indirect_place:
        raise UnclearError(_UNCLEAR)
    names = _read_names(given["argnames"])
    return Parametrized(names=names, values=_plain_values(given["argvalues"], len(names)))


def _read_names(node: ast.expr) -> tuple[str, ...]:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        raise UnclearError(_UNCLEAR) from None
    parts = value.split(",") if isinstance(value, str) else value
    if not (isinstance(parts, list | tuple) and all(isinstance(one, str) for one in parts)):
        raise UnclearError(_UNCLEAR)
    names = tuple(one.strip() for one in parts if one.strip())
    if len(names) == 1 and not isinstance(value, str):
        raise UnclearError(_UNCLEAR)  # a list of one name takes values in ones
    return names


def _plain_values(values: ast.expr, count: int) -> ast.expr:
    """Replace ``pytest.param`` in a list of values by its values."""
    if not isinstance(values, ast.List | ast.Tuple):
        return values
    return ast.List(elts=[_plain_value(one, count) for one in values.elts], ctx=ast.Load())


def _plain_value(value: ast.expr, count: int) -> ast.expr:
    if not (isinstance(value, ast.Call) and last_name(value) == "param"):
        return value
    marks = [word for word in value.keywords if word.arg not in ("id", None)]
    if any({"xfail", "flaky", "usefixtures"} & set(list_identifiers(word)) for word in marks):
        raise UnclearError("a case's marker may be at work")
    if any(isinstance(one, ast.Starred) for one in value.args) or len(value.args) != count:
        raise UnclearError(_UNCLEAR)
    if count == 1:
        return value.args[0]
    return ast.Tuple(elts=value.args, ctx=ast.Load())
