"""The most tokens that a request can take, known before it is sent. Pure but for its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_agentfix.model import Tokens

# A token stands for at least one byte of text. What a provider puts around it (chat templates,
# words that announce the tools) is not in the body; the providers' own figures are below this.
FRAME_TOKENS: Final = 1_000
IMAGE_TOKENS: Final = 20_000  # far above what any provider counts for one image
# Fewer bytes for a token than this, on the average of a whole request, nobody has seen.
_SANE_BYTES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What of a request makes tokens: its whole body, and how many images are in that.

    ``is_measurable`` is false where it holds documents or sound, whose tokens no size tells.
    """

    body: bytes
    images: int = 0
    is_measurable: bool = True


class PromptGauge:
    """Bounds the prompts of one conversation. Used under a lock, or by one thread.

    A conversation is sent again and again with a little more at its end. So once the provider has
    said how many tokens one of its requests was, only what has changed since is counted by bytes.
    """

    def __init__(self, *, context_limit: int | None = None) -> None:
        self._context_limit = context_limit
        self._last = b""
        self._last_tokens: int | None = None

    def bound(self, load: Load) -> int | None:
        """Return the most tokens of prompt that ``load`` can be; ``None`` if nobody can tell."""
        if not load.is_measurable:
            return self._context_limit
        images = load.images * IMAGE_TOKENS
        most = FRAME_TOKENS + len(load.body) + images
        if self._last_tokens is not None:
            changed = len(load.body) - _count_shared(self._last, load.body)
            most = min(most, FRAME_TOKENS + self._last_tokens + changed + images)
        return most if self._context_limit is None else min(most, self._context_limit)

    def learn(self, load: Load, tokens: Tokens) -> None:
        """Remember what the provider counted for ``load``."""
        self._last = load.body
        self._last_tokens = tokens.input + tokens.cached + tokens.written


def is_plausible(load: Load, tokens: Tokens, *, events: int) -> bool:
    """Whether a provider's count can be true; one that is far too low is a mistake or a lie.

    ``events`` are the pieces that the answer came in, each of them a token or several.
    """
    prompt = tokens.input + tokens.cached + tokens.written
    is_text = load.is_measurable and not load.images
    is_prompt_sane = not is_text or prompt >= len(load.body) // _SANE_BYTES
    return is_prompt_sane and tokens.output >= events // _SANE_BYTES


def _count_shared(old: bytes, new: bytes) -> int:
    """Return how many bytes the two have in common at their beginnings and their ends."""
    limit = min(len(old), len(new))
    front = _count_front(old, new, limit)
    return front + _count_front(old[front:][::-1], new[front:][::-1], limit - front)


def _count_front(old: bytes, new: bytes, limit: int) -> int:
    """Return how many of the first ``limit`` bytes are the same, by halving."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
