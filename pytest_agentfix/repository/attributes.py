"""git's attributes by which a file is stored in another form than it has in the work tree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.repository.git import Git, GitFailure, clean
from pytest_agentfix.repository.objects import Blob, States, TreeEntry

_NAMES: Final = ("working-tree-encoding", "filter", "text", "eol")
_SET_TO_NOTHING: Final = frozenset({"unspecified", "set", "unset"})
_WITH_MARK: Final = re.compile(r"utf-?16[lb]e-bom", re.IGNORECASE)  # no name of Python's
_DRIVERS: Final = r"^filter\..*\.(clean|process)$"
_NO_MATCH: Final = 1  # the exit status of config


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredForms:
    """Files that are not stored as they are: their ``encodings`` by path, and those ``filtered``.

    A filter is one of the user's programs, such as git-crypt or git-lfs. Those in ``unix_lines``
    are stored without CRLF, unless they were stored with it before.
    """

    encodings: Mapping[str, str] = field(default_factory=dict)
    filtered: frozenset[str] = frozenset()
    unix_lines: frozenset[str] = frozenset()


def read_stored_forms(git: Git, paths: Iterable[str]) -> StoredForms:
    """Return what git's attributes say of ``paths``, relative to the work tree's top.

    Encodings have names that Python knows. Filters without a program do nothing.
    """
    asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
    out = git.run("check-attr", "-z", "--stdin", *_NAMES, stdin=asked) if asked else b""
    fields = [os.fsdecode(field) for field in out.split(b"\0")]
    by_path: dict[str, dict[str, str]] = {}
    for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        by_path.setdefault(path, {})[name] = value
    drivers = frozenset(_list_drivers(git)) if by_path else frozenset[str]()
    autocrlf = git.ask("config", "--get", "core.autocrlf") or "false"
    encodings = {path: values["working-tree-encoding"] for path, values in by_path.items()}
    return StoredForms(
        encodings={
            path: "utf-16" if _WITH_MARK.fullmatch(name) else name
            for path, name in encodings.items()
            if name not in _SET_TO_NOTHING
        },
        filtered=frozenset(path for path, values in by_path.items() if values["filter"] in drivers),
        unix_lines=frozenset(
            path for path, values in by_path.items() if _has_unix_lines(values, autocrlf.lower())
        ),
    )


def _has_unix_lines(values: Mapping[str, str], autocrlf: str) -> bool:
    """Return whether git takes CRLF out of a text, see gitattributes(5)."""
    if values["text"] != "unspecified":
        return values["text"] != "unset"
    return values["eol"] in ("lf", "crlf") or autocrlf not in ("false", "no", "off", "0", "")


def find_filtered(
    filtered: Iterable[str], states: States, entries: Mapping[str, TreeEntry], *, oid_length: int
) -> frozenset[str]:
    """Return those of ``filtered`` of which git stores something else than ``states`` hold.

    Where both are the same, the filter leaves such files alone, and they can be stored as they are.
    """
    return frozenset(
        path
        for path in filtered
        if not is_stored_plainly(states.get(path), entries.get(path), oid_length=oid_length)
    )


def is_stored_plainly(blob: Blob | None, entry: TreeEntry | None, *, oid_length: int) -> bool:
    """Return whether ``entry`` holds what ``blob`` does, but for line ends."""
    if blob is None or entry is None:
        return False
    forms = (blob, blob.with_unix_lines)
    return any(form.entry(oid_length).oid == entry.oid for form in forms)


def decode_stored(path: str, blob: Blob | None, encoding: str) -> Blob | None:
    """Return ``blob`` as git stores it: in UTF-8, whatever it is in the work tree."""
    try:
        return blob and Blob(blob.content.decode(encoding).encode(), blob.is_executable)
    except (LookupError, ValueError) as error:
        words = f"'{clean(path)}' is not in its working-tree-encoding, {clean(encoding, limit=40)}"
        raise GitFailure(words) from error


def _list_drivers(git: Git) -> Iterator[str]:
    out = git.run("config", "-z", "--name-only", "--get-regexp", _DRIVERS, fine=(_NO_MATCH,))
    for name in out.split(b"\0")[:-1]:
        yield os.fsdecode(name).removeprefix("filter.").rpartition(".")[0]
