"""Cassettes: recorded model traffic that can be replayed with no key and no network."""

from pytest_agentfix.gateway.cassettes.mismatch import CassetteMismatch
from pytest_agentfix.gateway.cassettes.path_placeholders import PathPlaceholders
from pytest_agentfix.gateway.cassettes.player import Replay
from pytest_agentfix.gateway.cassettes.recorder import Recording

__all__ = ["CassetteMismatch", "PathPlaceholders", "Recording", "Replay"]
