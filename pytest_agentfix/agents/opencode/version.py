"""Asks an OpenCode binary for its version, and decides whether there is a driver for it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode.download import FETCH_COMMAND, PINNED_VERSION
from pytest_agentfix.core.errors import OpenCodeVersionError

WRITTEN_FOR: Final = (1, 18)  # major and minor of the releases that the driver was written for
UNTRIED_MAJOR: Final = 2  # its driver could not be tried: only for who asks for it
DRIVEN: Final = "1.18 and later 1.x are driven, and 2.x where agent_fix_opencode names it"
HOW_TO_GET: Final = (
    f"Run `{FETCH_COMMAND}` to fetch OpenCode {PINNED_VERSION} into the cache, where it is found "
    "first, or set the ini value agent_fix_opencode to the platform binary of an OpenCode 1.18."
)

_TIMEOUT: Final = 20.0  # seconds; it answers in less than one


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCodeBinary:
    """A platform binary of OpenCode that there is a driver for.

    ``needs_trial``: it is later than what the driver was written for, and nothing is known of it
    yet. ``note`` is one line about what was passed over for it, "" for nothing.
    """

    path: Path
    version: str
    needs_trial: bool = False
    note: str = ""

    @property
    def major(self) -> int:
        """The first number of the version, which decides on the driver."""
        return int(self.version.partition(".")[0])


def examine(binary: Path) -> OpenCodeBinary:
    """Return ``binary`` with its version; raises ``OpenCodeVersionError`` if none drives it."""
    answer = _ask_version(binary)
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})\.\d{1,9}[\w.+-]{0,50}", answer, re.ASCII)
    if match is None:
        raise OpenCodeVersionError(
            f"{binary} does not tell a version of OpenCode; it says {answer[:100]!r}.", HOW_TO_GET
        )
    line = (int(match[1]), int(match[2]))
    if line < WRITTEN_FOR or line[0] > UNTRIED_MAJOR:
        raise OpenCodeVersionError(f"{binary} is OpenCode {answer}; only {DRIVEN}.", HOW_TO_GET)
    return OpenCodeBinary(
        path=binary, version=answer, needs_trial=line[0] == 1 and line > WRITTEN_FOR
    )


def _ask_version(binary: Path) -> str:
    """Return the first line of ``opencode --version``, run without the user's keys and settings."""
    with tempfile.TemporaryDirectory(
        prefix="pytest-agentfix-home-", ignore_cleanup_errors=True
    ) as home:
        try:
            done = subprocess.run(
                [str(binary), "--version"],
                cwd=home,
                env={"PATH": os.defpath, "HOME": home, "TMPDIR": home},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise OpenCodeVersionError(
                f"{binary} did not tell its version in {_TIMEOUT:.0f} s.", HOW_TO_GET
            ) from error
        except OSError as error:
            raise OpenCodeVersionError(
                f"{binary} cannot be run here: {error.strerror}.", HOW_TO_GET
            ) from error
    return done.stdout.decode("utf-8", "replace").strip().partition("\n")[0]
