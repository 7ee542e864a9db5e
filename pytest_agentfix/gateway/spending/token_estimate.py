"""Upper bounds on the tokens of a request before it is sent. Pure, with state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.spending.request_prefix import RequestPrefix, read_prefix

# A token stands for at least one byte of text. The provider's additions (chat templates, the
# announcement of tools) are not in the body; the providers' own figures are below this.
FRAME_TOKENS: Final = 2_000
# The highest known is OpenAI's gpt-4o-mini: 2,833 and 5,667 for each of up to eight tiles.
IMAGE_TOKENS: Final = 50_000
# More bytes per token than this, averaged over a whole request, have never been seen.
_SANE_BYTES: Final = 40
# Above this average, the provider may have left out something that it counts later on.
_USUAL_BYTES: Final = 10
_CONVERSATIONS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSize:
    """The parts of a request that become tokens: its body and the number of images in it.

    ``is_measurable`` is false if it holds documents or sound, whose tokens do not follow from size.
    """

    body: bytes
    images: int = 0
    is_measurable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A request whose prompt tokens, images included, the provider has counted."""

    prefix: RequestPrefix
    tokens: int
    images: int


class PromptEstimator:
    """Bounds the prompt tokens of one model. Used under a lock, or by one thread.

    A conversation is sent again and again with a little more at its end. So once the provider has
    counted the tokens of one of its requests, only the turns that follow are counted by bytes.
    The last few of several parallel conversations are remembered.
    """

    def __init__(self, *, context_limit: int | None = None) -> None:
        self._context_limit = context_limit
        self._known: list[_Known] = []  # the latest is at the end

    def bound(self, request_size: RequestSize) -> int | None:
        """Return the most prompt tokens of ``request_size``, ``None`` if that is unknown."""
        if not request_size.is_measurable:
            return self._context_limit
        most = FRAME_TOKENS + min(self._iter_counts(request_size))
        return most if self._context_limit is None else min(most, self._context_limit)

    def _iter_counts(self, request_size: RequestSize) -> Iterator[int]:
        """Yield upper bounds: one by bytes, others from known beginnings of the conversation."""
        yield len(request_size.body) + request_size.images * IMAGE_TOKENS
        prefix = read_prefix(request_size.body) if self._known else None
        if prefix is None:
            return
        for known in self._known:
            if (new := prefix.count_new(known.prefix)) is not None:
                yield known.tokens + new + (request_size.images - known.images) * IMAGE_TOKENS

    def learn(self, request_size: RequestSize, tokens: Tokens) -> None:
        """Remember the provider's count for ``request_size``."""
        prompt = tokens.input + tokens.cached + tokens.written
        if self._context_limit is not None:  # the catalogue may be out of date
            self._context_limit = max(self._context_limit, prompt)
        if (prefix := read_prefix(request_size.body)) is None:
            return
        others = [known for known in self._known if prefix.count_new(known.prefix) is None]
        is_text = request_size.is_measurable and not request_size.images
        least = len(request_size.body) // _USUAL_BYTES if is_text else 0
        known = _Known(prefix=prefix, tokens=max(prompt, least), images=request_size.images)
        self._known = [*others, known][-_CONVERSATIONS:]


def is_plausible(request_size: RequestSize, tokens: Tokens, *, events: int) -> bool:
    """Tell whether a provider's count can be true; one far too low is a mistake or a lie.

    ``events`` is the number of pieces that the answer came in, each a token or several.
    """
    prompt = tokens.input + tokens.cached + tokens.written
    is_text = request_size.is_measurable and not request_size.images
    is_prompt_sane = prompt >= (len(request_size.body) // _SANE_BYTES if is_text else 1)
    return is_prompt_sane and tokens.output >= events // _SANE_BYTES
