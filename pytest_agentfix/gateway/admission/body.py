"""What of a request's body goes to the provider: one table for each protocol (pure)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.gateway.admission.chat_body import CHAT
from pytest_agentfix.gateway.admission.generate_body import GENERATE
from pytest_agentfix.gateway.admission.messages_body import MESSAGES
from pytest_agentfix.gateway.admission.output_limits import limit_output
from pytest_agentfix.gateway.admission.responses_body import RESPONSES
from pytest_agentfix.gateway.admission.shapes import Fields, noting_left_out
from pytest_agentfix.gateway.providers.protocols import WireProtocol

_log = logging.getLogger(__name__)
_TABLES: Final[Mapping[WireProtocol, Fields]] = {
    WireProtocol.CHAT: Fields(CHAT),
    WireProtocol.RESPONSES: Fields(RESPONSES),
    WireProtocol.MESSAGES: Fields(MESSAGES),
    WireProtocol.GENERATE: Fields(GENERATE, is_camel=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanBody:
    """What goes on of a body, and how many tokens the answer can have at most."""

    fields: dict[str, Any]
    max_output: int


def clean_body(body: Mapping[str, Any], *, protocol: WireProtocol, output_limit: int) -> CleanBody:
    """Return a copy of what is known to be harmless in ``body``.

    Raises ``RefusedError`` for what asks for more than words and calls of the agent's own tools:
    tools that run at the provider would be a way out of the sandbox, URLs make the provider
    fetch, and references to things kept at the provider reach what was never in the sandbox.
    What is merely unknown, or costs extra, is left out.
    """
    with noting_left_out() as left_out:
        copied = _TABLES[protocol](body)
    if left_out:
        _log.debug("left out of a request: %s", ", ".join(left_out))
    fields = {name: value for name, value in copied.items() if value is not None}
    if protocol is WireProtocol.RESPONSES:
        fields["store"] = False  # it is on unless it is off
    return CleanBody(
        fields=fields, max_output=limit_output(fields, protocol=protocol, limit=output_limit)
    )
