"""Start a session's process before anybody knows its order, and give that order to a fresh one.

Standard library and pytest only; ``sessions/orders.py`` inlines this text in that of
``pytest_runner.py``. The process imports pytest and waits: files of the project may be written
meanwhile, as nothing of the project has been read yet. Plugins that are installed are not imported
ahead: pytest rewrites their assertions only if it imports them itself.
"""

import contextlib
import gc
import importlib
import os
import select
import sys
from pathlib import Path

import _pytest.config

from pytest_agentfix.judge.in_sandbox.exception_facts import Project

ORDER_DESCRIPTOR = 0


def import_bundled_plugins() -> None:
    """Import the plugins that are part of pytest, as it does itself when it starts."""
    for name in getattr(_pytest.config, "default_plugins", ()):
        with contextlib.suppress(ImportError):  # it will say so itself
            importlib.import_module(f"_pytest.{name}")


def wait_for_order(top: str, *, is_anew: bool) -> None:
    """Wait for the order and begin anew if files below ``top`` have been imported.

    What an environment has its interpreter import at the start may be the project's own, and
    another file by the time that the order comes.
    """
    if is_anew or not has_imported_from(top):
        return
    select.select([ORDER_DESCRIPTOR], [], [])
    argv = Path("/proc/self/cmdline").read_bytes().split(b"\0")[:-1]
    os.execvp(argv[0], [*argv, b"anew"])  # noqa: S606 - this very program


def has_imported_from(top: str) -> bool:
    """Return whether a module in memory is one of the project's own files."""
    project = Project(Path(top))
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return any(isinstance(file, str) and project.has(file) for file in files)


def begin(cwd: str) -> None:
    """Look at the files as they are now: the working directory may have been made anew as well.

    What has been imported stays, so collections of garbage need not go through it: there are many
    of them in a session, five at its end alone.
    """
    os.chdir(cwd)
    importlib.invalidate_caches()
    if hasattr(gc, "freeze"):  # in CPython
        gc.freeze()
