"""The messages between pytest and the repair process: lines of JSON, each with a version.

Both ends are this package at one version, and the socket is an unnamed pair of theirs. Texts in
the messages may be an agent's or a model's all the same: they are data, and never become anything
but the fields of the classes below.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from pytest_agentfix.core.model import (
    Cluster,
    ClusterResult,
    Failure,
    Fix,
    Invocation,
    RunRequest,
    RunResult,
)
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.runtime.codec import TYPE, CodecError, dump, load

VERSION: Final = 1


class MessageError(Exception):
    """A line is no message of this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An exception on its way: its class's name, its text, and what to do next ("" for none)."""

    kind: str
    problem: str
    next_step: str = ""


# From pytest to the repair process


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first message: check everything that a repair will need.

    ``paths`` are pytest's own for imports. ``environments`` are the names of other plugins' kinds,
    ``probes`` those of their probes, each with whether it refuses. ``log_level`` is the lowest that
    anybody wants to see.
    """

    paths: tuple[str, ...]
    log_level: int
    settings: Settings
    invocation: Invocation
    environments: tuple[str, ...] = ()
    probes: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """The first message instead of ``Start``: clear up after processes that were killed."""

    paths: tuple[str, ...]
    log_level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """Make ready what a repair of these failures will take, while the suite goes on.

    Without any, what every repair takes. ``imported`` are absolute paths of files that the run has
    imported so far.
    """

    failures: tuple[Failure, ...]
    imported: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Begin the repair. From here on a key is told to whoever asks for the model.

    ``environ`` are the variables that were withheld until now, ``hooks`` the names of the hooks
    that some plugin implements.
    """

    request: RunRequest
    environ: Mapping[str, str]
    hooks: frozenset[str]
    log_level: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End the repair if it has begun, and tell what it has reached; ``Done`` comes in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to the question of that number, or why there is none."""

    number: int
    value: Any = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """A question back, while a question is open: what the base has at ``path``."""

    number: int
    path: str


# From the repair process to pytest


@dataclass(frozen=True, slots=True)
class Ready:
    """All was checked: the tests may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The run cannot start."""

    trouble: Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A cluster that ``Says`` will name by its slug."""

    cluster: Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """A live line: what a cluster is doing now."""

    slug: str
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of one cluster."""

    result: ClusterResult


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """Something that was logged, with its traceback; ``name`` is the logger's."""

    name: str
    level: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """Content and executable bit of a file of the base; ``None`` where there is none."""

    found: tuple[bytes, bool] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The end of the repair; with a ``trouble`` it ended before its time.

    It has all results once more, those of which ``Ended`` told as well: an interrupted reader may
    have lost any message before.
    """

    result: RunResult
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """The last message: nothing is left of all that was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseModel:
    """A question for an ``Upstream``; its key is "" until the repair has begun."""

    settings: Settings
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskEnvironment:
    """A question for another plugin's kind of environment: call its method ``step``.

    ``top`` is the repository's.
    """

    name: str
    step: str
    settings: Settings | None = None
    top: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskClusters:
    """A question for ``ports.Extensions.cluster``."""

    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskNotes:
    """A question for ``ports.Extensions.prompt_notes``."""

    cluster: Cluster
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPath:
    """A question for ``ports.Extensions.is_open``."""

    path: str
    cluster: Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class AskMessage:
    """A question for ``ports.Extensions.commit_message``."""

    fix: Fix
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskProbe:
    """A question for another plugin's probe: ``plan``, or ``verdict`` where there are results.

    ``subject`` and ``results`` are those of ``judge.probe.Probe``, dumped.
    """

    name: str
    subject: Any
    results: Any = None


About = ChooseModel | AskEnvironment | AskClusters | AskNotes | AskPath | AskMessage | AskProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that only pytest's process can tell. Answered while it waits for the repair."""

    number: int
    about: About


Order = Start | CleanUp | Prepare | Repair | Stop | Answer | ReadFile
Report = Ready | Refused | Begun | Says | Ended | LogLine | Question | FileContent | Done | Cleared
Message = Order | Report

_KINDS: Final[Mapping[str, type[Message]]] = {kind.__name__: kind for kind in get_args(Message)}


def encode(message: Message) -> bytes:
    """Return ``message`` as one line; raises ``CodecError`` for a value that does not travel."""
    return json.dumps({"version": VERSION, **dump(message)}).encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    """Return the message in ``line``; raises ``MessageError``."""
    try:
        value = json.loads(line)
        version, kind = value.pop("version"), _KINDS[value[TYPE]]
        if version != VERSION:
            raise MessageError(f"version {version!r} instead of {VERSION}")
        message: Message = load(kind, value)
    except (ValueError, TypeError, LookupError, AttributeError, CodecError) as error:
        raise MessageError(f"this is no message: {error!r}") from None
    return message
