"""Numbers as people read them: durations, tokens, money, counts."""

from __future__ import annotations

from pytest_agentfix.core.model import Tokens

_MINUTE = 60


def count(number: int, noun: str) -> str:
    """Say ``1 attempt``, ``2 attempts``; ``noun`` takes a plain s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """Say ``4.2 s`` below a minute, then ``3 min 05 s``, then ``1 h 02 min``."""
    if seconds < _MINUTE - 0.05:  # what would be shown as 60.0 s is a minute
        return f"{max(seconds, 0.0):.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // _MINUTE} h {minutes % _MINUTE:02d} min"


def tokens(used: Tokens) -> str:
    """Say ``tokens: 12.4k in, 880 out, 9.1k cached``, or "" where none were used."""
    if used == Tokens():
        return ""
    cached = f", {_short(used.cached)} cached" if used.cached else ""
    return f"tokens: {_short(used.input + used.written)} in, {_short(used.output)} out{cached}"


def money(dollars: float) -> str:
    """Say ``$1.20``, and ``$0.0042`` below a cent."""
    is_small = 0 < dollars < 0.01  # noqa: PLR2004 - a cent
    return f"${dollars:.4f}" if is_small else f"${dollars:.2f}"


def _short(number: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)
