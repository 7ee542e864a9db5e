"""The repeated calls of a change beside those of the base, and what is found in them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall, RepeatedCalls
from pytest_agentfix.judge.locality.watched_code import Condition, WatchedCode, WatchedFunction

LEFT_OUT: Final = 4  # variations that a change answers and their call not


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialCase:
    """A path that only recorded calls take. ``missing`` variations evaluate it and do not."""

    function: WatchedFunction
    condition: Condition | None
    line: int
    text: str
    outcome: bool
    call: RepeatedCall
    pinned: tuple[str, ...]
    missing: int
    is_special: bool
    why: str


@dataclass(slots=True)
class Comparison:
    """The repeated calls with the change and without it."""

    code: WatchedCode
    changed: RepeatedCalls
    base: RepeatedCalls
    is_base_known: bool = True
    _ended: Mapping[tuple[int, str], RepeatedCall] = field(init=False)  # on the base

    def __post_init__(self) -> None:
        self._ended = {
            (one.function, one.outcome.digest): one
            for one in reversed(self.base.calls)  # of several, the first
            if one.outcome.has_ended
        }

    def list_operands(self, key: tuple[int, int]) -> set[str]:
        """List the digests that an operand of a condition has in recorded calls."""
        return {call.operands[key] for call in self.changed.calls if key in call.operands}

    def is_changed(self, call: RepeatedCall) -> bool:
        """Return whether a call came to its end, and as far as is known not to the base's.

        One that comes to the base's end, while most variations of it do not, is left out of the
        change: this is as telling.
        """
        if not call.outcome.has_ended or call.function >= len(self.code.functions):
            return False
        before = self.find_base(call)
        if before is None or before.outcome.outcome != call.outcome.outcome:
            return True
        return _is_left_out(call, before)

    def find_base(self, call: RepeatedCall) -> RepeatedCall | None:
        """Return the same call on the base, ``None`` if it is not known or did not end there."""
        return self._ended.get((call.function, call.outcome.digest))


def _is_left_out(call: RepeatedCall, before: RepeatedCall) -> bool:
    """Return whether the change answers most variations of a call, and not the call itself."""
    old = {one.outcome.digest: one.outcome for one in before.tries if one.outcome.has_ended}
    changed = [
        one.outcome.outcome != old[one.outcome.digest].outcome
        for one in call.tries
        if one.outcome.has_ended and one.outcome.digest in old
    ]
    return sum(changed) >= max(LEFT_OUT, len(changed) / 2)
