"""Reads the catalogue inside OpenCode's binary: a provider's models, limits and prices.

The binary carries a snapshot of models.dev as one minified JavaScript literal. It is read as text:
found, cut at its matching brace, translated to JSON token by token, and never evaluated.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.gateway.providers.prices import Price, Prices

_log = logging.getLogger(__name__)
_AMOUNT_LIMIT: Final = 1e12  # far beyond every limit and price
_SIZE_LIMIT: Final = 4_000_000  # bytes of one provider's literal; the biggest has 300,000
_WINDOW: Final = 4_000_000  # bytes of the binary that are searched at once
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TIER_OVER_200K: Final = 200_000  # tokens; named in the key of the older form of tiers
_TOKEN: Final = re.compile(
    r"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'|`[^`\\]*(?:\\.[^`\\]*)*`)
    |(?P<nothing>void\ 0|undefined)
    |(?P<flag>![01])
    |(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)
    |(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<mark>[{}\[\]:,])
    |\s+""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(
    r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(\r\n|.))", re.DOTALL
)
_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_WORDS: Final = frozenset({"true", "false", "null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueModel:
    """A model. ``npm`` is "" if the provider's own package serves it; limits are in tokens.

    A limit of 0 and ``prices`` of ``None`` mean that the catalogue does not know. ``entry`` is the
    model's whole entry in the catalogue's own form, with the URL of its provider added.
    """

    id: str
    npm: str = ""
    context_limit: int = 0
    output_limit: int = 0
    prices: Prices | None = None
    can_call_tools: bool = True
    entry: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueProvider:
    """A provider. ``api`` is "" if its package knows the URL; ``env`` names its variables."""

    id: str
    api: str = ""
    npm: str = ""
    env: tuple[str, ...] = ()
    models: Mapping[str, CatalogueModel] = field(default_factory=dict)


def read_catalogue(binary: Path, provider: str) -> CatalogueProvider | None:
    """Return the entry of ``provider`` in the catalogue of ``binary``.

    Return ``None`` if it is missing or cannot be read: a repair can do without.
    """
    if not _NAME.fullmatch(provider):
        return None
    try:
        for literal in _find_literals(binary, provider):
            found = _load(literal)
            if isinstance(found, dict):
                return _read_provider(provider, found)
    except OSError as error:
        _log.info("OpenCode's catalogue cannot be read: %s", error)
    return None


def _find_literals(binary: Path, provider: str) -> Iterator[str]:
    """Yield the text from each opening brace that may begin the provider's literal."""
    needle = f':{{id:"{provider}",env:['.encode()
    with binary.open("rb", buffering=0) as file:
        for start in _find_all(file.fileno(), needle):
            literal = os.pread(file.fileno(), _SIZE_LIMIT, start + 1)
            yield literal.decode("utf-8", "replace")


def _find_all(descriptor: int, needle: bytes) -> Iterator[int]:
    """Yield the offsets of ``needle``, reading a window at a time to keep memory small."""
    start = 0
    while window := os.pread(descriptor, _WINDOW, start):
        found = window.find(needle)
        while found >= 0:
            yield start + found
            found = window.find(needle, found + 1)
        if len(window) < len(needle):
            return
        start += len(window) - len(needle) + 1


def _load(literal: str) -> object:
    """Return the object that ``literal`` starts with, ``None`` if it is not plain data."""
    try:
        return json.loads("".join(_translate(literal)))
    except (ValueError, RecursionError):
        return None


def _translate(literal: str) -> Iterator[str]:
    """Yield JSON tokens up to the brace that closes the first; raises ``ValueError``."""
    depth = 0
    position = 0
    while match := _TOKEN.match(literal, position):
        position = match.end()
        text = match.group()
        kind = match.lastgroup
        if kind == "mark":
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(text, 0)
            yield text
            if depth == 0:
                return
        else:
            yield _translate_token(kind, text)
    raise ValueError(position)


def _translate_token(kind: str | None, text: str) -> str:
    match kind:
        case None:
            return " "
        case "string":
            return _translate_string(text)
        case "nothing":
            return "null"
        case "flag":
            return "true" if text == "!0" else "false"
        case "name":
            return text if text in _WORDS else f'"{text}"'
        case _:
            return repr(float(text)) if _is_odd(text) else text


def _is_odd(number: str) -> bool:
    """Tell whether JSON spells ``number`` differently: ``.5``, ``5.``, ``007``."""
    digits = number.lstrip("-")
    return digits.startswith(".") or digits[-1] == "." or (digits[0] == "0" and digits[1:2] != ".")


def _translate_string(text: str) -> str:
    inner = text[1:-1]
    if text[0] == "`" and "${" in inner:
        raise ValueError(inner)  # an expression, not data
    return json.dumps(_ESCAPE.sub(_resolve_escape, inner))


def _resolve_escape(match: re.Match[str]) -> str:
    braced, four, two, letter = match.groups()
    if letter is None:
        return chr(int(braced or four or two, 16))
    return "" if letter in ("\n", "\r\n") else _LETTERS.get(letter, letter)


def _read_provider(name: str, found: Mapping[str, Any]) -> CatalogueProvider:
    variables = found.get("env")
    models = _object(found.get("models"))
    api = _text(found.get("api"))
    read = (
        _read_model(key, entry, api) for key, entry in models.items() if isinstance(entry, dict)
    )
    return CatalogueProvider(
        id=name,
        api=api,
        npm=_text(found.get("npm")),
        env=tuple(one for one in variables if isinstance(one, str))
        if isinstance(variables, list)
        else (),
        models={model.id: model for model in read},
    )


def _read_model(name: str, entry: Mapping[str, Any], api: str) -> CatalogueModel:
    provider = {**({"api": api} if api else {}), **_object(entry.get("provider"))}
    limit = _object(entry.get("limit"))
    return CatalogueModel(
        id=name,
        npm=_text(provider.get("npm")),
        context_limit=max(int(_amount(limit.get(name)) or 0) for name in ("context", "input")),
        output_limit=int(_amount(limit.get("output")) or 0),
        prices=_read_prices(_object(entry.get("cost"))),
        can_call_tools=entry.get("tool_call") is not False,
        entry={**entry, "provider": provider},
    )


def _read_prices(cost: Mapping[str, Any]) -> Prices | None:
    base = _read_price(cost)
    tiers = _read_tiers(cost)
    return None if base is None or tiers is None else Prices(base=base, tiers=tiers)


def _read_price(cost: Mapping[str, Any]) -> Price | None:
    """Return one price, ``None`` if it has no plain input and output."""
    given, answered = _amount(cost.get("input")), _amount(cost.get("output"))
    if given is None or answered is None:
        return None
    reasoning, read, written = (
        _amount(cost.get(name)) for name in ("reasoning", "cache_read", "cache_write")
    )
    return Price(
        input=given,
        output=max(answered, reasoning or 0.0),  # thoughts are counted as output
        cache_read=given if read is None else read,
        cache_write=given if written is None else written,
    )


def _read_tiers(cost: Mapping[str, Any]) -> tuple[tuple[int, Price], ...] | None:
    """Return the higher prices of long prompts in rising order, ``None`` if one is damaged."""
    found = cost.get("tiers")
    if not isinstance(found, list):  # the older form, which newer entries repeat in part
        old = cost.get("context_over_200k")
        found = [] if old is None else [{**_object(old), "tier": {"size": _TIER_OVER_200K}}]
    tiers = []
    for entry in map(_object, found):
        size, price = _amount(_object(entry.get("tier")).get("size")), _read_price(entry)
        if size is None or price is None:
            return None
        tiers.append((int(size), price))
    return tuple(sorted(tiers, key=lambda tier: tier[0]))


def _amount(value: object) -> float | None:
    """Return ``value`` if it is a plausible price or limit."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value < _AMOUNT_LIMIT else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
