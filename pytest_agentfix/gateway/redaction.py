"""Secrets out of text: those that are known by value, and those that are known by their shape."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

HIDDEN: Final = "***"
_PREFIX: Final = 6  # providers echo keys with their middle starred out
_SHORTEST: Final = 8  # characters; what is shorter is in too many innocent words
_LONG: Final = 16  # characters of a value that is no word of ordinary text

# Each begins where a word begins and takes all it has looked at, so that no text takes long.
_SHAPES: Final = re.compile(
    r"""
    -----BEGIN\ [A-Z0-9 ]{0,40}PRIVATE\ KEY-----
      (?:[A-Za-z0-9+/=:,'\s]|-(?!-)|\\+[nr])*
      (?:-----END\ [A-Z0-9 ]{0,40}PRIVATE\ KEY-----)?
    | (?<![A-Za-z0-9_-])(?:
        sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{16,}
      | (?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}
      | gh[opsur]_[A-Za-z0-9]{20,}
      | github_pat_[A-Za-z0-9_]{20,}
      | (?:AKIA|ASIA)[A-Z0-9]{16}
      | AIza[A-Za-z0-9_-]{30,}
      | xox[a-z]-[A-Za-z0-9-]{10,}
      | glpat-[A-Za-z0-9_-]{16,}
      | (?:gsk|hf|npm)_[A-Za-z0-9]{20,}
      | (?:xai|pypi)-[A-Za-z0-9_-]{20,}
      | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?
    )
    """,
    re.VERBOSE,
)
_BEARER: Final = re.compile(
    r"\b(Bearer|Basic)(\s{1,8})(?=[A-Za-z._~+/-]{0,64}[0-9=])[\w.~+/=-]{8,}"
)

_SECRET_WORDS: Final = re.compile(
    r"(?:^|_)(?:\w*KEY|\w*TOKEN|\w*SECRET|PASS|\w*PASSWD|\w*PASSWORD|PASSPHRASE|CREDENTIALS?"
    r"|PWD|AUTH|AUTHORIZATION|COOKIE|PRIVATE|PAT)(?:_|$)"
)
_URL_PASSWORD: Final = re.compile(r"://[^\s/@:]*:([^\s/@]+)@")


def redact_secrets(text: str, secrets: Sequence[str] = ()) -> str:
    """Return ``text`` without ``secrets``, words that start as one of them does, and known shapes.

    What is taken out becomes ``***``. Text that is JSON before is JSON afterwards.
    """
    for hide in _build_hiders(tuple(secrets)):
        text = hide(text)
    text = _SHAPES.sub(HIDDEN, text)
    return _BEARER.sub(rf"\1\2{HIDDEN}", text)


def find_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values in ``environ`` that look like secrets by name and form, longest first.

    Paths, numbers and plain words are none, whatever their name: taking them out would mangle
    ordinary text. A password inside a URL counts under any name.
    """
    found = {value for name, value in environ.items() if _is_secret(name, value.strip())}
    for value in environ.values():
        found.update(_URL_PASSWORD.findall(value))
    stripped = {value.strip() for value in found}
    return tuple(
        sorted((one for one in stripped if len(one) >= _SHORTEST), key=lambda one: (-len(one), one))
    )


def _is_secret(name: str, value: str) -> bool:
    if not _SECRET_WORDS.search(name.upper()) or value.startswith(("/", "~", "./", "../")):
        return False
    has_digit = any(char.isdigit() for char in value)
    is_number = value.replace(".", "").isdigit()
    return (has_digit and not is_number) or len(value) >= _LONG


@lru_cache(maxsize=64)
def _build_hiders(secrets: tuple[str, ...]) -> tuple[Callable[[str], str], ...]:
    """Return what takes ``secrets`` out of a text: the whole ones first, then their beginnings."""
    known = sorted({one for one in secrets if one}, key=len, reverse=True)
    if not known:
        return ()
    whole = re.compile("|".join(map(re.escape, _iter_forms(known))))
    echoes = [_build_echo(one) for one in known if len(one) >= 2 * _PREFIX]
    return (lambda text: whole.sub(HIDDEN, text), *echoes)


def _iter_forms(secrets: Iterable[str]) -> Iterator[str]:
    """Yield each secret as it is, and as JSON inside JSON has it."""
    for secret in secrets:
        forms = {secret}
        for _ in range(2):
            forms |= {
                json.dumps(one, ensure_ascii=is_ascii)[1:-1]
                for one in forms
                for is_ascii in (False, True)
            }
        yield from sorted(forms, key=lambda one: (-len(one), one))


def _build_echo(secret: str) -> Callable[[str], str]:
    """Return what hides words that start as ``secret`` does.

    Where that start is letters only it may be one of an ordinary word, so more has to be alike:
    twice as much of the secret, or the stars of an echo.
    """
    prefix = secret[:_PREFIX]
    start = re.escape(prefix)
    is_word = prefix.isalpha()
    pattern = re.compile((r"(?<!\w)" if is_word else "") + start + r"[^\s\"'\\]*")

    def hide(found: re.Match[str]) -> str:
        word = found[0]
        is_alike = not is_word or word.startswith(secret[: 2 * _PREFIX])
        return HIDDEN if is_alike or any(mark in word for mark in ("**", "..", "…")) else word

    return lambda text: pattern.sub(hide, text) if prefix in text else text
