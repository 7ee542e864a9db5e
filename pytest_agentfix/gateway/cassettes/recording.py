"""Model traffic written to a cassette while it passes by, neither slowed nor changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.cassettes.bodies import pack_body
from pytest_agentfix.gateway.cassettes.canonical import Canon
from pytest_agentfix.gateway.cassettes.places import Places
from pytest_agentfix.gateway.cassettes.tape import (
    HEADERS,
    Answer,
    End,
    Header,
    Taped,
)
from pytest_agentfix.gateway.cassettes.writing import TapeWriter
from pytest_agentfix.gateway.redaction import redact_secrets
from pytest_agentfix.gateway.serving.line import Exchange, LineError, Poster, translated_errors

_log = logging.getLogger(__name__)
_HEADER_LIMIT: Final = 200  # characters of a value that are kept
_BODY_LIMIT: Final = 32_000_000  # bytes of an answer that are kept


class Recording:
    """The cassette of a run, for any number of lines side by side.

    The file at ``path`` is replaced when the first exchange is over; after that each is there
    whole as soon as it is over. ``secrets`` and what looks like one is not written.
    ``trouble`` says why no more could be written, "" if all was: a repair goes on without.
    """

    def __init__(  # noqa: PLR0913 - all by name
        self,
        path: Path,
        *,
        provider: str,
        model: str,
        dialect: str,
        places: Places,
        secrets: Sequence[str] = (),
    ) -> None:
        today = datetime.now(timezone.utc).date().isoformat()
        self._header = Header(provider=provider, model=model, dialect=dialect, date=today)
        self._places = places
        self._secrets = tuple(secrets)
        self._canon = Canon(places, secrets)
        self._tape = TapeWriter(path)

    @property
    def trouble(self) -> str:
        """Why the cassette is not complete; one sentence, "" if it is."""
        return self._tape.trouble

    @property
    def count(self) -> int:
        """How many exchanges are in the file."""
        return self._tape.count

    def wrap(self, line: Poster) -> Poster:
        """Return a line that passes everything on to ``line`` and writes down what was said."""
        return _RecordedLine(line, self)

    def close(self) -> None:
        """Let go of the file; what comes later is not written."""
        self._tape.close()

    def keep(self, admission: Admission, heard: Heard) -> None:
        """Write an exchange down; never raises."""
        if heard.size > _BODY_LIMIT:
            self._tape.give_up("an answer is too long for it")
            return
        try:
            taped = Taped(request=self._canon.read(admission), answer=self._make_answer(heard))
            self._tape.write(self._header, taped)
        except (ValueError, RecursionError) as error:
            _log.info("an exchange cannot be recorded: %s", type(error).__name__)
            self._tape.give_up("an exchange has a form that cannot be written down")

    def _make_answer(self, heard: Heard) -> Answer:
        headers = {name: self._clean(value) for name, value in _iter_headers(heard.headers)}
        body = pack_body(bytes(heard.body), headers.get("content-type", ""), clean=self._clean)
        return Answer(
            status=heard.status,
            headers=headers,
            body=body,
            end=heard.end,
            words=self._clean(heard.words),
        )

    def _clean(self, text: str) -> str:
        return self._places.hide(redact_secrets(text, self._secrets))


class Heard:
    """An exchange so far. Until its answer has a head, it counts as given up."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        self.body = bytearray()
        self.size = 0
        self.end = End.GIVEN_UP
        self.words = ""
        self._inner: Exchange | None = None

    def begin(self, exchange: Exchange) -> None:
        """Take the answer's head."""
        self._inner = exchange
        self.status = exchange.status
        self.headers = list(exchange.headers)

    def iter_stream(self) -> Iterator[bytes]:
        """Yield the answer as it comes."""
        assert self._inner is not None
        try:
            for chunk in self._inner.iter_stream():
                self._add(chunk)
                yield chunk
        except Exception as error:
            if words := _find_words(error):
                self.end, self.words = End.BROKEN, words
            raise
        self.end = End.WHOLE

    def fail(self, error: Exception) -> None:
        """Note why there is no answer."""
        if words := _find_words(error):
            self.end, self.words = End.UNREACHED, words

    def _add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size <= _BODY_LIMIT:
            self.body += chunk


class _RecordedLine:
    """A line that is listened to."""

    def __init__(self, line: Poster, recording: Recording) -> None:
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
        heard = Heard()
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


def _find_words(error: Exception) -> str:
    """Return what the provider's side did, "" for an error of our own side."""
    try:
        with translated_errors():
            raise error  # noqa: TRY301 - to have it translated
    except LineError as translated:
        return str(translated)
    except Exception:  # noqa: BLE001 - it is raised again by who asks
        return ""


def _iter_headers(headers: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    """Yield those headers of an answer that a cassette keeps, in a form it can be loaded from."""
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1").strip()[:_HEADER_LIMIT]
        if name in HEADERS:
            yield name, "".join(char for char in value if char.isascii() and char.isprintable())
