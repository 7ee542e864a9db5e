"""Live lines while the repair works."""

from __future__ import annotations

import threading

import pytest

from pytest_agentfix.core.model import Cluster
from pytest_agentfix.core.text import clean
from pytest_agentfix.pytest_hooks import internals


class TerminalProgress:
    """One line per cluster and phase on pytest's terminal; silent with ``-q`` or without one."""

    def __init__(self, config: pytest.Config) -> None:
        self._reporter = internals.find_terminal(config)
        self._is_quiet = internals.find_verbosity(config) < 0
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()  # clusters report from several threads

    def say(self, cluster: Cluster, phase: str) -> None:
        """Show on one line that ``cluster`` is now in ``phase``."""
        with self._lock:
            number = self._numbers.setdefault(cluster.slug, len(self._numbers) + 1)
        self.write(f"[{number}] {clean(cluster.title)}: {clean(phase)}")

    def write(self, text: str) -> None:
        """Show one line; ``text`` must hold no control characters."""
        if self._reporter is None or self._is_quiet:
            return
        with self._lock:
            internals.end_line(self._reporter)
            self._reporter.write_line(f"agent-fix: {text}")
