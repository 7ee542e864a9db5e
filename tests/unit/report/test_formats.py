"""The format of a report file is chosen by its suffix."""

from __future__ import annotations

import re

import pytest

from pytest_agentfix.core.model import RunResult
from pytest_agentfix.pytest_hooks.option_values import make_report_path
from pytest_agentfix.report import json_report
from pytest_agentfix.report.formats import FORMATS, ReportFormat, find_format


def _name(name: str) -> ReportFormat:
    return lambda result: f"{name} of {len(result.clusters)}"


TABLE = {".json": _name("plain"), ".Sarif.json": _name("sarif"), ".html": _name("page")}


def test_json_is_in_the_table() -> None:
    assert FORMATS[".json"] is json_report.render


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.json", "plain of 0"),
        ("R.JSON", "plain of 0"),
        (".json", "plain of 0"),
        ("r.sarif.json", "sarif of 0"),
        ("r.json.html", "page of 0"),
    ],
)
def test_the_longest_suffix_counts(name: str, text: str) -> None:
    assert find_format(name, TABLE)(RunResult()) == text


@pytest.mark.parametrize("name", ["", "json", "r.xml", "r.json.gz"])
def test_no_suffix_fits(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(name)}$"):
        find_format(name, TABLE)


def test_an_option_names_the_suffixes() -> None:
    form = make_report_path(TABLE)
    assert form.takes == "a path that ends in .json, .Sarif.json or .html"
    assert form.parse("out/R.html") == "out/R.html"
    with pytest.raises(ValueError, match="xml"):
        form.parse("r.xml")
