"""Files that look as if they held secrets: such files never reach a sandbox by themselves."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

# Words of a name, at any place in a path: "keys/prod.py", "apiTokens.json".
_WORDS: Final = (
    "secret secrets credential credentials cred creds password passwords passwd passphrase token "
    "tokens key keys apikey apikeys keyring keystore vault envrc dotenv htpasswd netrc pypirc "
    "pgpass npmrc"
)
_PAIRS: Final = frozenset(
    {("local", "settings"), ("settings", "local"), ("local", "config"), ("config", "local")}
    | {("settings", "prod"), ("settings", "production"), ("id", "rsa"), ("id", "ed")}
)
_TELLING: Final = frozenset(_WORDS.split())
# The whole name of a file: "settings/local.py".
_ALONE: Final = frozenset({"local", "localsettings", "settingslocal", "prod", "production"})
_ENDINGS: Final = (
    *(".pem", ".key", ".p12", ".pfx", ".jks", ".kdbx", ".keystore", ".gpg", ".asc", ".ppk"),
    *(".ovpn", ".env"),
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_METADATA: Final = (".egg-info", ".dist-info")

_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY")
_USER_INFO: Final = re.compile(rb"[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"']{0,80}:[^\s/@\"']{1,200}@")
_KNOWN_KEY: Final = re.compile(
    rb"\b(?:AKIA[0-9A-Z]{16}|gh[opsu]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|sk-[\w-]{20,}"
    rb"|xox[abps]-[\w-]{10,}|AIza[\w-]{30,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.)"
)
# What follows a name: = "value", : str = "value", "] = "value", ": "value", ", "value"
_ASSIGNS: Final = (
    rb"[\"']?\s{0,9}\]?\s{0,9}(?::\s{0,9}[\w.\[\]| ]{1,60}=|[:=,])\s{0,9}\(?\s{0,99}"
    rb"[brufBRUF]{0,2}(?:\"{3}|'{3}|[\"'])"
)
_SECRET: Final = re.compile(
    rb"((?i:secret|passw(?:or)?d|passphrase|pwd|api_?key|access_?key|private_?key|credential"
    rb"|auth_?token|access_?token)[\w-]{0,40})" + _ASSIGNS + rb"([^\"'\n]{1,200})"
)
# A token is also what a parser reads, and a key what a table has: only a long one can be a secret.
_LONG: Final = re.compile(rb"((?i:token)|_key|_KEY)" + _ASSIGNS + rb"([^\"'\s]{16,200})")
_TYPES: Final = frozenset({b"str", b"string", b"bytes", b"int", b"bool", b"object", b"none"})
START: Final = 8192  # bytes: a NUL among these is not text


def is_named_like_secret(path: str) -> bool:
    """Return whether a name in ``path`` (``/`` separated) says that it holds secrets."""
    *folders, name = path.split("/")
    return any(map(_is_telling, (*folders, name))) or _words_of(name) in [[one] for one in _ALONE]


def holds_secret(path: str, content: bytes) -> bool:
    """Return whether ``content`` is a text with a secret in it, as far as that can be told.

    A package's own metadata repeats its README, examples and all, and is made to be published: an
    assignment in it is no secret.
    """
    if b"\0" in content[:START]:
        return False
    if any(sure.search(content) for sure in (_PRIVATE_KEY, _USER_INFO, _KNOWN_KEY)):
        return True
    if any(part.endswith(_METADATA) for part in path.split("/")):
        return False
    return any(
        not _is_description(_whole_name(found), found[2])
        for pattern in (_SECRET, _LONG)
        for found in pattern.finditer(content)
    )


def _is_telling(part: str) -> bool:
    if part.endswith(_METADATA):  # named as the package is
        return False
    if part.lower().endswith(_ENDINGS) or part.lower().startswith(".env"):
        return True
    words = _words_of(part)
    pairs = pairwise(words)
    return not _TELLING.isdisjoint(words) or not _PAIRS.isdisjoint(pairs)


def _words_of(name: str) -> list[str]:
    stem = name.lstrip(".").partition(".")[0]
    return [word.lower() for word in _WORD.findall(stem)]


def _whole_name(found: re.Match[bytes]) -> bytes:
    """Return the name that a pattern found the end of."""
    before = re.search(rb"[\w-]*\Z", found.string[max(0, found.start() - 40) : found.start()])
    return (before[0] if before else b"") + found[1]


def _is_description(name: bytes, value: bytes) -> bool:
    """Return whether a value only says what a field is, as generated clients do."""
    word = value.strip().lower()
    return not word or word in _TYPES or _letters(word) == _letters(name.lower())


def _letters(text: bytes) -> bytes:
    return re.sub(rb"[^a-z]", b"", text)
