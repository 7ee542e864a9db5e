"""Make what code draws from the system's source of randomness the same each time.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.

``secrets``, ``uuid4`` and ``random.SystemRandom`` have no seed. A call that makes a token with them
would end differently each time and could not be compared; so they draw from a seeded generator in a
session that repeats calls. Forks draw the same as their parent would next, and a test draws the
same with the change and without it.
"""

import os
import random

SEEDED = random.Random()  # noqa: S311 - it has to be repeatable


def draw_bytes(size: int) -> bytes:
    """Return so many bytes, as ``os.urandom`` does."""
    if size < 0:
        raise ValueError("negative argument not allowed")
    return SEEDED.getrandbits(8 * size).to_bytes(size, "big") if size else b""


def install_draws() -> None:
    """Put the seeded generator in the place of the system's, for this process and its forks."""
    os.urandom = draw_bytes
    random._urandom = draw_bytes  # type: ignore[attr-defined] # noqa: SLF001 - of SystemRandom


def read_draws() -> "tuple[object, object]":
    """Return the states of both generators, the one of ``random`` and this one."""
    return random.getstate(), SEEDED.getstate()


def put_draws(states: "tuple[object, object]") -> None:
    """Have both generators draw what they drew after ``read_draws``."""
    random.setstate(states[0])  # type: ignore[arg-type]
    SEEDED.setstate(states[1])  # type: ignore[arg-type]
