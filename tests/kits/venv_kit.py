"""A virtual environment for a project's tests, beside what this one has."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

INSTALL_LIMIT = 300  # seconds
TRIES = 2  # registries have hiccups


@dataclass(frozen=True)
class Venv:
    """A virtual environment in ``folder``; pip installs from whatever index it is set up for."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    def install(self, *arguments: str, cwd: Path | None = None) -> None:
        """Install requirements; raises ``RuntimeError`` where they cannot be had."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install"]
        said = ""
        for _ in range(TRIES):
            try:
                done = subprocess.run(
                    [*pip, "--quiet", "--no-input", *arguments],
                    cwd=cwd,
                    capture_output=True,
                    text=True,
                    timeout=INSTALL_LIMIT,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                said = str(error)
                continue
            if done.returncode == 0:
                return
            said = done.stdout + done.stderr
        raise RuntimeError(f"{' '.join(arguments)} cannot be installed:\n{said}")


def make_venv(folder: Path) -> Venv:
    """Make a virtual environment that also finds the packages of the running one."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    outer = [path for path in map(Path, sys.path) if path.name == "site-packages"]
    # The files of paths in there are not followed, so the plugin's own folder is named, too.
    outer.append(Path(__file__).parents[2])
    (packages / "outer.pth").write_text("".join(f"{path}\n" for path in outer))
    return Venv(folder)
