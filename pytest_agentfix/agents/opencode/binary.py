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
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import platformdirs

from pytest_agentfix.agents.opencode.download import (
    Release,
    choose_release,
    fetch_binary,
    has_checksum,
)
from pytest_agentfix.agents.opencode.trials import has_passed
from pytest_agentfix.agents.opencode.version import (
    DRIVEN,
    HOW_TO_GET,
    UNTRIED_MAJOR,
    OpenCodeBinary,
    examine,
)
from pytest_agentfix.core.errors import AgentFixError, OpenCodeMissingError, OpenCodeVersionError

_log = logging.getLogger(__name__)


def find_opencode(
    *,
    configured: Path | None,
    environ: Mapping[str, str],
    cache: Path,
    release: Release | None = None,
    may_fetch: bool = True,
) -> OpenCodeBinary:
    """Return a platform binary of OpenCode that can be driven, fetching one if necessary.

    It is looked for in this order: ``configured``; the cache; an ``opencode`` on ``environ``'s PATH
    (the binary behind npm's shim) that is a 1.18, or a later 1.x that has passed a trial; npm, if
    it ``may_fetch``; a later 1.x on PATH that is still to be tried. Whatever else is on PATH is
    passed over. ``cache`` is the folder for the pinned ``release`` (default: this machine's).
    Raises ``OpenCodeMissingError``, or ``OpenCodeVersionError`` for what ``configured`` names.
    """
    if configured is not None:
        return _settle(examine(_resolve_configured(configured)), cache)
    pinned = release or choose_release()
    cached = cache / pinned.file_name
    if _is_intact(cached, pinned):
        return OpenCodeBinary(path=cached, version=pinned.version)
    on_path, passed_over = _look_on_path(environ, cache)
    if on_path is not None and not on_path.needs_trial:
        return on_path
    if not may_fetch:
        raise OpenCodeMissingError(f"OpenCode is not in the cache yet. {passed_over}", HOW_TO_GET)
    try:
        fetched = fetch_opencode(environ=environ, cache=cache, release=pinned)
    except OpenCodeMissingError as error:
        if on_path is None:
            raise _with_more(error, passed_over) from error
        return replace(on_path, note=f"{error.problem} {on_path.path} is used instead.")
    note = f"{passed_over} OpenCode {pinned.version} was fetched." if passed_over else ""
    return OpenCodeBinary(path=fetched, version=pinned.version, note=note)


def _settle(found: OpenCodeBinary, cache: Path) -> OpenCodeBinary:
    """Return ``found`` as it is known by now: a trial that it has passed is not repeated."""
    if found.needs_trial and has_passed(found.path, cache):
        return replace(found, needs_trial=False)
    return found


def _with_more(error: OpenCodeMissingError, words: str) -> OpenCodeMissingError:
    return OpenCodeMissingError(f"{error.problem} {words}".strip(), error.next_step)


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
    return (
        has_npm
        or (cache / pinned.file_name).is_file()
        or any(_find_platform_binary(found) for found in _list_on_path(environ))
    )


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


def _look_on_path(environ: Mapping[str, str], cache: Path) -> tuple[OpenCodeBinary | None, str]:
    """Return an OpenCode on PATH that can be driven, and why each of them was passed over.

    The first that needs no trial is taken, else the first that needs one. The words are "" where
    nothing was passed over.
    """
    untried, passed_over = None, []
    for found in _list_on_path(environ):
        known, reason = _look_at(found, cache)
        if known is not None and not known.needs_trial:
            return known, ""
        untried = untried or known
        passed_over.append(f"On PATH, {reason}; it was passed over.")
    return untried, " ".join(passed_over)


def _look_at(found: Path, cache: Path) -> tuple[OpenCodeBinary | None, str]:
    binary = _find_platform_binary(found)
    if binary is None:
        return None, f"{found} leads to no Linux binary of OpenCode"
    try:
        known = _settle(examine(binary), cache)
    except OpenCodeVersionError as error:
        return None, error.problem.removesuffix(".")
    if known.major == UNTRIED_MAJOR:
        return None, f"{binary} is OpenCode {known.version}; only {DRIVEN}"
    return known, f"{binary} is OpenCode {known.version}, which is not tried yet"


def _list_on_path(environ: Mapping[str, str]) -> list[Path]:
    """Return every ``opencode`` on PATH, each file once: an installer's may hide another's."""
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    found = (shutil.which("opencode", path=folder) for folder in folders if folder)
    return list({Path(one).resolve(): Path(one) for one in found if one is not None}.values())


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
            HOW_TO_GET,
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
