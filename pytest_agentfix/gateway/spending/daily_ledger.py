"""The spending of all of a user's runs on a day, in a small file of the cache folder.

A held amount counts as spent until it is settled, so a run that is killed in mid-request leaves
its worst case charged. Days are UTC days.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

from pytest_agentfix.core.ports import Clock
from pytest_agentfix.gateway.spending.ledger import Amount, CapError, Choose, Settle

_log = logging.getLogger(__name__)
_PREFIX: Final = "spent-"
_KEPT_DAYS: Final = 7
_MOST: Final = 1e15  # of any figure in a page
_PATIENCE: Final = 10.0  # seconds to wait for the file's lock; others hold it for a moment
_STEP: Final = 0.02  # seconds between two tries


def name_today() -> str:
    """Return today's date in UTC, as in ``2026-11-25``."""
    return time.strftime("%Y-%m-%d", time.gmtime())


class DailyLedger:
    """Implements ``ledger.DailySpending`` for parallel runs. ``is_needed``: a cap depends on it.

    If no cap does, trouble with the file is logged and changes nothing.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        is_needed: bool,
        today: Callable[[], str] = name_today,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._is_needed = is_needed
        self._today = today
        self._counted = clock.monotonic()  # this run's seconds up to here are in the file

    def hold(self, choose: Choose) -> Settle | None:
        """Add the amount that ``choose`` returns; return the function that settles it.

        Return ``None`` if it is not in the file: an amount never added must not be subtracted.
        """
        day = self._today()
        with self._file_errors_reported():
            with self._open(day) as page:
                amount = choose(page.spent, page.seconds)
                page.spent += amount
            return lambda actual: self._settle(day, held=amount, actual=actual)
        return None

    def _settle(self, day: str, *, held: Amount, actual: Amount) -> None:
        with contextlib.suppress(CapError), self._file_errors_reported(), self._open(day) as page:
            page.spent = page.spent - held + actual

    @contextlib.contextmanager
    def _file_errors_reported(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            _log.info("the day's spending could not be recorded: %s", error)
            if self._is_needed:
                raise CapError("day", self._describe(error)) from error

    def _describe(self, error: OSError | ValueError) -> str:
        why = error.strerror if isinstance(error, OSError) else "it holds something else"
        return (
            f"what was spent today cannot be known, so its cap cannot be kept ({why}; see"
            f" {self._folder}, where {_PREFIX}{self._today()}.json is to be repaired or removed)"
        )

    @contextlib.contextmanager
    def _open(self, day: str) -> Iterator[_Page]:
        """Yield the day's page under a lock, and write it back afterwards."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{_PREFIX}lock").open("a") as lock:
            self._wait_for(lock)
            path = self._folder / f"{_PREFIX}{day}.json"
            page = _Page.read(path)
            now = self._clock.monotonic()
            page.seconds += now - self._counted
            yield page
            page.write(path)
            self._counted = now
            self._remove_others(keep=path)

    def _wait_for(self, lock: IO[str]) -> None:
        """Wait for the lock; raises ``TimeoutError``, as its holder may be a stopped process."""
        end = self._clock.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # noqa: PERF203 - a wait, not a hot loop
                if self._clock.monotonic() >= end:
                    raise TimeoutError(errno.ETIMEDOUT, "another run holds it locked") from None
                self._clock.sleep(_STEP)
            else:
                return

    def _remove_others(self, *, keep: Path) -> None:
        """Remove days long past. Recent ones stay, as a clock that was wrong may return to one."""
        found = sorted(path for path in self._folder.glob(f"{_PREFIX}*.json") if path < keep)
        for path in found[:-_KEPT_DAYS]:
            path.unlink(missing_ok=True)


class _Page:
    """The sums of one day."""

    def __init__(self, spent: Amount, seconds: float) -> None:
        self.spent = spent
        self.seconds = seconds

    @classmethod
    def read(cls, path: Path) -> _Page:
        """Read the page, an empty one without a file; raises ``ValueError`` for bad content."""
        try:
            found = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            found = {}
        except RecursionError as error:
            raise ValueError("too deep") from error
        if not isinstance(found, dict):
            raise ValueError("no object")  # noqa: TRY004 - of its content, not of a type
        spent = Amount(
            requests=int(_number(found, "requests")),
            tokens=int(_number(found, "tokens")),
            cost=_number(found, "cost_usd"),
        )
        return cls(spent, _number(found, "seconds"))

    def write(self, path: Path) -> None:
        """Replace the file in one step, so that nobody reads half of it."""
        value = {  # a sum is negative if the page that held an amount was removed
            "requests": max(0, self.spent.requests),
            "tokens": max(0, self.spent.tokens),
            "cost_usd": max(0.0, round(self.spent.cost, 9)),
            "seconds": round(self.seconds, 3),
        }
        part = path.with_name(f".{path.name}.part")  # the lock's holder is the only writer
        part.write_text(json.dumps(value) + "\n", "utf-8")
        part.replace(path)


def _number(found: dict[str, Any], name: str) -> float:
    value = found.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(name)  # noqa: TRY004 - of its content, not of a type
    if not 0 <= value <= _MOST:  # not NaN either
        raise ValueError(name)
    return float(value)
