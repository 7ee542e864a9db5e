"""SIGTERM as an exception that cannot get lost."""

from __future__ import annotations

import os
import signal

import pytest

from pytest_agentfix.core.signals import Terminated, check_sigterm, raise_on_sigterm


def test_raised_where_the_main_thread_is() -> None:
    with pytest.raises(Terminated), raise_on_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)


def test_raised_once_more_where_it_got_lost() -> None:
    with raise_on_sigterm():
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Terminated):
            check_sigterm()
    check_sigterm()


def test_nothing_without_one() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with raise_on_sigterm():
        check_sigterm()
    assert signal.getsignal(signal.SIGTERM) is before
