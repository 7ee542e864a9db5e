"""Caps, prices and token limits of a run's models, from settings and catalogue (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pytest_agentfix.core.errors import PriceUnknownError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.catalogue import CatalogueModel, CatalogueProvider
from pytest_agentfix.gateway.providers.prices import Price, Prices
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.gateway.spending.budget import Tariff
from pytest_agentfix.gateway.spending.ledger import Caps


def make_caps(settings: Settings) -> Caps:
    """Return the caps of a run, from the list in the ini file and from the options of their own.

    If both limit the same thing, the smaller number counts.
    """
    limits: dict[tuple[str, str], float] = {}
    for scope, kind, limit in _iter_caps(settings):
        limits[scope, kind] = min(limit, limits.get((scope, kind), limit))
    return Caps(limits)


def _iter_caps(settings: Settings) -> Iterator[tuple[str, str, float]]:
    yield "attempt", "requests", settings.max_requests
    if settings.max_cost is not None:
        yield "run", "cost", settings.max_cost
    if settings.max_tokens is not None:
        yield "run", "tokens", settings.max_tokens
    for name, limit in settings.caps:
        scope, _, kind = name.partition(".")
        yield scope, kind, limit


def make_tariff(
    upstream: Upstream, catalogue: CatalogueProvider | None, price: tuple[float, ...] = ()
) -> Tariff:
    """Return the tariff of the upstream's models; a ``price`` of the user's own holds for all."""
    known = _find_models(upstream, catalogue)
    prices = {name: model.prices for name, model in known.items() if model.prices is not None}
    if price:
        own = Prices(base=Price.from_amounts(price))
        prices = dict.fromkeys(_list_models(upstream), own)
    limits = [limit for limit in map(_find_context, known.values()) if limit]
    is_known = len(limits) == len(_list_models(upstream))
    return Tariff(prices=prices, context_limit=max(limits) if is_known else None)


def _find_context(model: CatalogueModel) -> int:
    """Return the most tokens of a prompt, 0 if the catalogue contradicts itself.

    It lists some models with a price for prompts that are longer than their own limit.
    """
    tiers = model.prices.tiers if model.prices else ()
    is_sane = all(above < model.context_limit for above, _ in tiers)
    return model.context_limit if is_sane else 0


def limit_output(upstream: Upstream, catalogue: CatalogueProvider | None) -> Upstream:
    """Return ``upstream`` with an output limit that all of its models can reach."""
    known = _find_models(upstream, catalogue)
    limits = [model.output_limit for model in known.values() if model.output_limit]
    return replace(upstream, output_limit=min([upstream.output_limit, *limits]))


def check_prices(upstream: Upstream, tariff: Tariff, caps: Caps) -> None:
    """Raise ``PriceUnknownError`` if a cap on money could not be enforced."""
    unknown = [name for name in _list_models(upstream) if name not in tariff.prices]
    if caps.has("cost") and unknown:
        raise PriceUnknownError(
            f"A cap on money is set, but the price of {upstream.provider}/{unknown[0]} is unknown.",
            "Set the ini value agent_fix_price (US dollars per million tokens: INPUT"
            " OUTPUT; 0 0 for a model of your own), or cap tokens with --agent-fix-max-tokens.",
        )


def _list_models(upstream: Upstream) -> list[str]:
    return [name for name in (upstream.model, upstream.small_model) if name]


def _find_models(
    upstream: Upstream, catalogue: CatalogueProvider | None
) -> Mapping[str, CatalogueModel]:
    models = catalogue.models if catalogue else {}
    return {name: models[name] for name in _list_models(upstream) if name in models}
