"""Find what a failure shows to be lacking in a sandbox: a file, a program, the network ...

Standard library only; ``sessions/orders.py`` inlines this text in that of
``pytest_runner.py``. A want is a kind, as in ``core.model.WantKind``, and the name asked for.
"""

import errno
import locale
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any

from pytest_agentfix.judge.in_sandbox.exception_facts import call_safely, cut_name, find_message
from pytest_agentfix.judge.in_sandbox.watcher import Watcher, is_loopback, name_git

WANT_LIMIT = 500  # characters of a name
CHAIN_LIMIT = 50  # exceptions that are looked at for one failure
NO_NETWORK = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})
NO_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

RANDOM = re.compile(r"tmp[a-z0-9_]{8}(?:/|$)")  # a name that ``tempfile`` chooses

Want = tuple[str, str]


def find_want(
    error: BaseException, watcher: "Watcher | None" = None, *, basetemp: str = ""
) -> "Want | None":
    """Return what ``error``, or one it came from, shows to be lacking; ``None`` for nothing.

    A failed test that ran git in the project's repository may lack its history. What was to be in
    a temporary folder (``basetemp`` is pytest's) is no part of the surroundings.
    """
    for one in call_safely(lambda: list(iter_chain(error)), [error]):
        want = call_safely(partial(find_own_want, one, watcher), None)
        if want is not None and not (want[0] == "file" and is_temporary(want[1], basetemp)):
            return want[0], want[1][:WANT_LIMIT]
    if watcher is not None and watcher.git:
        return "history", watcher.git[:WANT_LIMIT]
    return None


def iter_chain(error: BaseException) -> "Iterator[BaseException]":
    """Yield an exception and those it came from or holds, the nearest first."""
    waiting, seen = [error], {id(error)}
    while waiting and len(seen) <= CHAIN_LIMIT:
        one = waiting.pop(0)
        yield one
        members = getattr(one, "exceptions", None)
        context = None if one.__suppress_context__ else one.__context__
        for other in (one.__cause__, context, *(members if type(members) is tuple else ())):
            if isinstance(other, BaseException) and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)


def find_own_want(error: BaseException, watcher: "Watcher | None") -> "Want | None":
    """Return what this one exception shows to be lacking."""
    if isinstance(error, ModuleNotFoundError):
        return "module", cut_name(error.name) or find_message(error)
    if isinstance(error, KeyError):
        return ("variable", cut_name(error.args[0])) if is_from_environ(error) else None
    if isinstance(error, locale.Error):
        return "locale", cut_name(find_locals(error).get("locale")) or find_message(error)
    if isinstance(error, OSError):
        return find_system_want(error, "" if watcher is None else watcher.address)
    command = name_git(getattr(error, "cmd", None) or getattr(error, "command", None))
    if command and (watcher is None or watcher.git):
        return "history", command
    return None


def find_system_want(error: OSError, address: str) -> "Want | None":
    """Return what a failed system call shows to be lacking; ``address`` was asked for last."""
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return find_path_want(error)
    name = address or find_message(error)
    is_lookup = isinstance(error, (socket.gaierror, socket.herror))
    if error.errno in NO_ADDRESS or (is_lookup and address and is_loopback(address)):
        return "address", name
    if is_lookup or error.errno in NO_NETWORK:
        return "network", name
    if error.errno == errno.ECONNREFUSED and address and not is_loopback(address):
        return "network", name
    return None


def find_path_want(error: OSError) -> Want:
    """Return the file or program that is not there or not to be used."""
    own = find_locals(error)
    module, function = find_place(error)
    is_exec = module == "os" and function.startswith("_exec")
    asked = own.get("file") if is_exec else error.filename
    name = os.fsdecode(asked) if isinstance(asked, (str, bytes)) else ""
    is_program = is_exec or (module == "subprocess" and bool(name) and name != own.get("cwd"))
    if name and not (is_program and "/" not in name):
        name = os.path.abspath(name)
    kind = "program" if is_program else "file"
    if isinstance(error, PermissionError):
        kind = "permission"
    return kind, name or find_message(error)


def is_temporary(path: str, basetemp: str) -> bool:
    """Return whether a path is in a temporary folder, of pytest's or with a random name."""
    below = path.partition(f"{tempfile.gettempdir()}/")[2]
    return RANDOM.match(below) is not None or (
        bool(basetemp) and f"{path}/".startswith(f"{basetemp}/")
    )


def is_from_environ(error: BaseException) -> bool:
    """Return whether ``os.environ`` raised it, and not a dictionary of the project's."""
    kind = type(os.environ)
    frame = find_last_frame(error)
    return frame is not None and frame.f_code in (
        kind.__getitem__.__code__,
        kind.__delitem__.__code__,
    )


def find_last_frame(error: BaseException) -> Any:
    """Return the frame that raised, ``None`` where there is none."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return None if traceback is None else traceback.tb_frame


def find_locals(error: BaseException) -> "dict[str, Any]":
    """Return the local variables of the frame that raised."""
    frame = find_last_frame(error)
    return {} if frame is None else dict(frame.f_locals)


def find_place(error: BaseException) -> "tuple[str, str]":
    """Return the module and the function that raised."""
    frame = find_last_frame(error)
    if frame is None:
        return "", ""
    return cut_name(frame.f_globals.get("__name__")), cut_name(frame.f_code.co_name)
