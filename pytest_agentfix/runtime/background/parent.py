"""Watches whether the pytest process is still there."""

from __future__ import annotations

import os
import select
from typing import Final

LOOK_EVERY: Final = 1.0  # seconds between two looks where the kernel tells nothing by itself
NONE: Final = -1


class Parent:
    """The pytest process that started this one; to the kernel it is not this one's parent.

    ``handle`` is a descriptor that is readable once the process has ended, or ``NONE``.
    """

    def __init__(self, handle: int, number: int) -> None:
        self.handle = handle
        self._number = number

    def is_alive(self) -> bool:
        """Return whether it has not ended yet."""
        if self.handle != NONE:
            return not _is_readable(self.handle, 0)
        try:
            os.kill(self._number, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True

    def survives(self, seconds: float) -> bool:
        """Return whether it is alive after so long; its sockets close just before it is gone."""
        if self.handle != NONE:
            return not _is_readable(self.handle, seconds)
        select.select([], [], [], seconds)
        return self.is_alive()


def _is_readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
