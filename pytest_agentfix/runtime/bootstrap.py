"""Puts the real parts together: the one place that knows them all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_agentfix.agents.opencode.binary import can_find_opencode, find_opencode
from pytest_agentfix.core.errors import KeyMissingError, SetupError
from pytest_agentfix.core.model import Invocation
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.core.unforeseen import setup_step
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.judge.probe import Probe
from pytest_agentfix.repository import Repository, check_writable
from pytest_agentfix.repository.landing import OWN_PATCHES
from pytest_agentfix.runtime.context import ChooseModel, RunContext
from pytest_agentfix.runtime.repository_choice import choose_repository
from pytest_agentfix.runtime.user_folders import user_cache
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import EnvironmentKind, choose_environment
from pytest_agentfix.sandbox.scratch import check_root, scratch_root

if TYPE_CHECKING:
    from pytest_agentfix.gateway.cassettes import Replay


def prepare(
    settings: Settings,
    invocation: Invocation,
    choose_model: ChooseModel,
    *,
    environments: Mapping[str, EnvironmentKind],
    probes: Sequence[Probe] = (),
) -> RunContext:
    """Check everything a repair will need, cheapest first; raises ``SetupError``.

    ``choose_model`` raises ``SetupError`` as well. ``environments`` are other plugins' kinds by
    their names, ``probes`` their probes.

    Nothing is made or started yet: most runs have nothing to repair. OpenCode is fetched, where it
    is missing, only if its catalogue has to say what a model costs.
    """
    with setup_step("open the repository", "Make sure that `git status` works in it."):
        repository = _open_repository(settings, invocation)
    replay = None if settings.replay is None else _load_replay(settings.replay)
    choose = choose_model if replay is None else _make_recorded_choice(replay)
    with setup_step("choose the model", "Correct the settings of the model, OpenCode's own too."):
        upstream, review = choose_models(settings, choose)
    cache = user_cache()
    find = partial(find_opencode, configured=settings.opencode, environ=os.environ, cache=cache)
    find_local = partial(find, may_fetch=False)
    with setup_step("find OpenCode", "Name a binary of OpenCode with agent_fix_opencode."):
        if not can_find_opencode(**find.keywords):
            find()  # raises what is missing
        if _is_capped_by_cost(settings):
            binary = find()
            find = find_local = partial(replace, binary)  # what was passed over is told by the run
            for one in filter(None, (upstream, review)):
                _check_prices(settings, one, binary.path)
    with setup_step("use the temporary folder", "Set TMPDIR to a folder of this user's own."):
        root = scratch_root()
        check_root(root)
    engine = Engine.connect()
    environment = choose_environment(settings, engine, top=repository.top, further=environments)
    return RunContext(
        settings=settings,
        probes=probes,
        invocation=invocation,
        repository=repository,
        engine=engine,
        environment=environment,
        upstream=upstream,
        review=review,
        choose_upstream=choose,
        find_opencode=find,
        find_local_opencode=find_local,
        scratch_root=root,
        cache=cache,
        patch_folder=_patch_folder(settings, invocation.rootdir, repository.top),
        replay=replay,
    )


# Most runs have nothing to repair, so what follows imports only what it needs when it needs it.


def _load_replay(file: Path) -> Replay:
    from pytest_agentfix.gateway.cassettes import Replay  # noqa: PLC0415

    return Replay.load(file)


def _is_capped_by_cost(settings: Settings) -> bool:
    return settings.max_cost is not None or any(name.endswith(".cost") for name, _ in settings.caps)


def _check_prices(settings: Settings, upstream: Upstream, opencode: Path) -> None:
    from pytest_agentfix.gateway.providers.catalogue import read_catalogue  # noqa: PLC0415
    from pytest_agentfix.gateway.spending.tariffs import (  # noqa: PLC0415
        check_prices,
        make_caps,
        make_tariff,
    )

    catalogue = read_catalogue(opencode, upstream.provider)
    tariff = make_tariff(upstream, catalogue, price=settings.price)
    check_prices(upstream, tariff, make_caps(settings))


def _open_repository(settings: Settings, invocation: Invocation) -> Repository:
    repository = choose_repository(invocation)
    if settings.commit:
        repository.check_identity()
        check_writable(repository, settings.branch)
    if settings.branch is not None:
        repository.check_branch_name(settings.branch)
    return repository


def _make_recorded_choice(replay: Replay) -> ChooseModel:
    def choose_recorded(settings: Settings, model: str | None) -> Upstream:
        from pytest_agentfix.gateway.cassettes.replayed_model import replayed_upstream  # noqa: PLC0415 - as above

        return replayed_upstream(replay, named=settings.model, marked=model)

    return choose_recorded


def choose_models(settings: Settings, choose: ChooseModel) -> tuple[Upstream, Upstream | None]:
    """Return the model that repairs, and that of second opinions.

    ``None`` stands for the one that repairs, or for none. The settings that name a key are for the
    run's own provider: no other one gets that key.
    """
    upstream, model = choose(settings, None), settings.review
    if model is None or model == "same":
        return upstream, None
    is_other = settings.base_url is None and not model.startswith(f"{upstream.provider}/")
    theirs = replace(settings, api_key_env=None, api_key_command=()) if is_other else settings
    try:
        return upstream, choose(theirs, model)
    except SetupError as error:
        next_step = error.next_step
        if is_other and isinstance(error, KeyMissingError):
            next_step += f" The options for keys count for {upstream.provider} only."
        raise type(error)(f"agent_fix_review is {model}. {error.problem}", next_step) from error


def _patch_folder(settings: Settings, rootdir: Path, top: Path) -> Path:
    """Return the folder of the first report, or one of its own that git ignores."""
    if settings.reports:
        return settings.reports[0].parent
    folder = rootdir if rootdir.resolve().is_relative_to(top) else top
    return folder / OWN_PATCHES
