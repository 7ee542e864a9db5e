"""docs/troubleshooting.md has an entry for every message that a user can meet.

An entry is an item of a list that begins with the message in backticks; what is filled in stands
in capitals. A new message fails the first test until the page tells of it.
"""

from __future__ import annotations

import re
from typing import Final

from tests.kits.messages import find_messages, list_constants
from tests.kits.places import REPOSITORY

PAGE: Final = (REPOSITORY / "docs" / "troubleshooting.md").read_text("utf-8")
ENTRIES: Final = tuple(
    " ".join(span.split()) for span in re.findall(r"^- `([^`]+)`", PAGE, re.MULTILINE)
)

# Messages that no user meets, each with the reason.
INTERNAL: Final = {
    "A sandbox cannot be used again: {}.": "a new one is made instead",
    "A workspace cannot be an overlay: {}.": "full copies are made instead",
    "OpenCode ended: {}.": "said by the trial of a later 1.x, whose entry has it",
    "OpenCode is not in the cache yet. {}": "it is looked for again, and then fetched",
    "The fix changes nothing.": "the loop lands no empty change",
    "The model's answer did not come.": "said by the trial of a later 1.x, whose entry has it",
    "The sandbox cannot be cleared ({}).": "a new one is made instead",
    "The server was gone afterwards.": "said by the trial of a later 1.x, whose entry has it",
    "The turn ended with {}.": "said by the trial of a later 1.x, whose entry has it",
    "interrupted": "stands in a result that is not finished yet",
    "no attempt was made": "at least one is always made",
}

# Calls that repeat what was said elsewhere: their words are entries where they were made.
REPEATING: Final = frozenset(
    {
        "agents/opencode/binary.py _with_more",  # what was passed over on PATH
        "agents/opencode/turn.py end_by_model",
        "agents/opencode/turn.py _end_by_agent",
        "agents/opencode2/driver.py _judge",  # the words of its events.py
        "core/unforeseen.py make_setup_error",  # "agent-fix could not ..."
        "pytest_hooks/items.py pytest_collection_modifyitems",
        "pytest_hooks/session.py _shield",
        "pytest_hooks/session.py pytest_runtestloop",
        "pytest_hooks/session.py pytest_terminal_summary",
        "pytest_hooks/usage_errors.py as_usage_errors",
        "repair/loop.py _end_by_test_edits",  # the edits that the tests need
        "repair/loop.py _settle_unneeded",
        "repair/loop.py _land",  # a fix says where it is
        "repair/loop.py repair",
        "repair/state.py end_by_trouble",
        "runtime/cluster_repair.py unprepared",
        "runtime/gateway_factory.py _unlock",
        "sandbox/engine_client.py connect_client",  # with what was replaced
    }
)


def test_every_message_has_an_entry() -> None:
    messages, _ = find_messages()
    missing = [
        f"{message.place}: {message.text}"
        for message in messages
        if message.text not in INTERNAL and not any(map(message.is_told_by, ENTRIES))
    ]
    assert missing == []


def test_the_words_of_all_other_calls_are_made_elsewhere() -> None:
    _, unresolved = find_messages()
    assert sorted(set(unresolved)) == sorted(REPEATING)


def test_internal_messages_are_there_and_have_no_entry() -> None:
    messages, _ = find_messages()
    internal = [message for message in messages if message.text in INTERNAL]
    assert {message.text for message in internal} == set(INTERNAL)
    assert [entry for entry in ENTRIES for one in internal if one.is_told_by(entry)] == []


def test_every_entry_has_words_of_the_source() -> None:
    messages, _ = find_messages()
    constants = "\n".join(list_constants())
    unknown = [
        entry
        for entry in ENTRIES
        if not any(message.is_told_by(entry) for message in messages)
        and not any(words in constants for words in list_windows(entry.split()))
    ]
    assert unknown == []


def list_windows(words: list[str], length: int = 3) -> list[str]:
    """Return every run of ``length`` words, or all of them where they are fewer."""
    starts = range(max(1, len(words) - length + 1))
    return [" ".join(words[start : start + length]) for start in starts]


def test_every_entry_says_something_and_once() -> None:
    assert sorted(set(ENTRIES)) == sorted(ENTRIES)
    items = re.findall(r"^- `[^`]+`(.*?)(?=^- `|^$)", PAGE, re.MULTILINE | re.DOTALL)
    assert [item for item in items if len(item.split()) < 2] == []
    assert len(items) == len(ENTRIES) > 100
