"""Upper bounds on the tokens of a request before it is sent, learned from answers. With state.

The bound of a prompt never rests on an average: text of another kind may have more tokens for each
byte than all before. It is the provider's own count of an earlier request that has a part in common
with this one, plus the most that the other parts can have by the model's tokenizer; for the first
request it is the latter alone. If a count shows that a bound was too low, all bounds of that model
are raised by the same factor.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.spending.request_prefix import RequestPrefix, read_prefix
from pytest_agentfix.gateway.spending.tokenizers import bound_tokens

# The provider's additions (chat templates, the announcement of tools) are not in the body; the
# providers' own figures are below this.
FRAME_TOKENS: Final = 2_000
# A count has the additions in it. This is for what a template puts around each turn after it, and
# once for what it puts at the end of a conversation.
TURN_TOKENS: Final = 50
# The highest known is OpenAI's gpt-4o-mini: 2,833 and 5,667 for each of up to eight tiles.
IMAGE_TOKENS: Final = 50_000
# More bytes per token than this, averaged over a whole request, have never been seen.
_SANE_BYTES: Final = 40
# Above this average, the provider may have left out something that it counts later on.
_USUAL_BYTES: Final = 10
_CONVERSATIONS: Final = 64


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

    def replaces(self, earlier: _Known) -> bool:
        """Tell whether ``earlier`` says nothing more; beginnings tell of other conversations."""
        if self.prefix == earlier.prefix:
            return True
        is_beginning = all(turn.is_asking for turn in earlier.prefix.turns)
        return self.prefix.continues(earlier.prefix) and not is_beginning


class PromptEstimator:
    """Bounds the prompt tokens of one model. Shared by the threads of a run.

    ``model`` is its id, which tells the family of its tokenizer. A conversation is sent again and
    again with a little more at its end, and all conversations of a run begin alike. So once the
    provider has counted a request, only what it did not hold is bounded by its bytes. The last
    conversations are remembered.
    """

    def __init__(self, model: str = "", *, context_limit: int | None = None) -> None:
        self._model = model
        self._context_limit = context_limit
        self._known: list[_Known] = []  # the latest is at the end
        self._factor = 1.0
        self._lock = threading.Lock()

    def bound(self, request_size: RequestSize) -> int | None:
        """Return the most prompt tokens of ``request_size``, ``None`` if that is unknown."""
        whole, prefix = self._read(request_size)
        with self._lock:
            limit = self._context_limit
            if not request_size.is_measurable:
                return limit
            most = self._bound(whole, prefix, request_size.images)
        return most if limit is None else min(most, limit)

    def _read(self, request_size: RequestSize) -> tuple[int, RequestPrefix | None]:
        """Return the most tokens of a body, and its turns."""
        body = request_size.body
        return bound_tokens(body, self._model), read_prefix(body, self._model)

    def _bound(self, whole: int, prefix: RequestPrefix | None, images: int) -> int:
        return math.ceil(self._factor * min(self._iter_counts(whole, prefix, images)))

    def _iter_counts(self, whole: int, prefix: RequestPrefix | None, images: int) -> Iterator[int]:
        """Yield upper bounds: one of the whole, others from what is known of its parts."""
        yield FRAME_TOKENS + whole + images * IMAGE_TOKENS
        if prefix is None:
            return
        for known in self._known:
            if (new := prefix.list_new(known.prefix)) is not None:
                added = sum(turn.most + TURN_TOKENS for turn in new) + TURN_TOKENS
                # All images may be in the turns that another conversation did not have.
                old = known.images if prefix.continues(known.prefix) else 0
                yield known.tokens + added + (images - old) * IMAGE_TOKENS

    def learn(self, request_size: RequestSize, tokens: Tokens) -> None:
        """Remember the provider's count for ``request_size``, and raise bounds that it passed."""
        prompt = tokens.input + tokens.cached + tokens.written
        whole, prefix = self._read(request_size)
        with self._lock:
            if self._context_limit is not None:  # the catalogue may be out of date
                self._context_limit = max(self._context_limit, prompt)
            if request_size.is_measurable:
                bound = self._bound(whole, prefix, request_size.images)
                self._factor *= max(1.0, prompt / bound)
            if prefix is not None:
                count = max(prompt, _count_least(request_size))
                known = _Known(prefix=prefix, tokens=count, images=request_size.images)
                others = [each for each in self._known if not known.replaces(each)]
                self._known = [*others, known][-_CONVERSATIONS:]


def _count_least(request_size: RequestSize) -> int:
    """Return the tokens that a request counts at least, whatever the provider says."""
    is_text = request_size.is_measurable and not request_size.images
    return len(request_size.body) // _USUAL_BYTES if is_text else 0


class PromptEstimators:
    """The estimators of a run, one for each model: all of its clusters learn from each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_model: dict[tuple[str, str], PromptEstimator] = {}

    def find(self, url: str, model: str, *, context_limit: int | None) -> PromptEstimator:
        """Return the estimator of ``model`` at ``url``, a new one at first."""
        with self._lock:
            return self._by_model.setdefault(
                (url, model), PromptEstimator(model, context_limit=context_limit)
            )


def is_plausible(request_size: RequestSize, tokens: Tokens, *, events: int) -> bool:
    """Tell whether a provider's count can be true; one far too low is a mistake or a lie.

    ``events`` is the number of pieces that the answer came in, each a token or several.
    """
    prompt = tokens.input + tokens.cached + tokens.written
    is_text = request_size.is_measurable and not request_size.images
    is_prompt_sane = prompt >= (len(request_size.body) // _SANE_BYTES if is_text else 1)
    return is_prompt_sane and tokens.output >= events // _SANE_BYTES
