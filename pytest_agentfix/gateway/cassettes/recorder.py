"""Model traffic written to a cassette while it passes by, neither slowed nor changed."""

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
_HEADER_LIMIT: Final = 200  # characters of a value that are kept


class Recording:
    """The cassette of a run, for any number of lines side by side.

    The file at ``path`` is replaced when the first exchange is over; after that each is there
    whole as soon as it is over. ``secrets``, and what looks like one, are not written.
    ``trouble`` says why no more could be written, "" if all was: a repair goes on without.
    """

    def __init__(  # noqa: PLR0913 - all by name
        self,
        path: Path,
        *,
        provider: str,
        model: str,
        dialect: str,
        places: PathPlaceholders,
        secrets: Sequence[str] = (),
    ) -> None:
        today = datetime.now(timezone.utc).date().isoformat()
        self._header = Header(provider=provider, model=model, dialect=dialect, date=today)
        self._places = places
        self._canon = Canonicalizer(places, secrets)
        self._tape = CassetteWriter(path)
        self._lock = threading.Lock()

    def add_secrets(self, secrets: Sequence[str]) -> None:
        """Keep these out as well, of all that is written from now on."""
        with self._lock:
            known = self._canon.secrets
            if more := [one for one in secrets if one and one not in known]:
                self._canon = Canonicalizer(self._places, (*known, *more))

    @property
    def trouble(self) -> str:
        """Why the cassette is not complete; one sentence, "" if it is."""
        return self._tape.trouble

    @property
    def count(self) -> int:
        """How many exchanges are in the file."""
        return self._tape.count

    def wrap(self, line: Sender) -> Sender:
        """Return a line that passes everything on to ``line`` and writes down what was said."""
        return _RecordedLine(line, self)

    def close(self) -> None:
        """Let go of the file; what comes later is not written."""
        self._tape.close()

    def keep(self, admission: Admission, heard: CapturedExchange) -> None:
        """Write an exchange down; never raises."""
        if heard.size > BODY_LIMIT:
            self._tape.give_up("an answer is too long for it")
            return
        try:
            canon = self._canon
            taped = StoredExchange(
                request=canon.read(admission), answer=self._make_answer(heard, canon)
            )
            self._tape.write(self._header, taped)
        except CutSecretError:
            self._tape.give_up("a secret is in an answer in pieces that cannot be taken out")
        except Exception as error:  # noqa: BLE001 - no fault of ours here may cost the repair
            _log.info("an exchange cannot be recorded: %s", type(error).__name__)
            self._tape.give_up("an exchange has a form that cannot be written down")

    def _make_answer(self, heard: CapturedExchange, canon: Canonicalizer) -> Answer:
        def clean(text: str) -> str:
            return self._places.hide(redact_secrets(text, canon.secrets))

        headers = {name: clean(value)[:_HEADER_LIMIT] for name, value in _iter_headers(heard)}
        content_type = headers.get("content-type", "")
        body = pack_body(bytes(heard.body), content_type, clean=clean, secrets=canon.secrets)
        return Answer(
            status=heard.status,
            headers=headers,
            body=body,
            end=heard.end,
            words=clean(heard.words)[:WORDS_LIMIT],
        )


class _RecordedLine:
    """A line that is listened to."""

    def __init__(self, line: Sender, recording: Recording) -> None:
        self._line = line
        self._recording = recording

    @property
    def silence(self) -> float:
        """How long the line waits for the next bytes, in seconds."""
        return self._line.silence

    @silence.setter
    def silence(self, seconds: float) -> None:
        self._line.silence = seconds

    @contextmanager
    def post(self, admission: Admission, credential: tuple[str, str]) -> Iterator[Exchange]:
        """Send a request and yield the answer when its head is there; raises ``LineError``."""
        heard = CapturedExchange()
        try:
            with self._line.post(admission, credential) as exchange:
                heard.begin(exchange)
                yield heard
        except Exception as error:
            if not heard.status:
                heard.fail(error)
            raise
        finally:
            self._recording.keep(admission, heard)


def _iter_headers(heard: CapturedExchange) -> Iterator[tuple[str, str]]:
    """Yield those headers of an answer that a cassette keeps, in a form it can be loaded from."""
    for raw_name, raw_value in heard.headers:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1").strip()
        if name in HEADERS:
            yield name, "".join(char for char in value if char.isascii() and char.isprintable())
