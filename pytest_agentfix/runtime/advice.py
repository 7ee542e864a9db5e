"""Advice on what a sandbox lacks: the option that helps, with its value where it can be known.

Names come out of a sandbox and are untrusted. Of this machine they can only reveal whether a path
below the repository's top or the user's home is there; what is in it is never read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import Want, WantKind
from pytest_agentfix.core.text import clean
from pytest_agentfix.repository import quote_glob
from pytest_agentfix.sandbox.environments.environment import HOME

_NAME_LIMIT: Final = 1024  # characters; no file has a longer path
_SHOWN: Final = 120  # characters of a name
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SECRET_VARIABLE: Final = re.compile(r"_API_KEY\Z", re.IGNORECASE)  # agent_fix_env refuses these
_MODULE: Final = re.compile(r"[^\W\d]\w{0,127}(\.[^\W\d]\w{0,127}){0,15}")
_MODULE_ENDINGS: Final = ("/__init__.py", ".py", ".so")
_IMAGE: Final = "use an image that has it (--agent-fix-image)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisor:
    """Knows the user's machine: ``top`` of the repository, ``home`` and ``environ``.

    ``is_ignored`` tells whether git ignores a path relative to ``top``. ``cwd`` is where relative
    names start, in a sandbox too, and ``roots`` are folders that modules are imported from.
    """

    top: Path
    home: Path
    environ: Mapping[str, str] = field(repr=False)
    is_ignored: Callable[[str], bool]
    cwd: Path
    roots: tuple[Path, ...] = ()

    def advise(self, want: Want) -> str:
        """Return one sentence about what helps, "" where nothing is known; never raises."""
        try:
            return clean(_ADVISERS[want.kind](self, want.name), limit=600)
        except (OSError, ValueError, KeyError):
            return ""

    def _advise_file(self, name: str) -> str:
        path = self._locate(name)
        if path is None:
            return ""
        if path.is_relative_to(self.top / ".git"):
            return _advise_history(self, name)
        if path.is_relative_to(self.top):
            return "" if path == self.top else self._advise_include(path)
        below_home = _below(path, Path(HOME)) or _below(path, self.home)
        if below_home and os.path.lexists(self.home / below_home):
            return (
                f"~/{_show(below_home)} is there on this machine, but a sandbox's HOME is empty: "
                "keep the data in the repository, or use an image that has it (--agent-fix-image)"
            )
        return ""

    def _advise_include(self, path: Path) -> str:
        """Advise on a path in the tree, if it is there and ignored."""
        relative = path.relative_to(self.top).as_posix()
        if not os.path.lexists(path) or not self.is_ignored(relative):
            return ""
        is_folder = path.is_dir() and not path.is_symlink()
        glob = quote_glob(relative) + ("/**" if is_folder else "")
        if glob != clean(glob, limit=_NAME_LIMIT):  # no ini file could hold it
            return f"git ignores {_show(relative)}: see agent_fix_include"
        return (
            f"git ignores {_show(relative)}, so sandboxes lack it; add it: "
            f"agent_fix_include = {glob}"
        )

    def _advise_variable(self, name: str) -> str:
        if _VARIABLE.fullmatch(name) is None or name not in self.environ:
            return ""
        if _SECRET_VARIABLE.search(name):
            return f"{name} is set on this machine, but keys never enter a sandbox"
        return f"{name} is set on this machine; give it to sandboxes: agent_fix_env = {name}"

    def _advise_module(self, name: str) -> str:
        if _MODULE.fullmatch(name) is None:
            return ""
        stem = name.replace(".", "/")
        for root in dict.fromkeys((self.cwd, self.top, *self.roots)):
            for path in _find_modules(root / stem):
                advice = self._advise_include(path) if path.is_relative_to(self.top) else ""
                if advice:
                    return advice
        return f"sandboxes have no module {_show(name)}: {_IMAGE}"

    def _locate(self, name: str) -> Path | None:
        """Return the absolute path that ``name`` means, without ``..``; ``None`` for nonsense."""
        if not name or len(name) > _NAME_LIMIT or "\0" in name:
            return None
        if name == "~" or name.startswith("~/"):
            name = f"{HOME}{name[1:]}"
        elif name.startswith("~"):  # somebody else's
            return None
        return Path(os.path.normpath(self.cwd / name))


def _find_modules(stem: Path) -> list[Path]:
    """Return the files that can be the module at ``stem``, a path without an ending."""
    plain = [Path(f"{stem}{ending}") for ending in _MODULE_ENDINGS]
    found = [path for path in plain if os.path.lexists(path)]
    if found or not stem.parent.is_dir():
        return found
    start = f"{stem.name}."
    names = sorted(entry.name for entry in os.scandir(stem.parent) if entry.name.startswith(start))
    return [stem.parent / name for name in names if name.endswith((".so", ".pyd"))]


def _below(path: Path, folder: Path) -> str:
    """Return ``path`` relative to ``folder``, "" where it is not below it."""
    is_below = path != folder and path.is_relative_to(folder)
    return path.relative_to(folder).as_posix() if is_below else ""


def _show(name: str) -> str:
    return clean(name, limit=_SHOWN)


def _advise_program(_advisor: Advisor, name: str) -> str:
    return f"sandboxes have no program {_show(name)}: {_IMAGE}" if name else ""


def _advise_locale(_advisor: Advisor, name: str) -> str:
    named = f"the locale {_show(name)}" if name else "this locale"
    return f"sandboxes do not have {named}: {_IMAGE}, or let the tests use C.UTF-8"


def _advise_address(_advisor: Advisor, name: str) -> str:
    named = f"the address {_show(name)}" if name else "this address"
    return (
        f"sandboxes do not have {named}: they have no network but a loopback of their own "
        "(127.0.0.1, and ::1 where this machine has it)"
    )


def _advise_network(_advisor: Advisor, name: str) -> str:
    named = f" ({_show(name)})" if name else ""
    return (
        f"sandboxes have no network{named}: let the test use a local double, or mark it "
        "agent_fix(enabled=False)"
    )


def _advise_permission(_advisor: Advisor, name: str) -> str:
    named = f" to {_show(name)}" if name else ""
    return (
        f"sandboxes run as an ordinary user and do not give access{named}: they can write in the "
        "repository and in /tmp only"
    )


def _advise_history(_advisor: Advisor, _name: str) -> str:
    return (
        "sandboxes have none of the repository's own commits and tags; give them to the judge: "
        "agent_fix_repository_history = judge"
    )


_ADVISERS: Final[Mapping[WantKind, Callable[[Advisor, str], str]]] = {
    WantKind.FILE: Advisor._advise_file,  # noqa: SLF001 - the table of its own class
    WantKind.VARIABLE: Advisor._advise_variable,  # noqa: SLF001
    WantKind.MODULE: Advisor._advise_module,  # noqa: SLF001
    WantKind.PROGRAM: _advise_program,
    WantKind.LOCALE: _advise_locale,
    WantKind.ADDRESS: _advise_address,
    WantKind.NETWORK: _advise_network,
    WantKind.PERMISSION: _advise_permission,
    WantKind.HISTORY: _advise_history,
}
