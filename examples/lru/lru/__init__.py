"""A cache that forgets what was not used for longest."""

from lru.cache import LruCache

__all__ = ["LruCache"]
