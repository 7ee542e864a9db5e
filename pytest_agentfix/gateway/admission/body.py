"""Copies the allowed parts of a request's body, by one table for each protocol (pure)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.gateway.admission.chat_body import CHAT
from pytest_agentfix.gateway.admission.generate_body import GENERATE
from pytest_agentfix.gateway.admission.messages_body import MESSAGES
from pytest_agentfix.gateway.admission.output_limits import find_least_output, limit_output
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
    """The allowed fields of a body, and the most tokens that the answer can have.

    The answer can be cut to ``least_output`` tokens.
    """

    fields: dict[str, Any]
    max_output: int
    least_output: int


def clean_body(
    body: Mapping[str, Any],
    *,
    protocol: WireProtocol,
    output_limit: int,
    has_completion_cap: bool = False,
) -> CleanBody:
    """Return a copy of the fields of ``body`` that are known to be harmless.

    Raises ``RefusedError`` for a body that asks for more than text and calls of the agent's own
    tools: tools that run at the provider would be a way out of the sandbox, URLs make the provider
    fetch, and references to stored objects reach data that was never in the sandbox. Fields that
    are merely unknown, or cost extra, are left out.
    """
    with noting_left_out() as left_out:
        copied = _TABLES[protocol](body)
    if left_out:
        _log.debug("left out of a request: %s", ", ".join(left_out))
    fields = {name: value for name, value in copied.items() if value is not None}
    if protocol is WireProtocol.RESPONSES:
        fields["store"] = False  # the default is true
    most = limit_output(
        fields, protocol=protocol, limit=output_limit, has_completion_cap=has_completion_cap
    )
    least = find_least_output(
        fields, protocol=protocol, most=most, has_completion_cap=has_completion_cap
    )
    return CleanBody(fields=fields, max_output=most, least_output=least)
