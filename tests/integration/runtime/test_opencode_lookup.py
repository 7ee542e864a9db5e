"""OpenCode is looked for in a thread, and what goes wrong there is for whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.core.errors import OpenCodeMissingError
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode, find, start_lookup


def test_the_path_and_what_it_knows(tmp_path: Path) -> None:
    binary = OpenCodeBinary(path=tmp_path / "opencode", version="1.18.34")
    binary.path.write_bytes(b"\x7fELF and no catalogue in it")
    expected = FoundOpenCode(binary=binary, catalogue=None)
    assert find(lambda: binary, "anthropic") == expected
    assert start_lookup(lambda: binary, "anthropic").result(60.0) == expected


def test_trouble_comes_with_the_result() -> None:
    def look() -> OpenCodeBinary:
        raise OpenCodeMissingError("It is not here.", "Fetch it.")

    future = start_lookup(look, "anthropic")
    with pytest.raises(OpenCodeMissingError, match="It is not here"):
        future.result(60.0)
