"""Modules of this package come in past pytest's import hook, and only within the block."""

from __future__ import annotations

import importlib
import sys

import pytest

from pytest_agentfix.core.import_hook import plain_imports


@pytest.fixture
def find_spec(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what an import hook in front of Python's own is asked for."""
    asked: list[str] = []

    class Hook:
        @staticmethod
        def find_spec(fullname: str, path: object = None, target: object = None) -> None:
            asked.append(fullname)

    monkeypatch.setattr(sys, "meta_path", [Hook, *sys.meta_path])
    for name in ("pytest_agentfix.core.machine", "wave"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return asked


def test_only_our_own_modules_pass_the_hook(
    find_spec: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = list(sys.meta_path)
    with plain_imports():
        importlib.import_module("pytest_agentfix.core.machine")
        assert find_spec == []
        importlib.import_module("wave")
        assert "wave" in find_spec
    assert sys.meta_path == hooks
    monkeypatch.delitem(sys.modules, "pytest_agentfix.core.machine")
    importlib.import_module("pytest_agentfix.core.machine")
    assert "pytest_agentfix.core.machine" in find_spec


def test_the_hooks_are_back_after_an_import_that_failed(find_spec: list[str]) -> None:
    hooks = list(sys.meta_path)
    with pytest.raises(ModuleNotFoundError), plain_imports():
        importlib.import_module("pytest_agentfix.there_is_none")
    assert sys.meta_path == hooks
    assert find_spec == ["pytest_agentfix.there_is_none"]
