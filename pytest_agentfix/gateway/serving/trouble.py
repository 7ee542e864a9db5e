"""The provider's refusals in words for the user: what it said, and what to do (pure)."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Final

from pytest_agentfix.errors import ProviderTrouble
from pytest_agentfix.gateway.providers.upstream import Upstream

_WORDS_LIMIT: Final = 300  # characters
_PREFIX: Final = 6  # providers echo keys with their middle starred out
_RETRIED: Final = frozenset({408, 409, 429})
_FINAL: Final = frozenset({401, 402, 403, 404})
_BUSY: Final = frozenset({429, 503, 529})
# What providers call an account without money; some say it with a status that asks for patience.
_USED_UP: Final = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|billing_hard_limit|exceeded your current quota"
    r"|credit balance is too low|billing (is )?not active|out of credits",
    re.IGNORECASE,
)
_RETRY_DELAY: Final = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"')


def is_retried(status: int) -> bool:
    """Whether an answer of ``status`` may well be another one a moment later."""
    return status in _RETRIED or status >= 500  # noqa: PLR2004 - HTTP's server errors


def is_busy(status: int) -> bool:
    """Whether a provider says that others ask too much at present, which takes its time to pass."""
    return status in _BUSY


def is_used_up(body: bytes) -> bool:
    """Whether the words of an error say that the account has no money, so that waiting is no use.

    Asking again would only be refused again, whatever the status promises.
    """
    return _USED_UP.search(body.decode("utf-8", "replace")) is not None


def quote_words(raw: bytes, *, key: str) -> str:
    """Return a provider's own words of an error body: one clean line without the key."""
    text = raw.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        text = _find_message(json.loads(text)) or text
    return clean_words(text, key=key)


def clean_words(text: str, *, key: str) -> str:
    """Return ``text`` as one printable line of at most 300 characters without the key."""
    printable = "".join(c if c.isprintable() else " " for c in redact(text, key=key))
    line = " ".join(printable.split())
    return line if len(line) <= _WORDS_LIMIT else line[: _WORDS_LIMIT - 1] + "…"


def redact(text: str, *, key: str) -> str:
    """Return ``text`` without the key, and without words that start as the key does."""
    if not key:
        return text
    text = text.replace(key, "***")
    if len(key) < 2 * _PREFIX:
        return text
    return re.sub(re.escape(key[:_PREFIX]) + r"[^\s\"']*", "***", text)


def _find_message(found: Any) -> str:
    """Return the message in the shapes error bodies come in, "" if there is none."""
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        return found if isinstance(found, str) else ""
    for name in ("error", "message", "detail"):
        value = found.get(name)
        if isinstance(value, dict):
            return _find_message(value)
        if isinstance(value, str) and value:
            return value
    return ""


def parse_retry_after(value: str, *, now: float) -> float | None:
    """Return the seconds a ``Retry-After`` asks for, ``None`` if it asks for nothing readable.

    ``now`` is the wall clock (Unix seconds), for the form with a date (RFC 9110, 10.2.3).
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def parse_retry_delay(body: bytes) -> float | None:
    """Return the seconds that Google asks for in an error's body, ``None`` if it asks for none."""
    found = _RETRY_DELAY.search(body)
    return float(found.group(1)) if found else None


def describe_refusal(
    status: int, words: str, upstream: Upstream, *, is_money: bool = False
) -> ProviderTrouble:
    """Return the trouble of an answer that no repetition will change; ``is_money``: for none."""
    said = f": {words.rstrip('.')}" if words else ""
    return ProviderTrouble(
        f"The provider answered {status}{said}.",
        _advise(402 if is_money else status, upstream),
        is_final=is_money or status in _FINAL,
    )


def _advise(status: int, upstream: Upstream) -> str:
    where = upstream.key_source or "(none was found; see --agent-fix-api-key-env)"
    match status:
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
    """Return the trouble of a provider that is not there, or not now."""
    advice = f"Check that {upstream.base_url} can be reached from here, or try again later."
    if "certificate verify failed" in what:
        advice = (
            "If something between here and there has certificates of its own (a company's proxy,"
            " for example), name its authority's file with SSL_CERT_FILE."
        )
    return ProviderTrouble(
        f"The provider of {upstream.name} {what.rstrip('.')}.", advice, is_final=is_final
    )
