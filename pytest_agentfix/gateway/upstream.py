"""Which model, at which endpoint, with which key: the user's word, in a fixed order."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from pytest_agentfix.errors import (
    KeyMissingError,
    ModelNotChosenError,
    ModelUnknownError,
    SettingError,
)
from pytest_agentfix.gateway.opencode_settings import (
    OpenCodeProvider,
    OpenCodeSettings,
    read_opencode_settings,
)
from pytest_agentfix.gateway.providers import (
    COMPATIBLE,
    PROVIDERS,
    Dialect,
    ProviderRow,
    find_by_package,
    find_provider,
)
from pytest_agentfix.settings import Settings

_PROVIDER_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MODEL_FORM = re.compile(r"[A-Za-z0-9@~][A-Za-z0-9._:/@+~-]{0,199}")
_KEY_FORM = re.compile(r"[\x21-\x7e]+")


OUTPUT_LIMIT: Final = 32_000  # tokens; what OpenCode asks for at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The one model a run talks to. ``key`` is "" where the endpoint needs none.

    ``base_url`` is the host's view, version segment included, no slash at the end. ``key_source``
    says for messages where the key came from. ``is_custom``: the user gave the URL.
    ``output_limit`` is the most tokens that one answer may have.
    """

    provider: str
    model: str
    base_url: str
    key: str = field(repr=False)
    key_source: str
    row: ProviderRow
    is_custom: bool = False
    output_limit: int = OUTPUT_LIMIT

    @property
    def name(self) -> str:
        """The model the way the user writes it: ``provider/model``."""
        return f"{self.provider}/{self.model}"

    @property
    def url(self) -> str:
        """Where requests go."""
        return self.base_url + self.row.build_endpoint(self.model)


def choose_upstream(
    settings: Settings, *, environ: Mapping[str, str], home: Path, model: str | None = None
) -> Upstream:
    """Decide on the model; ``model`` (a marker's) beats ``settings.model``.

    None named: ``model`` of the user's own OpenCode config, else the default model of the first
    provider in the table whose key variable is set. (Those defaults are only defaults: good
    coding models when this was written.) A base URL given by option means an OpenAI-compatible
    endpoint under any name.

    Raises ``ModelNotChosenError``, ``ModelUnknownError``, ``KeyMissingError``, and
    ``SettingError`` for a bad URL or a damaged settings file of OpenCode's.
    """
    return _Chooser(settings, environ, home).choose(model or settings.model)


class _Chooser:
    """One decision, with what it depends on."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], home: Path) -> None:
        self._settings = settings
        self._environ = environ
        self._opencode = read_opencode_settings(environ=environ, home=home)

    def choose(self, named: str | None) -> Upstream:
        if self._settings.base_url:
            return self._choose_by_url(named, self._settings.base_url)
        provider, model = split_model(named or self._opencode.model or self._find_default())
        _refuse_free_service(provider)
        row, own = self._find_row(provider)
        model = own.model_ids.get(model, model)
        _check_path(row, model)
        key, source = self._find_key(provider, row, own)
        return Upstream(
            provider=provider,
            model=model,
            base_url=row.base_url,
            key=key,
            key_source=source,
            row=row,
            is_custom=bool(own.base_url),
        )

    def _choose_by_url(self, named: str | None, url: str) -> Upstream:
        if not named:
            raise ModelNotChosenError(
                "--agent-fix-base-url is given, but no model.",
                "Name it with --agent-fix-model NAME/MODEL; NAME can be any word.",
            )
        provider, model = split_model(named)
        known = find_provider(provider)
        row = replace(COMPATIBLE, key_names=known.key_names if known else ())
        key, source = self._find_variable(row)
        return Upstream(
            provider=provider,
            model=model,
            base_url=check_url(url, "--agent-fix-base-url"),
            key=key,
            key_source=source,
            row=row,
            is_custom=True,
        )

    def _find_default(self) -> str:
        for row in PROVIDERS:
            if row.default_model and any(self._environ.get(name) for name in row.key_names):
                return f"{row.name}/{row.default_model}"
        raise ModelNotChosenError(
            "No model is chosen, and none could be found in your own OpenCode settings.",
            "Name one with --agent-fix-model PROVIDER/MODEL (or agent_fix_model in the ini file),"
            " or set a provider's key, as in `export ANTHROPIC_API_KEY=...`.",
        )

    def _find_row(self, provider: str) -> tuple[ProviderRow, OpenCodeProvider]:
        """Return the provider's row and the user's own config of it."""
        own = self._opencode.providers.get(provider, OpenCodeProvider())
        row = find_provider(provider)
        if row is None and own.base_url:
            row = find_by_package(own.npm)
            row = replace(row, key_names=())  # a stranger gets no well-known provider's key
        if row is None:
            _complain_of_provider(provider, self._opencode)
        if own.base_url:
            url = check_url(own.base_url, f"options.baseURL of {provider} in OpenCode's config")
            row = replace(row, base_url=url)
        return row, own

    def _find_key(self, provider: str, row: ProviderRow, own: OpenCodeProvider) -> tuple[str, str]:
        """Return the key and where it came from, in the order of the settings' nearness."""
        key, source = self._find_variable(row, own)
        if not key and (stored := self._opencode.keys.get(provider, "")):
            key, source = _check_key(stored, "auth.json of OpenCode")
        if key or not (row.key_names or provider in self._opencode.logins):
            return key, source
        if login := self._opencode.logins.get(provider):
            raise KeyMissingError(
                f"OpenCode is logged in to {provider} by {login or 'something that is no key'},"
                " which only OpenCode itself can use.",
                _advise_key(row),
            )
        raise KeyMissingError(f"No key for {provider} was found.", _advise_key(row))

    def _find_variable(
        self, row: ProviderRow, own: OpenCodeProvider | None = None
    ) -> tuple[str, str]:
        """Return the key of the variable the user named, else the config's, else the usual one."""
        if name := self._settings.api_key_env:
            if not (value := self._environ.get(name, "").strip()):
                raise KeyMissingError(
                    f"--agent-fix-api-key-env names {name}, which is not set or empty.",
                    f"Set it and make it visible to pytest, as in `export {name}=...`.",
                )
            return _check_key(value, name)
        if own and own.key:
            return _check_key(own.key, "OpenCode's config")
        for name in row.key_names:
            if value := self._environ.get(name, "").strip():
                return _check_key(value, name)
        return "", ""


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
    """Return ``url`` without a slash at its end; raises ``SettingError`` if it cannot be used."""
    try:
        parts = urlsplit(url)
        is_formed = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
        _ = parts.port
    except ValueError:
        is_formed = is_plain = False
    if not (is_formed and is_plain and _KEY_FORM.fullmatch(url)):
        raise SettingError(
            f"{what} is not a usable URL.",
            "It takes http://HOST:PORT/v1 or https://..., with no user, password or query in it;"
            " a key goes into a variable named by --agent-fix-api-key-env.",
        )
    return url.rstrip("/")


def _check_path(row: ProviderRow, model: str) -> None:
    """Refuse model ids that would change the path they become part of."""
    if row.dialect is Dialect.GENERATE and "/" in model:
        raise ModelUnknownError(
            f"{model!r} is not a model id of {row.name}.",
            f"Write it as in --agent-fix-model {row.name}/{row.default_model}.",
        )


def _check_key(key: str, source: str) -> tuple[str, str]:
    """Return both; a key that cannot stand in a header is refused without showing it."""
    if not _KEY_FORM.fullmatch(key):
        raise KeyMissingError(
            f"The key in {source} has blanks or other characters no key has.",
            "Set it again, without quotes and line ends.",
        )
    return key, source


def _advise_key(row: ProviderRow) -> str:
    name = row.key_names[0] if row.key_names else "NAME"
    return (
        f"Set it as in `export {name}=...`, name another variable with"
        " --agent-fix-api-key-env, or store it with `opencode auth login`."
    )


def _refuse_free_service(provider: str) -> None:
    if provider == "opencode":
        raise ModelUnknownError(
            "OpenCode's own service (provider opencode) is not supported in this version.",
            "Name a model of another provider with --agent-fix-model PROVIDER/MODEL.",
        )


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
