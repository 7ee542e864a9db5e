"""Writes a cassette file that can be replayed as far as it got, whatever happens."""

from __future__ import annotations

import errno
import json
import logging
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pytest_agentfix.gateway.cassettes.reader import (
    EXCHANGES_LIMIT,
    SIZE_LIMIT,
    TURNS_LIMIT,
    VALUES_LIMIT,
    VERSION,
    Header,
    StoredExchange,
    count_values,
)

_log = logging.getLogger(__name__)


class CassetteWriter:
    """Writes the file of a run exchange by exchange, from any number of threads."""

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))  # a symbolic link stays one
        self._name = str(path)
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._shortener = Shortener()
        self._is_over = False
        self._size = 0
        self._values = 0
        self._turns = 0
        self.trouble = ""
        self.count = 0

    def write(self, header: Header, stored: StoredExchange) -> None:
        """Append an exchange, unless writing has failed before."""
        with self._lock:
            if self._is_over:
                return
            line = self._shortener.dump(stored)
            if self._is_full(stored, line):
                self._give_up("it would be too large to be replayed")
                return
            try:
                self._append(header, line)
                self._check_place()
            except OSError as error:
                self._give_up(error.strerror or "it cannot be written")

    def give_up(self, why: str) -> None:
        """Stop writing, and record the reason."""
        with self._lock:
            self._give_up(why)

    def close(self) -> None:
        """Stop writing, because the run is over."""
        with self._lock:
            try:
                self._check_place()
            except OSError as error:
                self._give_up(error.strerror or "it cannot be read")
            self._is_over = True
            self._release()

    def _is_full(self, stored: StoredExchange, line: bytes) -> bool:
        self._size += len(line)
        self._values += count_values(line)
        self._turns += len(stored.request.turns)
        is_long = self._turns > TURNS_LIMIT or self.count >= EXCHANGES_LIMIT
        is_large = self._size > SIZE_LIMIT - 10_000  # the header comes on top
        return is_long or is_large or self._values > VALUES_LIMIT - 1000

    def _append(self, header: Header, line: bytes) -> None:
        if self._file is None:
            self._file = self._replace_file(dump_header(header) + line)
        else:
            # Unbuffered and in one call: only the last line can be incomplete.
            _write_all(self._file, line)
        self.count += 1

    def _check_place(self) -> None:
        """Raise ``OSError`` if the user would not find the written file at its path."""
        if self._file is None:
            return
        own = os.fstat(self._file.fileno())
        try:
            is_there = os.path.samestat(own, self._path.lstat())
        except OSError:
            is_there = False
        if not is_there:
            raise OSError(errno.ESTALE, "the file was removed or replaced meanwhile")

    def _replace_file(self, content: bytes) -> IO[bytes]:
        """Replace the old file by one that begins with ``content``, and keep it open."""
        if self._path.exists() and not self._path.is_file():  # never replace a device
            raise OSError(errno.EINVAL, "it is no regular file")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(
            prefix=f".{self._path.name}.", suffix=".tmp", dir=self._path.parent
        )
        file = os.fdopen(descriptor, "wb", buffering=0)
        try:
            _write_all(file, content)
            Path(name).replace(self._path)
        except OSError:
            file.close()
            with suppress(OSError):
                Path(name).unlink()
            raise
        return file

    def _give_up(self, why: str) -> None:
        if not self._is_over:
            self._is_over = True
            self.trouble = f"The cassette {self._name!r} is not complete: {why}."
            _log.info("%s", self.trouble)
        self._release()

    def _release(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def _write_all(file: IO[bytes], content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


class Shortener:
    """Serialises exchanges without the turns that an earlier one of the file already has."""

    def __init__(self) -> None:
        self._count = 0
        self._seen: dict[bytes, tuple[int, int]] = {}

    def dump(self, stored: StoredExchange) -> bytes:
        """Return the line for an exchange."""
        request, answer = stored.request, stored.answer
        base, keep = self._find_base(request.marks)
        shared = {} if base is None else {"base": base, "keep": keep}
        own = {} if shared else {"model": request.model, "tools": list(request.tools)}
        self._remember(request.marks)
        return dump_line(
            {
                **shared,
                **own,
                "turns": [turn.value for turn in request.turns[keep:]],
                "status": answer.status,
                "headers": dict(answer.headers),
                "body": answer.body,
                "end": answer.end.value,
                **({"words": answer.words} if answer.words else {}),
            }
        )

    def _find_base(self, marks: Sequence[bytes]) -> tuple[int | None, int]:
        """Return the exchange with the longest shared beginning, and its number of shared turns."""
        for keep in range(len(marks) - 1, -1, -1):
            if found := self._seen.get(marks[keep]):
                return found
        return None, 0

    def _remember(self, marks: Sequence[bytes]) -> None:
        for keep, mark in enumerate(marks):
            self._seen.setdefault(mark, (self._count, keep))
        self._count += 1


def dump_line(value: Mapping[str, Any]) -> bytes:
    """Return ``value`` as one line of a cassette."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def dump_header(header: Header) -> bytes:
    """Return the first line of a cassette."""
    return dump_line(
        {
            "cassette": VERSION,
            "provider": header.provider,
            "model": header.model,
            "dialect": header.protocol,
            "date": header.date,
        }
    )
