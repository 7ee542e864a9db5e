"""Tar archives, as the engine takes them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping


def make_archive(files: Mapping[str, tuple[int, bytes | None]]) -> bytes:
    """Make a tar archive of paths and their (mode, content); a folder's content is ``None``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (mode, content) in files.items():
            member = tarfile.TarInfo(name)
            member.mode = mode
            member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()
