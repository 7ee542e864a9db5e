"""Replaces the parts of a text that differ from run to run by fixed words (pure).

Every pattern starts at a rare character and consumes what it has scanned: the texts come from
the sandbox, and none may take long.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_DATA_LENGTH: Final = 1000  # characters; longer bare base64 is replaced by its digest
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\n-]+={0,2}\s*")
_DAY: Final = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?)"
_MONTH: Final = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_CLOCK: Final = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[AaPp][Mm]\b)?"
_ZONE: Final = r"(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?"
_DATE: Final = rf"(?:{_DAY},? )?{_MONTH} +\d{{1,2}}(?:,? {_CLOCK})?(?: [A-Z]{{3,4}}\b)?"
_RIGHTS: Final = r"[-rwxsStT]{9})[.+@]? +\d+ +\S+ +\S+"  # the bracket opens before the kind
_LISTED: Final = rf"(?:{_MONTH} +\d{{1,2}} +(?:\d\d:\d\d|\d{{4}})|\d{{4}}-\d\d-\d\d \d\d:\d\d)"
_UNIT: Final = r"(?:ns|[uµμ]s|ms|s|secs?|seconds?|mins?|minutes?)"
_ID: Final = r"(?:tool|toolu|call|ses|msg|prt|per|req|resp|chatcmpl|fc|rs|evt|snapshot)"

_STEPS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern, re.MULTILINE), word)
    for pattern, word in (
        # ls -l: owner and group go, the size of a folder too
        (rf"^([-lcbps]{_RIGHTS} +(\d+) +{_LISTED}", r"\1 <owner> \2 <time>"),
        (rf"^(d{_RIGHTS} +\d+ +{_LISTED}", r"\1 <owner> <time>"),
        (r"^total \d+$", "total <n>"),
        # what pytest reports about the machine
        (r"^platform \S+ -- Python .*$", "platform <versions>"),
        (r"^plugins: .*$", "plugins: <versions>"),
        (r"\bpytest-of-[^/\s]+/pytest-\d+", "pytest-of-<user>"),
        (r"(?<=/)tmp[a-z0-9_]{8}\b", "<tmp>"),
        (r"\b(c?python)-?(?:\d{1,2}\.?\d{1,3}|3)\b", r"\1"),
        # carets below a line of a traceback: newer Pythons show more of them
        (r"^[ ]{4,}[~^]+[~^ ]*\n", ""),
        # names made by tempfile with a prefix
        (r"(?<=@\{tmp\}/)([A-Za-z][A-Za-z0-9.-]{0,40}[_.-])[a-z0-9_]{8}(?![\w.-])", r"\1<tmp>"),
        # abbreviated commits in a line of git's
        (r"^(\[[\w/-]{1,80} (?:\(root-commit\) )?)[0-9a-f]{7,11}(?=\])", r"\1<commit>"),
        (r"^(?=[a-f]{0,10}[0-9])(?=[0-9]{0,10}[a-f])[0-9a-f]{7,11}(?= [(\w])", "<commit>"),
        (
            r"\buid=\d{1,10}\([^\s()]{1,40}\) gid=\d{1,10}\([^\s()]{1,40}\)(?: groups=\S{1,200})?",
            "<owner>",
        ),
        # identifiers
        (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<uuid>"),
        (
            rf"\b{_ID}_(?:(?=[A-Za-z]{{0,40}}\d)[A-Za-z0-9]{{8,}}|[A-Za-z0-9]{{20,}})\b",
            "<id>",
        ),
        (r"\b0[xX][0-9a-fA-F]{6,}\b", "<address>"),
        # dates and times, the long forms first
        (rf"\b{_DAY},? \d{{1,2}} {_MONTH} \d{{4}}(?: {_CLOCK}{_ZONE})?", "<time>"),
        (rf"\b{_DATE}(?:,? \d{{4}}\b)?(?: {_CLOCK})?{_ZONE}", "<time>"),
        (rf"\b\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK}{_ZONE}|\b)", "<time>"),
        (rf"\b\d{{1,4}}/\d{{1,2}}/\d{{2,4}}(?:,? {_CLOCK}{_ZONE}|\b)", "<time>"),
        (rf"\b\d{{1,2}}:\d\d:\d\d(?:[.,]\d{{1,9}})?{_ZONE}", "<time>"),
        (r"\b\d{1,2}:\d\d\s?[AaPp][Mm]\b", "<time>"),
        (r"\b1[5-9]\d{8}(?:\d{3})?(?:\.\d+)?\b", "<time>"),
        (r"(?<!<data )\b[0-9a-fA-F]{12,}\b", "<hex>"),
        (rf"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?[ ]?{_UNIT}\b", "<duration>"),
        # numbers given by the system or by chance
        (r"\b([Pp][Ii][Dd]|[Pp]rocess|[Pp]orts?|PORTS?)(\W{1,3})\d+\b", r"\1\2<n>"),
        (r"(\blocalhost|\b127\.0\.0\.1|\b0\.0\.0\.0|\[::1?\]):\d{2,5}\b", r"\1:<n>"),
        (r"([Ss]eed|SEED)(\"?'?\s?[=: ]\s?)\d+\b", r"\1\2<n>"),
        # fill characters up to the width of the terminal
        (r"([=_*#!+-])\1{3,}", r"\1\1\1\1"),
        (r"(?<! ) {1,200}(?=\[[ ]{0,2}\d{1,3}%\]$)", " "),
    )
)


def normalise(text: str) -> str:
    """Return ``text`` with fixed words for times, random numbers and the like."""
    if text.startswith("data:") or (len(text) >= _DATA_LENGTH and _BASE64.fullmatch(text)):
        return f"<data {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}>"
    for pattern, word in _STEPS:
        text = pattern.sub(word, text)
    return text
