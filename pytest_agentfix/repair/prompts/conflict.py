"""A change that another fix got ahead of -> what its agent is told. Pure, and bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from pytest_agentfix.core.hunks import Hunk, split_hunks
from pytest_agentfix.core.model import ChangeSet, ReadBase
from pytest_agentfix.core.text import clean_line
from pytest_agentfix.repair.prompts.truncation import cut_middle, fence

DIFF_BUDGET: Final = 6_000  # characters
_CONTEXT: Final = 2  # lines around a hunk
_LINE_LIMIT: Final = 300  # characters
_LINES: Final = 200  # of one file that is new


def conflict_note(changes: ChangeSet, *, read_base: ReadBase, reason: str) -> str:
    """Return a note on the agent's earlier change that collides with a fix made meanwhile.

    ``read_base`` reads the base that ``changes`` were made on. Never longer than a diff of
    ``DIFF_BUDGET`` characters and a few lines.
    """
    diff = make_diff(changes, read_base)
    return (
        "You have repaired this before, but another fix was committed meanwhile that your change "
        f"does not go with: {clean_line(reason, limit=_LINE_LIMIT)}.\n"
        "The files you see have that fix and not your change. Keep that fix, and make your change "
        "again on top of it, as far as it is still needed. This was your change:\n"
        + fence(cut_middle(diff, DIFF_BUDGET), "diff")
    )


def make_diff(changes: ChangeSet, read_base: ReadBase, *, context: int = _CONTEXT) -> str:
    """A unified diff for reading, with what it cannot show said in words.

    ``context`` is the number of unchanged lines around a changed one.
    """
    lines = [
        line
        for path, hunks in groupby(split_hunks(changes, read_base), key=lambda hunk: hunk.path)
        for line in _describe_file(path, list(hunks), read_base, context)
    ]
    return "\n".join(lines)


def _describe_file(
    path: str, hunks: Sequence[Hunk], read_base: ReadBase, context: int
) -> Iterator[str]:
    name = clean_line(path, limit=_LINE_LIMIT)
    whole = hunks[0].whole
    if whole is None:
        yield from (f"--- a/{name}", f"+++ b/{name}")
        found = read_base(path)
        yield from _describe_hunks(
            (b"" if found is None else found[0]).splitlines(), hunks, context
        )
    elif whole.content is None:
        yield f"{name}: deleted"
    elif b"\0" in whole.content:
        yield f"{name}: {len(whole.content)} bytes that are no text"
    else:
        lines = whole.content.splitlines()
        yield from (f"--- {name} as a whole", f"+++ b/{name}")
        yield from _write("+", lines[:_LINES])
        if len(lines) > _LINES:
            yield f"[... {len(lines) - _LINES} lines left out ...]"


def _describe_hunks(base: Sequence[bytes], hunks: Sequence[Hunk], context: int) -> Iterator[str]:
    """The hunks with lines around them; none of these twice."""
    done = shift = 0
    for number, hunk in enumerate(hunks):
        following = hunks[number + 1].start if number + 1 < len(hunks) else len(base)
        start = max(done, hunk.start - context)
        done = min(following, hunk.stop + context)
        new = len(hunk.lines) - (hunk.stop - hunk.start)
        count = done - start
        yield f"@@ -{start + 1},{count} +{start + 1 + shift},{count + new} @@"
        yield from _write(" ", base[start : hunk.start])
        yield from _write("-", base[hunk.start : hunk.stop])
        yield from _write("+", hunk.lines)
        yield from _write(" ", base[hunk.stop : done])
        shift += new


def _write(mark: str, lines: Sequence[bytes]) -> Iterator[str]:
    for line in lines:
        yield mark + line.decode("utf-8", "backslashreplace").rstrip("\r\n")[:_LINE_LIMIT]
