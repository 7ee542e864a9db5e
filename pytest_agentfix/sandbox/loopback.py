"""The loopback of sandboxes: with ``::1`` where the host has it.

An engine switches IPv6 off in a container without a network, and with it the one address that a
test of this machine can have bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

# Without an interface beside the loopback there is nothing that could get another address.
WITH_IPV6: Final[Mapping[str, str]] = {
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
    "net.ipv6.conf.lo.disable_ipv6": "0",
}
_ADDRESSES: Final = Path("/proc/net/if_inet6")
_LOOPBACK: Final = f"{1:032x}"  # ::1, as the kernel writes it


def has_ipv6_loopback(table: Path = _ADDRESSES) -> bool:
    """Return whether this machine has ``::1``, by the kernel's ``table`` of its addresses."""
    try:
        lines = table.read_text("ascii", "replace").splitlines()
    except OSError:  # no IPv6 in the kernel, or another system
        return False
    return any(line.split()[:1] == [_LOOPBACK] for line in lines)


def is_about_sysctls(words: str) -> bool:
    """Return whether an engine's words are about a kernel parameter that it cannot set."""
    lower = words.lower()
    return any(sign in lower for sign in ("sysctl", "/proc/sys", "disable_ipv6"))
