"""Reads the user's own OpenCode settings on the host: model, endpoints and keys.

Only the user's global files are read, never a repository's, which anybody may have written.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import json5

from pytest_agentfix.core.errors import SettingError

_CONFIG_NAMES = ("config.json", "opencode.json", "opencode.jsonc")  # later ones win, as in OpenCode
_REFERENCE = re.compile(r"\{(env|file):([^}]+)\}")
_SIZE_LIMIT = 1_000_000  # bytes; real files have a few thousand


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCodeProvider:
    """A provider's entry in the user's config; a field is "" if it is not set."""

    npm: str = ""
    base_url: str = ""
    key: str = field(default="", repr=False)
    model_ids: Mapping[str, str] = field(default_factory=dict)  # name in the config -> real id


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCodeSettings:
    """The user's OpenCode config and credentials. ``keys`` and ``logins`` are by provider."""

    model: str = ""
    small_model: str = ""
    providers: Mapping[str, OpenCodeProvider] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    logins: Mapping[str, str] = field(
        default_factory=dict
    )  # provider -> type of a login without a key


def read_opencode_settings(*, environ: Mapping[str, str], home: Path) -> OpenCodeSettings:
    """Read the user's global OpenCode files; missing ones count as empty.

    Honours ``XDG_CONFIG_HOME`` and ``XDG_DATA_HOME``. Raises ``SettingError``, which names the
    file, if one cannot be read or is malformed.
    """
    config_home = _locate(environ, "XDG_CONFIG_HOME", home / ".config") / "opencode"
    data_home = _locate(environ, "XDG_DATA_HOME", home / ".local" / "share") / "opencode"
    config: dict[str, Any] = {}
    for name in _CONFIG_NAMES:
        config = _merge(config, _read_object(config_home / name))
    resolve = _Resolver(environ=environ, folder=config_home, home=home)
    credentials = _read_object(data_home / "auth.json")
    return OpenCodeSettings(
        model=_text(config.get("model")),
        small_model=_text(config.get("small_model")),
        providers=_read_providers(config.get("provider"), resolve),
        keys={name: _text(e.get("key")) for name, e in _entries(credentials) if _is_key(e)},
        logins={name: _text(e.get("type")) for name, e in _entries(credentials) if not _is_key(e)},
    )


def find_variables(*, environ: Mapping[str, str], home: Path) -> frozenset[str]:
    """Return the names of the variables that the user's config fills in, keys among them.

    What cannot be read has none; ``read_opencode_settings`` says why it cannot be.
    """
    folder = _locate(environ, "XDG_CONFIG_HOME", home / ".config") / "opencode"
    names = set[str]()
    for name in _CONFIG_NAMES:
        with contextlib.suppress(OSError, ValueError):
            text = (folder / name).read_text(encoding="utf-8")
            names.update(where for kind, where in _REFERENCE.findall(text) if kind == "env")
    return frozenset(names)


def _locate(environ: Mapping[str, str], name: str, default: Path) -> Path:
    """Return the XDG folder ``name``; a relative one counts as unset, as the spec asks."""
    path = Path(environ.get(name, ""))
    return path if path.is_absolute() else default


def _read_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON or JSONC file, an empty one if there is no file."""
    try:
        if path.stat().st_size > _SIZE_LIMIT:
            raise _complain(path, "is far too big for a settings file")
        found = json5.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _complain(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError):
        # The parser's message quotes the file, and the file may hold a key.
        raise _complain(path, "is not valid JSON") from None
    if not isinstance(found, dict):
        raise _complain(path, "does not hold an object")
    return found


def _complain(path: Path, problem: str) -> SettingError:
    return SettingError(
        f"OpenCode's own settings file {path} {problem}.",
        "Repair or remove it; `opencode debug config` shows what OpenCode makes of it.",
    )


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``low`` overlaid by ``high``, objects merged key by key."""
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolver:
    """Fills in ``{env:NAME}`` and ``{file:path}`` the way OpenCode does."""

    environ: Mapping[str, str]
    folder: Path
    home: Path

    def __call__(self, value: object) -> str:
        return _REFERENCE.sub(self._replace, _text(value)).strip()

    def _replace(self, match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "env":
            return self.environ.get(name.strip(), "")
        path = self._find(name.strip())
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            raise _complain(path, "is named by a {file:...} and cannot be read") from None

    def _find(self, name: str) -> Path:
        return self.home / name[2:] if name.startswith("~/") else self.folder / name


def _read_providers(found: object, resolve: _Resolver) -> dict[str, OpenCodeProvider]:
    return {name: _read_provider(entry, resolve) for name, entry in _entries(found)}


def _read_provider(entry: Mapping[str, Any], resolve: _Resolver) -> OpenCodeProvider:
    options = entry.get("options")
    options = options if isinstance(options, dict) else {}
    models = {name: _text(model.get("id")) for name, model in _entries(entry.get("models"))}
    return OpenCodeProvider(
        npm=_text(entry.get("npm")),
        base_url=resolve(options.get("baseURL")) or resolve(entry.get("api")),
        key=resolve(options.get("apiKey")),
        model_ids={name: identity for name, identity in models.items() if identity},
    )


def _entries(found: object) -> list[tuple[str, dict[str, Any]]]:
    """Return the members of ``found`` that are objects."""
    if not isinstance(found, dict):
        return []
    return [(str(name), entry) for name, entry in found.items() if isinstance(entry, dict)]


def _is_key(entry: Mapping[str, Any]) -> bool:
    return entry.get("type") == "api" and bool(_text(entry.get("key")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
