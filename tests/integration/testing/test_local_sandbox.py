"""The double fulfils the contract of every sandbox."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.kits.sandbox_contract")

from pytest_agentfix.core.model import ChangeSet, Collected, FileChange  # noqa: E402
from pytest_agentfix.core.ports import Sandbox  # noqa: E402
from pytest_agentfix.testing.local_sandbox import LocalSandbox  # noqa: E402
from tests.kits.sandbox_contract import CodeRunner, MakeRunner, SandboxContract  # noqa: E402


@pytest.fixture
def make_runner(tmp_path: Path) -> Iterator[MakeRunner]:
    with ExitStack() as stack:

        def make() -> CodeRunner:
            sandbox = stack.enter_context(LocalSandbox(tmp_path))
            return CodeRunner(sandbox=sandbox, folder=tmp_path.resolve(), python=sys.executable)

        yield make


class TestLocalSandbox(SandboxContract):
    """All of the contract's tests."""


def test_it_is_a_sandbox(tmp_path: Path) -> None:
    sandbox: Sandbox = LocalSandbox(tmp_path)
    sandbox.close()


def test_it_collects_what_it_was_told_to(tmp_path: Path) -> None:
    found = Collected(changes=ChangeSet({"a": FileChange(b"")}))
    assert LocalSandbox(tmp_path, collect=lambda: found).collect() == found
    assert LocalSandbox(tmp_path).collect() == Collected()
