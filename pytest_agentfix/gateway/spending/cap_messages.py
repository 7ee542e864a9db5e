"""Messages for the user about a cap that is reached (pure)."""

from __future__ import annotations

from typing import Final

_SPELLINGS: Final = {
    ("run", "cost"): "--agent-fix-max-cost",
    ("run", "tokens"): "--agent-fix-max-tokens",
    ("attempt", "requests"): "agent_fix_max_requests",
}
_NAMES: Final = {
    "attempt": "this attempt",
    "cluster": "this cause",
    "run": "this run",
    "day": "today, by UTC and over all runs",
}
_SMALL: Final = 0.001  # US dollars; smaller amounts are shown with more digits


def describe_excess(  # noqa: PLR0913 - by name
    scope: str,
    kind: str,
    limit: float,
    *,
    spent: float,
    requests: int,
    more: float,
    is_cut: bool = False,
) -> str:
    """Return the message that ``more`` on top of ``spent`` in ``requests`` could pass a cap.

    ``is_cut``: even with the shortest answer that is of use.
    """
    cap = describe_cap(scope, kind, limit)
    if kind == "requests":
        return f"{cap} is reached"
    return (
        f"{cap} could be passed: {_show(kind, spent)} spent in {requests}"
        f" request{'' if requests == 1 else 's'}, and the next may take {_show(kind, more)}"
        f"{' with the shortest answer' if is_cut else ''}"
    )


def describe_cap(scope: str, kind: str, limit: float) -> str:
    """Return the name of a cap, with the option that sets it."""
    return f"the cap of {_show(kind, limit)} for {_NAMES[scope]}{_spell(scope, kind)}"


def describe_cut(cap: str, output: int) -> str:
    """Return the message that the model's answer ended at the limit that ``cap`` had left it."""
    return f"{cap} left {output:,} tokens for an answer, and the model's was cut off there"


def describe_time(scope: str, limit: float) -> str:
    """Return the message that a cap on wall clock is reached; ``limit`` in seconds."""
    spelled = _spell(scope, "seconds")
    return f"the cap of {limit:g} s of wall clock for {_NAMES[scope]}{spelled} is reached"


def _spell(scope: str, kind: str) -> str:
    name = _SPELLINGS.get((scope, kind), f"agent_fix_caps {scope}.{kind}")
    return f" ({name})"


def _show(kind: str, amount: float) -> str:
    if kind == "cost":
        return _show_money(amount)
    noun = "model request" if kind == "requests" else "token"
    return f"{amount:,.0f} {noun}{'' if amount == 1 else 's'}"


def _show_money(amount: float) -> str:
    if amount >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.7f}" if 0 < amount < _SMALL else f"${max(amount, 0.0):.4f}"
