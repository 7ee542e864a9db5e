"""Finds a provider's key, in the order of how explicitly the user named it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_agentfix.core.errors import KeyMissingError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.key_command import KEY_FORM, OPTION, find_program
from pytest_agentfix.gateway.providers.opencode_settings import OpenCodeProvider, OpenCodeSettings
from pytest_agentfix.gateway.providers.protocols import ProviderRow
from pytest_agentfix.gateway.providers.unsupported import advise_instead


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """A key, or the command that prints it; ``source`` says where it came from."""

    key: str = field(default="", repr=False)
    source: str = ""
    command: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The places to look for a key. Nothing is run and nobody is asked."""

    settings: Settings
    environ: Mapping[str, str]
    opencode: OpenCodeSettings

    def find(self, provider: str, row: ProviderRow, own: OpenCodeProvider) -> FoundKey:
        """Return the key for ``provider``; raises ``KeyMissingError`` if it lacks a needed one."""
        found = self.find_nearest(row, own)
        if not found.source and (stored := self.opencode.keys.get(provider, "")):
            found = check_key(stored, "auth.json of OpenCode")
        is_needed = bool(row.key_names) and not row.is_key_optional
        login = self.opencode.logins.get(provider)
        if found.source or (login is None and not is_needed):
            return found
        if login is None:
            raise KeyMissingError(f"No key for {provider} was found.", _advise(row))
        raise KeyMissingError(
            f"OpenCode is logged in to {provider} by {login or 'something that is no key'},"
            " which only OpenCode itself can use.",
            f"{_advise(row)} {advise_instead(provider)}",
        )

    def find_nearest(self, row: ProviderRow, own: OpenCodeProvider | None = None) -> FoundKey:
        """Return the key named by option, else the one in the config, else the usual variable's."""
        if name := self.settings.api_key_env:
            return self._read_named(name)
        if words := self.settings.api_key_command:
            return FoundKey(source=OPTION, command=find_program(words, environ=self.environ))
        if own and own.key:
            return check_key(own.key, "OpenCode's config")
        for name in row.key_names:
            if value := self.environ.get(name, "").strip():
                return check_key(value, name)
        return FoundKey()

    def _read_named(self, name: str) -> FoundKey:
        if not (value := self.environ.get(name, "").strip()):
            raise KeyMissingError(
                f"--agent-fix-api-key-env names {name}, which is not set or empty.",
                f"Set it and make it visible to pytest, as in `export {name}=...`.",
            )
        return check_key(value, name)


def check_key(key: str, source: str) -> FoundKey:
    """Return both as a ``FoundKey``; raises for a key unfit for a header, without showing it."""
    if not KEY_FORM.fullmatch(key):
        raise KeyMissingError(
            f"The key in {source} has blanks or other characters no key has.",
            "Set it again, without quotes and line ends.",
        )
    return FoundKey(key=key, source=source)


def _advise(row: ProviderRow) -> str:
    name = row.key_names[0] if row.key_names else "NAME"
    return (
        f"Set it as in `export {name}=...`, name another variable with"
        f" --agent-fix-api-key-env, have {OPTION} print it, or store it with `opencode auth login`."
    )
