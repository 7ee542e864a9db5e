"""Entry point of the background process: run by its path, so that it uses this very package.

Started by ``spawn.py``, which see for the arguments.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

PACKAGE: Final = "pytest_agentfix"


def _find_modules(paths: list[str]) -> None:
    """Use this file's package, whatever else has its name, and look where pytest looks, last."""
    here = Path(__file__).parent
    sys.path[:] = [path for path in sys.path if path and Path(path) != here]
    sys.path += [path for path in paths if path not in sys.path]
    folder = here.parents[1]
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(PACKAGE)
    sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


def _log_to(path: str) -> None:
    """Send all that is printed to the log too; the user's terminal is pytest's."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)6.0f %(name)s: %(message)s")


def _main(arguments: list[str]) -> None:
    connection, job_file, *parent = arguments
    with open(int(job_file), "rb") as file:  # noqa: PTH123 - a descriptor
        places = json.loads(file.readline())
        body = file.read()
    _log_to(places["log"])
    _find_modules(places["paths"])
    import_module(f"{PACKAGE}.runtime.background.process").main([connection, *parent], body)


if __name__ == "__main__":
    _main(sys.argv[1:])
