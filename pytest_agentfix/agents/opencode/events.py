"""Follows one turn by OpenCode's events. The events are untrusted: types are checked."""

from __future__ import annotations

import logging
from typing import Any, Final

logger = logging.getLogger(__name__)

TEXT_LIMIT: Final = 10_000  # characters kept of the agent's last text
NAME_LIMIT: Final = 200  # characters of an id
MESSAGES: Final = 10_000  # of one turn; OpenCode never has more


class TurnWatch:
    """Follows the events of one session from one prompt to the end of its turn."""

    def __init__(self, session: str) -> None:
        self._session = session
        self.has_begun = False
        self._permissions: list[str] = []
        self._assistants: set[str] = set()
        self.is_over = False
        self.error = ""
        self.text = ""
        self.retries = 0

    def take(self, event: dict[str, Any]) -> bool:
        """Process one event, and return whether it was a sign of life of this session."""
        properties = event.get("properties")
        if not isinstance(properties, dict):
            return False
        kind = event.get("type")
        if kind == "session.created":
            logger.info("OpenCode opened a further session")
        if properties.get("sessionID") != self._session:
            return False
        match kind:
            case "session.status":
                self._take_status(properties.get("status"))
            case "session.idle":
                self.is_over = self.has_begun
            case "session.error":
                self.error = describe_error(properties.get("error"))
                self.has_begun = True
            case "message.updated":
                self._take_message(properties.get("info"))
            case "message.part.updated":
                self._take_part(properties.get("part"))
            case "permission.asked":
                self._permissions.append(_name(properties.get("id", "")))
        return True

    def _take_status(self, status: Any) -> None:
        if not isinstance(status, dict):
            return
        if status.get("type") == "busy":
            self.has_begun = True
        elif status.get("type") == "retry":
            self.retries += 1
            logger.info("OpenCode tries its model request again: %r", str(status)[:300])

    def _take_message(self, info: Any) -> None:
        if isinstance(info, dict) and info.get("role") == "assistant":
            if len(self._assistants) < MESSAGES:
                self._assistants.add(_name(info.get("id")))
            if isinstance(info.get("error"), dict):
                self.error = describe_error(info["error"])

    def _take_part(self, part: Any) -> None:
        if not isinstance(part, dict) or _name(part.get("messageID")) not in self._assistants:
            return
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            self.text = part["text"][-TEXT_LIMIT:]
        if part.get("type") == "step-start":
            self.error = ""  # OpenCode has recovered from any earlier error

    def take_permissions(self) -> list[str]:
        """Return the permissions requested since the last call; there should never be any."""
        asked, self._permissions = self._permissions, []
        return asked


def _name(value: Any) -> str:
    return str(value)[:NAME_LIMIT]


def describe_error(error: Any) -> str:
    """Return an OpenCode error as one line."""
    if not isinstance(error, dict):
        return "an error without a name"
    data = error.get("data")
    message = data.get("message") if isinstance(data, dict) else None
    words = message if isinstance(message, str) else ""
    return " ".join(f"{error.get('name', 'error')}: {words}".split())[:500]
