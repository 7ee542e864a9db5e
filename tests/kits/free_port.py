"""A port for a server that cannot be told to take any."""

from __future__ import annotations

import random
import socket
from typing import Final

# Below those that the kernel gives to whoever wants any: nobody else gets it in between.
_PORTS: Final = range(20_000, 32_000)
_TRIES: Final = 100


def find_free_port() -> int:
    """A port of the loopback on which nothing listens."""
    for port in random.SystemRandom().sample(_PORTS, _TRIES):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"none of {_TRIES} ports is free")
