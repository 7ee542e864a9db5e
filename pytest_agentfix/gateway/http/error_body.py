"""Reads providers' error bodies, in all their shapes (pure).

Providers quote the request they refuse, so parts of an error may be the sandbox's own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

# Providers' phrases for an account without money; some come with a status that invites a retry.
_USED_UP: Final = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|billing_hard_limit|exceeded your current quota"
    r"|credit balance is too low|billing (is )?not active|out of credits",
    re.IGNORECASE,
)
_USED_UP_CODES: Final = frozenset(
    {"insufficient_quota", "insufficient_balance", "insufficient_credits", "insufficient_funds"}
    | {"billing_hard_limit_reached", "billing_not_active", "exceeded_current_quota_error"}
)
_QUOTE: Final = re.compile(r"(?<!\w)['\"`]")  # but not an apostrophe
_DELAY: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_DEPTH: Final = 10  # objects within objects; the real ones have two or three


def find_message(body: bytes) -> str:
    """Return the message of an error, "" if it is in none of the usual places."""
    return _find_message(_parse(body))


def is_used_up(body: bytes) -> bool:
    """Tell whether an error says that the account has no money, so that waiting is pointless.

    A retry would be refused again, whatever the status suggests. That does not hold where the
    provider says when to come back: Google uses the same words for its per-minute limits.

    Only the provider's own codes count, and the part of its message before any quotation: the
    sandbox must not be able to claim that the account has no money.
    """
    found = _parse(body)
    if found is None:
        return _says_used_up(body.decode("utf-8", "replace"))
    if _find_retry_delay(found) is not None:
        return False
    error = _find_error(found)
    codes = {str(error.get(name)).lower() for name in ("code", "type")}
    return bool(codes & _USED_UP_CODES) or _says_used_up(_find_message(found))


def parse_retry_delay(body: bytes) -> float | None:
    """Return the seconds that Google asks to wait in an error's body, ``None`` if it does not."""
    return _find_retry_delay(_parse(body))


def _says_used_up(words: str) -> bool:
    # Everything after the first quote is ignored: the quotation may contain quotes as well.
    return _USED_UP.search(_QUOTE.split(words, maxsplit=1)[0]) is not None


def _parse(body: bytes) -> Any:
    """Return ``body`` parsed as JSON, ``None`` if it is not JSON."""
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _find_error(found: Any) -> Mapping[str, Any]:
    """Return the error object of a body, an empty one if there is none."""
    if isinstance(found, list) and found:
        found = found[0]
    error = found.get("error", found) if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _find_message(found: Any) -> str:
    if isinstance(found, list) and found:
        found = found[0]
    for _ in range(_DEPTH):
        if not isinstance(found, dict):
            break
        values = [found.get(name) for name in ("error", "message", "detail")]
        found = next((value for value in values if value and isinstance(value, (dict, str))), "")
    return found if isinstance(found, str) else ""


def _find_retry_delay(found: Any) -> float | None:
    details = _find_error(found).get("details")
    for entry in details if isinstance(details, list) else []:
        delay = entry.get("retryDelay") if isinstance(entry, dict) else None
        if isinstance(delay, str) and (match := _DELAY.fullmatch(delay)):
            return float(match[1])
    return None
