"""Keeps the names of the cases that stay, by writing down ids where it has to."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from pytest_agentfix.repair.holdout.decorator import Decorator, is_written_out, name_of
from pytest_agentfix.repair.holdout.id_guesses import (
    BY_POSITION,
    Guess,
    guess_chosen,
    guess_value,
    join_guesses,
)
from pytest_agentfix.repair.holdout.source import CannotTakeOutError

_SAME_IDS: Final = "some of its cases have the same id"
_OTHER_IDS: Final = "its ids are not written out in the decorator"
# Functions that name everything, each in its own way.
_BY_VALUE: Final[Mapping[str, Callable[[object], str]]] = {"str": str, "repr": repr, "ascii": ascii}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIds:
    """The ids of one function's cases that a run has shown: by index, and those that passed."""

    failed: Mapping[int, str]
    passed: Collection[str] = field(default_factory=frozenset)


def find_lasting_ids(
    tree: ast.Module, decorator: Decorator, known: KnownIds
) -> tuple[str | None, ...]:
    """For every case the id it has to be given to keep its name, ``None`` where it keeps it.

    Raises ``CannotTakeOutError`` where a name could change, or is not known well enough.
    """
    guesses = _guess_cases(tree, decorator)
    _check(guesses, known)
    ids = [
        known.failed.get(index) or guess.settle(known.passed) for index, guess in enumerate(guesses)
    ]
    told = [text for text in ids if text is not None]
    if len(set(told)) < len(told):
        raise CannotTakeOutError(_SAME_IDS)
    if any(guess.is_fixed for guess in guesses):
        _check_numbers(decorator.names, {*told, *known.passed}, is_whole=bool(known.passed))
    return tuple(
        text if text is not None and guess.goes_by_position(text) else None
        for text, guess in zip(ids, guesses, strict=True)
    )


def _check(guesses: Sequence[Guess], known: KnownIds) -> None:
    for index, text in known.failed.items():
        if guesses[index].is_sure and text not in guesses[index].texts:
            raise CannotTakeOutError(BY_POSITION)  # a hook's name, or a number against doubles


def _check_numbers(names: Iterable[str], ids: Collection[str], *, is_whole: bool) -> None:
    """Functions may name nothing, or many cases alike; pytest numbers both by their position."""
    placed = re.compile(rf"(?:^|-)(?:{'|'.join(map(re.escape, names))})\d+(?:-|$)")
    if any(placed.search(text) for text in ids):
        raise CannotTakeOutError(BY_POSITION)
    stems = Counter(re.sub(r"_?\d+\Z", "", text) for text in ids if text[-1:].isdigit())
    for stem, count in stems.items():
        is_counted_from_0 = not is_whole or {f"{stem}0", f"{stem}_0"} & {*ids}
        if count > 1 and is_counted_from_0:
            raise CannotTakeOutError(_SAME_IDS)


def _guess_cases(tree: ast.Module, decorator: Decorator) -> list[Guess]:
    elements = decorator.cases.elts
    entries = _read_ids(decorator.ids, len(elements))
    name_values = _find_function(tree, decorator.ids)
    return [
        _guess_own_id(element)
        or _guess_entry(entries[index])
        or _guess_values(element, decorator, index, name_values)
        for index, element in enumerate(elements)
    ]


def _read_ids(ids: ast.expr | None, count: int) -> Sequence[ast.expr | None]:
    if not isinstance(ids, (ast.List, ast.Tuple)):
        return [None] * count
    if not is_written_out(ids) or len(ids.elts) != count:
        raise CannotTakeOutError(_OTHER_IDS)
    return ids.elts


def _find_function(tree: ast.Module, ids: ast.expr | None) -> str | None:
    """The name of the function that ``ids`` is, "" for one without, ``None`` where it is none."""
    if ids is None or isinstance(ids, (ast.List, ast.Tuple)):
        return None
    if isinstance(ids, ast.Lambda):
        return ""
    own = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
    if isinstance(ids, ast.Name) and ids.id in own | {*_BY_VALUE}:
        return ids.id if ids.id not in own else ""
    raise CannotTakeOutError(_OTHER_IDS)


def _guess_own_id(element: ast.expr) -> Guess | None:
    """Return the id in ``pytest.param(..., id=...)``, ``None`` where there is none."""
    if not _is_param(element):
        return None
    found = [keyword.value for keyword in element.keywords if keyword.arg in ("id", None)]
    return _guess_entry(found[0]) if found else None


def _guess_entry(entry: ast.expr | None) -> Guess | None:
    if entry is None or (isinstance(entry, ast.Constant) and entry.value is None):
        return None
    return guess_chosen(entry.value) if isinstance(entry, ast.Constant) else Guess(is_fixed=True)


def _guess_values(
    element: ast.expr, decorator: Decorator, index: int, function: str | None
) -> Guess:
    values = _find_values(element, decorator)
    if function == "":
        return Guess(is_fixed=True)
    if len(values) != len(decorator.names):
        return Guess(is_fixed=function is not None)
    if function is not None:
        return join_guesses([_guess_made(value, function) for value in values])
    named = zip(values, decorator.names, strict=True)
    return join_guesses([guess_value(value, name, index) for value, name in named])


def _guess_made(value: ast.expr, function: str) -> Guess:
    """Return what ``str``, ``repr`` or ``ascii`` makes of a value."""
    try:
        made = _BY_VALUE[function](ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return Guess(is_fixed=True)
    return guess_chosen(made)


def _find_values(element: ast.expr, decorator: Decorator) -> Sequence[ast.expr]:
    if isinstance(element, ast.Call) and _is_param(element):
        return element.args
    if decorator.is_single:
        return [element]
    return element.elts if isinstance(element, (ast.List, ast.Tuple)) else ()


def _is_param(element: ast.expr) -> TypeGuard[ast.Call]:
    return isinstance(element, ast.Call) and name_of(element.func) == "param"
