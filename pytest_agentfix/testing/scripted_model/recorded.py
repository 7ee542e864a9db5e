"""A scripted model's record of a request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_agentfix.gateway.providers.protocols import WireProtocol
from pytest_agentfix.testing.scripted_model.conversation import Conversation
from pytest_agentfix.testing.scripted_model.events import Asked
from pytest_agentfix.testing.scripted_model.protocols import (
    FORMS,
    Forms,
    find_model,
    find_protocol,
    is_streamed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request as received. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any  # parsed JSON, or the raw bytes if it is not JSON

    @property
    def protocol(self) -> WireProtocol | None:
        """Its protocol, by the end of its path; ``None`` for any other."""
        return find_protocol(self.path)

    @property
    def conversation(self) -> Conversation:
        """Its conversation, empty if its body is not an object."""
        return Conversation(self._object)

    @property
    def is_streamed(self) -> bool:
        """True if it asks for server-sent events."""
        return is_streamed(self.path, self._object)

    @property
    def forms(self) -> Forms:
        """The forms of an answer to it; raises ``KeyError`` without a protocol."""
        return FORMS[self.protocol]  # type: ignore[index]

    def make_asked(self) -> Asked:
        """Return the facts that an answer needs."""
        model = find_model(self.path, self._object)
        return Asked(body=self._object, model=model, created=int(time.time()))

    @property
    def _object(self) -> Mapping[str, Any]:
        return self.body if isinstance(self.body, dict) else {}
