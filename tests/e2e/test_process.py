"""The tests of the same name in ``tests/loop``, with the real engine and the real OpenCode."""

from tests.loop.test_process import *  # noqa: F403
