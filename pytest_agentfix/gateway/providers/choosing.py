"""Chooses the model, its endpoint and its key from the user's settings, in a fixed order."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from pytest_agentfix.core.errors import (
    KeyMissingError,
    ModelNotChosenError,
    ModelUnknownError,
    SettingError,
)
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.key_command import KEY_FORM
from pytest_agentfix.gateway.providers.keys import FoundKey, KeyRing
from pytest_agentfix.gateway.providers.opencode_settings import (
    OpenCodeProvider,
    OpenCodeSettings,
    read_opencode_settings,
)
from pytest_agentfix.gateway.providers.registry import (
    COMPATIBLE,
    PROVIDERS,
    ProviderRow,
    WireProtocol,
    find_by_package,
    find_provider,
)
from pytest_agentfix.gateway.providers.unsupported import check_model, check_provider
from pytest_agentfix.gateway.providers.upstream import Upstream

_PROVIDER_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MODEL_FORM = re.compile(r"[A-Za-z0-9@~][A-Za-z0-9._:/@+~-]{0,199}")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_URL_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def choose_upstream(
    settings: Settings, *, environ: Mapping[str, str], home: Path, model: str | None = None
) -> Upstream:
    """Choose the model; ``model`` (from a marker) takes precedence over ``settings.model``.

    If none is named, take ``model`` of the user's own OpenCode config, else the default model of
    the first provider in the table whose key variable is set. (The defaults were good coding
    models when this was written.) A base URL given by option means an OpenAI-compatible endpoint
    under any name.

    Raises ``ModelNotChosenError``, ``ModelUnknownError``, ``KeyMissingError``, and
    ``SettingError`` for a bad URL or a damaged OpenCode settings file.
    """
    return _Chooser(settings, environ, home).choose(model or settings.model)


class _Chooser:
    """Makes one choice from settings, environment and OpenCode's own settings."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], home: Path) -> None:
        self._settings = settings
        self._environ = environ
        self._opencode = read_opencode_settings(environ=environ, home=home)
        self._keys = KeyRing(settings=settings, environ=environ, opencode=self._opencode)

    def choose(self, named: str | None) -> Upstream:
        if self._settings.base_url:
            return self._choose_by_url(named, self._settings.base_url)
        provider, model = split_model(named or self._opencode.model or self._find_default())
        own = self._opencode.providers.get(provider, OpenCodeProvider())
        table_row = self._find_row(provider, own)
        model = own.model_ids.get(model, model)
        row = _fit(table_row, own, model)
        small = self._find_small(provider, own)
        is_small_fit = small not in ("", model) and _fits_as_small(table_row, own, small, row)
        upstream = Upstream(
            provider=provider,
            model=model,
            base_url=self._find_url(provider, row, own),
            key="",
            key_source="",
            row=row,
            small_model=small if is_small_fit else "",
        )
        return _with_key(upstream, self._keys.find(provider, row, own))

    def _choose_by_url(self, named: str | None, url: str) -> Upstream:
        if not named:
            raise ModelNotChosenError(
                "--agent-fix-base-url is given, but no model.",
                "Name it with --agent-fix-model NAME/MODEL; NAME can be any word.",
            )
        provider, model = split_model(named)
        check_model(provider, model)
        known = find_provider(provider)
        row = replace(COMPATIBLE, key_names=known.key_names) if known else COMPATIBLE
        if known and known.protocol is WireProtocol.CHAT:
            row = replace(row, fixed_fields=known.fixed_fields)
        upstream = Upstream(
            provider=provider,
            model=model,
            base_url=check_url(url, "--agent-fix-base-url"),
            key="",
            key_source="",
            row=row,
        )
        return _with_key(upstream, self._keys.find_nearest(row))

    def _find_default(self) -> str:
        for row in PROVIDERS:
            if row.default_model and any(self._environ.get(name) for name in row.key_names):
                return f"{row.name}/{row.default_model}"
        raise ModelNotChosenError(
            "No model is chosen, and none could be found in your own OpenCode settings.",
            "Name one with --agent-fix-model PROVIDER/MODEL (or agent_fix_model in the ini file),"
            " or set a provider's key, as in `export ANTHROPIC_API_KEY=...`.",
        )

    def _find_row(self, provider: str, own: OpenCodeProvider) -> ProviderRow:
        """Return the provider's row; that of an unknown one is made from the user's own config."""
        check_provider(provider, own.npm if own.base_url else "")
        row = find_provider(provider)
        if row is None and own.base_url:
            # An unknown provider does not get a well-known one's key.
            return replace(find_by_package(own.npm), name=provider, key_names=())
        return row or _complain_of_provider(provider, self._opencode)

    def _find_url(self, provider: str, row: ProviderRow, own: OpenCodeProvider) -> str:
        """Return the URL in the user's own config, else the row's with its variables filled in."""
        if own.base_url:
            what = f"options.baseURL of {provider} in OpenCode's config"
            return check_url(own.base_url, what).removesuffix(row.url_end) + row.url_end
        return _VARIABLE.sub(lambda match: self._read_url_part(provider, match[1]), row.base_url)

    def _read_url_part(self, provider: str, name: str) -> str:
        value = self._environ.get(name, "").strip()
        part = value.removeprefix("https://").rstrip("/")
        if not _URL_PART.fullmatch(part):
            problem = "is not a plain name" if value else "is not set"
            raise KeyMissingError(
                f"{provider} is reached at an address with {name} in it, which {problem}.",
                f"Set it, as in `export {name}=...`, or give the whole address as"
                f" provider.{provider}.options.baseURL in OpenCode's own config.",
            )
        return part

    def _find_small(self, provider: str, own: OpenCodeProvider) -> str:
        """Return the small model in the user's own config if it is of ``provider``, else ""."""
        with suppress(ModelUnknownError):
            small_provider, small = split_model(self._opencode.small_model)
            return own.model_ids.get(small, small) if small_provider == provider else ""
        return ""


def _with_key(upstream: Upstream, found: FoundKey) -> Upstream:
    return replace(upstream, key=found.key, key_source=found.source, key_command=found.command)


def _fit(row: ProviderRow, own: OpenCodeProvider, model: str) -> ProviderRow:
    """Return ``row`` adapted to ``model``; raises ``ModelUnknownError`` for a refused model.

    If the user's own config has another URL and another package, these belong together.
    """
    check_model(row.name, model)
    fitted = row.adapt(model)
    if own.base_url and own.npm:
        other = find_by_package(own.npm)
        if other.protocol is not fitted.protocol:
            fitted = fitted.speak(other.protocol)
    if fitted.protocol is WireProtocol.GENERATE and "/" in model:  # it becomes a part of the path
        raise ModelUnknownError(
            f"{model!r} is not a model id of {row.name}.",
            f"Write it as in --agent-fix-model {row.name}/{row.default_model or 'MODEL'}.",
        )
    return fitted


def _fits_as_small(
    row: ProviderRow, own: OpenCodeProvider, small: str, chosen: ProviderRow
) -> bool:
    """Tell whether ``small`` has the same endpoint and protocol as the chosen model."""
    with suppress(ModelUnknownError):
        return _fit(row, own, small) == chosen
    return False


def split_model(name: str) -> tuple[str, str]:
    """Split ``PROVIDER/MODEL`` at the first slash; raises ``ModelUnknownError`` for other forms."""
    provider, _, model = name.partition("/")
    is_formed = _PROVIDER_FORM.fullmatch(provider) and _MODEL_FORM.fullmatch(model)
    if not is_formed or ".." in model or "//" in model:
        raise ModelUnknownError(
            f"{name!r} is not a model of the form PROVIDER/MODEL.",
            "Write it as in --agent-fix-model anthropic/claude-sonnet-5-5.",
        )
    return provider, model


def check_url(url: str, what: str) -> str:
    """Return ``url`` without a trailing slash; raises ``SettingError`` if it cannot be used."""
    try:
        parts = urlsplit(url)
        is_formed = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
        _ = parts.port
    except ValueError:
        is_formed = is_plain = False
    if not (is_formed and is_plain and KEY_FORM.fullmatch(url)):
        raise SettingError(
            f"{what} is not a usable URL.",
            "It takes http://HOST:PORT/v1 or https://..., with no user, password or query in it;"
            " a key goes into a variable named by --agent-fix-api-key-env.",
        )
    return url.rstrip("/")


def _complain_of_provider(provider: str, opencode: OpenCodeSettings) -> NoReturn:
    own = [name for name, entry in opencode.providers.items() if entry.base_url]
    known = sorted({row.name for row in PROVIDERS} | set(own))
    near = difflib.get_close_matches(provider, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ModelUnknownError(
        f"The provider {provider!r} is not known.{hint}",
        f"Known are {', '.join(known)}; any OpenAI-compatible endpoint works with"
        " --agent-fix-base-url URL.",
    )
