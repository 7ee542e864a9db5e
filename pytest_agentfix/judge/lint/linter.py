"""Run all rules over a change set and keep the constructs that are new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar

from pytest_agentfix.core.model import ChangeSet, ReadBase, read_content
from pytest_agentfix.judge.lint.always_equal import find_always_equal
from pytest_agentfix.judge.lint.comparators import find_changed_comparers
from pytest_agentfix.judge.lint.disguises import find_disguises, find_hidden_inputs
from pytest_agentfix.judge.lint.dotted_names import find_names
from pytest_agentfix.judge.lint.exits import find_exits, find_outcomes, is_expected
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.file_diff import FileDiff
from pytest_agentfix.judge.lint.hits import Level, LintHit, RawHit
from pytest_agentfix.judge.lint.introspection import find_introspection
from pytest_agentfix.judge.lint.joint_conditions import Compared, find_joint, list_compared
from pytest_agentfix.judge.lint.lookup_tables import find_tables
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.lint.quality import find_swallowed, find_unicode
from pytest_agentfix.judge.lint.replaced_expressions import find_replaced
from pytest_agentfix.judge.lint.rules import RULES
from pytest_agentfix.judge.lint.special_cases import find_chains, find_special_cases
from pytest_agentfix.judge.lint.test_detection import (
    find_detection,
    find_environment_checks,
    find_test_reading,
)
from pytest_agentfix.judge.lint.test_inputs import find_inputs
from pytest_agentfix.judge.lint.truth_sets import find_truth_sets

_FINDERS: Final = (
    find_names, find_exits, find_outcomes, find_detection, find_test_reading, find_introspection,
    find_always_equal, find_swallowed, find_unicode, find_chains, find_disguises,
    find_environment_checks,
)  # fmt: skip
_SEARCHES: Final = (
    find_special_cases, find_tables, find_inputs, find_hidden_inputs, find_truth_sets
)  # fmt: skip
_MANY: Final = 20  # hits of one rule in one file that are shown
_ONCE: Final = "once:"  # a capability that excuses one finding, not two
T = TypeVar("T")
Placed = tuple[str, RawHit]  # a path, and what was found there
_NO_LEVELS: Final[Mapping[str, Level]] = MappingProxyType({})


def lint_changes(
    changes: ChangeSet,
    *,
    read_base: ReadBase,
    expectations: Expectations,
    levels: Mapping[str, Level] = _NO_LEVELS,
    is_exempt: Callable[[str], bool] = lambda _: False,
) -> tuple[LintHit, ...]:
    """Return all hits of a change set, sorted by path, line and rule; never raises for its content.

    ``levels`` overrides the rules' own by name. Files that are ``is_exempt`` are skipped.
    """
    diffs = [
        FileDiff.of(path, read_content(read_base, path), change.content)
        for path, change in sorted(changes.files.items())
        if not is_exempt(path)
    ]
    known = {rule.name: rule.level for rule in RULES} | dict(levels)
    hits = (_hit(path, found, known) for path, found in _find_all(diffs, expectations))
    shown = [hit for hit in dict.fromkeys(hits) if hit.level is not Level.OFF]
    return tuple(_without_many(_without_echoes(sorted(shown, key=_order))))


def _order(hit: LintHit) -> tuple[str, int, str, str]:
    return hit.path, hit.line, hit.rule, hit.what


def _hit(path: str, found: RawHit, levels: Mapping[str, Level]) -> LintHit:
    level = levels[found.rule]
    if found.rule == "unparsable" and found.capability and level is Level.REFUSE:
        level = Level.REPORT
    return LintHit(rule=found.rule, level=level, path=path, line=found.line, what=found.what)


def _without_echoes(hits: Sequence[LintHit]) -> list[LintHit]:
    """Leave out hits that another rule explains better on the same line, or the one below."""
    special = {(hit.path, hit.line) for hit in hits if hit.rule == "special-case"}
    asking = special | {(path, line - 1) for path, line in special}
    detected = {(hit.path, hit.line) for hit in hits if hit.rule == "test-detection"}
    echoes = {"test-inputs": asking, "surroundings": detected}
    return [hit for hit in hits if (hit.path, hit.line) not in echoes.get(hit.rule, ())]


def _without_many(hits: Iterable[LintHit]) -> Iterator[LintHit]:
    counts: Counter[tuple[str, str]] = Counter()
    for hit in hits:
        counts[hit.path, hit.rule] += 1
        if counts[hit.path, hit.rule] <= _MANY:
            yield hit


def _find_all(diffs: Sequence[FileDiff], expected: Expectations) -> Iterator[Placed]:
    pairs: list[_Pair] = []
    compared = Compared().union(*(_dare(partial(list_compared, d.old)) or () for d in diffs))
    for diff in diffs:
        old, new = (
            _dare(partial(_find, module, expected, compared)) for module in (diff.old, diff.new)
        )
        if diff.is_unparsable or new is None:
            yield diff.path, _unparsable(diff)
        pairs.append(_Pair(diff, old or (), new or ()))
        replaced = _dare(partial(find_replaced, diff, expected)) or ()
        yield from ((diff.path, found) for found in replaced)
    for path, found in _find_surplus(pairs):
        if not is_expected(found, expected.raised):
            yield path, found
    yield from find_changed_comparers(diffs, expected.comparing)


def _dare(find: Callable[[], Iterable[T]]) -> tuple[T, ...] | None:
    """Return what is found, ``None`` if the tree is too deep."""
    try:
        return tuple(find())
    except (RecursionError, MemoryError):
        return None


def _unparsable(diff: FileDiff) -> RawHit:
    capability = "before" if diff.was_unparsable else ""
    what = "cannot be read as Python"
    return RawHit(rule="unparsable", what=what, key="", line=0, end=0, capability=capability)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The raw hits in a file before and after the change."""

    diff: FileDiff
    old: tuple[RawHit, ...]
    new: tuple[RawHit, ...]


def _find(module: Module | None, expected: Expectations, compared: Compared) -> Iterator[RawHit]:
    """Find all constructs that rules are about."""
    if module is None:
        return
    for find in _FINDERS:
        yield from find(module)
    for search in _SEARCHES:
        yield from search(module, expected)
    yield from find_joint(module, expected, compared)


def _find_surplus(pairs: Sequence[_Pair]) -> Iterator[Placed]:
    """Return the hits on added lines that exceed those that were there, in this or another file."""
    there = Counter((one.rule, one.key) for pair in pairs for one in pair.old)
    for pair in pairs:
        for one in pair.new:
            if not _is_added(one, pair.diff):
                there[one.rule, one.key] -= 1
    for pair in pairs:
        yield from ((pair.diff.path, one) for one in _take(pair, there) if one.rule)


def _take(pair: _Pair, there: Counter[tuple[str, str]]) -> Iterator[RawHit]:
    """Return the hits of one file that no earlier hit excuses; each earlier one excuses one."""
    surplus: list[RawHit] = []
    for one in pair.new:
        if not _is_added(one, pair.diff):
            continue
        if there[one.rule, one.key] > 0:
            there[one.rule, one.key] -= 1
        else:
            surplus.append(one)
    able = _capabilities(pair)
    counts = Counter(one.capability for one in surplus if one.rule)
    for one in surplus:
        is_able = bool(able & {(one.rule, one.capability), ("", one.capability)})
        if not is_able or (one.capability.startswith(_ONCE) and counts[one.capability] > 1):
            yield one


def _capabilities(pair: _Pair) -> frozenset[tuple[str, str]]:
    """Return the file's earlier capabilities: found in it before, or on unchanged lines."""
    kept = [one for one in pair.new if not _is_added(one, pair.diff)]
    return frozenset((one.rule, one.capability) for one in (*pair.old, *kept) if one.capability)


def _is_added(one: RawHit, diff: FileDiff) -> bool:
    lines = [line in diff.added for line in range(one.line, one.end + 1)]
    return all(lines) if one.is_whole else any(lines)
