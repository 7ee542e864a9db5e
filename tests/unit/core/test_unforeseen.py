"""Exceptions that nobody foresaw, in words."""

from __future__ import annotations

import builtins
import socket
import sys
import tempfile

import pytest

from pytest_agentfix.core.errors import SettingError, UnforeseenSetupError
from pytest_agentfix.core.replaced import describe_replaced
from pytest_agentfix.core.unforeseen import describe, setup_step


def test_a_step_says_what_was_being_done() -> None:
    with (
        pytest.raises(UnforeseenSetupError) as caught,
        setup_step("count the stars", "Wait for the night."),
    ):
        raise LookupError("it is\nday.")
    assert caught.value.problem.startswith(
        "agent-fix could not count the stars: LookupError: it is day (core/test_unforeseen.py:"
    )
    assert caught.value.next_step.startswith("Wait for the night. `--log-file=FILE")


def test_own_errors_and_interrupts_stay() -> None:
    with pytest.raises(SettingError, match=r"^a b$"), setup_step("x", "y"):
        raise SettingError("a", "b")
    with pytest.raises(KeyboardInterrupt), setup_step("x", "y"):
        raise KeyboardInterrupt


def test_an_exception_without_words_or_place() -> None:
    assert describe(ValueError()) == "ValueError"


def test_nothing_is_replaced() -> None:
    assert describe_replaced() == ""


def test_replaced_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        """Stand for anything."""

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(tempfile, "tempdir", "/no/such")
    monkeypatch.setattr(sys, "path", [])
    assert describe_replaced() == (
        f"In this process builtins.open was replaced by {__name__} and socket.socket was replaced "
        "and sys.path lost the standard library and tempfile.tempdir was set to '/no/such', which "
        "is no folder, which may be why; a fixture can do so and undo it."
    )
