"""Caps the length of answers: lowers each protocol's limits, sets missing ones (pure)."""

from __future__ import annotations

from typing import Any, Final

from pytest_agentfix.gateway.admission.refusal import RefusedError
from pytest_agentfix.gateway.providers.protocols import WireProtocol

_LEAST_BUDGET: Final = 1024  # tokens; Anthropic takes no smaller budget
# Tokens of an answer that a cap on tokens or money leaves at least; with less, the request is not
# sent. An edit of some dozen lines fits, and the smallest budget for thinking.
LEAST_OUTPUT: Final = 1_024


def limit_output(
    body: dict[str, Any], *, protocol: WireProtocol, limit: int, has_completion_cap: bool = False
) -> int:
    """Cap the answer's tokens in place, and return the most that it can have.

    A thinking budget that is part of the same tokens stays below the cap. ``has_completion_cap``:
    the provider is known to apply ``max_completion_tokens``. Raises ``RefusedError`` (400) for a
    cap that is not a positive whole number.
    """
    match protocol:
        case WireProtocol.CHAT:
            return _limit_chat(body, limit, has_completion_cap=has_completion_cap)
        case WireProtocol.RESPONSES:
            return _cap(body, "max_output_tokens", limit)
        case WireProtocol.MESSAGES:
            return _limit_messages(body, limit)
        case WireProtocol.GENERATE:
            return _limit_generate(body, limit)


def cut_output(body: dict[str, Any], *, protocol: WireProtocol, most: int) -> None:
    """Lower the caps of a body in place, so that its answer has at most ``most`` tokens.

    ``limit_output`` has set them before, and ``most`` is at least ``find_least_output``.
    """
    if protocol is WireProtocol.CHAT and _thinks_outside(body):
        asked = body.get("thinking_budget") or 0
        body["thinking_budget"] = min(asked, most // 2) if asked > 0 else most // 2
        most -= body["thinking_budget"]
    limit_output(body, protocol=protocol, limit=most, has_completion_cap=True)


def find_least_output(
    body: dict[str, Any], *, protocol: WireProtocol, most: int, has_completion_cap: bool = False
) -> int:
    """Return the fewest tokens that an answer of at most ``most`` may be cut to."""
    if protocol is WireProtocol.CHAT:
        if "max_tokens" not in body and not has_completion_cap:
            return most
        if _thinks_outside(body):
            return min(most, 2 * LEAST_OUTPUT)
    return min(most, LEAST_OUTPUT)


def _thinks_outside(body: dict[str, Any]) -> bool:
    """Tell whether the answer's cap does not cover the thinking (Qwen at Alibaba)."""
    return bool(body.get("thinking_budget") or body.get("enable_thinking"))


def _limit_chat(body: dict[str, Any], limit: int, *, has_completion_cap: bool) -> int:
    names = [name for name in ("max_tokens", "max_completion_tokens") if name in body]
    asked = [body.get(name) for name in names]
    cap = max(_cap(body, name, limit) for name in names or ["max_tokens"])
    is_cut = any(isinstance(value, int) and value > limit for value in asked)
    for holder, name in (
        (body.get("reasoning"), "max_tokens"),
        (body.get("thinking"), "budget_tokens"),
        (body, "thinking_budget"),
    ):
        _fit(holder, name, cap=cap, is_cut=is_cut)
    # Not every provider knows the newer name, and one that does not would apply no cap.
    most = cap if "max_tokens" in body or has_completion_cap else limit
    return most + _count_thinking(body, limit)


def _count_thinking(body: dict[str, Any], limit: int) -> int:
    """Return the thinking tokens outside the answer's cap."""
    if budget := body.get("thinking_budget"):
        return max(int(budget), 0)
    return limit if body.get("enable_thinking") else 0


def _limit_messages(body: dict[str, Any], limit: int) -> int:
    asked = body.get("max_tokens")
    cap = _cap(body, "max_tokens", limit)
    thinking = body.get("thinking")
    _fit(thinking, "budget_tokens", cap=cap, is_cut=asked is not None and asked > limit)
    if isinstance(thinking, dict) and thinking.get("budget_tokens", _LEAST_BUDGET) < _LEAST_BUDGET:
        del body["thinking"]
    return cap


def _limit_generate(body: dict[str, Any], limit: int) -> int:
    config = body.setdefault("generationConfig", {})
    asked = config.get("maxOutputTokens")
    cap = _cap(config, "maxOutputTokens", limit)
    is_cut = asked is not None and asked > limit
    _fit(config.get("thinkingConfig"), "thinkingBudget", cap=cap, is_cut=is_cut)
    return cap


def _cap(holder: dict[str, Any], name: str, limit: int) -> int:
    """Set a cap in place and return it."""
    value = holder.get(name)
    if value is not None and (type(value) is not int or value < 1):
        raise RefusedError(400, f"{name!r} must be a positive whole number.")
    holder[name] = limit if value is None else min(value, limit)
    return int(holder[name])


def _fit(holder: Any, name: str, *, cap: int, is_cut: bool) -> None:
    """Lower a thinking budget in place, so that half of a lowered cap is left for the answer.

    Minus one means "unlimited", which the cap ends, too.
    """
    if not isinstance(holder, dict) or (value := holder.pop(name, None)) is None:
        return
    if type(value) is not int or value < -1:
        raise RefusedError(400, f"{name!r} must be a whole number.")
    holder[name] = min(value, cap // 2) if is_cut or value >= cap else value
