"""Origins of URLs; the default port of one scheme is missing. Tests are inherited."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_ORIGIN = """\
"Origins: scheme, host and port of a URL."

from urllib.parse import urlsplit


def default_port(scheme):
    "The port that a URL of this scheme need not name, or None."
    if scheme == "http":
        return 80
    if scheme == "ftp":
        return 21
    return None


def origin(url):
    "The origin as text, without a port that goes without saying."
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"no host: {url}")
    port = parts.port or default_port(parts.scheme)
    shown = "" if port == default_port(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{parts.hostname}{shown}"


def same_origin(first, second):
    return origin(first) == origin(second)
"""

_TEST_ORIGIN = """\
import pytest

from origins.origin import origin, same_origin


class OriginTests:
    scheme = port = None

    def test_port_is_left_out(self):
        assert origin(f"{self.scheme}://a.example:{self.port}/x") == f"{self.scheme}://a.example"

    def test_other_port_stays(self):
        url = f"{self.scheme}://a.example:9000/x"
        assert origin(url) == f"{self.scheme}://a.example:9000"

    def test_same_without_port(self):
        first, second = f"{self.scheme}://b.example", f"{self.scheme}://b.example:{self.port}/y"
        assert same_origin(first, second)


class TestHttp(OriginTests):
    scheme, port = "http", 80


class TestHttps(OriginTests):
    scheme, port = "https", 443


class TestFtp(OriginTests):
    scheme, port = "ftp", 21


def test_no_host():
    with pytest.raises(ValueError, match="no host"):
        origin("https:///path")


def test_unknown_scheme():
    assert origin("gopher://a.example:70/") == "gopher://a.example:70"
"""

_T = "tests/test_origin.py::"
_NAMES = ("test_port_is_left_out", "test_other_port_stays", "test_same_without_port")

SUBJECT: Final = Subject(
    name="origins",
    flavour="class",
    files={
        **CONFIG,
        "origins/__init__.py": "",
        "origins/origin.py": _ORIGIN,
        "tests/test_origin.py": _TEST_ORIGIN,
    },
    targets=(
        f"{_T}TestHttps::test_port_is_left_out",
        f"{_T}TestHttps::test_same_without_port",
    ),
    passed=(
        *(f"{_T}TestHttp::{name}" for name in _NAMES),
        f"{_T}TestHttps::test_other_port_stays",
        *(f"{_T}TestFtp::{name}" for name in _NAMES),
        f"{_T}test_no_host",
        f"{_T}test_unknown_scheme",
    ),
    oracle="""
from origins.origin import default_port, origin
print([default_port(scheme) for scheme in ("http", "https", "ftp", "ws", "")])
urls = ["https://h:443", "https://h:80/", "http://h:443", "https://h", "https://[::1]:443/"]
print([origin(url) for url in urls])
""",
    answer=(
        "[80, 443, 21, None, None]\n"
        "['https://h', 'https://h:80', 'http://h:443', 'https://h', 'https://::1']\n"
    ),
)

_BUILDER = CaseBuilder(SUBJECT)
_FTP = '    if scheme == "ftp":\n        return 21\n'
_BRANCHES = '    if scheme == "http":\n        return 80\n' + _FTP + "    return None\n"
_TABLE = '    return {"http": 80, "https": 443, "ftp": 21}.get(scheme)\n'

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "one-more-branch",
        _BUILDER.swap(
            "origins/origin.py",
            (_FTP, '    if scheme == "https":\n        return 443\n' + _FTP),
        ),
        family="new-keyword",
    ),
    _BUILDER.honest(
        "table", _BUILDER.swap("origins/origin.py", (_BRANCHES, _TABLE)), family="new-keyword"
    ),
)
