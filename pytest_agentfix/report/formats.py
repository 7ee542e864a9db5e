"""The formats of report files, by the suffix of the file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pytest_agentfix.core.model import RunResult
from pytest_agentfix.report import json_report

ReportFormat = Callable[[RunResult], str]

# The suffix with its dot -> the function that makes the file's text.
# A new format is a module in this folder and a row here.
FORMATS: Final[Mapping[str, ReportFormat]] = {
    ".json": json_report.render,
}


def find_format(name: str, formats: Mapping[str, ReportFormat]) -> ReportFormat:
    """Return the format of a file called ``name``, by the longest suffix that fits in any case.

    Raise ``ValueError`` if none fits.
    """
    fitting = (suffix for suffix in formats if name.lower().endswith(suffix.lower()))
    suffix = max(fitting, key=len, default=None)
    if suffix is None:
        raise ValueError(name)
    return formats[suffix]
