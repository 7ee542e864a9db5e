"""Entry point of the repair process: run by its path, so that it uses this very package.

Started by ``spawn.py``. The arguments are a descriptor of its end of the socket, and one that tells
when pytest has ended, -1 for none.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from _socket import socket as Socket  # noqa: N812 - the kind that ``channel.py`` takes
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

PACKAGE: Final = "pytest_agentfix"


def _use_this_package() -> None:
    """Import from this file's package, whatever else has its name."""
    here = Path(__file__).parent
    sys.path[:] = [path for path in sys.path if path and Path(path) != here]
    folder = here.parent
    known = getattr(sys.modules.get(PACKAGE), "__file__", None)
    if known is not None and Path(known).parent == folder:
        return
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(PACKAGE)
    sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


def main(arguments: Sequence[str]) -> None:
    """Be the repair process; never returns."""
    for number in (signal.SIGINT, signal.SIGHUP):  # pytest's, and its terminal's
        signal.signal(number, signal.SIG_IGN)
    connection, watched = Socket(fileno=int(arguments[0])), int(arguments[1])
    for descriptor in (connection.fileno(), *([watched] if watched >= 0 else [])):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its only spelling
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    _use_this_package()
    channel = import_module(f"{PACKAGE}.runtime.channel").Channel(connection, watched=watched)
    import_module(f"{PACKAGE}.runtime.first_message").begin(channel)


if __name__ == "__main__":
    main(sys.argv[1:])
