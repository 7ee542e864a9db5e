"""The environment ``mirror``: this machine's interpreter and packages, seen from a sandbox.

It is an all but empty image plus read-only binds of the host's system folders and of the running
interpreter, so that the tests meet exactly the packages that failed them.
"""

from __future__ import annotations

import hashlib
import os
import platform
import site
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.archive import make_archive
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments.environment import HOME, Environment, sandbox_user
from pytest_agentfix.sandbox.environments.imports import (
    Boundary,
    find_linked,
    find_mapped,
    find_on_path,
    find_root,
    is_foreign_file,
    real_path,
)

KIND: Final = "mirror"
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
# What interpreters of these systems are linked to; anybody may read them, so nothing is secret.
STORES: Final = ("/nix/store", "/gnu/store")
MOST_LINKS: Final = 40
THIS_PACKAGE: Final = Path(__file__).parents[2]  # no sandbox needs it


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
            kind=KIND,
            image=name,
            python=sys.executable,
            user=user,
            read_only={path: path for path in folders},
            env={
                "PATH": _search_path(folders),
                "HOME": HOME,
                "LANG": "C.UTF-8",
                **_find_variables(folders),
            },
        )


def add_imported(environment: Environment, imported: Iterable[str], top: Path) -> Environment:
    """Return ``environment`` with what the user's run has imported since it was prepared.

    ``imported`` are absolute paths of files. Only a mirror is changed, by what it lacks.
    """
    if environment.kind != KIND:
        return environment
    boundary = Boundary(top)
    folders = [*environment.read_only]
    covered = (*boundary.passing, *_as_prefixes(folders))
    for file in imported:  # there may be many, most of them in the tree or in one of few packages
        if not f"{file}/".startswith(covered):
            found = list(find_root(file, boundary))
            folders += found
            covered += _as_prefixes(found)
    return replace(environment, read_only={path: path for path in _outermost(folders)})


def list_left_out(environment: Environment, imported: Iterable[str], top: Path) -> tuple[str, ...]:
    """Return the files of the user's run that a mirror lacks, as they may hold secrets."""
    if environment.kind != KIND:
        return ()
    boundary = Boundary(top)
    covered = (*boundary.passing, *_as_prefixes([*environment.read_only, THIS_PACKAGE]))
    lacking = [file for file in imported if not f"{file}/".startswith(covered)]
    return tuple(file for file in lacking if is_foreign_file(file, boundary))


def _as_prefixes(folders: Iterable[Path]) -> tuple[str, ...]:
    return tuple(f"{folder}/" for folder in folders)


def _is_covered(path: str, folders: Iterable[Path]) -> bool:
    return f"{path}/".startswith(_as_prefixes(folders))


def _find_variables(folders: Sequence[Path]) -> dict[str, str]:
    """Return what leads an interpreter to its packages and libraries, beside its own folders.

    A user's own packages are below HOME, which is another one in a sandbox.
    """
    found = {}
    if site.ENABLE_USER_SITE and site.getusersitepackages() in sys.path:
        found["PYTHONUSERBASE"] = site.getuserbase()
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    kept = [entry for entry in libraries if entry and _is_covered(entry, folders)]
    if kept:
        found["LD_LIBRARY_PATH"] = os.pathsep.join(kept)
    return found


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
    boundary = Boundary(top)
    known = list(_list_prefixes(boundary))
    yield from known
    for entry in (one for one in sys.path if type(one) is str and "\0" not in one):
        if _is_covered(entry, known):
            yield from find_linked(Path(entry), boundary)
        else:
            yield from find_on_path(entry, boundary)
    yield from find_mapped(list(sys.meta_path), boundary)


def _list_prefixes(boundary: Boundary) -> Iterable[Path]:
    """Yield what the interpreter itself and the programs of the system are made of."""
    known = map(Path, (*SYSTEM_FOLDERS, *SYSTEM_FILES, *STORES))
    yield from (path for path in known if path.exists())
    for prefix in map(Path, (sys.prefix, sys.base_prefix, sys.exec_prefix)):
        for path in (prefix, real_path(prefix)):  # links lead there by the one name or the other
            yield from _find_parts(path, boundary)
    yield from _follow_links(Path(sys.executable))
    for name in ("sitecustomize", "usercustomize"):  # links, as some distributions have them
        file = getattr(sys.modules.get(name), "__file__", None) or ""
        yield from find_root(str(real_path(file)) if file else "", boundary)


def _find_parts(prefix: Path, boundary: Boundary) -> Iterable[Path]:
    """Yield ``prefix``, or what is Python's in it where it is a home or holds much else."""
    if not boundary.holds_home(prefix):
        yield prefix
        return
    folders = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    parts = [Path(folder) for folder in folders if folder]
    parts += [prefix / "pyvenv.cfg", *prefix.glob("lib/libpython*")]
    yield from (path for path in parts if path.is_relative_to(prefix) and path.exists())


def _follow_links(path: Path) -> Iterable[Path]:
    """Yield ``path`` and what it links to, link by link."""
    for _ in range(MOST_LINKS):
        yield path
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()
        path = real_path(path.parent) / path.name


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
