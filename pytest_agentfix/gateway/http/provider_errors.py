"""Turns a provider's refusals into messages for the user, with the next step (pure)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Final

from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.gateway.http.error_body import (
    find_message,
    is_used_up,
    parse_retry_delay,
)
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.gateway.redaction import redact_secrets

__all__ = [
    "clean_words",
    "describe_outage",
    "describe_refusal",
    "is_busy",
    "is_retried",
    "is_used_up",
    "parse_retry_after",
    "parse_retry_delay",
    "quote_words",
]

_WORDS_LIMIT: Final = 300  # characters
_RETRIED: Final = frozenset({408, 409, 429})
_FINAL: Final = frozenset({401, 402, 403, 404})
_AMBIGUOUS: Final = frozenset({403, 404})
_BUSY: Final = frozenset({429, 503, 529})
# Refusals of this one request, whatever their status: of its content or of its parameters.
_ONE_REQUEST: Final = re.compile(
    r"\bflagged\b|moderation|content[_ ](policy|filter)|usage (policy|guidelines)|safety[_ ]check"
    r"|no endpoints found that support",
    re.IGNORECASE,
)


def is_retried(status: int) -> bool:
    """Tell whether a retry of an answer with ``status`` may well succeed a moment later."""
    return status in _RETRIED or status >= 500  # noqa: PLR2004 - HTTP's server errors


def is_busy(status: int) -> bool:
    """Tell whether ``status`` means an overloaded provider, which takes a while to pass."""
    return status in _BUSY


def quote_words(raw: bytes, *, key: str) -> str:
    """Return the provider's message in an error body as one clean line without the key."""
    return clean_words(find_message(raw) or raw.decode("utf-8", "replace"), key=key)


def clean_words(text: str, *, key: str) -> str:
    """Return ``text`` as one printable line of at most 300 characters without the key."""
    printable = "".join(c if c.isprintable() else " " for c in redact_secrets(text, [key]))
    line = " ".join(printable.split())
    return line if len(line) <= _WORDS_LIMIT else line[: _WORDS_LIMIT - 1] + "…"


def parse_retry_after(value: str, *, now: float) -> float | None:
    """Return the seconds a ``Retry-After`` asks for, ``None`` if it cannot be read.

    ``now`` is the wall clock (Unix seconds), for the form with a date (RFC 9110, 10.2.3).
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def describe_refusal(
    status: int,
    words: str,
    upstream: Upstream,
    *,
    is_money: bool = False,
    has_answered: bool = False,
) -> ProviderTrouble:
    """Return the trouble of an answer that no retry will change.

    ``is_money``: the account has none left. ``has_answered``: the provider accepted the key and
    the model before. The trouble is final for the run if it is about the key, the account or the
    model. A 403 or 404 about this one request is not: the sandbox decides what is in requests.
    """
    said = f": {words.rstrip('.')}" if words else ""
    is_named = _ONE_REQUEST.search(words) is not None
    is_about_request = status in _AMBIGUOUS and (has_answered or is_named)
    meaning = 402 if is_money else 400 if is_about_request else status
    return ProviderTrouble(
        f"The provider answered {status}{said}.",
        _advise(meaning, upstream),
        is_final=meaning in _FINAL,
    )


def _advise(status: int, upstream: Upstream) -> str:
    where = upstream.key_source
    match status:
        case 401 | 402 | 403 if not where:
            return (
                f"No key was sent, as none was found for {upstream.name}: name the variable that"
                " holds it with --agent-fix-api-key-env."
            )
        case 401 | 403:
            return f"Check the key in {where} and what it may do with {upstream.name}."
        case 402:
            return f"Check the credit of the account behind the key in {where}."
        case 404:
            return f"Check the model's name ({upstream.name}) and the URL ({upstream.base_url})."
        case _ if 300 <= status < 400:  # noqa: PLR2004 - HTTP's redirects
            return f"Check the URL ({upstream.base_url}): it leads somewhere else."
        case _:
            return (
                f"Check whether {upstream.name} can do what OpenCode asks for (tools, streaming)."
            )


def describe_outage(what: str, upstream: Upstream, *, is_final: bool = False) -> ProviderTrouble:
    """Return the trouble of a provider that cannot be reached, or not now."""
    advice = f"Check that {upstream.base_url} can be reached from here, or try again later."
    if "certificate verify failed" in what:
        advice = (
            "If something between here and there has certificates of its own (a company's proxy,"
            " for example), name its authority's file with SSL_CERT_FILE."
        )
    return ProviderTrouble(
        f"The provider of {upstream.name} {what.rstrip('.')}.", advice, is_final=is_final
    )
