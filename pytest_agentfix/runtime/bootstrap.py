"""Puts the real parts together: the one place that knows them all."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_agentfix.agents.opencode.binary import can_find_opencode, find_opencode
from pytest_agentfix.core.errors import (
    AgentFixError,
    EnvironmentUnavailableError,
    KeyMissingError,
    SettingError,
    SetupError,
)
from pytest_agentfix.core.model import Invocation
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.core.unforeseen import setup_step
from pytest_agentfix.gateway.providers.choosing import choose_upstream
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.repository import Repository, check_writable
from pytest_agentfix.repository.landing import OWN_PATCHES
from pytest_agentfix.runtime.context import RunContext, RunExtensions
from pytest_agentfix.runtime.lazy_run import LazyRun
from pytest_agentfix.runtime.repository_choice import choose_repository
from pytest_agentfix.runtime.user_folders import user_cache, user_home
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import Environment, choose_environment
from pytest_agentfix.sandbox.scratch import check_root, scratch_root

if TYPE_CHECKING:
    from pytest_agentfix.gateway.cassettes import Replay


def prepare(settings: Settings, invocation: Invocation, extensions: RunExtensions) -> LazyRun:
    """Check everything a repair will need, cheapest first; raises ``SetupError``.

    Nothing is made or started yet: most runs have nothing to repair. OpenCode is fetched, where it
    is missing, only if its catalogue has to say what a model costs.
    """
    with setup_step("open the repository", "Make sure that `git status` works in it."):
        repository = _open_repository(settings, invocation)
    replay = None if settings.replay is None else _load_replay(settings.replay)
    choose = partial(_choose, settings, replay)
    with setup_step("choose the model", "Correct the settings of the model, OpenCode's own too."):
        upstream = choose()
        review = _choose_for_review(settings, replay, upstream)
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
    return LazyRun(
        RunContext(
            settings=settings,
            extensions=extensions,
            probes=extensions.probes,
            invocation=invocation,
            repository=repository,
            engine=engine,
            environment=_choose_environment(settings, engine, repository.top, extensions),
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
    )


# Most runs have nothing to repair, so what follows imports only what it needs when it needs it.


def _choose_environment(
    settings: Settings, engine: Engine, top: Path, extensions: RunExtensions
) -> Environment:
    further = extensions.environments
    try:
        return choose_environment(settings, engine, top=top, further=further)
    except AgentFixError:
        raise
    except Exception as error:
        if settings.environment != "auto" and settings.environment not in further:
            raise
        raise EnvironmentUnavailableError(
            f"A plugin's environment raised {type(error).__name__}: {error}.",
            "Correct it, or choose another with --agent-fix-environment.",
        ) from error


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


def _choose(settings: Settings, replay: Replay | None, model: str | None = None) -> Upstream:
    if replay is not None:
        from pytest_agentfix.gateway.cassettes.replayed_model import replayed_upstream  # noqa: PLC0415 - as below

        return replayed_upstream(replay, named=settings.model, marked=model)
    upstream = choose_upstream(settings, environ=os.environ, home=user_home(), model=model)
    _keep_key_out(settings, upstream)
    return upstream


def _choose_for_review(
    settings: Settings, replay: Replay | None, upstream: Upstream
) -> Upstream | None:
    """Return the model of second opinions, ``None`` for the one that repairs or where none is.

    The settings that name a key are for the run's own provider: no other one gets that key.
    """
    model = settings.review
    if model is None or model == "same":
        return None
    is_other = settings.base_url is None and not model.startswith(f"{upstream.provider}/")
    theirs = replace(settings, api_key_env=None, api_key_command=()) if is_other else settings
    try:
        return _choose(theirs, replay, model)
    except SetupError as error:
        next_step = error.next_step
        if is_other and isinstance(error, KeyMissingError):
            next_step += f" The options for keys count for {upstream.provider} only."
        raise type(error)(f"agent_fix_review is {model}. {error.problem}", next_step) from error


def _keep_key_out(settings: Settings, upstream: Upstream) -> None:
    """Raise ``SettingError`` if sandboxes would get the provider's key under some name."""
    for name in settings.env:
        value = os.environ.get(name, "").strip()
        if name in upstream.row.key_names or (upstream.key and value == upstream.key):
            raise SettingError(
                f"agent_fix_env names {name}, which is for {upstream.provider}'s key: keys never"
                " enter a sandbox.",
                "Leave it out of agent_fix_env.",
            )


def _patch_folder(settings: Settings, rootdir: Path, top: Path) -> Path:
    """Return the folder of the first report, or one of its own that git ignores."""
    if settings.reports:
        return settings.reports[0].parent
    folder = rootdir if rootdir.resolve().is_relative_to(top) else top
    return folder / OWN_PATCHES
