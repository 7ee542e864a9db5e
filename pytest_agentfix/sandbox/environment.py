"""What a sandbox holds: interpreter, packages, tools. Two kinds in this version.

* ``mirror``: an all but empty image plus read-only binds of the host's system folders and of the
  running interpreter, so that the tests meet exactly the packages that failed them.
* ``image``: an image of the user's own.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import EnvironmentUnavailableError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.archive import make_archive
from pytest_agentfix.sandbox.engine import Engine

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
# User and group in a sandbox where the host's user is root: outside every range that systems
# give to people and services, so that nobody on the host is the same user.
UNPRIVILEGED: Final = 60_911
HOME: Final = "/tmp/home"  # noqa: S108 - inside the sandbox
NEXT_STEP_IMAGE: Final = (
    "Give --agent-fix-image an image that holds Python and the packages of the tests."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment ready to make sandboxes of. ``python`` is its interpreter's path or name."""

    kind: str
    image: str
    python: str
    user: tuple[int, int]
    read_only: Mapping[Path, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    def mounts_inside(self, top: Path) -> tuple[str, ...]:
        """Read-only mounts that lie inside the repository (a virtual environment), relative."""
        inside = [path for path in self.read_only.values() if path.is_relative_to(top)]
        return tuple(str(path.relative_to(top)) for path in inside)


def choose_environment(settings: Settings, engine: Engine, *, top: Path) -> Environment:
    """The environment that the settings ask for; raises ``EnvironmentUnavailableError``."""
    kind = settings.environment
    if kind == "image" or (kind == "auto" and settings.image):
        return _image(settings.image or "", engine)
    obstacle = _mirror_obstacle(engine, top)
    if obstacle:
        raise EnvironmentUnavailableError(
            f"The environment 'mirror' cannot work here: {obstacle}.", NEXT_STEP_IMAGE
        )
    return _mirror(engine, top=top)


def sandbox_user() -> tuple[int, int]:
    """User and group in the sandbox: this user, but never root."""
    return (os.getuid(), os.getgid()) if os.getuid() else (UNPRIVILEGED, UNPRIVILEGED)


def _image(name: str, engine: Engine) -> Environment:
    env = engine.image_environment(name)
    env.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    return Environment(
        kind="image",
        image=name,
        python="python3",
        user=sandbox_user(),
        env={**env, "HOME": HOME, "LANG": env.get("LANG", "C.UTF-8")},
    )


def _mirror_obstacle(engine: Engine, top: Path) -> str:
    if not sys.platform.startswith("linux"):
        return f"it needs Linux, and this is {platform.system()}"
    if not engine.is_local:
        return "the engine is not on this machine"
    if Path(sys.prefix) == top:
        return "the repository's top folder is the virtual environment itself"
    return ""


def _mirror(engine: Engine, *, top: Path) -> Environment:
    user = sandbox_user()
    archive = _mirror_archive(user)
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
        env={"PATH": _mirror_path(folders), "HOME": HOME, "LANG": "C.UTF-8"},
    )


def _mirror_archive(user: tuple[int, int]) -> bytes:
    """The image's files: mount points and the two tables that name its user.

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
    """Folders of packages elsewhere (PYTHONPATH, a user's site-packages), never a whole home.

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
    """Without repeats and without what lies below another one."""
    kept: list[Path] = []
    for path in sorted(set(paths), key=lambda path: (len(path.parts), path)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def _mirror_path(folders: Iterable[Path]) -> str:
    """The host's PATH as far as it leads to something inside, the interpreter's folder first."""
    entries = [Path(sys.executable).parent, *map(Path, os.get_exec_path())]
    inside = [
        str(entry)
        for entry in dict.fromkeys(entries)
        if any(entry.is_relative_to(folder) for folder in folders)
    ]
    return ":".join(dict.fromkeys([*inside, "/usr/local/bin", "/usr/bin", "/bin"]))
