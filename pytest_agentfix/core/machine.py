"""Resources of this machine, and the parallelism that they allow."""

from __future__ import annotations

import os
from typing import Final

MOST: Final = 8  # clusters side by side, where nobody has said how many
PER_CORE: Final = 4  # a model's answer takes far longer than what is computed for it
MEMORY: Final = 1_500_000_000  # bytes for a cluster: OpenCode takes 0.6 GB, its tests the rest


def count_cores() -> int:
    """Count the cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def choose_jobs(wanted: int | None, *, cores: int, memory: int | None) -> int:
    """Choose the number of clusters to repair side by side; ``wanted`` is the user's choice.

    ``memory`` are the bytes that are free, ``None`` if nobody knows.
    """
    if wanted is not None:
        return wanted
    fitting = MOST if memory is None else memory // MEMORY
    return max(1, min(MOST, PER_CORE * cores, fitting))


def find_free_memory() -> int | None:
    """Return the bytes that programs can still get without swapping, ``None`` if unknown."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123 - no file of a user's
            for line in lines:
                name, _, rest = line.partition(":")
                if name == "MemAvailable":
                    return int(rest.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None
