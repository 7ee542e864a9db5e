"""Runs inside a sandbox: looks for every way out that must not be there.

Standard library only (3.8 or newer), and no import of this package. Reads what is expected as JSON
from stdin (workspace: path, user: [uid, gid], memory: bytes, processes: count) and prints a JSON
list of one-line findings; an empty list is a pass.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator
from typing import Any

REACH_FOR = (("169.254.169.254", 80), ("172.17.0.1", 80), ("192.0.2.1", 443), ("2001:db8::1", 443))
HARMLESS_TYPES = {"proc", "tmpfs", "devpts", "mqueue", "sysfs", "cgroup", "cgroup2"}
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock")
LIMITS = {
    "memory": (
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ),
    "processes": ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"),
}


def check_user(expected: dict[str, Any]) -> Iterator[str]:
    """Check that it is the user that was asked for, and not root."""
    if os.getuid() == 0 or os.getgid() == 0:
        yield "it runs as root"
    if [os.getuid(), os.getgid()] != expected["user"]:
        yield f"it runs as user {os.getuid()}:{os.getgid()}"


def check_process(_expected: dict[str, Any]) -> Iterator[str]:
    """Check that there is no capability, none to be gained, and a filter on system calls."""
    status = read_status()
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        if int(status.get(name, "1"), 16) != 0:
            yield f"it has capabilities ({name} {status.get(name)})"
    if status.get("NoNewPrivs") != "1":
        yield "no-new-privileges is off"
    if status.get("Seccomp") != "2":
        yield "no seccomp filter is on"


def read_status() -> dict[str, str]:
    """Read the kernel's status of this process, by name."""
    with open("/proc/self/status") as file:
        pairs = (line.partition(":") for line in file)
        return {name: value.strip() for name, _, value in pairs}


def check_files(expected: dict[str, Any]) -> Iterator[str]:
    """Check that only the workspace can be written."""
    for folder in ("/", "/usr", "/etc", os.path.dirname(sys.executable)):
        with contextlib.suppress(OSError):
            write_probe(folder)
            yield f"{folder} is writable"
    try:
        write_probe(expected["workspace"])
    except OSError as error:
        yield f"the workspace is not writable ({error.strerror})"


def write_probe(folder: str) -> None:
    """Make a file in ``folder`` and remove it; raises ``OSError``."""
    probe = os.path.join(folder, ".agentfix-probe")
    with open(probe, "w"):
        pass
    os.unlink(probe)


def check_mounts(expected: dict[str, Any]) -> Iterator[str]:
    """Check that only the workspace is mounted writable, and no engine's socket."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            point, options = before.split()[4:6]
            point = unescape(point)
            kind = after.split()[0]
            is_writable = "rw" in options.split(",")
            if is_writable and kind not in HARMLESS_TYPES and point != expected["workspace"]:
                yield f"{point} is mounted writable"
    for path in SOCKETS:
        if os.path.exists(path):
            yield f"{path} is there"


def unescape(path: str) -> str:
    """Decode a path of mountinfo, where the kernel writes blanks as octal escapes (proc(5))."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def check_network(_expected: dict[str, Any]) -> Iterator[str]:
    """Check that there is no interface but the loopback, no route and no name service."""
    interfaces = [name for name in os.listdir("/sys/class/net") if name != "lo" and is_up(name)]
    if interfaces:
        yield f"it has the network interfaces {', '.join(sorted(interfaces))}"
    with open("/proc/net/route") as file:
        has_route = len(file.readlines()) > 1
    if has_route or has_ipv6_route():
        yield "it has a route"
    for address in REACH_FOR:
        if can_reach(address):
            yield f"it reaches {address[0]}"
    with contextlib.suppress(OSError):
        socket.getaddrinfo("agentfix-preflight.example.com", 443)
        yield "it resolves names"


def has_ipv6_route() -> bool:
    """Return whether IPv6 leads anywhere but to the loopback; there may be no IPv6 at all."""
    with contextlib.suppress(OSError), open("/proc/net/ipv6_route") as file:
        return any(line.split()[-1] != "lo" and is_up(line.split()[-1]) for line in file)
    return False


def is_up(name: str) -> bool:
    """Tell real interfaces from the unused tunnel devices that kernels put everywhere."""
    with open(f"/sys/class/net/{name}/flags") as file:
        return bool(int(file.read(), 16) & 1)


def can_reach(address: tuple[str, int]) -> bool:
    """Return whether there is a way to ``address``, by TCP or UDP."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with contextlib.suppress(OSError), socket.socket(family, kind) as connection:
            connection.settimeout(1)
            connection.connect(address)
            return True
    return False


def check_limits(expected: dict[str, Any]) -> Iterator[str]:
    """Check that the kernel's limits are those that were asked for, or tighter."""
    for name, verb in (("memory", "is"), ("processes", "are")):
        value = read_limit(LIMITS[name])
        if value is None or value > expected[name]:
            yield f"its {name} {verb} not limited"


def read_limit(paths: Iterable[str]) -> int | None:
    """Return the number in the first of ``paths`` that holds one."""
    for path in paths:
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            return int(file.read())
    return None


def check_guest(_expected: dict[str, Any]) -> Iterator[str]:
    """Check that what runs beside the guest can neither read nor write its memory and pipe."""
    for name in ("mem", "environ"):
        with contextlib.suppress(OSError), open(f"/proc/1/{name}", "rb"):
            yield f"/proc/1/{name} of the guest is open to others"
    with contextlib.suppress(OSError):
        os.listdir("/proc/1/fd")
        yield "/proc/1/fd of the guest is open to others"


def main() -> None:
    """Run all checks."""
    expected = json.load(sys.stdin)
    checks = (
        check_user, check_process, check_files, check_mounts,
        check_network, check_limits, check_guest,
    )  # fmt: skip
    print(json.dumps([finding for check in checks for finding in check(expected)]))


if __name__ == "__main__":
    main()
