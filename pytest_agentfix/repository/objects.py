"""Blobs, trees and commits, made without touching an index, a ref or the work tree."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.repository.git import Git, GitFailure
from pytest_agentfix.repository.signing import Signer

FILE = "100644"
EXECUTABLE = "100755"
SYMLINK = "120000"
GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file of a tree, or of an index."""

    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """Return whether it is a regular file."""
        return self.mode in (FILE, EXECUTABLE)


@dataclass(frozen=True, slots=True)
class Blob:
    """The content of a regular file."""

    content: bytes
    is_executable: bool = False

    @property
    def mode(self) -> str:
        """The mode git gives it."""
        return EXECUTABLE if self.is_executable else FILE

    def entry(self, oid_length: int) -> TreeEntry:
        """Compute the entry that git would store, without storing it."""
        data = b"blob %d\0" % len(self.content) + self.content
        # git's own names of objects, not a protection of ours
        digest = hashlib.sha256 if oid_length == 64 else hashlib.sha1  # noqa: PLR2004
        return TreeEntry(self.mode, digest(data, usedforsecurity=False).hexdigest())

    @property
    def with_unix_lines(self) -> Blob:
        """The form a repository holds where the work tree has CRLF."""
        return Blob(self.content.replace(b"\r\n", b"\n"), self.is_executable)


States = Mapping[str, Blob | None]  # what paths are to hold; None: nothing


@dataclass(frozen=True, slots=True)
class ObjectWriter:
    """Makes objects in the repository ``git`` is at.

    ``oid_length`` is 40 for SHA-1 and 64 for SHA-256.
    """

    git: Git
    oid_length: int = 40

    def list_tree(self, commit: str) -> dict[str, TreeEntry]:
        """Return all files of a commit."""
        return parse_entries(self.git.run("ls-tree", "-r", "-z", "--full-tree", commit))

    def tree_of(self, commit: str) -> str:
        """Return the object name of a commit's tree."""
        return _line(self.git.run("rev-parse", "--verify", f"{commit}^{{tree}}"))

    def write_tree(self, states: States, *, parent: str | None) -> str:
        """Write a tree like ``parent``'s (or an empty one) except for ``states``."""
        with tempfile.TemporaryDirectory(prefix="agent-fix-") as folder:
            git = self.git.with_environ({"GIT_INDEX_FILE": str(Path(folder) / "index")})
            git.run("read-tree", parent or "--empty")
            git.run("update-index", "-z", "--index-info", stdin=self.index_info(states))
            # A partial clone need not have the blobs that this fix does not touch.
            tree = _line(git.run("write-tree", "--missing-ok"))
        if parent is not None:
            self._check_only(tree, self.tree_of(parent), states)
        return tree

    def index_info(self, states: States) -> bytes:
        """Return the input of ``update-index --index-info`` that makes an index hold ``states``."""
        gone = [path for path, blob in states.items() if blob is None]
        kept = {path: blob for path, blob in states.items() if blob is not None}
        lines = [
            f"0 {'0' * self.oid_length}\t{path}" for path in gone
        ]  # first, to make room for folders
        lines += [f"{blob.mode} {self._write(blob)}\t{path}" for path, blob in kept.items()]
        return b"".join(line.encode() + b"\0" for line in lines)

    def write_commit(self, tree: str, *, parent: str, message: str, signer: Signer) -> str:
        """Write a commit of ``tree``, signed if ``signer`` wants that."""
        arguments, text = (tree, "-p", parent), message.encode("utf-8", "replace")
        if signer.is_wanted:
            return _line(signer.commit(*arguments, message=text))
        return _line(self.git.run("commit-tree", *arguments, "-F", "-", stdin=text))

    def _write(self, blob: Blob) -> str:
        return _line(
            self.git.run("hash-object", "-w", "--no-filters", "--stdin", stdin=blob.content)
        )

    def _check_only(self, tree: str, old: str, states: States) -> None:
        """Raise ``GitFailure`` if the trees differ anywhere else than in ``states``."""
        out = self.git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", old, tree)
        changed = {os.fsdecode(path) for path in out.split(b"\0")[1::2]}
        if not changed <= set(states):
            raise GitFailure("the new tree differs from its parent in more than the fix")


def parse_entries(output: bytes) -> dict[str, TreeEntry]:
    """Parse ``ls-tree -z`` or ``ls-files -z --stage`` into entries by path, without conflicts.

    Both write ``MODE ... OID ...<tab>PATH``, the former with a type before the object name.
    """
    found: dict[str, TreeEntry] = {}
    for record in output.split(b"\0")[:-1]:
        head, _, path = record.partition(b"\t")
        fields = head.decode().split()
        if fields[1] in ("blob", "commit"):
            found[os.fsdecode(path)] = TreeEntry(fields[0], fields[2])
        elif fields[2] == "0":
            found[os.fsdecode(path)] = TreeEntry(fields[0], fields[1])
    return found


def _line(output: bytes) -> str:
    return output.decode().strip()
