"""Finds the secrets in an environment by the names and forms of its variables (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

_SHORTEST: Final = 8  # characters; shorter values occur in too many innocent words
_LONG: Final = 16  # characters; a value this long is no ordinary word
_LEVELS: Final = 20  # of nesting in a JSON value

_SECRET_WORDS: Final = re.compile(
    r"(?:^|_)(?:\w*(?:KEY|TOKEN|SECRET|PASSWD|PASSWORD|PASSPHRASE|CREDENTIAL)S?"
    r"|PASS|CREDS?|PWD|AUTH|AUTHORIZATION|COOKIES?|PRIVATE|PAT|JWT|BEARER|DSN|SALT|WEBHOOKS?)"
    r"\d{0,3}(?:_|$)"
)
_NO_LETTER: Final = re.compile(r"[^A-Z0-9]+")
_SEPARATOR: Final = re.compile(r"[\s,;]+")
_MODULE: Final = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+")
_URL_USER: Final = re.compile(r"://([^\s/@:]*)(?::([^\s/@]+))?@")
_BARE_PROXY: Final = re.compile(r"[^\s/@:]+:([^\s/@]+)@[^\s/@]+")
_URL_PART: Final = re.compile(r"[A-Za-z0-9_+=-]{20,}")  # the last part of a webhook's URL


def find_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values in ``environ`` that look like secrets by name and form, longest first.

    Paths, URLs, numbers and plain words do not count, whatever their name: removing them would
    mangle ordinary text. A password inside a URL counts under any name, and the values of a JSON
    object count by their own names.
    """
    found = {one.strip() for name, value in environ.items() for one in _iter_secrets(name, value)}
    return tuple(
        sorted((one for one in found if len(one) >= _SHORTEST), key=lambda one: (-len(one), one))
    )


def _iter_secrets(name: str, value: str) -> Iterator[str]:
    is_secret = _SECRET_WORDS.search(_NO_LETTER.sub("_", name.upper())) is not None
    yield from _iter_passwords(value, is_secret=is_secret)
    if (entries := _parse_object(value)) is not None:
        yield from _iter_inner(entries)
    if is_secret and "://" not in value:
        yield from filter(_is_formed, (value.strip(), *_SEPARATOR.split(value)))


def _iter_passwords(value: str, *, is_secret: bool) -> Iterator[str]:
    """Yield the passwords in URLs, and the secret parts of a URL that is a secret as a whole."""
    bare = _BARE_PROXY.fullmatch(value.strip())
    pairs = [("", bare[1])] if bare else _URL_USER.findall(value)
    for user, password in pairs:
        yield from {password, unquote(password)}
        if is_secret and not password and _is_formed(user):
            yield user
    if is_secret and "://" in value:
        address = value.partition("://")[2].partition("/")[2]
        yield from (part for part in _URL_PART.findall(address) if _is_formed(part))


def _parse_object(value: str) -> Mapping[str, Any] | None:
    if not value.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _iter_inner(value: Any, name: str = "", level: int = 0) -> Iterator[str]:
    """Yield the secrets inside a JSON value."""
    if level > _LEVELS:
        return
    match value:
        case str() if name:
            yield from _iter_secrets(name, value)
        case dict():
            for inner, entry in value.items():
                yield from _iter_inner(entry, inner, level + 1)
        case list():
            for entry in value:
                yield from _iter_inner(entry, name, level + 1)


def _is_formed(value: str) -> bool:
    """Tell whether a value with a secret's name also has a secret's form."""
    if value.startswith(("/", "~", "./", "../")) or _MODULE.fullmatch(value):
        return False
    has_digit = any(char.isdigit() for char in value)
    is_number = value.replace(".", "").isdigit()
    return (has_digit and not is_number) or len(value) >= _LONG
