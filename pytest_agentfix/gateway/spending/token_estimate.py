"""The most tokens that a request can take, known before it is sent. Pure but for its memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.spending.request_prefix import RequestPrefix, read_prefix

# A token stands for at least one byte of text. What a provider puts around it (chat templates,
# words that announce the tools) is not in the body; the providers' own figures are below this.
FRAME_TOKENS: Final = 2_000
# The most that is known is OpenAI's gpt-4o-mini: 2,833 and 5,667 for each of up to eight tiles.
IMAGE_TOKENS: Final = 50_000
# Fewer bytes for a token than this, on the average of a whole request, nobody has seen.
_SANE_BYTES: Final = 40
# Where it is more than this, the provider may have passed over something that counts later on.
_USUAL_BYTES: Final = 10
_CONVERSATIONS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSize:
    """What of a request makes tokens: its whole body, and how many images are in that.

    ``is_measurable`` is false where it holds documents or sound, whose tokens no size tells.
    """

    body: bytes
    images: int = 0
    is_measurable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A request whose tokens of prompt the provider has counted, those of its images too."""

    prefix: RequestPrefix
    tokens: int
    images: int


class PromptEstimator:
    """Bounds the prompts to one model. Used under a lock, or by one thread.

    A conversation is sent again and again with a little more at its end. So once the provider has
    said how many tokens one of its requests was, only the turns that follow are counted by bytes.
    Several conversations go on side by side; the last few are remembered.
    """

    def __init__(self, *, context_limit: int | None = None) -> None:
        self._context_limit = context_limit
        self._known: list[_Known] = []  # what was learnt last is at the end

    def bound(self, request_size: RequestSize) -> int | None:
        """Return the most tokens of prompt that ``load`` can be; ``None`` if nobody can tell."""
        if not request_size.is_measurable:
            return self._context_limit
        most = FRAME_TOKENS + min(self._iter_counts(request_size))
        return most if self._context_limit is None else min(most, self._context_limit)

    def _iter_counts(self, request_size: RequestSize) -> Iterator[int]:
        """Yield what the request can be at most, by its bytes and by what is known already."""
        yield len(request_size.body) + request_size.images * IMAGE_TOKENS
        prefix = read_prefix(request_size.body) if self._known else None
        if prefix is None:
            return
        for known in self._known:
            if (new := prefix.count_new(known.prefix)) is not None:
                yield known.tokens + new + (request_size.images - known.images) * IMAGE_TOKENS

    def learn(self, request_size: RequestSize, tokens: Tokens) -> None:
        """Remember what the provider counted for ``load``."""
        prompt = tokens.input + tokens.cached + tokens.written
        if self._context_limit is not None:  # the catalogue's word, which may be an old one
            self._context_limit = max(self._context_limit, prompt)
        if (prefix := read_prefix(request_size.body)) is None:
            return
        others = [known for known in self._known if prefix.count_new(known.prefix) is None]
        is_text = request_size.is_measurable and not request_size.images
        least = len(request_size.body) // _USUAL_BYTES if is_text else 0
        known = _Known(prefix=prefix, tokens=max(prompt, least), images=request_size.images)
        self._known = [*others, known][-_CONVERSATIONS:]


def is_plausible(request_size: RequestSize, tokens: Tokens, *, events: int) -> bool:
    """Whether a provider's count can be true; one that is far too low is a mistake or a lie.

    ``events`` are the pieces that the answer came in, each of them a token or several.
    """
    prompt = tokens.input + tokens.cached + tokens.written
    is_text = request_size.is_measurable and not request_size.images
    is_prompt_sane = prompt >= (len(request_size.body) // _SANE_BYTES if is_text else 1)
    return is_prompt_sane and tokens.output >= events // _SANE_BYTES
