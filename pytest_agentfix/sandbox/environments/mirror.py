"""The environment ``mirror``: this machine's interpreter and packages, seen from a sandbox.

It is an all but empty image plus read-only binds of the host's system folders and of the running
interpreter, so that the tests meet exactly the packages that failed them.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.archive import make_archive
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments.environment import HOME, Environment, sandbox_user

SYSTEM_FOLDERS: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Read by ordinary programs, and free of secrets: the loader's cache, time, certificates, tables.
SYSTEM_FILES: Final = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)


class MirrorEnvironment:
    """The Python, packages and system folders of this machine, read-only."""

    def is_implied(self, settings: Settings) -> bool:  # noqa: ARG002 - one for all kinds
        """Return ``False``: no other setting asks for it, it is what is left."""
        return False

    def find_obstacle(self, engine: Engine, *, top: Path) -> str:
        """Return why binds of this machine's folders cannot work here, or ""."""
        if not sys.platform.startswith("linux"):
            return f"it needs Linux, and this is {platform.system()}"
        if not engine.is_local:
            return "the engine is not on this machine"
        if Path(sys.prefix) == top:
            return "the repository's top folder is the virtual environment itself"
        return ""

    def prepare(
        self,
        settings: Settings,  # noqa: ARG002 - one for all kinds
        engine: Engine,
        *,
        top: Path,
    ) -> Environment:
        """Import the empty image if the engine lacks it, and collect what is to be mounted."""
        user = sandbox_user()
        archive = _make_image(user)
        name = f"pytest-agentfix:mirror-{hashlib.sha256(archive).hexdigest()[:16]}"
        if not engine.has_image(name):
            engine.import_image(name, archive)
        folders = _outermost(_mirrored(top))
        return Environment(
            kind="mirror",
            image=name,
            python=sys.executable,
            user=user,
            read_only={path: path for path in folders},
            env={"PATH": _search_path(folders), "HOME": HOME, "LANG": "C.UTF-8"},
        )


def _make_image(user: tuple[int, int]) -> bytes:
    """Return the image as an archive: mount points and the two tables that name its user.

    A tmpfs takes the mode of the folder under it, hence the 1777.
    """
    uid, gid = user
    passwd = f"root:x:0:0:root:/:/bin/sh\nagent:x:{uid}:{gid}:agent:{HOME}:/bin/sh\n"
    group = f"root:x:0:\nagent:x:{gid}:\n"
    files: dict[str, tuple[int, bytes | None]] = {"tmp": (0o1777, None), "etc": (0o755, None)}
    files |= dict.fromkeys(("dev", "proc", "sys", "run", "var"), (0o755, None))
    files |= {"var/tmp": (0o1777, None)}
    files |= {
        "etc/passwd": (0o644, passwd.encode()),
        "etc/group": (0o644, group.encode()),
        "etc/nsswitch.conf": (0o644, b"passwd: files\ngroup: files\nhosts: files\n"),
    }
    for folder in map(Path, SYSTEM_FOLDERS):
        if folder.is_dir():
            files[str(folder)[1:]] = (0o755, None)
    return make_archive(files)


def _mirrored(top: Path) -> Iterable[Path]:
    yield from (path for path in map(Path, (*SYSTEM_FOLDERS, *SYSTEM_FILES)) if path.exists())
    for prefix in map(Path, (sys.prefix, sys.base_prefix, sys.exec_prefix)):
        yield prefix
        yield prefix.resolve()  # links lead there by the one name or the other
    for path in map(Path, sys.path):
        yield from (one for one in (path, path.resolve()) if _is_worth_a_mount(one, top))


def _is_worth_a_mount(path: Path, top: Path) -> bool:
    """Accept folders of packages elsewhere (PYTHONPATH, a user's site-packages), never a home.

    Nor the user's own tree, ``top``, by whatever links a path leads there: the engine follows them.
    """
    if not (path.is_absolute() and path.is_dir()):
        return False
    known = (Path.home(), top, Path(tempfile.gettempdir()), Path("/tmp/x"), Path("/etc/x"))  # noqa: S108
    wide = (*known, *(other.resolve() for other in known))
    names = (path, path.resolve())
    is_wide = any(other.is_relative_to(name) for other in wide for name in names)
    return not is_wide and not any(name.is_relative_to(top) for name in names)


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Return ``paths`` without repeats and without what lies below another one."""
    kept: list[Path] = []
    for path in sorted(set(paths), key=lambda path: (len(path.parts), path)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def _search_path(folders: Iterable[Path]) -> str:
    """Return the host's PATH as far as it leads to ``folders``, the interpreter's entry first."""
    entries = [Path(sys.executable).parent, *map(Path, os.get_exec_path())]
    inside = [
        str(entry)
        for entry in dict.fromkeys(entries)
        if any(entry.is_relative_to(folder) for folder in folders)
    ]
    return ":".join(dict.fromkeys([*inside, "/usr/local/bin", "/usr/bin", "/bin"]))
