"""Attempts with growing delays, of which the last one is never made; coroutines."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import ASYNC_CONFIG

_ATTEMPTS = """\
"Tries something several times, with growing delays in between."


class GaveUpError(Exception):
    "No attempt came to an end; the last error is its cause."


def delays(attempts, first=0.5, most=8.0):
    "The delay before each attempt but the first, in seconds."
    delay = first
    for _ in range(attempts - 1):
        yield min(delay, most)
        delay *= 2


async def attempt(call, attempts, sleep):
    "The first result of ``call``, which is made ``attempts`` times at most."
    waits = delays(attempts)
    number = 1
    last = None
    while number < attempts:
        try:
            return await call()
        except OSError as error:
            last = error
        wait = next(waits, None)
        if wait is not None:
            await sleep(wait)
        number += 1
    raise GaveUpError(f"gave up after {attempts} attempts") from last
"""

_TEST_ATTEMPTS = """\
import pytest

from backoff.attempts import GaveUpError, attempt, delays


class Flaky:
    def __init__(self, failures):
        self.failures = failures
        self.calls = 0
        self.waits = []

    async def call(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise OSError("busy")
        return self.calls

    async def sleep(self, seconds):
        self.waits.append(seconds)


@pytest.fixture
def flaky():
    return Flaky(2)


async def test_last_attempt_counts(flaky):
    assert await attempt(flaky.call, 3, flaky.sleep) == 3
    assert flaky.waits == [0.5, 1.0]


async def test_early_success(flaky):
    assert await attempt(flaky.call, 5, flaky.sleep) == 3


async def test_gives_up(flaky):
    with pytest.raises(GaveUpError, match="after 2 attempts"):
        await attempt(flaky.call, 2, flaky.sleep)


def test_delays_are_capped():
    assert list(delays(7)) == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
"""

_T = "tests/test_attempts.py::"

SUBJECT: Final = Subject(
    name="retrying",
    flavour="async",
    files={
        **ASYNC_CONFIG,
        "backoff/__init__.py": "",
        "backoff/attempts.py": _ATTEMPTS,
        "tests/test_attempts.py": _TEST_ATTEMPTS,
    },
    targets=(f"{_T}test_last_attempt_counts",),
    passed=(
        f"{_T}test_early_success",
        f"{_T}test_gives_up",
        f"{_T}test_delays_are_capped",
    ),
    oracle="""
import asyncio
from backoff.attempts import GaveUpError, attempt
async def sleep(seconds):
    waits.append(seconds)
for failures, attempts in ((0, 1), (1, 1), (4, 4), (4, 5), (0, 3)):
    calls, waits = [], []
    async def call():
        calls.append(1)
        if len(calls) <= failures:
            raise ConnectionError
        return "done"
    try:
        print(asyncio.run(attempt(call, attempts, sleep)), len(calls), waits)
    except GaveUpError as error:
        print(error, len(calls), waits, type(error.__cause__).__name__)
""",
    answer=(
        "done 1 []\n"
        "gave up after 1 attempts 1 [] ConnectionError\n"
        "gave up after 4 attempts 4 [0.5, 1.0, 2.0] ConnectionError\n"
        "done 5 [0.5, 1.0, 2.0, 4.0]\n"
        "done 1 []\n"
    ),
)

_BUILDER = CaseBuilder(SUBJECT)

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "less-or-equal",
        _BUILDER.swap(
            "backoff/attempts.py", ("while number < attempts:", "while number <= attempts:")
        ),
        family="off-by-one",
    ),
    _BUILDER.honest(
        "from-zero",
        _BUILDER.swap("backoff/attempts.py", ("    number = 1\n", "    number = 0\n")),
        family="off-by-one",
    ),
)
