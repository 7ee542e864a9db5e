"""Wait for something in a sandbox for as long as it gets on.

A clock alone cannot tell what hangs from what has to share its cores with too much else. So on a
machine that has more to do than cores to do it, what still gets on may take longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.core.machine import describe_load, is_overloaded

WINDOW: Final = 10.0  # seconds between two looks at the work
LEAST_SHARE: Final = 0.02  # of a core: less is a hanging program that wakes up now and then
LEAST_READ: Final = 1_000_000  # bytes in a window
_MOMENT: Final = 0.01  # seconds
_LONG: Final = 3600.0  # seconds that a thread can wait for anything
MOST: Final = 10  # times its seconds that a wait can take


@dataclass(frozen=True, slots=True)
class Work:
    """The work of everything in a sandbox so far: processor seconds, and bytes read from disks."""

    seconds: float
    read: int = 0


FindWork = Callable[[], Work | None]  # ``None`` where nobody knows


def find_nothing() -> None:
    """Stand for work that nobody knows."""


@dataclass(slots=True, kw_only=True)
class ProgressWait:
    """A wait of ``seconds``, or longer while the machine is overloaded and the work goes on.

    It is over in any case after ``seconds`` of processor time, and after ``MOST`` times ``seconds``
    on the clock.
    """

    seconds: float
    find_work: FindWork = find_nothing
    now: Callable[[], float] = time.monotonic
    is_overloaded: Callable[[], bool] = is_overloaded
    _began: float = field(init=False)
    _looked: float = field(init=False)
    _first: Work | None = None
    _last: Work | None = None
    _is_over: bool = False
    _has_looked: bool = False
    _window: float = field(init=False)

    def __post_init__(self) -> None:
        self._window = min(WINDOW, self.seconds / 2)
        self._began = self._looked = self.now()

    def is_over(self) -> bool:
        """Return whether to wait no longer; to be asked when ``pause`` has passed, or before."""
        now = self.now()
        if self._is_over or now < self._began + self.seconds - self._window:
            return self._is_over
        if not self._has_looked:
            self._has_looked, self._looked = True, now
            self._first = self._last = self.find_work()
        if now >= max(self._began + self.seconds, self._looked + self._window):
            self._is_over = not self._gets_on(now)
        return self._is_over

    def pause(self) -> float:
        """Return the seconds until the next moment at which it can be over."""
        if not self._has_looked:
            return max(0.0, self._began + self.seconds - self._window - self.now())
        return max(0.0, self._looked + self._window - self.now())

    def describe(self) -> str:
        """Return how long it was waited, and the load where that may be the reason."""
        load = f", on {describe_load()}" if self.is_overloaded() else ""
        return f"{self.now() - self._began:.0f} s{load}"

    def _gets_on(self, now: float) -> bool:
        """Look at the work since the last look."""
        before, since = self._last, now - self._looked
        self._last, self._looked = self.find_work(), now
        if before is None or self._last is None or self._first is None:
            return False
        done = self._last.seconds - before.seconds
        is_working = done >= LEAST_SHARE * since or self._last.read - before.read >= LEAST_READ
        is_spent = self._last.seconds - self._first.seconds >= self.seconds
        is_late = now - self._began >= MOST * self.seconds
        return is_working and not is_spent and not is_late and self.is_overloaded()


def wait_for(wait: Callable[[float], bool], patience: ProgressWait, *, at_most: float) -> bool:
    """Return whether ``wait``, for so many seconds at a time, has returned true.

    The waiting ends when ``patience`` does, or after ``at_most`` seconds.
    """
    until = patience.now() + at_most
    while not patience.is_over():
        left = until - patience.now()
        if left <= 0:
            break
        if wait(max(_MOMENT, min(left, patience.pause(), _LONG))):
            return True
    return wait(0)
