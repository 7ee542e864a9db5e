"""Print the oldest versions that pyproject.toml allows, as constraints for pip."""  # noqa: INP001 - a script

from __future__ import annotations

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
_BLOCK = re.compile(r"^dependencies = \[$(.*?)^\]$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r'^    "([a-z0-9-]+)>=([0-9.]+)",$', re.MULTILINE)


def read_floors(text: str) -> dict[str, str]:
    """Return the lowest version of each dependency in the text of a pyproject.toml, by name."""
    block = _BLOCK.search(text)
    return dict(_LINE.findall(block[1])) if block else {}


if __name__ == "__main__":
    for name, version in read_floors(PROJECT.read_text("utf-8")).items():
        sys.stdout.write(f"{name}=={version}\n")
