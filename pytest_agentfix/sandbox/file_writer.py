"""Brings a sandbox in which nothing untrusted runs up to date: files, and the history."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import ChangeSet
from pytest_agentfix.core.ports import Command, Sandbox
from pytest_agentfix.sandbox.guest_source import read_source
from pytest_agentfix.sandbox.in_sandbox import write_files

# As in ``repository``: the same commit from the same files.
_SNAPSHOT: Final = {
    "env": {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (
            ("NAME", "pytest-agentfix"),
            ("EMAIL", "agent-fix@localhost"),
            ("DATE", "2000-01-01T00:00:00+0000"),
        )
    },
    "branch": "main",
    "message": "The tree as the tests saw it\n",
    "attributes": "* -text -filter -ident -working-tree-encoding\n",
}


class History(enum.Enum):
    """The treatment of the one commit in a sandbox's ``.git``."""

    KEPT = "it stays as it is"
    ANEW = "it is made anew"  # takes as long as what has changed
    FORGOTTEN = "it is made anew, and nothing leads to what was there before"  # as long as all


def write_changes(  # noqa: PLR0913 - what to write, where, and with what
    sandbox: Sandbox,
    *,
    python: str,
    top: Path,
    changes: ChangeSet,
    env: Mapping[str, str],
    history: History = History.KEPT,
    emptied: Sequence[str] = (),
    made: Sequence[str] = (),
    timeout: float,
) -> bool:
    """Write and remove files of the tree at ``top``, as the sandbox's own user.

    Folders are made, and removed when they get empty, as git does. A new ``history`` takes a git in
    the sandbox (on ``env``'s ``PATH``): where there is none, ``.git`` stays as it is. Returns
    whether the commit was made anew. ``emptied`` are absolute folders to remove everything from
    before, ``made`` those to make then.

    Nothing untrusted may run in the sandbox: its program, its ``.git`` and its answer are taken
    for what they are. Raises ``SandboxError`` when anything went wrong, or after
    ``timeout`` seconds; what is in the sandbox is not known then.
    """
    done = sandbox.run(
        Command(
            argv=[python, "-I", "-S", "-c", read_source(write_files)],
            cwd=Path("/"),
            env=env,
            stdin=_order(top, changes, history=history, emptied=emptied, made=made),
        ),
        timeout=timeout,
    )
    answer = _read(done.stdout)
    if done.code or "has_snapshot" not in answer:
        words = answer.get("problem") or done.stderr.decode("utf-8", "replace").strip()[-300:]
        reason = "it took too long" if done.is_timed_out else words or f"status {done.code}"
        raise SandboxError(
            f"Files could not be written in a sandbox: {reason}.",
            "Look at the room on the disk of the engine, then run pytest again.",
        )
    return bool(answer["has_snapshot"])


def _order(
    top: Path,
    changes: ChangeSet,
    *,
    history: History,
    emptied: Sequence[str],
    made: Sequence[str],
) -> bytes:
    files, contents = [], []
    for path, change in changes.files.items():
        size = None if change.content is None else len(change.content)
        files.append([path, size, change.executable])
        contents.append(change.content or b"")
    head = {
        "top": str(top),
        "files": files,
        "snapshot": None if history is History.KEPT else _SNAPSHOT,
        "forgets": history is History.FORGOTTEN,
        "emptied": list(emptied),
        "made": list(made),
    }
    return json.dumps(head).encode("ascii") + b"\n" + b"".join(contents)


def _read(answer: bytes) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
