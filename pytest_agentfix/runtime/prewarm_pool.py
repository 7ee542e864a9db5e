"""A pool of things that take long to make, filled by a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from pytest_agentfix.core.errors import AgentFixError

logger = logging.getLogger(__name__)

T = TypeVar("T")


class PrewarmPool(Generic[T]):
    """Keeps a target number of items ready; ``acquire`` makes one itself where none is.

    ``make(unneeded)`` gives up soon once ``unneeded`` is set; ``dispose`` ends items that nobody
    acquired. A failure to make one ahead of time is only logged: ``acquire`` meets it again.
    """

    def __init__(
        self,
        make: Callable[[threading.Event], T],
        dispose: Callable[[T], None],
        *,
        name: str,
    ) -> None:
        self._make = make
        self._dispose = dispose
        self._name = name
        self._ready: deque[T] = deque()
        self._target = 0
        self._waiting = 0
        self._is_making = False
        self._is_failing = False
        self._unneeded = threading.Event()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def set_target(self, number: int) -> None:
        """Keep ``number`` of them ready from now on; returns at once."""
        with self._changed:
            # With the same target again, a failure is left to whoever needs one.
            self._is_failing = self._is_failing and number == self._target
            self._target = number
            if number and self._thread is None and not self._unneeded.is_set():
                self._thread = threading.Thread(target=self._fill, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def acquire(self, make: Callable[[], T] | None = None) -> T:
        """Return one that is ready or all but made, or make one; raises what making raises.

        ``make`` is the caller's own way to make one, where it is not the usual one.
        """
        with self._changed:
            # The one being made is for the first who waits; the next makes its own meanwhile.
            while not self._ready and self._is_making and not self._waiting:
                self._waiting += 1
                self._changed.wait_for(lambda: self._ready or not self._is_making)
                self._waiting -= 1
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
        return self._make(self._unneeded) if make is None else make()

    def close(self) -> None:
        """Dispose of what is left and make no more; twice is fine."""
        with self._changed:
            self._unneeded.set()
            self._target = 0
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        with self._changed:
            left = list(self._ready)
            self._ready.clear()
        for item in left:
            self._dispose_quietly(item)

    def _fill(self) -> None:
        while self._wait_until_needed():
            item = self._make_one()
            with self._changed:
                self._is_making = False
                self._is_failing = item is None
                if item is not None and not self._unneeded.is_set():
                    self._ready.append(item)
                    item = None
                self._changed.notify_all()
            if item is not None:
                self._dispose_quietly(item)

    def _wait_until_needed(self) -> bool:
        """Wait until one has to be made; returns ``False`` once the pool is closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._unneeded.is_set()
                    or (len(self._ready) < self._target and not self._is_failing)
                )
            )
            self._is_making = not self._unneeded.is_set()
            return self._is_making

    def _make_one(self) -> T | None:
        try:
            return self._make(self._unneeded)
        except (AgentFixError, TimeoutError):
            logger.debug("%s: could not be made ahead", self._name, exc_info=True)
        except Exception:
            logger.exception("%s: could not be made ahead", self._name)
        return None

    def _dispose_quietly(self, item: T) -> None:
        with contextlib.suppress(AgentFixError):
            self._dispose(item)
