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


def find_load() -> float:
    """Return the programs that want a core now; the average of the last minute if not on Linux."""
    try:
        with open("/proc/loadavg", encoding="ascii") as line:  # noqa: PTH123 - no file of a user's
            running = int(line.read().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return find_load_average()
    return float(max(0, running - 1))  # without this one


def find_load_average() -> float:
    """Return the load average of the last minute, 0 where the system tells none."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return 0.0


def is_overloaded() -> bool:
    """Return whether more programs want a core than there are."""
    return find_load() > count_cores()


def describe_load() -> str:
    """Return the load in words."""
    cores = count_cores()
    return f"a machine where {find_load():.0f} programs want {cores} core{'s' * (cores > 1)}"


def choose_jobs(wanted: int | None, *, cores: int, memory: int | None, load: float = 0.0) -> int:
    """Choose the number of clusters to repair side by side; ``wanted`` is the user's choice.

    ``memory`` are the bytes that are free, ``None`` if nobody knows. ``load`` is the machine's load
    average: the share of the cores that is left over is the share of the jobs.
    """
    if wanted is not None:
        return wanted
    fitting = MOST if memory is None else memory // MEMORY
    by_cores = int(PER_CORE * cores * cores / max(cores, load))
    return max(1, min(MOST, by_cores, fitting))


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
