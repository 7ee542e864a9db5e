"""Processes that hold a lock of git's until they are let go."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_EDITOR = '#!/bin/sh\necho open > {ready}\ncat {go} > /dev/null\necho message > "$1"\n'
_OPENER = "import sys; stream = open(sys.argv[1], 'x'); print('open', flush=True); input()"


@contextmanager
def committing(top: Path) -> Iterator[int]:
    """Have a ``git commit -a`` wait for its editor; yields its process id."""
    ready, go, editor = (top.parent / name for name in ("ready", "go", "editor"))
    os.mkfifo(ready)
    os.mkfifo(go)
    editor.write_text(_EDITOR.format(ready=ready, go=go))
    editor.chmod(0o755)
    environ = {"GIT_EDITOR": str(editor)}
    with _process(["git", "commit", "-q", "-a"], top, environ) as process:
        ready.read_text()
        try:
            yield process.pid
        finally:
            go.write_text("go")


@contextmanager
def opening(lock: Path) -> Iterator[int]:
    """Have a program that is no git hold ``lock`` open; yields its process id."""
    with _process([sys.executable, "-c", _OPENER, str(lock)], lock.parent, {}) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


@contextmanager
def _process(
    command: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.communicate(b"\n")
