"""Globs over repository-relative paths, with the same meaning on every Python version."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

_TOKEN = re.compile(
    r"(?P<deep>\*\*/)|(?P<all>\*\*)|(?P<star>\*)|(?P<any>\?)|(?P<set>\[!?\]?[^]]*\])"
)
_REGEX = {"deep": "(?:[^/]+/)*", "all": ".*", "star": "[^/]*", "any": "[^/]"}


def compile_glob(glob: str) -> re.Pattern[str]:
    """Compile a glob for ``fullmatch`` on paths relative to the top.

    ``*`` and ``?`` stay within one folder, ``**`` does not. A glob that ends in a plain name, or
    in ``/``, also means everything below that folder.
    """
    plain = glob.removeprefix("./").strip("/")
    if plain in ("", "."):
        return re.compile(".*", re.DOTALL)
    last = plain.rpartition("/")[2]
    below = "(?:/.*)?" if glob.endswith("/") or not re.search(r"[*?[]", last) else ""
    return re.compile("".join(_pieces(plain)) + below, re.DOTALL)


def _pieces(glob: str) -> Iterable[str]:
    end = 0
    for token in _TOKEN.finditer(glob):
        yield re.escape(glob[end : token.start()])
        yield _REGEX.get(token.lastgroup or "") or _set(token.group())
        end = token.end()
    yield re.escape(glob[end:])


def _set(text: str) -> str:
    regex = fnmatch.translate(text)  # handles sets, but lets them match a slash
    return "(?!/)" + regex[: regex.rindex(")") + 1]
