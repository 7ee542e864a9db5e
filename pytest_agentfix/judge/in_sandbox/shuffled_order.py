"""Run the items of a session in an order drawn by a seed.

Standard library and pytest only; ``sessions/orders.py`` inlines this text in that of
``pytest_runner.py``.
"""

import hashlib
from typing import Any

import pytest

DEPTH_LIMIT = 20  # names in a node id that are told apart
HASH_SIZE = 8  # bytes


class Shuffler:
    """Orders the items by ``place_of``, or by the exact reverse."""

    def __init__(self, seed: int, *, is_reversed: bool) -> None:
        self._seed = seed
        self._is_reversed = is_reversed

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: Any) -> None:
        """Sort after every plugin that sorts."""
        items.sort(key=lambda item: place_of(item.nodeid, self._seed))
        if self._is_reversed:
            items.reverse()


def place_of(nodeid: str, seed: int) -> "tuple[bytes, ...]":
    """Return the sort key of a test: keyed hashes of its module, its classes, itself and its case.

    It depends on nothing else, so any two tests have the same relative order in every session with
    this seed. Items that share the fixtures of a module or class stay together; otherwise the
    fixtures would be made anew for every test.
    """
    names, bracket, case = nodeid.partition("[")
    parts = names.split("::", DEPTH_LIMIT)
    above = hashlib.blake2b(str(seed).encode("ascii"), digest_size=HASH_SIZE)
    places = []
    for part in [*parts, case] if bracket else parts:
        above.update(b"::" + part.encode(errors="surrogatepass"))
        places.append(above.digest())
    return tuple(places)
