"""SIGTERM as an exception, so that what cleans up after Ctrl-C cleans up after it too."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

EXIT_STATUS = 128 + signal.SIGTERM  # what a shell shows for a program that died of it


class Terminated(KeyboardInterrupt):
    """SIGTERM came. A ``KeyboardInterrupt``: no ``except Exception`` on the way may keep it."""


_came = threading.Event()


def check_sigterm() -> None:
    """Raise ``Terminated`` if SIGTERM came and the exception got lost.

    Python raises it wherever the main thread happens to be: in a finaliser, say, where exceptions
    are only shown.
    """
    if _came.is_set():
        raise Terminated


@contextmanager
def raise_on_sigterm(*, is_once: bool = False) -> Generator[None, None, None]:
    """Raise ``Terminated`` in the block when SIGTERM comes; with ``is_once`` no second time.

    Python allows handlers in the main thread only; in another one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _came.clear()
    before = signal.signal(signal.SIGTERM, _raise_once if is_once else _raise)
    try:
        yield
    finally:
        _came.clear()
        # ``None``: the handler before was not set from Python, and cannot be put back.
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _raise(_number: int, _frame: FrameType | None) -> None:
    _came.set()
    raise Terminated


def _raise_once(number: int, frame: FrameType | None) -> None:
    if not _came.is_set():
        _raise(number, frame)
