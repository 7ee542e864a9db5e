"""The recorded calls of one test, as a sandbox reports them (pure).

They come from a process that runs untrusted code: whatever is not exactly as ``call_tracer.py``
writes it is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeGuard

from pytest_agentfix.judge.in_sandbox.signed_report import ID_LIMIT

TRACED_LIMIT: Final = 1_000  # tests
ROWS_LIMIT: Final = 1_000  # different calls of one test
CALLS_LIMIT: Final = 5_000  # equal calls of one test
FUNCTION_LIMIT: Final = 1_000_000  # the highest number of a function

_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{1,16}")


class TracedCall(NamedTuple):
    """One call of a function that both versions have.

    ``is_nested``: the call was made while another recorded one was going on. ``end`` stands for
    what it returned or raised, ``path`` for the lines it ran of those that both versions have.
    """

    function: int
    is_nested: bool
    end: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedTest:
    """The calls of changed functions that one test makes, with their numbers.

    ``has_entered``: a line ran that the other version does not have. ``is_outside``: a function
    that the other version does not have was called by code that both have. ``gap`` says why calls
    may be missing.
    """

    calls: Mapping[TracedCall, int] = field(default_factory=dict)
    has_entered: bool = False
    is_outside: bool = False
    gap: str = ""


def read_traces(fields: object, take_text: Callable[[object], str]) -> dict[str, TracedTest] | None:
    """Read ``tests`` of a ``traced`` line, ``None`` if it makes no sense.

    ``take_text`` makes a text from a sandbox harmless.
    """
    if not isinstance(fields, dict) or len(fields) > TRACED_LIMIT:
        return None
    tests = {}
    for nodeid, one in fields.items():
        test = _read_test(one, take_text)
        if test is None or len(nodeid) > ID_LIMIT:
            return None
        tests[nodeid] = test
    return tests


def _read_test(fields: object, take_text: Callable[[object], str]) -> TracedTest | None:
    if not isinstance(fields, dict) or fields.keys() != {"calls", "entered", "outside", "gap"}:
        return None
    rows, gap = fields["calls"], fields["gap"]
    flags = (fields["entered"], fields["outside"])
    if not isinstance(rows, list) or len(rows) > ROWS_LIMIT or not all(map(_is_row, rows)):
        return None
    if list(map(type, flags)) != [bool, bool] or not isinstance(gap, str):
        return None
    return TracedTest(
        calls={TracedCall(*row[:-1]): row[-1] for row in rows},
        has_entered=flags[0],
        is_outside=flags[1],
        gap=take_text(gap),
    )


def _is_row(value: object) -> TypeGuard[list[Any]]:
    if not isinstance(value, list) or list(map(type, value)) != [int, bool, str, str, int]:
        return False
    number, _, end, path, count = value
    return (
        1 <= number <= FUNCTION_LIMIT
        and 1 <= count <= CALLS_LIMIT
        and _HEXADECIMAL.fullmatch(end) is not None
        and _HEXADECIMAL.fullmatch(path) is not None
    )
