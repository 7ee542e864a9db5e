"""Failures -> the source that tells most about them, first things first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import Failure, Frame
from pytest_agentfix.repair.prompts.callees import cut_with_constants, find_callees
from pytest_agentfix.repair.prompts.excerpts import Excerpt, Sources

_MANY: Final = 6  # functions of which the source is looked for
_FRAMES: Final = 8  # of one failure


def find_excerpts(failures: Sequence[Failure], sources: Sources) -> Iterator[Excerpt]:
    """For each failing function: the test, then what raised and its callers.

    Where no product code raised, what the test calls. One failure of each function is looked at:
    the others are its further cases.
    """
    by_function: dict[str, Failure] = {}
    for failure in failures:
        by_function.setdefault(failure.function, failure)
    for failure in list(by_function.values())[:_MANY]:
        yield from _find_of_failure(failure, sources)


def _find_of_failure(failure: Failure, sources: Sources) -> Iterator[Excerpt]:
    frames = _choose_frames(failure)
    test = sources.open_absolute(failure.path)
    span = None if test is None else test.find_around(failure.line)
    if test is not None and (span is not None or not frames):
        inside = [
            frame.line
            for frame in frames
            if span and frame.path == failure.path and span.first <= frame.line <= span.last
        ]
        yield test.cut(span, inside[0] if inside else failure.line)
    for frame in frames:
        is_of_tests = frame.path == failure.path or frame.path.name == "conftest.py"
        yield from _find_of_frame(frame, sources, is_of_tests=is_of_tests)
    # An assertion in a helper or a fixture says as little of the product as one in the test.
    is_told = frames and frames[0].path != failure.path and failure.exception != "AssertionError"
    if test is not None and span is not None and not is_told:
        yield from find_callees(sources, test, span)


def _find_of_frame(frame: Frame, sources: Sources, *, is_of_tests: bool) -> Iterator[Excerpt]:
    file = sources.open_absolute(frame.path)
    if file is None:
        return
    span = file.find_around(frame.line, frame.function)
    if span is None:
        yield file.cut(None, frame.line)
    elif is_of_tests:  # tables and decorators of tests may have cases in them that are held out
        yield file.cut(span.without_decorators, frame.line)
    else:
        yield from cut_with_constants(file, span, frame.line)


def _choose_frames(failure: Failure) -> list[Frame]:
    """The frames from the raising one outwards, each function once however deep it went."""
    by_place: dict[tuple[Path, str], Frame] = {}
    for frame in reversed(failure.frames):
        by_place.setdefault((frame.path, frame.function), frame)
    return list(by_place.values())[:_FRAMES]
