"""Remembers which OpenCode binaries the driver's contract has passed on.

The memory is an empty file in the cache folder for each of them, named after the contract's version
and the binary's checksum: another binary at the same path, or a driver that needs something else,
is tried anew. Failures are not remembered; they may have been the machine's.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode.download import hash_file

_log = logging.getLogger(__name__)

CONTRACT: Final = 2  # goes up when the driver relies on something more of OpenCode


def has_passed(binary: Path, cache: Path) -> bool:
    """Return whether the contract has passed on exactly this binary (0.2 to 0.5 s)."""
    if not any(cache.glob(f"{_prefix()}*")):
        return False
    return _marker(binary, cache).is_file()


def remember_pass(binary: Path, cache: Path) -> None:
    """Remember it; a cache that cannot be written costs another trial, no more."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _marker(binary, cache).touch()
    except OSError as error:
        _log.warning("the trial of %s cannot be remembered: %s", binary, error)


def _prefix() -> str:
    return f"opencode-passed-{CONTRACT}-"


def _marker(binary: Path, cache: Path) -> Path:
    return cache / f"{_prefix()}{hash_file(binary, 'sha256').hex()}"
