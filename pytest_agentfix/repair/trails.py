"""A failing test -> the functions of the code under test that it leads into. Pure.

A guess from the test's text and its traceback: it decides what is begun when, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from pytest_agentfix.core.model import Failure, Frame
from pytest_agentfix.repair.prompts.callees import Place, find_used, find_used_by_test
from pytest_agentfix.repair.prompts.excerpts import SourceFile, Sources, Span

_MOST: Final = 40  # functions of one test
_FRAMES: Final = 20  # of one failure, from the innermost outwards


class Function(NamedTuple):
    """A function of the base: its file, relative to the top, and its name, classes first."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Trail:
    """The functions that a failing test leads into.

    ``suspects`` may have the mistake in them: the one that raised, or else those that the test
    calls. ``reached`` are all that are known, the suspects among them.
    """

    suspects: frozenset[Function] = frozenset()
    reached: frozenset[Function] = frozenset()

    def __or__(self, other: Trail) -> Trail:
        return Trail(self.suspects | other.suspects, self.reached | other.reached)


@dataclass(frozen=True, slots=True)
class TrailFinder:
    """Finds the trails of failing tests.

    ``sources`` are those below ``top``; ``is_test`` tells of an absolute path whether it is a test
    file of the tree.
    """

    sources: Sources
    top: Path
    is_test: Callable[[Path], bool]
    _known: dict[str, Trail] = field(default_factory=dict)  # by test function
    _tests: dict[Path, bool] = field(default_factory=dict)

    def find(self, failure: Failure) -> Trail:
        """Find the trail of ``failure``, the same one for all cases of its test function."""
        if failure.function not in self._known:
            self._known[failure.function] = self._find(failure)
        return self._known[failure.function]

    def name(self, frames: Iterable[Frame]) -> frozenset[Function]:
        """Name the functions of the code under test among those that ``frames`` are in."""
        inside = (frame for frame in frames if frame.function != "<module>")
        ours = (frame for frame in inside if not self._is_of_tests(frame.path))
        return frozenset(one for frame in ours if (one := self._find_function(frame)) is not None)

    def _find(self, failure: Failure) -> Trail:
        called = frozenset(islice(self._list_called(failure), _MOST))
        frames = [frame for frame in failure.frames[-_FRAMES:] if not self._is_of_tests(frame.path)]
        raised = [one for frame in frames if (one := self._find_function(frame)) is not None]
        return Trail(frozenset(raised[-1:]) or called, called | frozenset(raised))

    def _list_called(self, failure: Failure) -> Iterator[Function]:
        """List what the test's own text calls; of helpers in test files, what these call."""
        test, span = self._open_test(failure)
        if test is None or span is None:
            return
        place = self.top / test.path
        if failure.path != place or not self._is_of_tests(place):
            yield Function(test.path, span.name)  # what several classes inherit, or a doctest's own
        for file, one in find_used_by_test(self.sources, test, span):
            if not self._is_of_tests(self.top / file.path):
                yield Function(file.path, one.name)
                continue
            for other, used in find_used(self.sources, [(file, one)], is_by_method=True):
                if not self._is_of_tests(self.top / other.path):
                    yield Function(other.path, used.name)

    def _open_test(self, failure: Failure) -> Place | tuple[SourceFile | None, Span | None]:
        """Open the file that holds the test's text: a base class may be in another one."""
        name = failure.function.rpartition("::")[2]
        frame = next((one for one in failure.frames if one.function == name), None)
        path, line = (frame.path, frame.line) if frame else (failure.path, failure.line)
        test = self.sources.open_absolute(path)
        return test, None if test is None else test.find_around(line, name)

    def _find_function(self, frame: Frame) -> Function | None:
        file = self.sources.open_absolute(frame.path)
        span = None if file is None else file.find_around(frame.line, frame.function)
        return None if file is None or span is None else Function(file.path, span.name)

    def _is_of_tests(self, path: Path) -> bool:
        if path not in self._tests:
            self._tests[path] = path.name == "conftest.py" or self.is_test(path)
        return self._tests[path]
