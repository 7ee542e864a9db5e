"""Stand-ins for a replay: an upstream that is never contacted, and a clock that never waits."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.gateway.cassettes import Replay
from pytest_agentfix.gateway.providers.choosing import split_model
from pytest_agentfix.gateway.providers.protocols import ProviderRow, WireProtocol, make_row
from pytest_agentfix.gateway.providers.registry import find_provider
from pytest_agentfix.gateway.providers.upstream import Upstream


class ReplayClock:
    """Real time in which waiting takes none: a recorded wait is long over.

    The skipped time counts all the same, for the gateways of a run and their caps.
    """

    def __init__(self) -> None:
        self._skipped = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Return the seconds since a fixed moment."""
        return time.monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        with self._lock:
            self._skipped += seconds


_NOWHERE = "http://replay.invalid/v1"  # a name that never leads anywhere (RFC 6761)


def replayed_upstream(
    replay: Replay, *, named: str | None = None, marked: str | None = None
) -> Upstream:
    """Return the recorded model, or the one of a marker; it needs no key and no network.

    Raises ``SettingError`` if the user has ``named`` another one, ``ModelUnknownError`` for a
    malformed name.
    """
    recorded = f"{replay.provider}/{replay.model}"
    if named not in (None, recorded):
        raise SettingError(
            f"The recording to replay is of {recorded}, and {named} is asked for.",
            "Leave out --agent-fix-model (agent_fix_model), or record it again with that model.",
        )
    provider, model = split_model(marked or recorded)
    return Upstream(
        provider=provider,
        model=model,
        base_url=_NOWHERE,
        key="",
        key_source="",
        row=_find_row(replay, provider, model),
    )


def _find_row(replay: Replay, provider: str, model: str) -> ProviderRow:
    """Return the row that makes OpenCode send the same requests as in the recording."""
    known = find_provider(provider)
    fitted = known.adapt(model) if known else make_row(provider, WireProtocol.CHAT)
    with suppress(ValueError):
        protocol = WireProtocol(replay.protocol)
        if provider == replay.provider and protocol is not fitted.protocol:
            return make_row(provider, protocol)
    return fitted
