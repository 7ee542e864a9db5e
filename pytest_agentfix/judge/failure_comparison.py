"""Compare a failure in a sandbox with the user's, to see if it is the same one (pure).

Types and the innermost frames of the project's own have to agree; messages may differ, as values
do. What is not known of either failure counts as the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pytest_agentfix.core.model import (
    Cluster,
    Failure,
    Frame,
    ItemKind,
    TestOutcome,
    Want,
    WantKind,
)
from pytest_agentfix.core.text import clean_line

Advise = Callable[[Want], str]

# Raised wherever the test happens to be by then.
_WITHOUT_PLACE: Final = frozenset({"RecursionError", "MemoryError", "KeyboardInterrupt"})
_TIMEOUT: Final = re.compile(r"Timeout \(?>")  # as pytest-timeout begins its message
_PATHS: Final = frozenset({WantKind.FILE, WantKind.PERMISSION, WantKind.PROGRAM})
_NAMED: Final = frozenset({"FileNotFoundError", "PermissionError"})
# An error that tells of a want by one of these words.
_SIGNS: Final = {
    WantKind.FILE: ("No such file", "FileNotFoundError"),
    WantKind.PROGRAM: ("No such file", "FileNotFoundError"),
    WantKind.PERMISSION: ("PermissionError", "Permission denied"),
    WantKind.VARIABLE: ("KeyError",),
    WantKind.HISTORY: ("git",),
}
_TOLD: Final = 5  # targets told to an agent
_NOTE: Final = (
    "These do not fail in the sandbox as they did on the user's machine. Correct the cause of the "
    "user's failure, too, if it is another one:"
)
_LIMIT: Final = 300  # characters told of one failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A target that fails otherwise in the sandbox: both failures, each in a few words.

    ``places`` are types and places alone, for an agent that may not be shown the target's values.
    ``is_lacking``: the sandbox lacks something that the user's machine has, and ``advice`` says
    what would help, "" if nobody knows.
    """

    nodeid: str
    on_host: str
    in_sandbox: str
    places: tuple[str, str]
    is_lacking: bool = False
    advice: str = ""

    @property
    def function(self) -> str:
        """The node id without the parametrisation."""
        path, colons, name = self.nodeid.partition("::")
        return path + colons + name.partition("[")[0]

    @property
    def summary(self) -> str:
        """Both failures in a line for the user."""
        advice = f"; {self.advice}" if self.advice else ""
        if not self.on_host:
            return f"{self.in_sandbox}{advice}"
        return f"on your machine {self.on_host}, in the sandbox {self.in_sandbox}{advice}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureComparison:
    """Compares failures; ``home`` is the user's folder in a sandbox, ``top`` the repository's."""

    top: Path
    home: str
    advise: Advise

    def find_differences(
        self, cluster: Cluster, red: Sequence[TestOutcome]
    ) -> tuple[Difference, ...]:
        """Return the targets that fail otherwise in ``red`` than they did for the user."""
        return tuple(self._find_differences(cluster, red))

    def _find_differences(
        self, cluster: Cluster, red: Sequence[TestOutcome]
    ) -> Iterator[Difference]:
        for outcome in red:
            failures = [one for one in cluster.failures if one.nodeid == outcome.nodeid]
            if failures and not any(is_same(one, outcome) for one in failures):
                is_lacking = not any(shows_want(one, outcome.want) for one in failures)
                yield self.describe(failures[0], outcome, is_lacking=is_lacking)

    def describe(self, failure: Failure, outcome: TestOutcome, *, is_lacking: bool) -> Difference:
        """Describe a failure in the sandbox beside the user's."""
        want = outcome.want if is_lacking else None
        if want is not None and want.kind in _PATHS and outcome.exception in _NAMED:
            in_sandbox = f"{outcome.exception}: {want.name}"
        else:
            in_sandbox = _join(outcome.exception, outcome.message)
            if want is not None and want.name not in in_sandbox:
                in_sandbox += f" ({want.kind.value} {want.name})"
        frame = failure.frames[-1] if failure.frames else None
        places = (
            self._place(failure.exception, frame),
            self._place(outcome.exception, outcome.frame),
        )
        if not is_lacking:
            in_sandbox = _join(places[1], outcome.message)
        on_host = places[0] if frame else _join(failure.exception, failure.message)
        return Difference(
            nodeid=outcome.nodeid,
            on_host=clean_line(on_host, limit=_LIMIT) if failure.exception else "",
            in_sandbox=clean_line(self._shorten(in_sandbox), limit=_LIMIT),
            places=places,
            is_lacking=is_lacking,
            advice="" if want is None else self.advise(want),
        )

    def _place(self, exception: str, frame: Frame | None) -> str:
        """Return a type's name with the place it was raised at."""
        if frame is None:
            return clean_line(exception, limit=_LIMIT)
        path = frame.path
        shown = path.relative_to(self.top) if path.is_relative_to(self.top) else path
        return clean_line(f"{exception} at {shown}:{frame.line}", limit=_LIMIT)

    def _shorten(self, text: str) -> str:
        """Return ``text`` with the paths of the sandbox as the user knows them."""
        return text.replace(f"{self.home}/", "~/").replace(f"{self.top}/", "")


def describe_differences(differences: Sequence[Difference]) -> str:
    """Describe in what other way targets fail in the sandbox, to go behind their count."""
    if not differences:
        return ""
    first, more = differences[0], len(differences) - 1
    others = f" (and {more} more)" if more else ""
    return f"; not as they did for the user: {first.summary}{others}"


def note_differences(differences: Sequence[Difference]) -> str:
    """Tell an agent about them, "" if there are none."""
    if not differences:
        return ""
    functions = {(one.function, one.places): None for one in differences}
    lines = [
        f"- {clean_line(function, limit=_LIMIT)}: {host} on the user's machine, "
        f"{sandbox} in the sandbox"
        for function, (host, sandbox) in list(functions)[:_TOLD]
    ]
    return "\n".join([_NOTE, *lines])


def is_same(failure: Failure, outcome: TestOutcome) -> bool:
    """Return whether a failure in a sandbox is the user's, as far as both are known."""
    wanted = failure.exception.rpartition(".")[2]
    if not wanted or not outcome.exception or failure.kind is ItemKind.DOCTEST:
        return True
    timeouts = [
        _is_timeout(wanted, failure.message),
        _is_timeout(outcome.exception, outcome.message),
    ]
    if wanted != outcome.exception or len(set(timeouts)) > 1:
        return False
    if all(timeouts) or wanted in _WITHOUT_PLACE or not failure.frames or outcome.frame is None:
        return True
    return failure.frames[-1] == outcome.frame


def shows_want(failure: Failure, want: Want | None) -> bool:
    """Return whether the user's failure tells of the same want, or there is none at all."""
    if want is None:
        return True
    name = PurePosixPath(want.name).name if want.kind in _PATHS else want.name
    if want.kind is WantKind.HISTORY:
        name = "git"
    errors = [line for line in failure.traceback.split("\n") if line.startswith("E ")]
    errors.append(_join(failure.exception, failure.message))
    signs = _SIGNS.get(want.kind, ("",))
    return any(name in error and any(sign in error for sign in signs) for error in errors)


def _is_timeout(exception: str, message: str) -> bool:
    return exception == "Failed" and _TIMEOUT.match(message) is not None


def has_timed_out(outcome: TestOutcome) -> bool:
    """Return whether a test was ended by a time limit of its own."""
    return _is_timeout(outcome.exception, outcome.message)


def _join(exception: str, message: str) -> str:
    return ": ".join(filter(None, (exception, message)))
