"""Doctests in product code: tests that stand in files which have to be repaired (pure).

The file may be changed and its examples may not. A docstring whose examples differ gets the base's
text back, so that what is judged and committed has the tests of the base. A docstring that goes
takes its test along, which the judge misses; a new one is no test of the base.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_agentfix.judge.doctest_source import DoctestFile, Text, compare_examples
from pytest_agentfix.judge.policy.declared_encoding import encode, find_declared

Pair = tuple[Text, Text]  # of the new file, and what takes its place


def restore_examples(new: bytes, base: bytes) -> bytes | None:
    """Return ``new`` with the docstrings of ``base`` wherever their examples differ.

    ``None`` where that is impossible: one of the two cannot be read as Python, or the file has
    neither one encoding nor one kind of line end.
    """
    before, after = DoctestFile.read(base), DoctestFile.read(new)
    if before is None or after is None:
        return None
    pairs: list[Pair] = []
    for name, texts in after.texts.items():
        tests = [text for text in before.texts.get(name, ()) if compare_examples(text.value)]
        known = [compare_examples(text.value) for text in tests]
        for place, text in enumerate(texts if tests else ()):
            if compare_examples(text.value) not in known:
                pairs.append((text, tests[min(place, len(tests) - 1)]))
    return _replace(new, after.utf8, pairs, before.utf8) if pairs else new


def _replace(content: bytes, utf8: bytes, pairs: Sequence[Pair], base: bytes) -> bytes | None:
    done = utf8
    for own, theirs in sorted(pairs, key=lambda pair: -pair[0].start):
        done = done[: own.start] + base[theirs.start : theirs.stop] + done[own.stop :]
    encoding, end = find_declared(content) or "utf-8", "\r\n" if b"\r" in content else "\n"
    before, after = (encode(text.decode().replace("\n", end), encoding) for text in (utf8, done))
    return after if before == content else None
