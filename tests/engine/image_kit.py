"""Small images, made on the spot: there is no registry."""

from __future__ import annotations

import io
import re
import secrets
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path

import docker
import docker.errors

SKIPPED = {"test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages"}
SKIPPED |= {"dist-packages", "__pycache__", "pydoc_data", "distutils"}


def remove_image(name: str) -> None:
    """Remove an image; fine when it is gone."""
    client = docker.from_env()
    try:
        client.images.remove(name, force=True)
    except docker.errors.ImageNotFound:
        pass
    finally:
        client.close()


def new_image_name() -> str:
    return f"pytest-agentfix-test:{secrets.token_hex(6)}"


def python_image(*, packages: Sequence[str] = (), programs: Sequence[Path] = ()) -> bytes:
    """Return a tar archive with this Python's interpreter, its library and what both are linked to.

    ``packages`` are distributions that it has as well, ``programs`` some that will be mounted and
    have to find their libraries.
    """
    program = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add_folder(archive, "tmp", 0o1777)
        archive.add(program, str(program), filter=_owned_by_root)
        for name in ("usr/bin/python3", "bin/python3"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, str(program)
            archive.addfile(link)
        for path in _linked_libraries([program, *programs, *library.rglob("*.so")]):
            archive.add(path.resolve(), str(path), recursive=False, filter=_owned_by_root)
        archive.add(library, str(library), filter=_owned_by_root)
        for name in packages:
            _add_package(archive, name, library / "site-packages")
    return buffer.getvalue()


def _add_package(archive: tarfile.TarFile, name: str, folder: Path) -> None:
    for file in distribution(name).files or ():
        source = Path(str(file.locate()))
        if ".." not in file.parts and source.is_file():
            archive.add(source, str(folder / file), filter=_readable)


def _readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.mode |= 0o444
    return member


def _add_folder(archive: tarfile.TarFile, name: str, mode: int) -> None:
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    archive.addfile(folder)


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(member.name).parts
    if SKIPPED & set(parts) or any(part.startswith("config-3") for part in parts):
        return None
    member.uid = member.gid = 0
    member.mode |= 0o755 if member.isdir() else 0o444
    return member


def _linked_libraries(programs: list[Path]) -> Iterator[Path]:
    done = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False)
    found = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, flags=re.MULTILINE)
    yield from map(Path, sorted(set(found)))
