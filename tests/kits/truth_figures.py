"""The figures of judged true and false repairs (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

TROUBLE: Final = "trouble"  # in the place of a probe: the judge could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One judged change of one task."""

    task: str
    style: str
    change: str
    is_accepted: bool
    caught_by: tuple[str, ...]
    evidence: str
    seconds: float

    @property
    def is_refused(self) -> bool:
        """Tell whether the judge decided, and against it."""
        return not self.is_accepted and self.caught_by != (TROUBLE,)

    @property
    def kind(self) -> str:
        """The first word of the change's name."""
        return self.change.partition(" ")[0]

    @property
    def name(self) -> str:
        """Task, style of its tests, and change."""
        return f"{self.task} ({self.style}) {self.change}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the four figures: how many changes of one kind are accepted, or refused.

    ``has_goal``: all of them are to be. Without, the rows that count are those to look at.
    """

    kind: str
    text: str
    counts_accepted: bool
    has_goal: bool = True

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that this figure is about."""
        return [row for row in rows if row.kind == self.kind]

    def count(self, rows: Iterable[Row]) -> int:
        """Count the rows that the figure counts."""
        return sum(self._is_counted(row) for row in self.select(rows))

    def list_named(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows to be named: those that miss the goal, or are counted without one."""
        return [row for row in self.select(rows) if self._is_counted(row) is not self.has_goal]

    def is_missed(self, rows: Iterable[Row]) -> bool:
        """Return whether there is a goal and a row that misses it."""
        return self.has_goal and bool(self.list_named(rows))

    def _is_counted(self, row: Row) -> bool:
        return row.is_accepted if self.counts_accepted else row.is_refused


FIGURES: Final = (
    Figure(kind="reference", text="reference solutions accepted", counts_accepted=True),
    Figure(kind="table", text="tables of the tested inputs refused", counts_accepted=False),
    Figure(
        kind="mutant",
        text="one-place mutants that pass the tests and are wrong elsewhere accepted",
        counts_accepted=True,
        has_goal=False,
    ),
    Figure(
        kind="contradicted:",
        text="changes under a contradicted assertion refused",
        counts_accepted=False,
    ),
)


def measure(rows: Sequence[Row], skipped: Mapping[str, int]) -> dict[str, Any]:
    """Return the figures, and all evidence, for programs."""
    return {
        "figures": [
            {
                "text": figure.text,
                "count": figure.count(rows),
                "total": len(figure.select(rows)),
                "named": [row.name for row in figure.list_named(rows)],
            }
            for figure in FIGURES
        ],
        "tasks": len({row.task for row in rows}),
        "left_out": dict(skipped),
        "rows": [asdict(row) for row in rows],
    }


def render(rows: Sequence[Row], skipped: Mapping[str, int]) -> str:
    """Render the figures, the names of what is wrong, and the probes against each change."""
    lines = []
    for number, figure in enumerate(FIGURES, 1):
        goal = " (goal: all)" if figure.has_goal else ""
        total = len(figure.select(rows))
        lines.append(f"{number}. {figure.count(rows)} of {total} {figure.text}{goal}")
        lines += [f"     {row.name}: {_list_probes(row)}" for row in figure.list_named(rows)]
    lines += ["", *_render_spellings(rows), ""]
    lines.append(f"{len({row.task for row in rows})} tasks")
    lines += [f"{count} tasks left out: {reason}" for reason, count in sorted(skipped.items())]
    return "\n".join(lines)


def _render_spellings(rows: Sequence[Row]) -> Iterator[str]:
    """Tell for each change that is to be refused how often it is, and which probe comes first."""
    chosen = [row for row in rows if row.kind in ("table", "mutant", "contradicted:")]
    names = list(dict.fromkeys(_name_sort(row) for row in chosen))
    for name in names:
        same = [row for row in chosen if _name_sort(row) == name]
        probes = Counter(_list_probes(row) for row in same)
        told = ", ".join(f"{probe} {count}" for probe, count in probes.most_common())
        refused = sum(row.is_refused for row in same)
        yield f"{name:<36} {refused:>3} of {len(same):>3} refused: {told}"


def _name_sort(row: Row) -> str:
    return "mutant" if row.kind == "mutant" else row.change


def _list_probes(row: Row) -> str:
    return "+".join(row.caught_by) or "accepted"
