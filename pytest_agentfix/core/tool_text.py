"""The words that a model is told about an agent's tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolText:
    """A tool's ``description``, and a JSON schema for each of its ``parameters``, by name."""

    description: str
    parameters: Mapping[str, Mapping[str, Any]]
