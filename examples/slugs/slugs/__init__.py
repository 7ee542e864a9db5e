"""Titles to URL slugs."""

from slugs.text import slugify, unique_slug

__all__ = ["slugify", "unique_slug"]
