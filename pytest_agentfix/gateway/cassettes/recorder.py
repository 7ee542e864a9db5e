"""Writes model traffic to a cassette while it streams, neither slowed nor changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.cassettes.bodies import pack_body
from pytest_agentfix.gateway.cassettes.canonical import Canonicalizer
from pytest_agentfix.gateway.cassettes.capture import BODY_LIMIT, CapturedExchange
from pytest_agentfix.gateway.cassettes.path_placeholders import PathPlaceholders
from pytest_agentfix.gateway.cassettes.reader import (
    WORDS_LIMIT,
    Answer,
    Header,
    StoredExchange,
)
from pytest_agentfix.gateway.cassettes.validation import HEADERS
from pytest_agentfix.gateway.cassettes.writer import CassetteWriter
from pytest_agentfix.gateway.http.connection import Exchange, Sender
from pytest_agentfix.gateway.redaction import redact_secrets
from pytest_agentfix.gateway.sse.joining import CutSecretError

_log = logging.getLogger(__name__)
_HEADER_LIMIT: Final = 200  # characters of a header value


class Recording:
    """The cassette of a run being recorded, for any number of parallel senders.

    The file at ``path`` is replaced when the first exchange is over; each later exchange is
    complete in it as soon as it is over. ``secrets``, and whatever looks like one, are not
    written. If writing fails, the repair goes on without; ``trouble`` says why.
    """

    def __init__(  # noqa: PLR0913 - all by name
        self,
        path: Path,
        *,
        provider: str,
        model: str,
        protocol: str,
        placeholders: PathPlaceholders,
        secrets: Sequence[str] = (),
    ) -> None:
        today = datetime.now(timezone.utc).date().isoformat()
        self._header = Header(provider=provider, model=model, protocol=protocol, date=today)
        self._placeholders = placeholders
        self._canonicalizer = Canonicalizer(placeholders, secrets)
        self._writer = CassetteWriter(path)
        self._lock = threading.Lock()

    def add_secrets(self, secrets: Sequence[str]) -> None:
        """Keep these secrets, too, out of everything written from now on."""
        with self._lock:
            known = self._canonicalizer.secrets
            if more := [one for one in secrets if one and one not in known]:
                self._canonicalizer = Canonicalizer(self._placeholders, (*known, *more))

    @property
    def trouble(self) -> str:
        """The reason why the cassette is incomplete, one sentence; "" if it is complete."""
        return self._writer.trouble

    @property
    def count(self) -> int:
        """The number of exchanges in the file."""
        return self._writer.count

    def wrap(self, sender: Sender) -> Sender:
        """Return a sender that uses ``sender`` and records every exchange."""
        return _RecordingSender(sender, self)

    def close(self) -> None:
        """Close the file; later exchanges are not written."""
        self._writer.close()

    def keep(self, admission: Admission, captured: CapturedExchange) -> None:
        """Write an exchange to the file; never raises."""
        if captured.size > BODY_LIMIT:
            self._writer.give_up("an answer is too long for it")
            return
        try:
            canonicalizer = self._canonicalizer
            stored = StoredExchange(
                request=canonicalizer.read(admission),
                answer=self._make_answer(captured, canonicalizer),
            )
            self._writer.write(self._header, stored)
        except CutSecretError:
            self._writer.give_up("a secret is in an answer in pieces that cannot be taken out")
        except Exception as error:  # noqa: BLE001 - no fault of ours here may cost the repair
            _log.info("an exchange cannot be recorded: %s", type(error).__name__)
            self._writer.give_up("an exchange has a form that cannot be written down")

    def _make_answer(self, captured: CapturedExchange, canonicalizer: Canonicalizer) -> Answer:
        def clean(text: str) -> str:
            return self._placeholders.hide(redact_secrets(text, canonicalizer.secrets))

        headers = {name: clean(value)[:_HEADER_LIMIT] for name, value in _iter_headers(captured)}
        content_type = headers.get("content-type", "")
        body = pack_body(
            bytes(captured.body), content_type, clean=clean, secrets=canonicalizer.secrets
        )
        return Answer(
            status=captured.status,
            headers=headers,
            body=body,
            end=captured.end,
            words=clean(captured.words)[:WORDS_LIMIT],
        )


class _RecordingSender:
    """A sender whose exchanges are recorded."""

    def __init__(self, sender: Sender, recording: Recording) -> None:
        self._sender = sender
        self._recording = recording

    @property
    def silence(self) -> float:
        """The longest wait for the next bytes, in seconds."""
        return self._sender.silence

    @silence.setter
    def silence(self, seconds: float) -> None:
        self._sender.silence = seconds

    @contextmanager
    def post(self, admission: Admission, credential: tuple[str, str]) -> Iterator[Exchange]:
        """Send a request and yield its answer once the head arrives; raises ``UpstreamError``."""
        captured = CapturedExchange()
        try:
            with self._sender.post(admission, credential) as exchange:
                captured.begin(exchange)
                yield captured
        except Exception as error:
            if not captured.status:
                captured.fail(error)
            raise
        finally:
            self._recording.keep(admission, captured)


def _iter_headers(captured: CapturedExchange) -> Iterator[tuple[str, str]]:
    """Yield the headers of an answer that a cassette keeps, in a form that can be loaded."""
    for raw_name, raw_value in captured.headers:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1").strip()
        if name in HEADERS:
            yield name, "".join(char for char in value if char.isascii() and char.isprintable())
