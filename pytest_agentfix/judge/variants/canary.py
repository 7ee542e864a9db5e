"""Canaries: a module of random tests that must fail, whatever the code under test is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from pytest_agentfix.judge.variants.random_names import make_number, make_word
from pytest_agentfix.judge.variants.results import SourceVariant

_EXCEPTIONS: Final = ("ValueError", "TypeError", "RuntimeError", "LookupError", "OSError")


def make_canary(*, rng: random.Random) -> SourceVariant:
    """Make a module with two tests: one has a false assertion, one raises an exception."""
    first, second = make_word(rng), make_word(rng)
    local = make_word(rng)
    left, right = _make_pair(rng)
    exception = rng.choice(_EXCEPTIONS)
    source = (
        f"def test_{first}():\n"
        f"    {local} = {left!r}\n"
        f"    assert {local} == {right!r}\n"
        f"\n\n"
        f"def test_{second}():\n"
        f"    raise {exception}({make_word(rng)!r})\n"
    )
    names = [(f"test_{first}",), (f"test_{second}",)]
    return SourceVariant(source=source, names={name: name for name in names}, impossible={})


def _make_pair(rng: random.Random) -> tuple[object, object]:
    """Make two different values of one type."""
    makers: tuple[Callable[[], object], ...] = (
        lambda: make_number(rng),
        lambda: make_word(rng),
        lambda: [make_number(rng), make_word(rng)],
        lambda: {make_word(rng): make_number(rng)},
    )
    make = rng.choice(makers)
    left = right = make()
    while left == right:
        right = make()
    return left, right
