"""The real sandbox passes the contract of every sandbox."""

from __future__ import annotations

from tests.kits.sandbox_contract import SandboxContract


class TestContainerSandbox(SandboxContract):
    """All of the contract's tests."""
