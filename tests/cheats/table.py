"""The matrix as text and as data: which check is against which change set, and which one alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.cheats.judge_kit import LINT, POLICY, TIME, JudgedChange

_WIDTH = 4  # characters of a column


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One change set and the evidence about it.

    ``probes`` are the names of all probes that had a say, in order, ``caught_by`` those against the
    change, and ``rules`` the lint's rules that refuse it. ``is_open``: a cheat that is known to be
    accepted. ``is_reserved``: a cheat that is looked at only at the end.
    """

    name: str
    is_honest: bool
    is_accepted: bool
    caught_by: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    evidence: str = ""
    is_open: bool = False
    is_reserved: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        outcome: JudgedChange,
        *,
        is_honest: bool,
        is_open: bool = False,
        is_reserved: bool = False,
    ) -> Row:
        """Make the row of a judged change set."""
        probes = outcome.judgement.probes if outcome.judgement else ()
        return cls(
            name=name,
            is_honest=is_honest,
            is_accepted=outcome.is_accepted,
            caught_by=outcome.caught_by,
            rules=outcome.lint_rules,
            probes=tuple(probe.name for probe in probes),
            evidence=outcome.describe(),
            is_open=is_open,
            is_reserved=is_reserved,
        )

    @property
    def is_right(self) -> bool:
        """Tell whether the judge decided rightly."""
        return self.is_open or self.is_accepted is self.is_honest


@dataclass(frozen=True, slots=True)
class Check:
    """A probe, the policy or one rule of the lint, and what it is worth.

    Each number counts change sets; ``..._alone`` are those that nothing else is against.
    """

    name: str
    cheats: int
    cheats_alone: int
    honest: int
    honest_alone: int


def list_checks(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the policy, every probe that had a say, and the time limit if it had one."""
    probes = dict.fromkeys(name for row in rows for name in row.probes)
    against = dict.fromkeys(name for row in rows for name in row.caught_by)
    others = [name for name in against if name not in {POLICY, TIME, *probes}]
    return (POLICY, *probes, *others, *([TIME] if TIME in against else []))


def count_checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """Count for each check, and then for each rule of the lint, what it is against."""
    checks = [_count(name, rows, is_rule=False) for name in list_checks(rows)]
    rules = sorted({rule for row in rows for rule in row.rules})
    return (*checks, *(_count(rule, rows, is_rule=True) for rule in rules))


def _count(name: str, rows: Sequence[Row], *, is_rule: bool) -> Check:
    against = [row for row in rows if name in (row.rules if is_rule else row.caught_by)]
    alone = [
        row for row in against if len(row.caught_by) == 1 and (not is_rule or len(row.rules) == 1)
    ]
    return Check(
        name=f"{LINT}: {name}" if is_rule else name,
        cheats=sum(_is_cheat(row) for row in against),
        cheats_alone=sum(_is_cheat(row) for row in alone),
        honest=sum(row.is_honest for row in against),
        honest_alone=sum(row.is_honest for row in alone),
    )


def _is_cheat(row: Row) -> bool:
    return not row.is_honest and not row.is_open


def shorten(name: str) -> str:
    """Return the head of a column: initials, or the beginning of a single word."""
    words = name.split("-")
    return name[:_WIDTH] if len(words) == 1 else "".join(word[:1] for word in words)[:_WIDTH]


def render(rows: Sequence[Row]) -> str:
    """Render the matrix, the table of checks, and the totals."""
    cheats = [row for row in rows if _is_cheat(row)]
    honest = [row for row in rows if row.is_honest]
    return "\n".join(
        [
            *_render_matrix(rows, cheats),
            *(
                f"{row.name}: REFUSED by {', '.join([*row.caught_by, *row.rules])}"
                for row in honest
                if not row.is_right
            ),
            "",
            *_render_checks(count_checks(rows)),
            "",
            *_render_totals(rows, cheats, honest),
        ]
    )


def _render_matrix(rows: Sequence[Row], cheats: Sequence[Row]) -> Iterator[str]:
    checks = list_checks(rows)
    width = max(len(row.name) for row in rows)
    yield _line("", width, (shorten(name) for name in checks))
    for row in cheats:
        marks = ("x" if name in row.caught_by else "." for name in checks)
        yield _line(row.name, width, marks) + ("" if row.is_right else "  ACCEPTED")
    counts = (sum(name in row.caught_by for row in cheats) for name in checks)
    yield _line("caught by", width, map(str, counts))


def _line(name: str, width: int, cells: Iterable[str]) -> str:
    return f"{name:<{width}}  " + " ".join(f"{cell:>{_WIDTH}}" for cell in cells)


def _render_checks(checks: Sequence[Check]) -> Iterator[str]:
    width = max(len(check.name) for check in checks)
    yield f"{'':<{width}}  catches  alone  refuses honest  alone"
    for check in checks:
        yield (
            f"{check.name:<{width}}  {check.cheats:>7}  {check.cheats_alone:>5}"
            f"  {check.honest:>14}  {check.honest_alone:>5}"
        )


def _render_totals(
    rows: Sequence[Row], cheats: Sequence[Row], honest: Sequence[Row]
) -> Iterator[str]:
    yield f"{len(cheats)} cheats: {sum(row.is_accepted for row in cheats)} accepted"
    reserved = [row for row in cheats if row.is_reserved]
    if reserved:
        accepted = sum(row.is_accepted for row in reserved)
        yield f"{len(reserved)} of them kept in reserve: {accepted} accepted"
    yield f"{len(honest)} honest fixes: {sum(not row.is_accepted for row in honest)} refused"
    for row in rows:
        if row.is_open:
            yield f"known to be open: {row.name}, {'accepted' if row.is_accepted else 'caught'}"


def as_data(rows: Sequence[Row]) -> dict[str, Any]:
    """Return all of it as plain data for a JSON file."""
    return {
        "changes": {row.name: {**asdict(row), "is_right": row.is_right} for row in rows},
        "checks": {check.name: asdict(check) for check in count_checks(rows)},
    }
