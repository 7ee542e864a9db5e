"""The cost of tokens, and its upper bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.providers.catalogue import CatalogueModel, CatalogueProvider
from pytest_agentfix.gateway.providers.prices import Price, Prices
from pytest_agentfix.gateway.spending.tariffs import make_tariff
from tests.kits.gateway_kit import MODEL, make_upstream

PLAIN = Price(input=3.0, output=15.0, cache_read=0.3, cache_write=3.75)
LONG = Price(input=6.0, output=22.5, cache_read=0.6, cache_write=7.5)
TIERED = Prices(base=PLAIN, tiers=((200_000, LONG),))


@pytest.mark.parametrize(
    ("amounts", "price"),
    [
        ((1.0, 2.0), Price(input=1.0, output=2.0, cache_read=1.0, cache_write=1.0)),
        ((1.0, 2.0, 0.1), Price(input=1.0, output=2.0, cache_read=0.1, cache_write=1.0)),
        ((1.0, 2.0, 0.1, 1.25), Price(input=1.0, output=2.0, cache_read=0.1, cache_write=1.25)),
    ],
    ids=["two", "three", "four"],
)
def test_amounts(amounts: tuple[float, ...], price: Price) -> None:
    assert Price.from_amounts(amounts) == price


def test_each_kind_has_its_own_price() -> None:
    tokens = Tokens(input=1_000_000, output=100_000, cached=2_000_000, written=400_000)
    assert PLAIN.charge(tokens) == pytest.approx(3.0 + 1.5 + 0.6 + 1.5)


@pytest.mark.parametrize(
    ("tokens", "cost"),
    [
        (Tokens(input=200_000, output=1000), 0.6 + 0.015),
        (Tokens(input=200_001, output=1000), 200_001 * 6 / 1e6 + 0.0225),
        (Tokens(input=1, cached=150_000, written=50_000), (6 + 150_000 * 0.6 + 50_000 * 7.5) / 1e6),
    ],
    ids=["at the tier's edge", "above it", "all that is read counts"],
)
def test_the_size_of_the_prompt_decides(tokens: Tokens, cost: float) -> None:
    assert TIERED.charge(tokens) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("context", "limit"), [(200_001, 200_001), (200_000, None), (0, None)], ids=str
)
def test_a_catalogue_that_contradicts_itself_knows_no_limit(
    context: int, limit: int | None
) -> None:
    """Some models have a price for prompts longer than their stated limit."""
    model = CatalogueModel(id=MODEL, context_limit=context, prices=TIERED)
    tariff = make_tariff(make_upstream(), CatalogueProvider(id="local", models={MODEL: model}))
    assert (tariff.context_limit, tariff.prices) == (limit, {MODEL: TIERED})


counts = st.integers(0, 400_000)


@given(input=counts, output=counts, cached=counts, written=counts, spare=counts)
def test_no_answer_costs_more_than_the_most(
    input: int,  # noqa: A002 - the field's name
    output: int,
    cached: int,
    written: int,
    spare: int,
) -> None:
    tokens = Tokens(input=input, output=output, cached=cached, written=written)
    prompt = input + cached + written
    most = TIERED.charge_at_most(prompt=prompt + spare, output=output + spare)
    assert TIERED.charge(tokens) <= most * (1 + 1e-12)


@given(prompt=counts, output=counts)
def test_one_more_token_of_an_answer_costs_its_highest_price(prompt: int, output: int) -> None:
    most = TIERED.charge_at_most(prompt=prompt, output=output)
    without = TIERED.charge_at_most(prompt=prompt, output=0)
    assert without + output * TIERED.find_output_price(prompt) == pytest.approx(most)
