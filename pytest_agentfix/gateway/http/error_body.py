"""What a provider's error body says, in the shapes these come in (pure).

Providers repeat what was wrong with a request, so some of it may be the sandbox's own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

# What providers call an account without money; some say it with a status that asks for patience.
_USED_UP: Final = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|billing_hard_limit|exceeded your current quota"
    r"|credit balance is too low|billing (is )?not active|out of credits",
    re.IGNORECASE,
)
_USED_UP_CODES: Final = frozenset(
    {"insufficient_quota", "insufficient_balance", "insufficient_credits", "insufficient_funds"}
    | {"billing_hard_limit_reached", "billing_not_active", "exceeded_current_quota_error"}
)
_QUOTE: Final = re.compile(r"(?<!\w)['\"`]")  # no apostrophe
_DELAY: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_DEPTH: Final = 10  # objects within objects; the real ones have two or three


def find_message(body: bytes) -> str:
    """Return the words of an error, "" if they are nowhere where they ought to be."""
    return _find_message(_parse(body))


def is_used_up(body: bytes) -> bool:
    """Whether an error says that the account has no money, so that waiting is no use.

    Asking again would only be refused again, whatever the status promises. Not so where the
    provider says when to come back: Google uses the same words for its limits by the minute.

    Only the provider's own codes count, and of its message what comes before anything quoted:
    the sandbox must not be able to say that the account has no money.
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
    """Return the seconds that Google asks for in an error's body, ``None`` if it asks for none."""
    return _find_retry_delay(_parse(body))


def _says_used_up(words: str) -> bool:
    # Not only what stands within the quotes is left out: there may be quotes in there as well.
    return _USED_UP.search(_QUOTE.split(words, maxsplit=1)[0]) is not None


def _parse(body: bytes) -> Any:
    """Return what ``body`` says in JSON, ``None`` if it is none."""
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _find_error(found: Any) -> Mapping[str, Any]:
    """Return the object that an error body is about, an empty one if there is none."""
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
