"""Output of tests and source they went through -> sections of a prompt. Pure, and bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.core.model import Failure, HoldOut, TestOutcome
from pytest_agentfix.core.text import clean_line
from pytest_agentfix.repair.holdout import redact
from pytest_agentfix.repair.prompts.excerpts import Excerpt
from pytest_agentfix.repair.prompts.truncation import (
    StableText,
    cut_line,
    cut_output,
    fence,
    leave_out_source,
)

TRACE_BUDGET: Final = 4_000  # characters of the first failure's traceback
DIFFERENCE_BUDGET: Final = 400  # characters of each further failure
OUTPUT_BUDGET: Final = 1_500  # characters of what the test printed
MANY: Final = 6  # failures of which something is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionWriter:
    """Writes the parts of one prompt that untrusted text goes into."""

    hold_out: HoldOut
    steady: StableText = field(default_factory=StableText)

    def clean(self, text: str) -> str:
        """``text`` without what is held out, and without what is of this run only."""
        return self.steady(redact(text, self.hold_out)).strip("\n")

    def is_hidden(self, line: str) -> bool:
        """Return whether a line of source spells what is held out."""
        return redact(line, self.hold_out) != line

    def excerpt(self, excerpt: Excerpt) -> str:
        """One piece of source with its place."""
        where = f"{clean_line(excerpt.path, limit=300)}, lines {excerpt.first}-{excerpt.last}"
        # The agent's copy of a test file has fewer lines than the base where cases are held out.
        note = " (some are left out)" if excerpt.has_hidden else ""
        language = "python" if excerpt.path.endswith(".py") else ""
        return f"{where}{note}:\n{fence(excerpt.text.rstrip(), language)}"

    def failures(self, red: Sequence[TestOutcome], excerpts: Sequence[Excerpt]) -> list[str]:
        """The first failure in full, and what is different about further ones."""
        told = [outcome for outcome in red if outcome.detail.strip()][:MANY]
        if not told:
            return []
        shown = {line.strip() for excerpt in excerpts for line in excerpt.text.split("\n")}
        first, *others = told
        trace = leave_out_source(self.clean(first.detail), shown)
        name = _name(first) if len(told) > 1 else "pytest says"
        parts = [f"{name}:\n{fence(cut_output(trace, TRACE_BUDGET))}"]
        seen = set(trace.split("\n"))
        lines: list[str] = []
        for outcome in others:
            different = self._find_difference(outcome, seen)
            lines += [f"{_name(outcome)}:", *different] if different else []
        return [*parts, f"Of the others:\n{fence(chr(10).join(lines))}"] if lines else parts

    def output(self, failure: Failure) -> list[str]:
        """Return what the test printed."""
        output = self.clean(failure.output).strip()
        return [f"It printed:\n{fence(cut_output(output, OUTPUT_BUDGET))}"] if output else []

    def _find_difference(self, outcome: TestOutcome, seen: set[str]) -> list[str]:
        """The lines with the error that were not there before; ``seen`` grows by them."""
        lines = self.clean(outcome.detail).split("\n")
        errors = [line for line in lines if line.startswith("E ")] or lines[-3:]
        different: list[str] = []
        left = DIFFERENCE_BUDGET
        for line in errors:
            if line in seen:
                continue
            left -= len(line) + 1
            if left < 0 and different:
                break
            seen.add(line)
            different.append(cut_line(line, DIFFERENCE_BUDGET))
        return different


def _name(outcome: TestOutcome) -> str:
    return clean_line(cut_line(outcome.nodeid, 300), limit=300)
