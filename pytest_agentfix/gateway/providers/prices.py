"""Prices of tokens (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.model import Tokens

_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens of each kind."""

    input: float
    output: float
    cache_read: float
    cache_write: float

    @classmethod
    def from_amounts(cls, amounts: tuple[float, ...]) -> Price:
        """Read two to four amounts: input, output, cache read, cache write; both default to input.

        A provider that says nothing about its cache gives no discount on it.
        """
        input_price, output_price, *cache = amounts
        read, write = (*cache, *(input_price, input_price)[len(cache) :])
        return cls(input=input_price, output=output_price, cache_read=read, cache_write=write)

    def charge(self, tokens: Tokens) -> float:
        """Return the cost of ``tokens`` in US dollars."""
        parts = (
            tokens.input * self.input,
            tokens.output * self.output,
            tokens.cached * self.cache_read,
            tokens.written * self.cache_write,
        )
        return sum(parts) / _MILLION

    @property
    def dearest_input(self) -> float:
        """The highest price of a prompt token."""
        return max(self.input, self.cache_read, self.cache_write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The prices of a model. ``tiers`` hold above so many prompt tokens, in rising order."""

    base: Price
    tiers: tuple[tuple[int, Price], ...] = ()

    def charge(self, tokens: Tokens) -> float:
        """Return the cost of an answer in US dollars; its prompt's size decides on the tier."""
        size = tokens.input + tokens.cached + tokens.written
        return self._find(size)[-1].charge(tokens)

    def charge_at_most(self, *, prompt: int, output: int) -> float:
        """Return the highest cost in US dollars of an answer of at most these tokens."""
        prices = self._find(prompt)
        dearest = max(price.dearest_input for price in prices) * prompt
        return (dearest + max(price.output for price in prices) * output) / _MILLION

    def find_output_price(self, prompt: int) -> float:
        """Return the highest price in US dollars of a token that follows at most this prompt."""
        return max(price.output for price in self._find(prompt)) / _MILLION

    def _find(self, size: int) -> list[Price]:
        """Return the prices that a prompt of up to ``size`` tokens may fall under."""
        return [self.base, *(price for above, price in self.tiers if size > above)]
