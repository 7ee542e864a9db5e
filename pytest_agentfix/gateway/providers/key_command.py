"""Runs the command of ``agent_fix_api_key_command``, such as a password manager's, for the key."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Final

from pytest_agentfix.core.errors import KeyMissingError

if TYPE_CHECKING:
    from pytest_agentfix.gateway.providers.upstream import Upstream

OPTION: Final = "agent_fix_api_key_command"
PATIENCE: Final = 60.0  # seconds
KEY_FORM: Final = re.compile(r"[\x21-\x7e]+")
_OUTPUT_LIMIT: Final = 65_536  # bytes kept of each stream
_REST: Final = 100  # reads after the end; a background process may go on writing
_WORDS_LIMIT: Final = 300  # characters of the command's own messages
_TICK: Final = 0.05  # seconds between two checks of a silent program
_NEXT_STEP: Final = (
    f"Run the command of {OPTION} in a shell: it has to print the key, and nothing else, on one"
    " line, without asking for anything."
)


def find_program(words: Sequence[str], *, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``words`` with the program's full path; raises ``KeyMissingError`` without one."""
    found = shutil.which(words[0], path=environ.get("PATH", os.defpath))
    if found is None:
        raise KeyMissingError(
            f"{OPTION} names a program that was not found or may not be run.",
            "Install it, or give its full path.",
        )
    return (os.path.abspath(found), *words[1:])  # noqa: PTH100 - keeps links


def unlock(upstream: Upstream, *, patience: float = PATIENCE) -> Upstream:
    """Return ``upstream`` with its key; the command, if one is set, runs only now.

    Raises ``KeyMissingError``, which never shows the command's output.
    """
    if not upstream.key_command:
        return upstream
    return replace(upstream, key=run_command(upstream.key_command, patience), key_command=())


def run_command(words: Sequence[str], patience: float) -> str:
    """Return the key that the command prints, within ``patience`` seconds."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a group of its own, and no terminal to ask on
        )
    except OSError as error:
        raise _complain(f"could not be started ({error.strerror})") from None
    try:
        output, words_said = _read(process, patience)
    except BaseException:
        _kill_group(process)
        raise
    finally:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return _judge(process.returncode, output, words_said)


def _read(process: subprocess.Popen[bytes], patience: float) -> tuple[bytes, bytes]:
    """Return both outputs once the command has ended; raises ``KeyMissingError`` after the limit.

    The end of the process counts, not of its streams: background processes hold them open.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    kept = {process.stdout: bytearray(), process.stderr: bytearray()}
    until = time.monotonic() + patience
    with selectors.DefaultSelector() as selector:
        for stream in kept:
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, stream)
        while process.poll() is None:
            if time.monotonic() >= until:
                raise _complain(f"did not end within {patience:g} seconds and was stopped")
            if not selector.get_map():
                time.sleep(_TICK)
            for entry, _ in selector.select(_TICK):
                if not _take(entry.data, kept[entry.data]):
                    selector.unregister(entry.data)
    for stream, data in kept.items():
        for _ in range(_REST):
            if not _take(stream, data):
                break
    return bytes(kept[process.stdout]), bytes(kept[process.stderr])


def _take(stream: IO[bytes], kept: bytearray) -> bool:
    """Read some available bytes and keep at most the limit; return false if there are none."""
    try:
        data = os.read(stream.fileno(), _OUTPUT_LIMIT)
    except BlockingIOError:
        return False
    kept += data[: _OUTPUT_LIMIT + 1 - len(kept)]
    return bool(data)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _judge(status: int, output: bytes, words: bytes) -> str:
    """Return the key in ``output``; raises ``KeyMissingError`` without a byte of ``output``."""
    if status != 0:
        raise _complain(f"ended with {_describe_status(status)}{_quote(words, output)}")
    if len(output) > _OUTPUT_LIMIT:
        raise _complain("printed far more than a key")
    lines = output.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        raise _complain(f"printed nothing{_quote(words, output)}")
    if len(lines) > 1:
        raise _complain("printed more than one line")
    if not KEY_FORM.fullmatch(lines[0]):
        raise _complain("printed something with blanks or other characters no key has")
    return lines[0]


def _describe_status(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"


def _quote(words: bytes, output: bytes) -> str:
    """Return the command's own message as one clean line, without anything it printed."""
    text = words.decode("utf-8", "replace")
    for secret in output.decode("utf-8", "replace").split():
        text = text.replace(secret, "***")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f": {line[:_WORDS_LIMIT].rstrip('.')}" if line else ""


def _complain(problem: str) -> KeyMissingError:
    return KeyMissingError(f"The command of {OPTION} {problem}.", _NEXT_STEP)
