"""Processes that are to be gone."""

from __future__ import annotations

import gc
import time
from pathlib import Path


def wait_until_gone(process: int) -> None:
    """Wait for the end of a process, by its number; fails the test when it never comes."""
    until = time.monotonic() + 20
    while is_running(process):
        assert time.monotonic() < until
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Return whether it has not ended yet."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # nobody may be there to reap what was left behind


def open_descriptors() -> set[str]:
    """The numbers of this process's descriptors, without those that nobody refers to any more."""
    gc.collect()
    return {path.name for path in Path("/proc/self/fd").iterdir()}
