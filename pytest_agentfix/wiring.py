"""Puts the real parts together: the one place that knows them all."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import platformdirs

from pytest_agentfix.agents.binary import can_find_opencode, find_opencode
from pytest_agentfix.gateway.cassettes import Replay
from pytest_agentfix.gateway.providers.catalogue import read_catalogue
from pytest_agentfix.gateway.providers.upstream import Upstream, choose_upstream
from pytest_agentfix.gateway.replayed import replayed_upstream
from pytest_agentfix.gateway.spending.tariffs import check_prices, make_caps, make_tariff
from pytest_agentfix.model import Invocation
from pytest_agentfix.repository import Repository
from pytest_agentfix.run import Run
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environment import choose_environment
from pytest_agentfix.sandbox.scratch import check_root, scratch_root
from pytest_agentfix.settings import Settings
from pytest_agentfix.setup import Setup


def prepare(settings: Settings, invocation: Invocation) -> Run:
    """Check everything a repair will need, cheapest first; raises ``SetupError``.

    Nothing is made, started or downloaded yet: most runs have nothing to repair.
    """
    repository = _open_repository(settings, invocation.rootdir)
    replay = None if settings.replay is None else Replay.load(settings.replay)
    choose = partial(_choose, settings, replay)
    upstream = choose()
    cache = platformdirs.user_cache_path("pytest-agentfix")
    find = partial(find_opencode, configured=settings.opencode, environ=os.environ, cache=cache)
    if not can_find_opencode(**find.keywords):
        find()  # says what is missing
    if make_caps(settings).has("cost"):
        _check_price(settings, upstream, find())
    root = scratch_root()
    check_root(root)
    engine = Engine.connect()
    return Run(
        Setup(
            settings=settings,
            invocation=invocation,
            repository=repository,
            engine=engine,
            environment=choose_environment(settings, engine, top=repository.top),
            upstream=upstream,
            choose_upstream=choose,
            find_opencode=find,
            scratch_root=root,
            cache=cache,
            patch_folder=_patch_folder(settings, invocation.rootdir),
            replay=replay,
        )
    )


def _open_repository(settings: Settings, rootdir: Path) -> Repository:
    repository = Repository.open(rootdir)
    if settings.commit:
        repository.check_identity()
    if settings.branch is not None:
        repository.check_branch_name(settings.branch)
    return repository


def _choose(settings: Settings, replay: Replay | None, model: str | None = None) -> Upstream:
    if replay is not None:
        return replayed_upstream(replay, named=settings.model, marked=model)
    return choose_upstream(settings, environ=os.environ, home=Path.home(), model=model)


def _check_price(settings: Settings, upstream: Upstream, opencode: Path) -> None:
    """Raise ``PriceUnknownError`` before the first test, where a cap on money could not be kept."""
    tariff = make_tariff(
        upstream, read_catalogue(opencode, upstream.provider), price=settings.price
    )
    check_prices(upstream, tariff, make_caps(settings))


def _patch_folder(settings: Settings, rootdir: Path) -> Path:
    """Beside the first report, or in a folder of its own that git is told to ignore."""
    if settings.reports:
        return settings.reports[0].parent
    return rootdir / ".pytest_cache" / "agent-fix"
