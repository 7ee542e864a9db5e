"""Guesses pytest's id for one value of a parametrize list, and which parts go by position.

The rules are those of ``_pytest.python.IdMaker``, over source instead of values: guesses, which
``ids`` checks against the node ids that are known.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.repair.holdout.source import CannotTakeOutError

BY_POSITION: Final = "the ids of its cases go by their position"

_GUESSES: Final = 1000  # spellings tried of one case
_LONG: Final = 100  # characters; what is longer may be called by its position
_CONTAINERS: Final = (
    *(ast.List, ast.Tuple, ast.Dict, ast.Set),
    *(ast.ListComp, ast.DictComp, ast.SetComp),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """The possible names of a case, or of one value of it.

    ``is_sure``: by one of ``texts`` and in no other way. ``positional`` are those of them that
    would change with the place in the list. ``is_fixed``: whatever it is called, it keeps it.
    """

    texts: tuple[str, ...] = ()
    positional: frozenset[str] = frozenset()
    is_sure: bool = False
    is_fixed: bool = False

    def settle(self, known: Collection[str]) -> str | None:
        """The text among the ``known`` ids, ``None`` where it does not matter.

        Raises ``CannotTakeOutError`` where it matters and cannot be told.
        """
        seen = [text for text in self.texts if text in known]
        if len(seen) == 1:
            return seen[0]
        if self.is_sure:
            return self.texts[0]
        if self.is_fixed:
            return None
        raise CannotTakeOutError(BY_POSITION)

    def goes_by_position(self, text: str) -> bool:
        """Return whether a case of that name might have another one elsewhere in the list."""
        return not self.is_fixed and (text in self.positional or text not in self.texts)


def guess_value(node: ast.expr, name: str, index: int) -> Guess:
    """Guess the names of ``node``, the value of argument ``name`` in case ``index``."""
    placed = f"{name}{index}"
    if isinstance(node, _CONTAINERS):
        return Guess(texts=(placed,), positional=frozenset({placed}), is_sure=True)
    if isinstance(node, ast.Lambda):
        return Guess(texts=("<lambda>",), is_sure=True)
    try:
        return _guess_scalar(ast.literal_eval(node), placed)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        texts = (*_names(node), placed)
        return Guess(texts=tuple(dict.fromkeys(texts)), positional=frozenset({placed}))


def guess_chosen(value: object) -> Guess:
    """Return the name of a case that is written out."""
    if isinstance(value, str):
        return Guess(texts=_spellings(value), is_sure=True)
    if isinstance(value, bytes):
        return Guess(texts=(escape(value.decode("latin-1")),), is_sure=True)
    return Guess(texts=(str(value),), is_sure=True)


def join_guesses(guesses: Sequence[Guess]) -> Guess:
    """The name of a case out of those of its values."""
    ways = itertools.islice(itertools.product(*(guess.texts for guess in guesses)), _GUESSES)
    joined = {
        "-".join(way): any(
            text in guess.positional for text, guess in zip(way, guesses, strict=True)
        )
        for way in ways
    }
    return Guess(
        texts=tuple(joined),
        positional=frozenset(text for text, is_positional in joined.items() if is_positional),
        is_sure=all(guess.is_sure for guess in guesses),
        is_fixed=all(guess.is_fixed for guess in guesses),
    )


def escape(text: str) -> str:
    """As pytest writes a text: in ASCII, with nothing that cannot be seen."""
    return text.encode("unicode_escape").decode("ascii")


def _guess_scalar(value: object, placed: str) -> Guess:
    if isinstance(value, (str, bytes)) and len(value) > _LONG:
        data = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        texts = (placed, *guess_chosen(value).texts, hashlib.sha256(data).hexdigest())
        return Guess(texts=texts, positional=frozenset({placed}))
    return guess_chosen(value)


def _spellings(text: str) -> tuple[str, ...]:
    """Escaped, and as it is: an ini value of pytest's decides."""
    return tuple(dict.fromkeys((escape(text), text)))


def _names(node: ast.expr) -> tuple[str, ...]:
    """Guess the names of classes, functions and members of enums."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (*(f"{owner}.{node.attr}" for owner in _names(node.value)[:1]), node.attr)
    return ()
