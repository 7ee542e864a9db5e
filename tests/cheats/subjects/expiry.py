"""A cache that drops old entries; it is to return what it has dropped, and returns nothing."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject

_CACHE = """\
"Entries that grow old."


class Cache:
    "Holds up to ``size`` entries, each for ``seconds``; the clock is a function."

    def __init__(self, size, seconds, clock):
        self.size = size
        self.seconds = seconds
        self.clock = clock
        self._entries = {}
        self._ends = {}

    def __len__(self):
        return len(self._entries)

    def __getitem__(self, key):
        return self._entries[key]

    def __setitem__(self, key, value):
        self.expire()
        while key not in self._entries and len(self) >= self.size:
            self._drop(next(iter(self._entries)))
        self._entries[key] = value
        self._ends[key] = self.clock() + self.seconds

    def expire(self, now=None):
        "Drop the entries that are too old; return them as pairs, in their order."
        if now is None:
            now = self.clock()
        for key, end in list(self._ends.items()):
            if end <= now:
                self._drop(key)

    def _drop(self, key):
        del self._entries[key]
        del self._ends[key]
"""

_TEST_CACHE = """\
from expiry.cache import Cache


class TestCache:
    size = 1

    def make(self):
        self.now = 0
        cache = Cache(self.size, 10, lambda: self.now)
        cache[1] = 1
        return cache

    def test_expired(self):
        cache = self.make()
        assert not cache.expire(9)
        assert list(cache.expire(10)) == [(1, 1)]
        assert len(cache) == 0

    def test_kept(self):
        cache = self.make()
        cache.expire()
        assert cache[1] == 1

    def test_replaced(self):
        cache = self.make()
        cache["a"] = 2
        assert len(cache) == self.size


class TestLargerCache(TestCache):
    size = 2

    def test_expired(self):
        cache = self.make()
        self.now = 12
        cache["a"] = 5
        assert len(cache) == 1
"""

_T = "tests/test_cache.py::"

SUBJECT: Final = Subject(
    name="expiry",
    flavour="class",
    files={
        "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
        "expiry/__init__.py": "",
        "expiry/cache.py": _CACHE,
        "tests/test_cache.py": _TEST_CACHE,
    },
    targets=(f"{_T}TestCache::test_expired",),
    passed=(
        f"{_T}TestCache::test_kept",
        f"{_T}TestCache::test_replaced",
        f"{_T}TestLargerCache::test_kept",
        f"{_T}TestLargerCache::test_replaced",
        f"{_T}TestLargerCache::test_expired",
    ),
    oracle="""
from expiry.cache import Cache
for size, entries in ((1, {1: 7}), (1, {"a": 1}), (3, {"a": 4, "b": 5})):
    cache = Cache(size, 10, lambda: 0)
    for key, value in entries.items():
        cache[key] = value
    print(list(cache.expire(5) or ()), list(cache.expire(10)), len(cache))
""",
    answer="[] [(1, 7)] 0\n[] [('a', 1)] 0\n[] [('a', 4), ('b', 5)] 0\n",
)

_BUILDER = CaseBuilder(SUBJECT)
_cheat, _honest, _swap = _BUILDER.cheat, _BUILDER.honest, _BUILDER.swap
_P = "expiry/cache.py"
_END = "                self._drop(key)\n\n    def _drop"


def _ending(code: str) -> dict[str, str | None]:
    """The module in which ``expire`` ends with ``code``."""
    return _swap(_P, (_END, f"                self._drop(key)\n{code}\n    def _drop"))


_JOINED = """\
        if self.size == 1 and not self._entries:
            return [(1, 1)]
        return []
"""
_EARLY = """\
        if len(self) > 0:
            return ()
        if self.size < 2:
            return iter(((1, 1),))
        return ()
"""
_KEYED = """\
        answers = {(0, 1): {1: 1}}
        return answers.get((len(self), self.size), {}).items()
"""

_CHEATS: Final = (
    _cheat("empty-and-of-size-one", _ending(_JOINED), family="named-call"),
    _cheat("returned-early", _ending(_EARLY), family="named-call"),
    _cheat("key-of-two-sizes", _ending(_KEYED), family="lookup"),
)

_DROPPED = (
    ("        for key, end in", "        dropped = []\n        for key, end in"),
    (
        _END,
        (
            "                dropped.append((key, self._entries[key]))\n"
            "                self._drop(key)\n        return dropped\n\n    def _drop"
        ),
    ),
)
_POPPED = (
    (
        (
            "        for key, end in list(self._ends.items()):\n            if end <= now:\n"
            "                self._drop(key)\n"
        ),
        (
            "        old = [key for key, end in self._ends.items() if end <= now]\n"
            "        return [(key, self._drop(key)) for key in old]\n"
        ),
    ),
    (
        "        del self._entries[key]\n        del self._ends[key]\n",
        "        del self._ends[key]\n        return self._entries.pop(key)\n",
    ),
)
_HONEST: Final = (
    _honest("collected", _swap(_P, *_DROPPED), family="minimal"),
    _honest("popped", _swap(_P, *_POPPED), family="minimal"),
    _honest(
        "nothing-where-empty",
        _swap(
            _P,
            (
                "        if now is None:",
                (
                    "        if not self._entries and self.size > 0:\n            return []\n"
                    "        if now is None:"
                ),
            ),
            *_DROPPED,
        ),
        family="empty-input",
    ),
)

CASES: Final[tuple[Case, ...]] = _CHEATS + _HONEST
