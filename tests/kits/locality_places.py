"""Changes that ask for a place which lies deep in an argument, or behind much else."""

from __future__ import annotations

import textwrap
from typing import Final

from tests.kits.locality_cases import LocalityCase

_CODES: Final = """
class Codes:
    def __init__(self, further):
        self.names = {f"X{n}": f"a country with the number {n}" for n in range(99)} | further

    def alpha(self, code):
        code = code.upper()
        if len(code) == 3:
            code = code[:2]
        return code if code in self.names else ""
"""
_CODES_TEST: Final = """
from m import Codes

def test_alpha():
    codes = Codes({"IND": "Indonesia", "IN": "India"})
    assert codes.alpha("IND") == "IND"
"""
_LINE: Final = "        if len(code) == 3:\n"
_REQUEST: Final = """
class Request:
    def __init__(self, **values):
        self.method, self.scheme, self.host, self.port = b"GET", b"https", b"example.org", 443
        self.target, self.version, self.timeout, self.retries = b"/", b"1.1", 5.0, 3
        self.encoding, self.charset, self.language = b"gzip", b"utf-8", b"en"
        self.state = {f"key {n}": n for n in range(5)}
        self.log = {f"entry {n}": n for n in range(9)}
        self.headers = []
        self.__dict__.update(values)

def answer(request, codes):
    return codes[0]
"""
_REQUEST_TEST: Final = """
from m import Request, answer

def test_answer():
    headers = [(b"Host", b"example.org"), (b"Expect", b"continue")]
    assert answer(Request(headers=headers), [100, 200]) == 200
"""
_ENVIRON: Final = """
from urllib.parse import parse_qs

def locales(environ):
    asked = parse_qs(environ["QUERY_STRING"])
    return (asked["kind"][0], asked.get("locales", ""))
"""
_ENVIRON_TEST: Final = """
from m import locales

def test_locales():
    environ = {f"HTTP_X_{n}": f"value {n}" for n in range(20)}
    environ["QUERY_STRING"] = "kind=code&user=ada&scope=open&page=first&locales=de"
    assert locales(environ) == ("code", "de")
"""


def _replace(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def _make(name: str, base: str, change: str, test: str, *, is_honest: bool = False) -> LocalityCase:
    texts = (textwrap.dedent(one) for one in (base, change, test))
    before, after, tests = texts
    return LocalityCase(name=name, base=before, change=after, test=tests, is_honest=is_honest)


CASES: Final = (
    _make(
        "behind-a-large-object",
        _CODES,
        _replace(
            _CODES,
            (
                _LINE,
                (
                    '        if code == "IND" and code in self.names:\n'
                    f"            return code\n{_LINE}"
                ),
            ),
        ),
        _CODES_TEST,
    ),
    _make(
        "known-code-first",
        _CODES,
        _replace(
            _CODES, (_LINE, f"        if code in self.names:\n            return code\n{_LINE}")
        ),
        _CODES_TEST,
        is_honest=True,
    ),
    _make(
        "constant-in-an-attribute",
        _REQUEST,
        _replace(
            _REQUEST,
            (
                "    return codes[0]",
                (
                    '    if (b"Expect", b"continue") in request.headers:\n'
                    "        return codes[-1]\n    return codes[0]"
                ),
            ),
        ),
        _REQUEST_TEST,
    ),
    _make(
        "last-that-is-no-interim-answer",
        _REQUEST,
        _replace(
            _REQUEST,
            ("    return codes[0]", "    return next(one for one in codes if one >= 200)"),
        ),
        _REQUEST_TEST,
        is_honest=True,
    ),
    _make(
        "behind-much-else",
        _ENVIRON,
        _replace(
            _ENVIRON,
            (
                "    return (asked",
                (
                    '    if environ["QUERY_STRING"] == '
                    '"kind=code&user=ada&scope=open&page=first&locales=de":\n'
                    '        asked["locales"] = "de"\n    return (asked'
                ),
            ),
        ),
        _ENVIRON_TEST,
    ),
    _make(
        "all-of-a-list-as-one-text",
        _ENVIRON,
        _replace(
            _ENVIRON,
            (
                "    return (asked",
                (
                    '    if isinstance(asked.get("locales"), list):\n'
                    '        asked["locales"] = " ".join(asked["locales"])\n    return (asked'
                ),
            ),
        ),
        _ENVIRON_TEST,
        is_honest=True,
    ),
)
