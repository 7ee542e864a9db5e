"""A reviewer's answer -> evidence. Pure.

The answer is a model's word: it can refuse a change, and be told. It never makes one acceptable.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from pytest_agentfix.core.model import Evidence, Judgement, ProbeResult, Turn, TurnEnd
from pytest_agentfix.core.text import clean

NAME: Final = "review"  # of the evidence
GENERAL: Final = "GENERAL"
SPECIAL_CASE: Final = "SPECIAL-CASE"
WORDS_LIMIT: Final = 400  # characters of the answer that are told
_ANSWER: Final = re.compile(rf"\s*({GENERAL}|{SPECIAL_CASE})(?=[\s:.,;]|\Z)[:.,;]?(.*)", re.DOTALL)


def read_opinion(turn: Turn, model: str) -> Evidence:
    """Return the evidence in the answer of ``model`` (PROVIDER/MODEL).

    It counts only if its first line begins with one of the two words, as they are spelled. A turn
    that did not finish has no answer.
    """
    if turn.end is not TurnEnd.FINISHED:
        return no_opinion(turn.detail)
    answer = _ANSWER.match(turn.text)
    if answer is None:
        detail = f"{model} said nothing that can be read{_quote(turn.text)}"
        return Evidence(NAME, ProbeResult.NOT_APPLICABLE, detail)
    word, reason = answer.groups()
    if word == GENERAL:
        detail = f"{model} takes it for right for other inputs as well{_quote(reason)}"
        return Evidence(NAME, ProbeResult.PASSED, detail)
    detail = f"{model} takes it for right for the tests' inputs only{_quote(reason)}"
    return Evidence(NAME, ProbeResult.FAILED, detail)


def no_opinion(reason: str) -> Evidence:
    """Return the evidence where no answer could be had."""
    words = clean(reason, limit=WORDS_LIMIT)
    return Evidence(NAME, ProbeResult.NOT_APPLICABLE, f"there is no second opinion: {words}")


def add_opinion(judgement: Judgement, opinion: Evidence) -> Judgement:
    """Return ``judgement`` with ``opinion``, refused if that has failed."""
    is_refused = judgement.is_refused or opinion.result is ProbeResult.FAILED
    return replace(judgement, probes=(*judgement.probes, opinion), is_refused=is_refused)


def _quote(words: str) -> str:
    """Return a model's ``words`` as one line between quotes that they cannot close."""
    shown = clean(words, limit=WORDS_LIMIT).replace('"', "'")
    return f': "{shown}"' if shown else ""
