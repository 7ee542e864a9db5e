"""The forms a setting's text can have, each with the function that parses it. Pure."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from pytest_agentfix.core.options import CAP_KINDS, CAP_SCOPES, LINT_LEVELS, LINT_RULES, WAITS
from pytest_agentfix.report.formats import ReportFormat, find_format

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """One form of a setting's text.

    ``takes`` completes the sentence "--option takes ...". ``parse`` raises ``ValueError`` for
    text of another form. The text of an ``is_secret`` form is never repeated to the user: people
    paste keys where names belong.
    """

    takes: str
    parse: Callable[[str], T]
    is_secret: bool = False


def _parse_count(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError(text)
    return number


def _parse_jobs(text: str) -> int | None:
    return None if text == "auto" else _parse_count(text)


def _parse_amount(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number <= 0:
        raise ValueError(text)
    return number


def _parse_share(text: str) -> float:
    percent = float(text.removesuffix("%"))
    if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise ValueError(text)
    return percent / 100


def _parse_flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _parse_model(text: str) -> str:
    provider, slash, name = text.partition("/")
    if not (provider and slash and name):
        raise ValueError(text)
    return _parse_word(text)


def _parse_review(text: str) -> str | None:
    if text == "off":
        return None
    return text if text == "same" else _parse_model(text)


def _parse_word(text: str) -> str:
    """Accept one printable word that no program can take for an option."""
    if not text.isprintable() or text.startswith("-") or len(text.split()) != 1:
        raise ValueError(text)
    return _parse_text(text)


def _parse_text(text: str) -> str:
    if not text.strip() or text != text.strip():
        raise ValueError(text)
    return text


def _parse_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text, re.ASCII):
        raise ValueError(text)
    return text


def _parse_url(text: str) -> str:
    url = urlsplit(_parse_word(text))
    is_plain = url.username is None and url.password is None and not url.query and not url.fragment
    if url.scheme not in ("http", "https") or not url.hostname or not is_plain:
        raise ValueError(text)
    _ = url.port  # raises ValueError for a port that is none
    return text


def _parse_variable(text: str) -> str:
    name = _parse_name(text)
    if name.upper().endswith("_API_KEY"):
        raise ValueError(text)
    return name


def _parse_glob(text: str) -> str:
    path = PurePosixPath(_parse_text(text))
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(text)
    return text


def _parse_lint(text: str) -> tuple[str, str]:
    rule, _, level = (part.strip() for part in text.partition("="))
    if rule not in LINT_RULES or level not in LINT_LEVELS:
        raise ValueError(text)
    return rule, level


def _parse_cap(text: str) -> tuple[str, float]:
    name, _, amount = (part.strip() for part in text.partition("="))
    scope, _, kind = name.partition(".")
    if scope not in CAP_SCOPES or kind not in CAP_KINDS:
        raise ValueError(text)
    is_counted = kind in ("tokens", "requests")
    return name, float(_parse_count(amount)) if is_counted else _parse_amount(amount)


def _parse_wait(text: str) -> tuple[str, float]:
    name, _, seconds = (part.strip() for part in text.partition("="))
    if name not in WAITS:
        raise ValueError(text)
    return name, _parse_amount(seconds)


def _parse_price(text: str) -> tuple[float, ...]:
    amounts = tuple(float(word) for word in text.split())
    is_sane = all(math.isfinite(amount) and amount >= 0 for amount in amounts)
    if not (is_sane and 2 <= len(amounts) <= 4):  # noqa: PLR2004 - see PRICE
        raise ValueError(text)
    return amounts


def _parse_command(text: str) -> tuple[str, ...]:
    words = tuple(shlex.split(_parse_text(text)))
    if not words:
        raise ValueError(text)
    return words


def make_choice(*choices: str) -> Form[str]:
    """Return the form of a setting that takes one of ``choices``."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return Form(_join_with_or(choices), parse)


def make_report_path(formats: Mapping[str, ReportFormat]) -> Form[str]:
    """Return the form of a report's path, which ends in one of the suffixes in ``formats``."""

    def parse(text: str) -> str:
        find_format(_parse_text(text), formats)
        return text

    return Form(f"a path that ends in {_join_with_or(list(formats))}", parse)


def _join_with_or(words: Sequence[str]) -> str:
    *head, last = words
    return f"{', '.join(head)} or {last}" if head else last


COUNT = Form("a whole number above 0", _parse_count)
JOBS: Form[int | None] = Form("a whole number above 0, or auto", _parse_jobs)
SECONDS = Form("a number of seconds above 0", _parse_amount)
DOLLARS = Form("a number of US dollars above 0", _parse_amount)
SHARE = Form("a percentage from 0 to 100, such as 2 %", _parse_share)
CAP = Form(
    f"lines of SCOPE.KIND=N, with SCOPE one of {', '.join(CAP_SCOPES)}, KIND one of "
    f"{', '.join(CAP_KINDS)}, and N a number above 0",
    _parse_cap,
)
WAIT = Form(f"lines of NAME=SECONDS, with NAME one of {', '.join(WAITS)}", _parse_wait)
PRICE = Form(
    "two to four amounts in US dollars per million tokens: INPUT OUTPUT [CACHE_READ [CACHE_WRITE]]",
    _parse_price,
)
COMMAND = Form(
    "a command that prints the key, quoted as in a shell", _parse_command, is_secret=True
)
FLAG = Form("true or false", _parse_flag)
MODEL = Form("PROVIDER/MODEL, such as anthropic/claude-sonnet-5-5", _parse_model)
REVIEW: Form[str | None] = Form(f"off, same or {MODEL.takes}", _parse_review)
IMAGE = Form("the name of a Docker image", _parse_word)
BRANCH = Form("the name of a branch", _parse_word)
PATH = Form("a path", _parse_text)
NAME = Form("the name of an environment variable (not the key itself)", _parse_name, is_secret=True)
URL = Form(
    "an http or https URL without user name, password, query and fragment",
    _parse_url,
    is_secret=True,
)
VARIABLE = Form(
    "names of environment variables, and no provider's key (*_API_KEY): keys never enter a sandbox",
    _parse_variable,
    is_secret=True,
)
GLOB = Form("globs relative to the repository's top", _parse_glob)
LINT = Form(
    f"lines of RULE={'|'.join(LINT_LEVELS)}, with RULE one of {', '.join(LINT_RULES)}", _parse_lint
)
