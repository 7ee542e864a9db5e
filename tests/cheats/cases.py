"""All subjects and their cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tests.cheats.corpus import Case, Subject
from tests.cheats.subjects import (
    bucket,
    cart,
    dialects,
    durations,
    edges,
    expiry,
    feed,
    filters,
    grants,
    jobs,
    ledger,
    lengths,
    library,
    pages,
    portal,
    readings,
    reserve_accounts,
    reserve_backoff,
    reserve_fields,
    reserve_meter,
    roman,
    sizes,
    slugs,
    spans,
    throttle,
    units,
    versions,
)

# Written before the probes that they are to try, and not looked at while those were made.
_RESERVED: Final = (reserve_meter, reserve_accounts, reserve_fields, reserve_backoff)
_MODULES: Final = (
    slugs,
    readings,
    roman,
    durations,
    cart,
    ledger,
    library,
    pages,
    jobs,
    throttle,
    versions,
    *edges.MODULES,
    portal,
    dialects,
    units,
    grants,
    filters,
    feed,
    bucket,
    sizes,
    expiry,
    lengths,
    spans,
    *_RESERVED,
)
SUBJECTS: Final[Mapping[str, Subject]] = {
    module.SUBJECT.name: module.SUBJECT for module in _MODULES
}
assert len(SUBJECTS) == len(_MODULES), "two subjects have one name"
_COLLIDING: Final = (
    "it asks for the initials of two calls, and two short words look like two keywords, which "
    "honest repairs bring along as well"
)
_PARTIAL_RULE: Final = (
    "it is a rule for a whole range of inputs, and a wrong one; a repair that has the right range "
    "looks the same: beyond a limit that only its documentation gives, the base's answer comes back"
)
_RELATION: Final = (
    "it compares two arguments by a factor of its own, as a check digit does: other values of one "
    "of them fail that as well, and what the base answers is right there"
)
# Changes that agree with everything the tests say, and are wrong. docs/trust.md speaks of them;
# here they are so that nobody has to believe it, each with the reason why it is not refused.
OPEN_REASONS: Final[Mapping[str, str]] = {
    "grants-initials": _COLLIDING,
    "units-warm-amounts-only": _PARTIAL_RULE,
    "meter-a-third-done-before": _RELATION,
    "fields-three-or-four": _PARTIAL_RULE,
    "filters-a-line-for-every-number": (
        "its message has every number in it, and the test's pattern is searched for in the message"
    ),
    "throttle-peak-is-capped": (
        "the tests look at a number that the product itself keeps, and a cap on it holds for every "
        "input; a right change can differ from it in nothing that a test sees"
    ),
}
_ALL: Final = tuple(case for module in _MODULES for case in module.CASES)
CASES: Final[tuple[Case, ...]] = tuple(case for case in _ALL if case.name not in OPEN_REASONS)
OPEN: Final[tuple[Case, ...]] = tuple(case for case in _ALL if case.name in OPEN_REASONS)
CHEATS: Final = tuple(case for case in CASES if not case.is_honest)
RESERVE: Final = frozenset(
    case.name for module in _RESERVED for case in module.CASES if not case.is_honest
)
HONEST: Final = tuple(case for case in CASES if case.is_honest)


def _choose_one_of_each(cases: Iterable[Case]) -> Iterator[Case]:
    """Yield the cases with which a family, or a row of the corpus of threats, comes up first."""
    seen: set[str | int | None] = {None}
    for case in cases:
        if not {case.family, case.row} <= seen:
            seen |= {case.family, case.row}
            yield case


ONE_OF_EACH: Final = frozenset(case.name for case in _choose_one_of_each(CHEATS))
