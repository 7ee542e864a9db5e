"""The words for OpenCode's tools that the model gets in place of OpenCode's own.

Those are ten thousand bytes in every request. They describe Git, GitHub and tools that are not
there, and ask the model to read each file before it edits it, which the tool does not need (1.18)
and costs a request. A tool whose parameters are others than these keeps its own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pytest_agentfix.core.tool_text import ToolText

_TEXT: Final[Mapping[str, Any]] = {"type": "string"}
_NUMBER: Final[Mapping[str, Any]] = {"type": "integer"}

TOOL_TEXTS: Final[Mapping[str, ToolText]] = {
    "bash": ToolText(
        description=(
            "Runs a command in bash, in the working directory or in workdir. It is ended after 10"
            " minutes, or after timeout milliseconds. Of long output you get a part, and the path"
            " of a file with all of it."
        ),
        parameters={"command": _TEXT, "timeout": _NUMBER, "workdir": _TEXT},
    ),
    "edit": ToolText(
        description=(
            "Replaces oldString by newString in a file. oldString has to be in it once, with the"
            " exact indentation; with replaceAll, every place is replaced. You need not read the"
            " file before, if you were shown the text."
        ),
        parameters={
            "filePath": _TEXT,
            "oldString": _TEXT,
            "newString": _TEXT,
            "replaceAll": {"type": "boolean"},
        },
    ),
    "read": ToolText(
        description=(
            'Shows a file, each line with its number before it ("1: text"), or lists a folder: up'
            " to limit lines (2000) from line offset (1) on."
        ),
        parameters={"filePath": _TEXT, "offset": _NUMBER, "limit": _NUMBER},
    ),
    "write": ToolText(
        description="Writes content to a file, in place of all that was in it.",
        parameters={"content": _TEXT, "filePath": _TEXT},
    ),
}
