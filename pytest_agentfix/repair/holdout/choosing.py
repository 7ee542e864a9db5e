"""Chooses the cases to withhold, and removes them from what the agent can read."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import Cluster, Failure, HoldOut, ReadBase
from pytest_agentfix.repair.holdout.case_ids import KnownIds
from pytest_agentfix.repair.holdout.removal import (
    MANY_PLACES,
    Cut,
    says_something,
    spell_out,
    take_out,
)
from pytest_agentfix.repair.holdout.source import CannotTakeOutError

_ONE_CASE: Final = "no test has more than one failing case"
_EDITABLE: Final = "tests may be edited, so they stand in the workspace"
_NO_FILE: Final = "its file is not one of the repository's"
_NO_CASE: Final = "it is not parametrised"
_TOO_DEEP: Final = "its file is nested too deeply"
_MARGIN: Final = re.compile(r"\A[>E](?=\s|\Z)")  # what pytest writes in front of source


def choose_hold_out(
    cluster: Cluster,
    *,
    top: Path,
    read_base: ReadBase,
    can_edit_tests: bool,
    passed: Collection[str] = (),
) -> HoldOut:
    """Withhold half of each function's failing cases, rounded down, so that one is always shown.

    Which ones depends on the node ids alone. ``passed`` are node ids of the run that passed: the
    more are known, the more often cases can be taken out of their file.
    """
    by_function: dict[str, list[str]] = {}
    for nodeid in cluster.targets:
        by_function.setdefault(_split(nodeid)[0], []).append(nodeid)
    chosen = {nodeid for nodeids in by_function.values() for nodeid in _choose(nodeids)}
    withheld = tuple(nodeid for nodeid in cluster.targets if nodeid in chosen)
    if not withheld:
        return HoldOut(reason=_ONE_CASE)
    maker = _Maker(cluster, top, read_base, can_edit_tests, frozenset(passed))
    return maker.make(withheld)


def redact(text: str, hold_out: HoldOut) -> str:
    """``text``, a traceback or source, without the lines that spell withheld cases."""
    if not hold_out.withheld:
        return text
    names = frozenset(name for nodeid in hold_out.withheld for name in _find_spellings(nodeid))
    kept = [
        line
        for line in text.splitlines(keepends=True)
        if not _is_hidden(line, hold_out.hidden_lines) and not any(name in line for name in names)
    ]
    return "".join(kept)


def _choose(nodeids: list[str]) -> list[str]:
    """Half of ``nodeids``, and not simply the last ones."""
    return sorted(nodeids, key=_digest)[: len(nodeids) // 2]


def _digest(nodeid: str) -> str:
    return hashlib.sha256(nodeid.encode(errors="surrogatepass")).hexdigest()


def _split(nodeid: str) -> tuple[str, str | None]:
    """The function's node id and the case's id, ``None`` where it has none."""
    path, colons, rest = nodeid.partition("::")
    names, bracket, case = rest.partition("[")
    return f"{path}{colons}{names}", case[:-1] if bracket and case.endswith("]") else None


def _find_spellings(nodeid: str) -> Iterable[str]:
    """Find texts that give a case away: its id, after the test's name where the id is too short."""
    function, case = _split(nodeid)
    if case is not None:
        name = function.rpartition("::")[2]
        yield f"[{case}]" if says_something(case) else f"{name}[{case}]"


def _is_hidden(line: str, hidden: frozenset[str]) -> bool:
    bare = line.strip()
    return bare in hidden or _MARGIN.sub("", bare).strip() in hidden


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the hold-out of one cluster for any choice of cases."""

    cluster: Cluster
    top: Path
    read_base: ReadBase
    can_edit_tests: bool
    passed: frozenset[str]

    def make(self, withheld: tuple[str, ...]) -> HoldOut:
        files: dict[str, bytes] = {}
        reasons: list[str] = []
        hidden: set[str] = set()
        for function, failures in self._group(withheld).items():
            with _noting(reasons):
                path, base = self._read(failures[0])
                cut = self._plan(function, failures, frozenset(withheld))
                hidden |= spell_out(base, cut)
                if not self.can_edit_tests:
                    files[path] = take_out(files.get(path, base), cut)
        if self.can_edit_tests:
            reasons = [_EDITABLE]
        return HoldOut(
            withheld=withheld,
            files=files,
            reason="; ".join(dict.fromkeys(reasons)) if withheld else "",
            hidden_lines=frozenset(hidden),
            make_again=self.make,
        )

    def _group(self, withheld: tuple[str, ...]) -> Mapping[str, list[Failure]]:
        """All failures of the functions that have a withheld case."""
        functions = {_split(nodeid)[0] for nodeid in withheld}
        groups: dict[str, list[Failure]] = {}
        for failure in self.cluster.failures:
            function = _split(failure.nodeid)[0]
            if function in functions:
                groups.setdefault(function, []).append(failure)
        return groups

    def _read(self, failure: Failure) -> tuple[str, bytes]:
        if failure.path is None or not failure.path.is_relative_to(self.top):
            raise CannotTakeOutError(_NO_FILE)
        path = failure.path.relative_to(self.top).as_posix()
        found = self.read_base(path)
        if found is None:
            raise CannotTakeOutError(_NO_FILE)
        return path, found[0]

    def _plan(self, function: str, failures: list[Failure], withheld: frozenset[str]) -> Cut:
        failed = {_find_index(failure): _find_case_id(failure) for failure in failures}
        gone = {_find_index(failure) for failure in failures if failure.nodeid in withheld}
        others = map(_split, self.passed)
        passed = {case for head, case in others if head == function and case is not None}
        return Cut(
            names=tuple(function.split("::")[1:]),
            arguments=frozenset(failures[0].case),
            known=KnownIds(failed=failed, passed=passed),
            withheld=frozenset(gone),
        )


@contextlib.contextmanager
def _noting(reasons: list[str]) -> Iterator[None]:
    try:
        yield
    except CannotTakeOutError as error:
        reasons.append(str(error))
    except RecursionError:
        reasons.append(_TOO_DEEP)


def _find_index(failure: Failure) -> int:
    """The place of the case in its list, which all its arguments have to agree on."""
    indices = {*failure.case.values()}
    if len(indices) != 1:
        raise CannotTakeOutError(MANY_PLACES if indices else _NO_CASE)
    return indices.pop()


def _find_case_id(failure: Failure) -> str:
    case = _split(failure.nodeid)[1]
    if case is None:
        raise CannotTakeOutError(_NO_CASE)
    return case
