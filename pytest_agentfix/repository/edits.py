"""A fix's changes in the two forms they have: in the repository and in the work tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_agentfix.core.model import FileChange
from pytest_agentfix.repository.attributes import StoredForms, decode_stored
from pytest_agentfix.repository.objects import Blob, States, TreeEntry


@dataclass(frozen=True, slots=True)
class Edits:
    """The content of a fix's paths before and after it.

    ``disk_*`` is what the tests saw; ``before`` and ``after`` are what a commit holds, which
    differs where the work tree has CRLF and the repository LF.
    """

    disk_before: States
    disk_after: States
    before: States
    after: States

    def is_committed_in(self, entries: Mapping[str, TreeEntry], *, oid_length: int) -> bool:
        """Return whether ``entries`` hold exactly what the fix starts from."""
        return all(
            entries.get(path) == (blob and blob.entry(oid_length))
            for path, blob in self.before.items()
        )


def compare(  # noqa: PLR0913 - half of it by name
    changes: Mapping[str, FileChange],
    base: States,
    entries: Mapping[str, TreeEntry],
    *,
    oid_length: int,
    has_modes: bool,
    forms: StoredForms,
) -> Edits:
    """Return the edits that ``changes`` of ``base`` make to a tree of ``entries``.

    ``has_modes`` is git's core.fileMode: without it the executable bits on disk mean nothing, and
    a file keeps the one it has in the tree. ``forms`` are those that git's attributes ask for.
    """
    disk_after = {path: _blob(change) for path, change in changes.items()}
    before = dict(base)
    after = dict(disk_after)
    for path in changes:
        entry = entries.get(path)
        if path in forms.encodings:
            before[path] = decode_stored(path, before[path], forms.encodings[path])
            after[path] = decode_stored(path, after[path], forms.encodings[path])
        if entry is None and path in forms.unix_lines:
            before[path] = _with_unix_lines(before[path])
            after[path] = _with_unix_lines(after[path])
        if entry is not None and not has_modes:
            before[path] = _with_mode_of(before[path], entry)
            after[path] = _with_mode_of(after[path], entry)
        if _is_stored_with_unix_lines(before[path], entry, oid_length=oid_length):
            before[path] = _with_unix_lines(before[path])
            after[path] = _with_unix_lines(after[path])
    return Edits(dict(base), disk_after, before, after)


def _blob(change: FileChange) -> Blob | None:
    return None if change.content is None else Blob(change.content, change.executable)


def _with_mode_of(blob: Blob | None, entry: TreeEntry) -> Blob | None:
    return blob and Blob(blob.content, entry.mode == Blob(b"", is_executable=True).mode)


def _with_unix_lines(blob: Blob | None) -> Blob | None:
    return blob and blob.with_unix_lines


def _is_stored_with_unix_lines(
    blob: Blob | None, entry: TreeEntry | None, *, oid_length: int
) -> bool:
    if blob is None or entry is None or b"\r\n" not in blob.content:
        return False
    return blob.with_unix_lines.entry(oid_length).oid == entry.oid
