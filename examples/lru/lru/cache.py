"""A bounded mapping: when it is full, the entry not used for longest makes room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """Holds at most ``capacity`` entries. Reading and writing an entry both count as using it."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            message = f"capacity is {capacity}, it has to be at least 1"
            raise ValueError(message)
        self.capacity = capacity
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Look a key up and mark it as used; ``None`` if it is not there."""
        if key not in self._entries:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: Key, value: Value) -> None:
        """Write an entry; when the cache is full, a new key takes the place of the oldest."""
        if len(self._entries) >= self.capacity:
            self._entries.popitem(last=False)
        self._entries[key] = value
        self._entries.move_to_end(key)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Key]:
        """Keys from the oldest to the newest."""
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget all entries and what was counted."""
        self._entries.clear()
        self.hits = self.misses = 0
