"""The pinned OpenCode releases, fetched with the user's own npm.

npm only downloads the package's tarball; nothing of the package is installed or run. The registry,
proxy and certificates are those of the user's npm configuration. The tarball is compared with the
checksums below before a byte of it is unpacked.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import OpenCodeMissingError, OpenCodeVersionError

PINNED_VERSION: Final = "1.18.34"
FETCH_COMMAND: Final = "python -m pytest_agentfix.agents.opencode.binary"

_MEMBER: Final = "package/bin/opencode"
_BINARY_LIMIT: Final = 1_000_000_000  # bytes; today's binary has 186 million
_CHUNK: Final = 1 << 20
_NPM_TIMEOUT: Final = 600.0  # seconds for about 60 MB
_WORDS_LIMIT: Final = 12  # lines of npm's output quoted in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An npm package that holds one platform binary, with both checksums.

    ``integrity`` is npm's checksum of the tarball ("sha512-" and base64), ``sha256`` the hex digest
    of the binary in it.
    """

    package: str
    version: str
    integrity: str
    sha256: str

    @property
    def spec(self) -> str:
        """The package and version in npm's form, ``NAME@VERSION``."""
        return f"{self.package}@{self.version}"

    @property
    def file_name(self) -> str:
        """The name of the binary in the cache, one per package and version."""
        return f"{self.package}-{self.version}"


# Only builds for glibc: sandboxes run the interpreter of the host or of a glibc image. If a
# platform's package was not available in the pinned version, its newest 1.18 is used.
_RELEASES: Final[Mapping[str, Release]] = {
    "x64": Release(
        package="opencode-linux-x64",
        version=PINNED_VERSION,
        integrity="sha512-RTAMjCve4euxP2QKLuvRmdoW5J5DQK1DiZqt+7slfixyjAEi79QC2Df2oYKogibaAI4IEU8uzen"
        "oJeEl3k+UEw==",
        sha256="9ca0b9953d49997601655e54f846a3efa464f237e47c6f1b04716d0f2e64c4c2",
    ),
    "x64-baseline": Release(
        package="opencode-linux-x64-baseline",
        version="1.18.33",
        integrity="sha512-1KQGBiiDDeL/VHHbHkOvvFo8Jr97WT5+C1tear+p7IcDTnXgVHXqIjU4O4jM4mHQzykTP2i884F"
        "CnW5LDa+zCA==",
        sha256="0abbb7c32ab0294c0a7bfa2705f9ff0df5dce5ab721d1f00cccfe393f2a11427",
    ),
    "arm64": Release(
        package="opencode-linux-arm64",
        version="1.18.18",
        integrity="sha512-e8D3g0qJEIzawEg2+ygW3vkZjAYL2ssyAx4GbihjwXwZFvlZZy5zRWWzdz5KLBoHSTl0FB73vNt"
        "nNeXONyHpVQ==",
        sha256="a63ef0c7271383e48ffe36c156b4146087bbbc97929dec40e8be95ed4f4d76ae",
    ),
}
_MACHINES: Final[Mapping[str, str]] = {
    "x86_64": "x64",
    "amd64": "x64",
    "aarch64": "arm64",
    "arm64": "arm64",
}


def choose_release(
    *, machine: str | None = None, cpu_info: Path = Path("/proc/cpuinfo")
) -> Release:
    """Choose the Linux binary for this machine's processor, whatever its operating system.

    An x86-64 processor without AVX2 gets the "baseline" build. Raises
    ``OpenCodeMissingError`` for a processor that OpenCode is not built for.
    """
    name = machine or platform.machine()
    build = _MACHINES.get(name.lower())
    if build is None:
        raise OpenCodeMissingError(
            f"OpenCode is not built for this machine's processor ({name}).",
            "Use a machine with an x86-64 or arm64 processor.",
        )
    if build == "x64" and _lacks_avx2(cpu_info):
        build = "x64-baseline"
    return _RELEASES[build]


def _lacks_avx2(cpu_info: Path) -> bool:
    try:
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return flags is not None and "avx2" not in flags[1].split()


def fetch_binary(release: Release, *, target: Path, environ: Mapping[str, str]) -> None:
    """Fetch ``release`` with npm, verify it, and put its binary at ``target`` (mode 0755).

    ``target`` appears complete or not at all; the caller holds the lock on it. Raises
    ``OpenCodeMissingError`` if npm is missing or fails, ``OpenCodeVersionError`` if the download
    does not match the pinned checksums.
    """
    npm = shutil.which("npm", path=environ.get("PATH", os.defpath))
    if npm is None:
        raise OpenCodeMissingError(
            f"There is no npm to fetch OpenCode {release.version} with, and none in the cache.",
            f"Install npm and run `{FETCH_COMMAND}`, or set the ini value agent_fix_opencode to "
            f"the platform binary of OpenCode {release.version} (the file {_MEMBER} in the npm "
            f"package {release.package}).",
        )
    with tempfile.TemporaryDirectory(prefix="pytest-agentfix-npm-") as scratch:
        tarball = _pack(npm, release, scratch=Path(scratch), environ=environ)
        _verify_integrity(tarball, release)
        _unpack(tarball, release, target)


def _pack(npm: str, release: Release, *, scratch: Path, environ: Mapping[str, str]) -> Path:
    """Let npm download the tarball into ``scratch``, where it reads no project's .npmrc."""
    argv = [npm, "pack", release.spec, "--pack-destination", str(scratch), "--ignore-scripts"]
    try:
        done = subprocess.run(
            argv,
            cwd=scratch,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_NPM_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _fetch_error(release, f"no end after {_NPM_TIMEOUT:.0f} s") from error
    except OSError as error:
        raise _fetch_error(release, str(error)) from error
    tarballs = sorted(scratch.glob("*.tgz"))
    if done.returncode != 0 or len(tarballs) != 1:
        raise _fetch_error(release, _read_words(done.stderr) or f"exit {done.returncode}")
    return tarballs[0]


def _fetch_error(release: Release, words: str) -> OpenCodeMissingError:
    return OpenCodeMissingError(
        f"npm could not fetch {release.spec}. It said: {words}",
        f"Run `npm view {release.spec}` to see whether npm reaches its registry, then "
        f"`{FETCH_COMMAND}`; or set the ini value agent_fix_opencode to the platform binary of an "
        "OpenCode 1.18.",
    )


def _read_words(stderr: bytes) -> str:
    """Return npm's error message without warnings, decorations and terminal codes."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", stderr.decode("utf-8", "replace"))
    printable = "".join(char for char in text if char.isprintable() or char == "\n")
    lines = [line.removeprefix("npm error").strip() for line in printable.splitlines()]
    words = [
        line
        for line in lines
        if line and not line.startswith(("npm warn", "npm notice", "A complete log of this run"))
    ]
    return " / ".join(words[:_WORDS_LIMIT])


def _verify_integrity(tarball: Path, release: Release) -> None:
    digest = base64.b64encode(hash_file(tarball, "sha512")).decode("ascii")
    if f"sha512-{digest}" != release.integrity:
        raise _tampered_error(release, "the tarball npm fetched")


def _tampered_error(release: Release, what: str) -> OpenCodeVersionError:
    return OpenCodeVersionError(
        f"The checksum of {what} for {release.spec} is not the pinned one; it was not used.",
        "Try again; if it stays so, look at the registry or proxy that npm is set up with "
        "(`npm config get registry`), or set the ini value agent_fix_opencode.",
    )


def _unpack(tarball: Path, release: Release, target: Path) -> None:
    """Extract the binary beside ``target``, verify it, and move it there in one step."""
    part = target.with_name(f".{target.name}.part")  # the lock's holder is the only writer
    try:
        with part.open("wb") as binary, tarfile.open(tarball, "r:gz") as archive:
            member = archive.getmember(_MEMBER)
            source = archive.extractfile(member) if member.isreg() else None
            if source is None or member.size > _BINARY_LIMIT:
                raise _tampered_error(release, _MEMBER)
            shutil.copyfileobj(source, binary, _CHUNK)
        if not has_checksum(part, release):
            raise _tampered_error(release, _MEMBER)
        part.chmod(0o755)  # sandboxes run it as another user
        part.replace(target)
    except (KeyError, tarfile.TarError) as error:
        raise _tampered_error(release, _MEMBER) from error
    finally:
        part.unlink(missing_ok=True)


def has_checksum(binary: Path, release: Release) -> bool:
    """Tell whether the file is exactly the pinned binary (takes 0.2 to 0.5 s for 186 MB)."""
    return hash_file(binary, "sha256").hex() == release.sha256


def hash_file(path: Path, algorithm: str) -> bytes:
    """Return the digest of a file that may be large."""
    digest = hashlib.new(algorithm)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()
