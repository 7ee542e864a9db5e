"""Starts the repair process out of the user's pytest, and leaves no trace there.

It is no child of pytest's (a test may wait for every child), it is out of the terminal's reach, and
this module uses what it bound when it was imported rather than what tests may have patched since.
"""

from __future__ import annotations

import contextlib
import os
import sys
from _socket import AF_UNIX, SOCK_STREAM, socketpair
from _socket import socket as Socket  # noqa: N812 - nothing that tests may have patched
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Final

from pytest_agentfix.runtime.channel import NONE

# Run by its path, so that it is this very package.
PROGRAM: Path = Path(__file__).with_name("__main__.py")
# The shell starts the process in the background and ends; so nobody is its parent for long.
DETACH: Final = ("/bin/sh", "-c", '"$@" &', "sh")
LOW: Final = 20  # the first descriptor that no standard stream and no shell would use


def spawn(environ: Mapping[str, str]) -> tuple[Socket, int]:
    """Start the process: our end of its socket, and its process group. Raises ``OSError``."""
    with ExitStack() as stack:
        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        stack.callback(theirs.close)
        on_error = stack.enter_context(ExitStack())
        on_error.callback(ours.close)
        descriptors = [_lift(theirs.fileno()), _open_handle()]
        stack.callback(_close_all, descriptors)
        group = _start(descriptors, environ)
        on_error.pop_all()
    return ours, group


def _start(descriptors: list[int], environ: Mapping[str, str]) -> int:
    process = Popen(
        [*DETACH, sys.executable, *_list_flags(), str(PROGRAM), *map(str, descriptors)],
        cwd="/",
        env=environ,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        close_fds=True,
        pass_fds=[descriptor for descriptor in descriptors if descriptor != NONE],
        start_new_session=True,  # away from the terminal: Ctrl-C is for pytest alone
    )
    process.wait()  # for the shell: a millisecond
    return process.pid


def _list_flags() -> list[str]:
    """Return this interpreter's isolation flags, and no warnings: nobody would see them."""
    flags = ["-W", "ignore"]
    flags += ["-I"] if sys.flags.isolated else []
    flags += ["-E"] if sys.flags.ignore_environment else []
    flags += ["-s"] if sys.flags.no_user_site else []
    return [*flags, "-B"] if sys.dont_write_bytecode else flags


def list_paths() -> tuple[str, ...]:
    """Return this process's module paths; the other one looks there after its own."""
    paths = [path for path in sys.path if isinstance(path, str)]
    try:
        return tuple(map(os.path.abspath, paths))
    except FileNotFoundError:  # the working folder is gone
        return tuple(filter(os.path.isabs, paths))


def _lift(descriptor: int) -> int:
    return fcntl(descriptor, F_DUPFD_CLOEXEC, LOW)


def _open_handle() -> int:
    """Open a descriptor that tells when this process has ended, where the kernel has such a thing.

    The socket alone does not tell it: a test's child that outlives pytest holds our end too.
    """
    try:
        handle = os.pidfd_open(os.getpid())
    except (AttributeError, OSError):
        return NONE
    try:
        return _lift(handle)
    finally:
        os.close(handle)


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        if descriptor != NONE:
            with contextlib.suppress(OSError):
                os.close(descriptor)
