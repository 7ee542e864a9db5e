"""Small projects that a real pip installs without an index, by a build backend of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

BACKEND = '''\
"""Builds a wheel of what lies in ``src``, or beside this file, and needs nothing for it."""

import base64
import hashlib
import re
import zipfile
from pathlib import Path

TOP = Path.cwd()
ROOT = TOP / "src" if (TOP / "src").is_dir() else TOP
NAME = re.search(r'name = "(.*)"', (TOP / "pyproject.toml").read_text())[1]
INFO = f"{NAME.replace('-', '_')}-1.0.dist-info"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    paths = [path for ending in ("py", "so") for path in sorted(ROOT.rglob(f"*.{ending}"))]
    names = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}
    is_ours = re.compile(r"backend.py$|(.*/)?(test_|conftest)|build/|tests/")
    return write(wheel_directory, {n: c for n, c in names.items() if not is_ours.match(n)})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    finder = TOP / "finder.py"
    if not finder.exists():
        return write(wheel_directory, {f"{NAME}.pth": f"{ROOT}\\n".encode()})
    module = f"__editable___{NAME}_finder"
    line = f"import {module}; {module}.install()\\n"
    files = {f"{module}.py": finder.read_bytes(), f"__editable__.{NAME}.pth": line.encode()}
    return write(wheel_directory, files)


def write(folder, files):
    metadata = f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: 1.0\\n"
    wheel = "Wheel-Version: 1.0\\nGenerator: backend\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files |= {f"{INFO}/METADATA": metadata.encode(), f"{INFO}/WHEEL": wheel.encode()}
    rows = [f"{name},{digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{INFO}/RECORD"] = "\\n".join([*rows, f"{INFO}/RECORD,,", ""]).encode()
    name = f"{INFO.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return name


def digest(content):
    hashed = hashlib.sha256(content).digest()
    return "sha256=" + base64.urlsafe_b64encode(hashed).decode().rstrip("=")
'''
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "1.0"
"""
# No index, and no environment to build in that would need one.
OFFLINE = (
    "--no-index",
    "--no-build-isolation",
    "--no-deps",
    "--quiet",
    "--no-input",
    "--no-compile",
)


def make_sources(name: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return ``files`` with what makes them a project that pip can install."""
    return {**files, "pyproject.toml": PYPROJECT.format(name=name), "backend.py": BACKEND}


def lay_out(folder: Path, name: str, files: Mapping[str, str]) -> Path:
    """Write such a project into ``folder`` and return it."""
    for path, text in make_sources(name, files).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return folder


def unpack(source: Path, target: Path) -> None:
    """Build the project at ``source`` and unpack its wheel, as a tool without memory would."""
    build = [sys.executable, "-c", "import backend; backend.build_wheel('.')"]
    subprocess.run(build, cwd=source, check=True, timeout=60)
    (wheel,) = source.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    wheel.unlink()


def run_pip(
    *arguments: str,
    python: str = sys.executable,
    cwd: Path | None = None,
    home: Path | None = None,
) -> None:
    """Run pip's command ``arguments`` for an environment; raises ``RuntimeError`` if it fails.

    ``home`` is where a user's own packages are below, by default those of this user.
    """
    command, *rest = arguments
    environ = {**os.environ, **({} if home is None else {"HOME": str(home)})}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, command, *OFFLINE, *rest],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
