"""gitignore(5) as a pure object, so that git is never asked about a path an agent made up.

A matching library works on whole paths and approximates what a parent folder's exclusion means;
git decides for each folder on the way down. This does as git does (dir.c, wildmatch.c).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_CLASSES: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
    "word": "a-zA-Z0-9_",
}
_TOKEN = re.compile(
    r"""(?P<start>^\*\*/)|(?P<middle>/\*\*/)|(?P<end>/\*\*$)|(?P<star>\*+)|(?P<any>\?)
    |\[(?P<class>[!^]?\]?(?:\[:\w+:\]|\\.|[^\]\\])*)\]|\\(?P<escaped>.)|(?P<plain>[^\\\[])""",
    re.VERBOSE | re.DOTALL,
)
_GLOBS = {
    "start": "(?:.*/)?",
    "middle": "/(?:.*/)?",
    "end": "/.+",
    "star": "[^/]*",
    "any": "[^/]",
}


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One line of an ignore file."""

    regex: re.Pattern[str]
    is_negated: bool
    is_for_folders: bool
    is_for_names: bool  # no slash in it: compared with the last part only


_Patterns = tuple[_Pattern, ...]


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The user's ignore rules: ``.gitignore`` files by folder, and those for all folders."""

    by_folder: Mapping[str, _Patterns] = field(default_factory=dict)  # "" is the top
    shared: tuple[_Patterns, ...] = ()  # the first that decides wins

    def is_ignored(self, path: str) -> bool:
        """Return whether git would ignore an untracked file at ``path`` (``/`` separated)."""
        folder, _, name = path.rpartition("/")
        if folder and self.is_ignored_folder(folder):
            return True
        return self._is_excluded([*folder.split("/"), name] if folder else [name], is_folder=False)

    def is_ignored_folder(self, path: str) -> bool:
        """Return whether git would not look into a folder at ``path``."""
        parts = path.split("/")
        return any(
            self._is_excluded(parts[:count], is_folder=True) for count in range(1, len(parts) + 1)
        )

    def _is_excluded(self, parts: list[str], *, is_folder: bool) -> bool:
        """Return whether the last matching pattern, nearest file first, excludes a path."""
        for depth in range(len(parts) - 1, -1, -1):
            patterns = self.by_folder.get("/".join(parts[:depth]), ())
            decided = _decide(patterns, parts[depth:], is_folder=is_folder)
            if decided is not None:
                return decided
        for patterns in self.shared:
            decided = _decide(patterns, parts, is_folder=is_folder)
            if decided is not None:
                return decided
        return False


def read_rules(top: Path, *, exclude: Path, excludes_file: Path) -> IgnoreRules:
    """Read the rules of the work tree at ``top`` from disk."""
    shared = (_read(exclude), _read(excludes_file))
    by_folder: dict[str, _Patterns] = {}
    rules = IgnoreRules(by_folder, shared)  # grows while walking, from the top down
    for folder, folders, files in os.walk(top):
        name = os.path.relpath(folder, top).replace(os.sep, "/")
        name = "" if name == "." else name
        # git does not follow a .gitignore that is a symlink
        if ".gitignore" in files and not (Path(folder) / ".gitignore").is_symlink():
            by_folder[name] = _read(Path(folder) / ".gitignore")
        prefix = f"{name}/" if name else ""
        folders[:] = [
            child
            for child in folders
            if child != ".git" and not rules.is_ignored_folder(prefix + child)
        ]
    return IgnoreRules(dict(by_folder), shared)


def quote_glob(path: str) -> str:
    """Return the pattern that matches ``path`` (``/`` separated), special characters quoted."""
    quoted = re.sub(r"([\\*?\[])", r"\\\1", path)
    quoted = re.sub(r"^[!#]", r"\\\g<0>", quoted)
    return re.sub(r" $", r"\\ ", quoted)


def parse_patterns(lines: Iterable[str]) -> _Patterns:
    """Parse an ignore file, in its order; lines git cannot use are left out."""
    return tuple(pattern for line in lines if (pattern := _parse(line)) is not None)


def _read(path: Path) -> _Patterns:
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:  # absent, unreadable or a folder: git goes on without it
        return ()
    lines = text.removeprefix("\ufeff").split("\n")
    return parse_patterns(line.removesuffix("\r") for line in lines)


def _decide(patterns: _Patterns, parts: list[str], *, is_folder: bool) -> bool | None:
    path = "/".join(parts)
    for pattern in reversed(patterns):
        if pattern.is_for_folders and not is_folder:
            continue
        if pattern.regex.fullmatch(parts[-1] if pattern.is_for_names else path):
            return not pattern.is_negated
    return None


def _parse(line: str) -> _Pattern | None:
    text = re.sub(r"(?<!\\)((?:\\\\)*) +$", r"\1", line)
    is_negated = text.startswith("!")
    glob = text[1:] if is_negated else text
    if not glob or text.startswith("#"):
        return None
    body = glob.removesuffix("/")
    regex = _translate(body.removeprefix("/"))
    if regex is None:
        return None
    return _Pattern(regex, is_negated, glob != body, "/" not in body)


def _translate(glob: str) -> re.Pattern[str] | None:
    """Translate ``glob`` into an expression for a whole path, or ``None`` if it is broken."""
    out: list[str] = []
    position = 0
    while position < len(glob):
        token = _TOKEN.match(glob, position)
        if token is None:  # a bracket or a backslash without its end
            return None
        out.append(_expression(token))
        position = token.end()
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:  # a range the wrong way round
        return None


def _expression(token: re.Match[str]) -> str:
    kind = token.lastgroup or ""
    if kind in _GLOBS:
        return _GLOBS[kind]
    text = token.group(kind)
    return _bracket(text) if kind == "class" else re.escape(text)


def _bracket(text: str) -> str:
    is_negated = text[:1] in ("!", "^")
    body = text[1:] if is_negated else text
    pieces = re.findall(r"\[:\w+:\]|\\.|.", body, re.DOTALL)
    inner = "".join(_bracket_piece(piece) for piece in pieces)
    return f"(?!/)[{'^' if is_negated else ''}{inner}]"


def _bracket_piece(piece: str) -> str:
    if piece.startswith("[:"):
        return _CLASSES.get(piece[2:-2], "")
    char = piece[-1]
    return "-" if piece == "-" else re.escape(char)
