"""The presumed cause of a failure, as a value that is equal for failures of one cause. Pure.

Texts of exceptions are whatever a test process made of them: they are cut before they are looked
at, and looked at in linear time.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pytest_agentfix.core.model import Failure, Frame

_LONGEST_MESSAGE = 200  # characters that are looked at
_MOST_WORDS = 20
# A quoted text, to the message's end where the quote does not end; no apostrophe. There can be
# one quote at most that is not ended, so nothing is looked at twice.
_QUOTED = re.compile(r"""(?<!\w)[bBrRuU]?(?:'[^']*(?:'|\Z)|"[^"]*(?:"|\Z))""")
_SEPARATORS = str.maketrans(dict.fromkeys("()[]{}<>,;=:`|\"'", " "))
_VALUE = "#"
# pytest makes fixtures of set-up functions and unittest's, under names that nobody wrote.
_NAMELESS = ("_xunit_", "_unittest_")


class CauseKind(enum.Enum):
    """The trait that failures of one cause share; the first that fits counts."""

    FIXTURE = "fixture"
    MISSING = "missing"
    RAISED = "raised"


class Cause(NamedTuple):
    """A presumed cause. Failures with equal ones are taken to be one thing to repair.

    ``name`` is the fixture, or what is missing. ``path`` and ``line`` are where it was raised (""
    and 0 where that does not count), ``message`` the normalised one.
    """

    kind: CauseKind
    name: str
    exception: str
    path: str
    line: int
    message: str


def find_cause(failure: Failure, is_test: Callable[[Path], bool]) -> Cause | None:
    """Find what failures of other tests can have in common with this one.

    ``None``: nothing. Where a test or its helper raised (an assertion, say) tells what was seen,
    not why; the exception is a name that is missing, which is so whoever asks for it.
    """
    frame = _find_frame(failure)
    path, line = (str(frame.path), frame.line) if frame else ("", 0)
    if failure.fixture:
        message = normalise(failure.message)
        return Cause(CauseKind.FIXTURE, failure.fixture, failure.exception, path, line, message)
    if failure.missing:
        # A bare name has to be put right in the file that uses it, any other where it belongs.
        place = path if failure.exception == "NameError" else ""
        return Cause(CauseKind.MISSING, failure.missing, failure.exception, place, 0, "")
    if frame is None or is_test(frame.path):
        return None
    message = normalise(failure.message)
    return Cause(CauseKind.RAISED, "", failure.exception, path, line, message)


def describe(cause: Cause, failure: Failure) -> str:
    """Say in a line what tests were put together for; ``failure`` is one that has the cause."""
    place = f"{_shorten(cause.path, failure)}:{cause.line}"
    exception = f" ({cause.exception})" if cause.exception else ""
    if cause.kind is CauseKind.RAISED or (cause.name.startswith(_NAMELESS) and cause.path):
        return f"raised at {place}{exception}"
    if cause.kind is CauseKind.FIXTURE:
        return f"same fixture '{cause.name}'{exception}"
    if cause.exception == "ModuleNotFoundError":
        return f"no module named '{cause.name}'"
    where = f" in {_shorten(cause.path, failure)}" if cause.path else ""
    return f"no name '{cause.name}'{where}{exception}"


def normalise(message: str) -> str:
    """Take the values out of a message: quoted texts, paths, whatever has a digit in it.

    What is left are words with one space between them, and ``#`` for values that stood together.
    It is for comparing only.
    """
    text = _QUOTED.sub(f" {_VALUE} ", message[:_LONGEST_MESSAGE])
    words: list[str] = []
    for word in text.translate(_SEPARATORS).split():
        plain = _VALUE if _is_value(word) else word
        if plain != _VALUE or words[-1:] != [_VALUE]:
            words.append(plain)
    return " ".join(words[:_MOST_WORDS])


def _is_value(word: str) -> bool:
    if word.isalpha():
        return False
    return "/" in word or "\\" in word or any(map(str.isdigit, word))


def _find_frame(failure: Failure) -> Frame | None:
    """Find the frame that raised.

    Where endless recursion ends is chance: there it is the first, by place, of those that came up
    again and again.
    """
    frames = failure.frames
    if failure.exception == "RecursionError":
        again = [frame for frame, number in Counter(frames).items() if number > 1]
        if again:
            return min(again, key=lambda frame: (str(frame.path), frame.line))
    return frames[-1] if frames else None


def _shorten(path: str, failure: Failure) -> str:
    """Make a path relative to pytest's rootdir, which a test's path and node id tell together."""
    file, ending = str(failure.path or ""), failure.nodeid.partition("::")[0]
    rootdir = file.removesuffix(ending) if file.endswith(f"/{ending}") else ""
    if rootdir and path.startswith(rootdir):
        return path[len(rootdir) :]
    return path.rpartition("/")[2]
