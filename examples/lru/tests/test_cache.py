import pytest

from lru import LruCache


@pytest.fixture
def cache():
    cache = LruCache(3)
    for key in "abc":
        cache.put(key, key.upper())
    return cache


def test_keeps_what_fits(cache):
    assert [cache.get(key) for key in "abc"] == ["A", "B", "C"]


def test_oldest_makes_room(cache):
    cache.put("d", "D")
    assert list(cache) == ["b", "c", "d"]


def test_reading_counts_as_using(cache):
    cache.get("a")
    cache.put("d", "D")
    assert list(cache) == ["c", "a", "d"]


def test_writing_a_key_again_forgets_nothing(cache):
    cache.put("b", "new")
    assert list(cache) == ["a", "c", "b"]
    assert cache.get("b") == "new"


def test_missing_key_is_none(cache):
    assert cache.get("z") is None
    assert "z" not in cache


def test_counts_hits_and_misses(cache):
    cache.get("a")
    cache.get("z")
    assert (cache.hits, cache.misses) == (1, 1)


def test_clear_starts_over(cache):
    cache.get("a")
    cache.clear()
    assert (len(cache), cache.hits) == (0, 0)


def test_capacity_has_to_be_positive():
    with pytest.raises(ValueError, match="capacity is 0"):
        LruCache(0)
