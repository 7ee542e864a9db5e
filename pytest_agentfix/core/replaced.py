"""Parts of Python that the user's own code has replaced in this process, for messages.

A ``conftest.py`` that is imported may leave another ``socket.socket`` or ``open`` behind. Plugins
work in the same process, and their errors then name anything but the cause.
"""

from __future__ import annotations

import builtins
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Final

from pytest_agentfix.core.text import clean

# Module, attribute, and the names of the modules that the real one says it is from.
_PARTS: Final[tuple[tuple[ModuleType, str, frozenset[str]], ...]] = (
    (builtins, "open", frozenset({"io", "_io"})),
    (builtins, "__import__", frozenset({"builtins"})),
    (socket, "socket", frozenset({"socket"})),
    (socket, "create_connection", frozenset({"socket"})),
    (socket, "getaddrinfo", frozenset({"socket"})),
    (subprocess, "Popen", frozenset({"subprocess"})),
    (threading, "Thread", frozenset({"threading"})),
    (os, "open", frozenset({"posix"})),
    (os, "stat", frozenset({"posix"})),
    (time, "monotonic", frozenset({"time"})),
    (time, "time", frozenset({"time"})),
)


def describe_replaced() -> str:
    """Return a sentence on what was replaced, "" where nothing was."""
    found = list(_find_replaced())
    if not found:
        return ""
    return clean(
        f"In this process {' and '.join(found)}, which may be why; a fixture can do so and undo it."
    )


def _find_replaced() -> Iterator[str]:
    for module, name, homes in _PARTS:
        part = getattr(module, name, None)
        home = getattr(part, "__module__", None)
        if home not in homes:
            place = f" by {home}" if isinstance(home, str) else ""
            yield f"{module.__name__}.{name} was replaced{place}"
    if os.path.dirname(os.__file__) not in sys.path:  # noqa: PTH120 - the same text as there
        yield "sys.path lost the standard library"
    folder = tempfile.tempdir
    if folder is not None and not os.path.isdir(folder):  # noqa: PTH112 - it can be bytes
        yield f"tempfile.tempdir was set to {folder!r}, which is no folder"
