"""Cassettes: recorded model traffic that can be replayed with no key and no network."""

from pytest_agentfix.gateway.cassettes.mismatch import CassetteMismatch
from pytest_agentfix.gateway.cassettes.places import Places
from pytest_agentfix.gateway.cassettes.recording import Recording
from pytest_agentfix.gateway.cassettes.replay import Replay

__all__ = ["CassetteMismatch", "Places", "Recording", "Replay"]
