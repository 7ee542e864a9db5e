"""Forks of this process that can do no harm, and what they send back.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.
"""

import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

CHILD_SECONDS = 2.0
CHILD_CPU = 1  # seconds
CHILD_BYTES = 1_000_000  # of one result

# Events of the interpreter after which something outside of this process may be different.
EFFECTS = frozenset(
    {
        "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
        "os.chmod", "os.chown", "os.utime", "os.kill", "os.killpg", "os.system", "os.fork",
        "os.forkpty", "os.posix_spawn", "os.spawn", "os.exec", "subprocess.Popen", "pty.spawn",
        "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
        "sqlite3.connect", "shutil.rmtree", "shutil.move", "shutil.copyfile", "signal.pthread_kill",
    }
)  # fmt: skip
OWN_PORTS = (("127.0.0.1", 0), ("::1", 0), ("localhost", 0))


def become_throwaway(sink: int) -> None:
    """Turn this process into one that says nothing and leaves nothing behind."""
    gc.disable()
    with contextlib.suppress(ValueError):  # this is not the main thread
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)

    def prevent(event: str, arguments: Any) -> None:
        if is_effect(event, arguments):
            send(sink, {"end": "effects", "answer": event})
            os._exit(0)

    sys.addaudithook(prevent)


def is_effect(event: str, arguments: Any) -> bool:
    """Return whether an event of the interpreter may change something outside of this process.

    A port of this machine that the system chooses is free again when the process ends; packages ask
    for one when they are imported, to see what the network is like.
    """
    if event == "open":
        return is_write(arguments)
    if event == "socket.bind" and isinstance(arguments[1], tuple):
        return arguments[1][:2] not in OWN_PORTS
    return event in EFFECTS


def is_write(arguments: Any) -> bool:
    """Return whether an ``open`` event is about writing."""
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    wanted = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    return isinstance(flags, int) and bool(flags & wanted)


def limit_time() -> None:
    """Have this process killed after some more seconds of work."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + 1 + CHILD_CPU
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def send(sink: int, result: "dict[str, Any]") -> None:
    """Send a child's result to its parent."""
    view = memoryview(json.dumps(result).encode("ascii") + b"\n")
    while view:
        view = view[os.write(sink, view) :]


def read_results(source: int, wanted: int) -> "list[dict[str, Any]]":
    """Read what a child sends, up to its first call that does not end: this one is ``late``."""
    found: list[dict[str, Any]] = []
    rest = b""
    end = time.monotonic() + CHILD_SECONDS
    try:
        while len(found) < wanted and len(rest) <= CHILD_BYTES:
            left = end - time.monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                break
            piece = os.read(source, 65536)
            if not piece:
                break
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                found.append(json.loads(line))
                end = time.monotonic() + CHILD_SECONDS
                if found[-1]["end"] == "effects":
                    return found
    except ValueError:
        return [*found, {"end": "odd"}]
    finally:
        os.close(source)
    return found if len(found) == wanted else [*found, {"end": "late"}]
