"""Starts the background process out of the user's running pytest, and leaves no trace there.

It happens between two tests of the user's, so it has to be quick, must not be a child of pytest's
(a test may wait for every child), and uses what this module bound when it was imported rather
than what tests may have patched since.
"""

from __future__ import annotations

import json
import os
import sys
from _socket import AF_UNIX, SOCK_STREAM, socketpair
from _socket import socket as Socket  # noqa: N812 - nothing that tests may have patched
from collections.abc import Mapping
from contextlib import ExitStack
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Final

from pytest_agentfix.runtime.background.handover import Job, close_all
from pytest_agentfix.runtime.background.messages import pack

LOG: Final = "log"  # in the folder that the background process gets: all that it prints
# The shell starts the process in the background and ends; so nobody is its parent for long.
DETACH: Final = ("/bin/sh", "-c", '"$@" &', "sh")
LOW: Final = 20  # the first descriptor that no standard stream and no shell would use
NONE: Final = -1
# What a Python, an engine's client and git need. Never all: there may be a key in the rest.
PASSED_ON: Final = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "LANG", "LANGUAGE", "TZ"),
        *("VIRTUAL_ENV", "SSH_AUTH_SOCK", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    )
)
PASSED_ON_BEGINNINGS: Final = ("LC_", "DOCKER_", "XDG_", "PYTHON", "DYLD_")


def launch(job: Job, folder: Path, environ: Mapping[str, str]) -> tuple[Socket, int]:
    """Start the process: our end of its socket, and its process group. Raises ``OSError``."""
    with ExitStack() as stack:
        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        stack.callback(theirs.close)
        on_error = stack.enter_context(ExitStack())
        on_error.callback(ours.close)
        job_file = _write_job(job, folder)
        stack.callback(os.close, job_file)
        descriptors = [_lift(theirs.fileno()), _lift(job_file)]
        stack.callback(close_all, descriptors)
        descriptors.append(_handle_of_this_process())
        group = _start([*map(str, descriptors), str(os.getpid())], descriptors, environ)
        on_error.pop_all()
    return ours, group


def _start(arguments: list[str], descriptors: list[int], environ: Mapping[str, str]) -> int:
    main = Path(__file__).with_name("__main__.py")
    process = Popen(
        [*DETACH, sys.executable, *_flags(), str(main), *arguments],
        cwd="/",
        env={name: value for name, value in environ.items() if _is_passed_on(name)},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        close_fds=True,
        pass_fds=[descriptor for descriptor in descriptors if descriptor != NONE],
        start_new_session=True,  # away from the terminal: Ctrl-C is for pytest alone
    )
    process.wait()  # for the shell: a millisecond
    return process.pid


def _flags() -> list[str]:
    """Return this interpreter's isolation flags, and no warnings: nobody would see them."""
    flags = ["-W", "ignore"]
    flags += ["-I"] if sys.flags.isolated else []
    flags += ["-E"] if sys.flags.ignore_environment else []
    flags += ["-s"] if sys.flags.no_user_site else []
    return [*flags, "-B"] if sys.dont_write_bytecode else flags


def _is_passed_on(name: str) -> bool:
    return name in PASSED_ON or name.startswith(PASSED_ON_BEGINNINGS)


def _write_job(job: Job, folder: Path) -> int:
    """Write the job to a file without a name: it may exceed what a socket buffers."""
    path = folder / "job"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.unlink(path)  # noqa: PTH108 - nothing that tests may have patched
        first = json.dumps({"paths": _paths(), "log": str(folder / LOG)}).encode() + b"\n"
        view = memoryview(first + pack(job))
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _paths() -> list[str]:
    """Return this process's module paths; the other one looks there after its own."""
    paths = [path for path in sys.path if isinstance(path, str)]
    try:
        return list(map(os.path.abspath, paths))
    except FileNotFoundError:  # the working folder is gone
        return list(filter(os.path.isabs, paths))


def _lift(descriptor: int) -> int:
    return fcntl(descriptor, F_DUPFD_CLOEXEC, LOW)


def _handle_of_this_process() -> int:
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
