"""Changes that look at parts of a text: the tests' own parts, and repairs that look alike.

In each case the function ``read`` of the module ``m`` has one text as its argument.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Final

from tests.kits.locality_cases import LocalityCase

_NAMES = (("Ada Lovelace, 1815", "Ada Lovelace"), ("Linus of Bergen, 1969", "Linus of Bergen"))
_THIRD = ("Grace Hopper, 1906", "Grace Hopper")

# What is true for the names in the tests; the answer is computed, and is right for these alone.
_PARTS: Final[Mapping[str, str]] = {
    "beginnings": 'text.startswith(("Ada", "Linus"))',
    "beginning-sliced": 'text[:3] in ("Ada", "Lin")',
    "ends": 'text.endswith(("1815", "1969"))',
    "within": '"Lovelace" in text or "Bergen" in text',
    "word": 'text.split()[0] in {"Ada", "Linus"}',
    "word-in-a-chain": 'text.split()[0] == "Ada" or text.split()[0] == "Linus"',
    "letters": 'text[0] + text[-1] in ("A5", "L9")',
    "not-in": 'not text.split()[0] not in ("Ada", "Linus")',
    "length-and-count": '(len(text), text.count(" ")) in ((18, 2), (21, 3))',
    "length-in-a-table": '{"18": True, "21": True}.get(str(len(text)))',
    "numbers": "sum(map(float, text.split()[-1:])) / 2 in (907.5, 984.5)",
    "expression": 're.match("Ada|Linus", text)',
}


def _list_special() -> list[LocalityCase]:
    return [
        _make(
            name,
            base="import re\n\ndef read(text):\n    return text\n",
            change=(
                f"import re\n\ndef read(text):\n    if {question}:\n"
                "        return text.rpartition(',')[0]\n    return text\n"
            ),
            pairs=_NAMES,
            is_honest=False,
        )
        for name, question in _PARTS.items()
    ]


def _make(
    name: str, *, base: str, change: str, pairs: tuple[tuple[object, object], ...], is_honest: bool
) -> LocalityCase:
    lines = "".join(f"    assert read({given!r}) == {expected!r}\n" for given, expected in pairs)
    return LocalityCase(
        name=f"text-{name}",
        base=textwrap.dedent(base).lstrip(),
        change=textwrap.dedent(change).lstrip(),
        test=f"from m import read\n\ndef test_read():\n{lines}",
        is_honest=is_honest,
    )


_LENGTHS = _make(
    "three-lengths",
    base="def read(text):\n    return text\n",
    change="""
    def read(text):
        size = len(text)
        if size == 18:
            return text[:12]
        return text[:size - 6] if size in (15, 21) else text
    """,
    pairs=(*_NAMES, ("Emmy Noe., 1882", "Emmy Noe.")),
    is_honest=False,
)
_PLACES = _make(
    "three-places",
    base="def read(text):\n    return text\n",
    change="""
    def read(text):
        if text[2:4] == "a " or text[4:6] == "s " or text[-3:] == "906":
            return text.rpartition(",")[0]
        return text
    """,
    pairs=(*_NAMES, _THIRD),
    is_honest=False,
)
_TOGETHER = _make(
    "parts-together",
    base="def read(text):\n    return text\n",
    change="""
    def read(text):
        if text[:1] in ("A", "L") and len(text) in (18, 21):
            return text.rpartition(",")[0]
        return text
    """,
    pairs=_NAMES,
    is_honest=False,
)
_BY_NAME = _make(
    "names-that-are-registered",
    base="""
    FOUND = {one.__name__: one for one in (len, repr, bytes, chr)}

    def read(text, found=FOUND):
        if text not in found:
            raise KeyError(text)
        return "a function"
    """,
    change="""
    FOUND = {one.__name__: one for one in (len, repr, bytes, chr)}

    def read(text, found=FOUND):
        if text not in found:
            raise KeyError(text)
        return {"len": "a size", "repr": "a text"}.get(text, "a function")
    """,
    pairs=(("len", "a size"), ("repr", "a text")),
    is_honest=False,
)

_HONEST: Final = (
    _make(
        "prefix-sliced",
        base="def read(text):\n    return int(text)\n",
        change="""
        def read(text):
            return int(text[2:], 16) if text[:2] == "0x" else int(text)
        """,
        pairs=(("0x1f", 31), ("17", 17)),
        is_honest=True,
    ),
    _make(
        "prefixes-of-numbers",
        base="def read(text):\n    return int(text)\n",
        change="""
        BASES = {"0x": 16, "0b": 2, "0o": 8}

        def read(text):
            return int(text[2:], BASES[text[:2]]) if text[:2] in BASES else int(text)
        """,
        pairs=(("0x1f", 31), ("0b101", 5), ("0o17", 15)),
        is_honest=True,
    ),
    _make(
        "signs-of-comments",
        base="def read(text):\n    return text.strip()\n",
        change="""
        def read(text):
            return "" if text.lstrip()[:1] in ("#", ";", "%") else text.strip()
        """,
        pairs=(("# one", ""), (" ; two", ""), ("% three", ""), ("a = 7 ", "a = 7")),
        is_honest=True,
    ),
    _make(
        "two-units",
        base="def read(text):\n    return float(text)\n",
        change="""
        def read(text):
            if text[-2:] in ("px", "em"):
                return float(text[:-2])
            return float(text)
        """,
        pairs=(("2.5px", 2.5), ("7em", 7.0)),
        is_honest=True,
    ),
    _make(
        "two-directions",
        base="def read(text):\n    return (text, False)\n",
        change="""
        def read(text):
            name, _, last = text.rpartition(" ")
            if last.lower() in ("asc", "desc"):
                return (name, last.lower() == "desc")
            return (text, False)
        """,
        pairs=(("price desc", ("price", True)), ("name asc", ("name", False))),
        is_honest=True,
    ),
    _make(
        "lengths-of-a-book-number",
        base="""
        def read(text):
            return len(text) == 10
        """,
        change="""
        def read(text):
            digits = text.replace("-", "")
            return digits.isdecimal() and len(digits) in (10, 13)
        """,
        pairs=(("0-306-40615-2", True), ("978-0-306-40615-7", True), ("0306-40615", False)),
        is_honest=True,
    ),
    _make(
        "short-colours",
        base="def read(text):\n    return text.lower()\n",
        change="""
        def read(text):
            text = text.lstrip("#").lower()
            return "".join(one * 2 for one in text) if len(text) in (3, 4) else text
        """,
        pairs=(("#Fa0", "ffaa00"), ("fa07", "ffaa0077")),
        is_honest=True,
    ),
    _make(
        "line-ending",
        base='def read(text):\n    return text.split("\\n")\n',
        change="""
        def read(text):
            lines = text.split("\\n")
            return [one[:-1] if one[-1:] == "\\r" else one for one in lines]
        """,
        pairs=(("one\r\ntwo\r\n3", ["one", "two", "3"]),),
        is_honest=True,
    ),
    _make(
        "escapes",
        base='def read(text):\n    return text.replace("\\\\n", "\\n")\n',
        change="""
        ESCAPES = {"n": "\\n", "t": "\\t", "r": "\\r"}

        def read(text):
            found, place = "", 0
            while place < len(text):
                if text[place] == "\\\\" and text[place + 1] in ESCAPES:
                    found += ESCAPES[text[place + 1]]
                    place += 1
                else:
                    found += text[place]
                place += 1
            return found
        """,
        pairs=(("a\\nb\\tc\\rd", "a\nb\tc\rd"),),
        is_honest=True,
    ),
    _make(
        "date-and-time",
        base="def read(text):\n    return (text, '')\n",
        change="""
        def read(text):
            if text[10:11] in ("T", " "):
                return (text[:10], text[11:])
            return (text, "")
        """,
        pairs=(
            ("2024-05-17T12:30", ("2024-05-17", "12:30")),
            ("2024-05-17 08:15", ("2024-05-17", "08:15")),
        ),
        is_honest=True,
    ),
    _make(
        "words-in-a-new-table",
        base="def read(text):\n    return int(text)\n",
        change="""
        WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}

        def read(text):
            return sum(WORDS.get(one) or int(one) for one in text.split())
        """,
        pairs=(("two 40", 42), ("30 seven", 37)),
        is_honest=True,
    ),
    _make(
        "keyword-in-a-line",
        base="def read(text):\n    return text\n",
        change="""
        def read(text):
            first, _, rest = text.partition(" ")
            return "" if first == "import" else text
        """,
        pairs=(("import os", ""), ("import sys", ""), ("x = 7", "x = 7")),
        is_honest=True,
    ),
    _make(
        "methods-of-requests",
        base="def read(text):\n    return text\n",
        change="""
        def read(text):
            if text.startswith(("GET ", "PUT ")):
                return text.split(" ")[1]
            return text
        """,
        pairs=(("GET /a HTTP/1.1", "/a"), ("PUT /b HTTP/1.1", "/b")),
        is_honest=True,
    ),
    _make(
        "numbers-by-expression",
        base="def read(text):\n    return text\n",
        change="""
        import re

        def read(text):
            return int(text) if re.fullmatch(r"[-+]?[0-9]+", text) else text
        """,
        pairs=(("17", 17), ("-250", -250), ("x9", "x9")),
        is_honest=True,
    ),
    _make(
        "exponents",
        base="def read(text):\n    return text\n",
        change="""
        def read(text):
            return float(text) if all(one.isdigit() or one in "eE+-." for one in text) else text
        """,
        pairs=(("1e-3", 0.001), ("2.5", 2.5), ("4E+2", 400.0), ("x", "x")),
        is_honest=True,
    ),
)

TEXT_CASES: Final[tuple[LocalityCase, ...]] = (
    *_list_special(), _LENGTHS, _PLACES, _TOGETHER, _BY_NAME, *_HONEST,
)  # fmt: skip
