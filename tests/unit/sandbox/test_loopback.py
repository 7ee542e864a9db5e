"""Find out if this machine has ``::1``, and which refusals of an engine are about that."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.sandbox.loopback import has_ipv6_loopback, is_about_sysctls

LOOPBACK = "00000000000000000000000000000001 01 80 10 80       lo\n"
ETHERNET = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n"


@pytest.mark.parametrize(
    ("table", "expected"),
    [(LOOPBACK, True), (ETHERNET + LOOPBACK, True), (ETHERNET, False), ("", False), ("\n", False)],
)
def test_by_the_kernels_table(tmp_path: Path, table: str, *, expected: bool) -> None:
    file = tmp_path / "if_inet6"
    file.write_text(table)
    assert has_ipv6_loopback(file) is expected


def test_a_kernel_without_ipv6_has_no_table(tmp_path: Path) -> None:
    assert not has_ipv6_loopback(tmp_path / "none")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("invalid argument: sysctl 'net.ipv6.conf.all.disable_ipv6=0' is not allowed", True),
        ("open /proc/sys/net/ipv6/conf/all/disable_ipv6: no such file or directory", True),
        ("Sysctls are not supported", True),
        ("No such image", False),
    ],
)
def test_refusals_about_it(words: str, *, expected: bool) -> None:
    assert is_about_sysctls(words) is expected
