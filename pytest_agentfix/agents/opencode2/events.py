"""Reads what one ``opencode run --format json`` wrote: JSON objects, one a line, all untrusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.core.text import clean

SESSION_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")  # it becomes an argument
TEXT_LIMIT: Final = 10_000  # characters kept of the agent's last text
DETAIL_LIMIT: Final = 300
DONE: Final = "stop"  # the reason of the last step of a turn that came to its end


@dataclass(slots=True, kw_only=True)
class TurnRecord:
    """Reads the events of one turn; ``reason`` is that of its last step, "" within one."""

    session: str = ""
    text: str = ""
    error: str = ""
    reason: str = ""

    def take(self, event: dict[str, Any]) -> None:
        """Process one event; those of other sessions are passed over."""
        session = event.get("sessionID")
        if not isinstance(session, str) or not SESSION_ID.fullmatch(session):
            session = ""
        if session and session != (self.session or session):
            return
        self.session = self.session or session
        part = event.get("part")
        part = part if isinstance(part, dict) else {}
        match event.get("type"):
            case "step_start":
                self.error = self.reason = ""  # it has recovered from any earlier error
            case "step_finish":
                self.reason = _text(part.get("reason"), DETAIL_LIMIT)
            case "text":
                self.text = _tail(part.get("text"), TEXT_LIMIT) or self.text
            case "error":
                self.error = _describe(event.get("error"))

    def judge(self, code: int) -> str:
        """Return what kept the turn from its end, "" if it ended well with exit status ``code``."""
        if self.error:
            return self.error
        if code != 0:
            return f"OpenCode ended with exit status {code}"
        if self.reason != DONE:
            return f"OpenCode ended in the middle of its turn ({self.reason or 'no end of a step'})"
        return ""


def read_turn(output: bytes, session: str = "") -> TurnRecord:
    """Return the record of a turn of ``session``, or of the one that it names first."""
    record = TurnRecord(session=session)
    for event in _parse(output):
        record.take(event)
    return record


def _parse(output: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects, and skip every line that is none."""
    for line in output.split(b"\n"):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


def _describe(error: Any) -> str:
    if not isinstance(error, dict):
        return "an error without a name"
    kind, message = error.get("type"), error.get("message")
    return _text(f"{kind if isinstance(kind, str) else 'error'}: {message}", DETAIL_LIMIT)


def _text(value: Any, limit: int) -> str:
    return clean(value, limit=limit) if isinstance(value, str) else ""


def _tail(value: Any, limit: int) -> str:
    return value[-limit:] if isinstance(value, str) else ""
