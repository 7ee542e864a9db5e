"""Finds the OpenCode platform binary that sandboxes mount, and keeps the pinned one in a cache.

Only builds for Linux with glibc are considered: a musl (Alpine) image needs its own binary through
``agent_fix_opencode``. ``python -m pytest_agentfix.agents.opencode.binary`` fetches the pinned
binary into the cache and prints its path.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import platformdirs

from pytest_agentfix.agents.opencode.download import (
    FETCH_COMMAND,
    PINNED_VERSION,
    Release,
    choose_release,
    fetch_binary,
    has_checksum,
)
from pytest_agentfix.core.errors import AgentFixError, OpenCodeMissingError, OpenCodeVersionError

_log = logging.getLogger(__name__)

_SUPPORTED: Final = (1, 18)
_VERSION_TIMEOUT: Final = 20.0  # seconds; it answers in less than one
_HOW_TO_GET: Final = (
    f"Run `{FETCH_COMMAND}` to fetch OpenCode {PINNED_VERSION} into the cache, where it is found "
    "first, or set the ini value agent_fix_opencode to the platform binary of an OpenCode 1.18."
)


def find_opencode(
    *,
    configured: Path | None,
    environ: Mapping[str, str],
    cache: Path,
    release: Release | None = None,
    may_fetch: bool = True,
) -> Path:
    """Return the absolute path of an OpenCode 1.18 platform binary, fetching it if necessary.

    It is looked for in this order: ``configured``; the cache; an ``opencode`` on ``environ``'s PATH
    (the binary behind npm's shim); npm, if it ``may_fetch``. ``cache`` is the folder for the pinned
    ``release`` (default: this machine's). Raises ``OpenCodeMissingError`` or
    ``OpenCodeVersionError``.
    """
    if configured is not None:
        return _check_version(_resolve_configured(configured))
    pinned = release or choose_release()
    cached = cache / pinned.file_name
    if _is_intact(cached, pinned):
        return cached
    on_path = _find_on_path(environ)
    if on_path is not None:
        return _check_version(on_path)
    if not may_fetch:
        raise OpenCodeMissingError("OpenCode is not on this machine yet.", _HOW_TO_GET)
    return fetch_opencode(environ=environ, cache=cache, release=pinned)


def can_find_opencode(
    *,
    configured: Path | None,
    environ: Mapping[str, str],
    cache: Path,
    release: Release | None = None,
) -> bool:
    """Tell, without reading or running anything, whether ``find_opencode`` may succeed.

    If this is false, ``find_opencode`` raises at once and says why.
    """
    if configured is not None:
        return _find_platform_binary(configured) is not None
    try:
        pinned = release or choose_release()
    except OpenCodeMissingError:
        return False
    has_npm = shutil.which("npm", path=environ.get("PATH", os.defpath)) is not None
    return has_npm or (cache / pinned.file_name).is_file() or _find_on_path(environ) is not None


def fetch_opencode(
    *, environ: Mapping[str, str], cache: Path, release: Release | None = None
) -> Path:
    """Return the pinned binary in ``cache``, fetching it unless it is there and intact.

    Processes that call this at the same time wait for one another, and only one fetches.
    """
    pinned = release or choose_release()
    cached = cache / pinned.file_name
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / f"{pinned.file_name}.lock"):
            if not _is_intact(cached, pinned):
                cached.unlink(missing_ok=True)
                _log.info("fetching OpenCode %s (about 60 MB)", pinned.version)
                fetch_binary(pinned, target=cached, environ=environ)
    except OSError as error:
        raise OpenCodeMissingError(
            f"OpenCode could not be put into the cache folder {cache}: {error}.",
            "Make room there and make the folder writable, or point XDG_CACHE_HOME elsewhere.",
        ) from error
    return cached


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock file; the system releases it however the process ends."""
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_intact(cached: Path, release: Release) -> bool:
    """Tell whether the cached file is the pinned binary; checked on every use."""
    try:
        if has_checksum(cached, release):
            return os.access(cached, os.X_OK)
    except FileNotFoundError:
        return False
    except OSError as error:
        _log.warning("cannot read %s: %s", cached, error)
        return False
    _log.warning("%s is damaged or was changed; it is not used", cached)
    return False


def _find_on_path(environ: Mapping[str, str]) -> Path | None:
    found = shutil.which("opencode", path=environ.get("PATH", os.defpath))
    if found is None:
        return None
    binary = _find_platform_binary(Path(found))
    if binary is None:
        _log.warning("%s leads to no Linux binary of OpenCode; passed over", found)
    return binary


def _resolve_configured(configured: Path) -> Path:
    if not configured.is_file():
        raise OpenCodeMissingError(
            f"agent_fix_opencode names {configured}, which is not a file.",
            "Correct the ini value, or remove it to have OpenCode found or fetched.",
        )
    binary = _find_platform_binary(configured)
    if binary is None:
        raise OpenCodeVersionError(
            f"agent_fix_opencode names {configured}, which is not a Linux binary (ELF) and has "
            "none beside it; a launcher script does not run in a sandbox.",
            _HOW_TO_GET,
        )
    return binary


def _find_platform_binary(start: Path) -> Path | None:
    """Return ``start`` if it is a Linux binary, else the one in a node_modules around it."""
    try:
        real = start.resolve()
        if _is_elf(real):
            return real
        inner = Path("node_modules", choose_release().package, "bin", "opencode")
        return next((it / inner for it in real.parents if _is_elf(it / inner)), None)
    except (OSError, OpenCodeMissingError):
        return None


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _check_version(binary: Path) -> Path:
    """Return ``binary`` if it reports a 1.18; raises ``OpenCodeVersionError`` otherwise."""
    answer = _ask_version(binary)
    match = re.fullmatch(r"(\d+)\.(\d+)\.\d+\S*", answer)
    if match is None:
        raise OpenCodeVersionError(
            f"{binary} does not tell a version of OpenCode; it says {answer[:100]!r}.", _HOW_TO_GET
        )
    if match[1] == "2":
        raise OpenCodeVersionError(
            f"{binary} is OpenCode {answer}; OpenCode 2.x is not supported yet, only 1.18.",
            _HOW_TO_GET,
        )
    if (int(match[1]), int(match[2])) != _SUPPORTED:
        raise OpenCodeVersionError(
            f"{binary} is OpenCode {answer}; only 1.18 is supported.", _HOW_TO_GET
        )
    return binary


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
                timeout=_VERSION_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise OpenCodeVersionError(
                f"{binary} did not tell its version in {_VERSION_TIMEOUT:.0f} s.", _HOW_TO_GET
            ) from error
        except OSError as error:
            raise OpenCodeVersionError(
                f"{binary} cannot be run here: {error.strerror}.", _HOW_TO_GET
            ) from error
    return done.stdout.decode("utf-8", "replace").strip().partition("\n")[0]


def main() -> int:
    """Fetch the pinned binary into the user's cache, print its path, and return the exit status."""
    cache = platformdirs.user_cache_path("pytest-agentfix")
    try:
        binary = fetch_opencode(environ=os.environ, cache=cache)
    except AgentFixError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{binary}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
