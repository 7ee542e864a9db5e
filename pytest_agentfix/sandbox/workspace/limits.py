"""Caps on what may come out of a workspace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps on a collection. What lies beyond is left out, with one line per cap."""

    files: int = 200  # changed files
    file_bytes: int = 1_000_000  # of one changed file
    total_bytes: int = 5_000_000  # of all changed files
    extra_entries: int = 200_000  # walked, over what the base has
    path_bytes: int = 1024
    part_bytes: int = 255
    depth: int = 128
    irregular: int = 200  # lines about what is no regular change
