"""git's index of a tree that was just written, with what git looks at to see a change.

With it git finds at once that nothing has changed, where it would have to read every file
otherwise. The format is gitformat-index(5), version 2.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from pathlib import Path
from typing import Final

REGULAR: Final = 0o100644
EXECUTABLE: Final = 0o100755
SYMLINK: Final = 0o120000
_HEADER: Final = struct.Struct(">4sII")
_ENTRY: Final = struct.Struct(">10I20sH")
_WORD: Final = 0xFFFFFFFF
_LONGEST: Final = 0xFFF  # the longest name that the flags can tell


def mode_of(info: os.stat_result) -> int:
    """Return the mode that git keeps of a file or symlink."""
    if stat.S_ISLNK(info.st_mode):
        return SYMLINK
    return EXECUTABLE if info.st_mode & stat.S_IXUSR else REGULAR


class Index:
    """Entries in the order of their paths' bytes."""

    def __init__(self) -> None:
        self._entries: list[bytes] = []

    def add(self, path: bytes, info: os.stat_result, blob: bytes) -> None:
        """Take in the next file; ``blob`` is the id of its content, 20 bytes."""
        ctime, mtime = info.st_ctime_ns, info.st_mtime_ns
        entry = _ENTRY.pack(
            ctime // 10**9 & _WORD,
            ctime % 10**9,
            mtime // 10**9 & _WORD,
            mtime % 10**9,
            info.st_dev & _WORD,
            info.st_ino & _WORD,
            mode_of(info),
            info.st_uid & _WORD,
            info.st_gid & _WORD,
            info.st_size & _WORD,
            blob,
            min(len(path), _LONGEST),
        )
        padding = 8 - (len(entry) + len(path)) % 8
        self._entries.append(entry + path + bytes(padding))

    def write(self, path: Path) -> None:
        """Write the index to a new file."""
        content = _HEADER.pack(b"DIRC", 2, len(self._entries)) + b"".join(self._entries)
        digest = hashlib.sha1(content, usedforsecurity=False).digest()
        path.write_bytes(content + digest)
