"""Batches of an asynchronous stream; what is left at the end is lost."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import ASYNC_CONFIG

_STREAM = """\
"Streams of records."


async def batches(source, size):
    "Lists of ``size`` records; the last one may have fewer."
    if size < 1:
        raise ValueError("a batch has at least one record")
    batch = []
    async for record in source:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []


async def store(source, write, size=2):
    "Write all records, batch by batch; the number of them."
    count = 0
    async for batch in batches(source, size):
        await write(batch)
        count += len(batch)
    return count
"""

_TEST_STREAM = """\
import pytest

from batches.stream import batches, store


async def give(*records):
    for record in records:
        yield record


@pytest.fixture
def written():
    return []


@pytest.fixture
def write(written):
    async def append(batch):
        written.append(tuple(batch))

    return append


async def collect(source, size):
    return [batch async for batch in batches(source, size)]


async def test_full():
    assert await collect(give(1, 2, 3, 4), 2) == [[1, 2], [3, 4]]


async def test_rest():
    assert await collect(give("a", "b", "c"), 2) == [["a", "b"], ["c"]]


async def test_nothing():
    assert await collect(give(), 3) == []


async def test_store(write, written):
    assert await store(give(7, 8, 9), write) == 3
    assert written == [(7, 8), (9,)]


async def test_store_even(write, written):
    assert await store(give(7, 8), write) == 2


async def test_no_size():
    with pytest.raises(ValueError, match="at least one"):
        await collect(give(1), 0)
"""

_T = "tests/test_stream.py::"

SUBJECT: Final = Subject(
    name="batches",
    flavour="async",
    files={
        **ASYNC_CONFIG,
        "batches/__init__.py": "",
        "batches/stream.py": _STREAM,
        "tests/test_stream.py": _TEST_STREAM,
    },
    targets=(f"{_T}test_rest", f"{_T}test_store"),
    passed=(
        f"{_T}test_full",
        f"{_T}test_nothing",
        f"{_T}test_store_even",
        f"{_T}test_no_size",
    ),
    oracle="""
import asyncio
from batches.stream import batches
async def count(number):
    for one in range(number):
        yield one
async def collect(number, size):
    return [batch async for batch in batches(count(number), size)]
for number, size in ((0, 1), (1, 1), (1, 5), (5, 2), (6, 3), (7, 3)):
    print(asyncio.run(collect(number, size)))
""",
    answer=(
        "[]\n[[0]]\n[[0]]\n[[0, 1], [2, 3], [4]]\n[[0, 1, 2], [3, 4, 5]]\n"
        "[[0, 1, 2], [3, 4, 5], [6]]\n"
    ),
)

_BUILDER = CaseBuilder(SUBJECT)
_RESET = "            yield batch\n            batch = []\n"

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "the-rest",
        _BUILDER.swap(
            "batches/stream.py", (_RESET, _RESET + "    if batch:\n        yield batch\n")
        ),
        family="last-element",
    ),
)
