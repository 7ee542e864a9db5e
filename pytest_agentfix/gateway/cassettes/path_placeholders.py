"""Replaces paths of one machine by names, and names by the paths of another (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

_LEVELS: Final = 3  # of JSON inside a JSON string that are searched
_FORMS: Final = ("", "u", "a", "uu", "ua", "au")  # how a path may be escaped in plain text
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_PLACEHOLDER: Final = re.compile(r"@\{([a-z0-9_-]*)(?:/([au]{1,8}))?\}")
_STEPS: Final = re.compile(r"(@\{[a-z0-9_-]+)/[au]{1,8}\}")
_LITERAL: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
# A path must not begin inside another one: not the /tmp of /var/tmp, but that of -I/tmp, and the
# one after a line end that is still escaped.
_BEFORE: Final = r"(?:(?<![\w.~-])|(?<=\s-[IL])|(?<=\\[nrt]))"
_AFTER: Final = r"(?![\w-]|\.\w)"
_PYTHON: Final = r"(?=/(?:bin|lib)/python)"
_TMP: Final = re.compile(rf"(?<!\}}){_BEFORE}/tmp{_AFTER}")  # noqa: S108 - of a host that has another


@dataclass(frozen=True, kw_only=True)
class PathPlaceholders:
    """The paths that differ from machine to machine, by name; ``top`` is the repository's.

    ``hide`` writes ``@{top}`` for a path, and ``@{top/u}`` for one in JSON inside the text, so that
    ``restore`` can escape another path in the same way: one letter for each escaping, ``a`` if
    that left ASCII only, ``u`` otherwise. A literal ``@{`` becomes ``@{}``, so every text can be
    restored. Of two names of one path the first is used. Raises ``ValueError`` for a name that is
    not a lower-case word.

    ``common`` are paths that most machines have. ``restore`` puts them in for their names, but
    ``hide`` leaves them, except for a Python there: ``/usr/bin/env`` is the same everywhere.
    """

    top: str | Path
    others: Mapping[str, str | Path] = field(default_factory=dict)
    common: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in self.others:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a place")

    def hide(self, text: str) -> str:
        """Return ``text`` with names for the paths."""
        if "/" not in text and "@{" not in text:
            return text
        return self._hide(text, "")

    def restore(self, text: str) -> str:
        """Return ``text`` with the paths for the names; unknown names stay as they are."""
        return _PLACEHOLDER.sub(self._find_path, text) if "@{" in text else text

    @cached_property
    def _paths(self) -> dict[str, str]:
        """Absolute paths by name; a meaningless one, such as ``/``, is left out."""
        named = {"top": self.top, **self.others}
        paths = {name: str(path).rstrip("/") for name, path in named.items()}
        return {name: path for name, path in paths.items() if path.startswith("/")}

    @cached_property
    def _names(self) -> dict[str, tuple[str, str]]:
        """Every form of every path, with its name and its escaping."""
        names: dict[str, tuple[str, str]] = {}
        for name, path in self._paths.items():
            for steps in _FORMS if path not in self.common else ("",):
                names.setdefault(escape(path, steps), (name, steps))
        return names

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        forms = sorted(self._names, key=lambda form: (-len(form), form))
        paths = "|".join(
            re.escape(form) + (_PYTHON if form in self.common else "") for form in forms
        )
        return re.compile(rf"{_BEFORE}(?:{paths}){_AFTER}|@\{{" if paths else r"@\{")

    def _hide(self, text: str, outer: str) -> str:
        """Hide the paths in ``text``, which is itself escaped by the steps ``outer``."""
        if len(outer) < _LEVELS and is_json(text):
            return _LITERAL.sub(lambda found: self._hide_literal(found[0], outer), text)
        return self._pattern.sub(lambda found: self._find_name(found[0], outer), text)

    def _hide_literal(self, literal: str, outer: str) -> str:
        """Return a JSON string with names for its paths; one without paths stays as it is."""
        text = json.loads(literal)
        step = "a" if literal.isascii() and not text.isascii() else "u"
        hidden = self._hide(text, step + outer)
        return literal if hidden == text else f'"{escape(hidden, step)}"'

    def _find_name(self, found: str, outer: str) -> str:
        if found == "@{":
            return "@{}"
        name, steps = self._names[found]
        return f"@{{{name}/{steps + outer}}}" if steps + outer else f"@{{{name}}}"

    def _find_path(self, found: re.Match[str]) -> str:
        name, steps = found[1], found[2] or ""
        if not name:
            return "@{"
        path = self._paths.get(name)
        return found[0] if path is None else escape(path, steps)


def merge_names(text: str) -> str:
    """Return ``text``, its paths hidden, with one name for paths that may be the same elsewhere.

    The escaping of a path does not count, nor the symbolic link it goes through.
    """
    if "@{" in text:
        text = _STEPS.sub(r"\1}", text)
        text = text.replace("@{top-real}", "@{top}").replace("@{base-python}", "@{python}")
    return _TMP.sub("@{tmp}", text) if "/tmp" in text else text  # noqa: S108 - a name


def is_json(text: str) -> bool:
    """Tell whether ``text`` is a JSON object or array."""
    if not text.lstrip(" \t\r\n").startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON ``value`` with ``change`` applied to all strings in it, keys included."""
    match value:
        case str():
            return change(value)
        case list():
            return [map_strings(entry, change) for entry in value]
        case dict():
            return {change(key): map_strings(entry, change) for key, entry in value.items()}
        case _:
            return value


def escape(text: str, steps: str) -> str:
    """Return ``text`` escaped as in nested JSON: one step per level, the innermost first."""
    for step in steps:
        text = json.dumps(text, ensure_ascii=step == "a")[1:-1]
    return text
