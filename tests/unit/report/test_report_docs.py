"""docs/report.md says what the reports hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pytest_agentfix.core.model import RunResult, Verdict
from pytest_agentfix.report.json_report import render
from pytest_agentfix.report.junit import properties
from tests.kits.places import REPOSITORY
from tests.kits.report_sample import DOCUMENTED, FIXED

PAGE = (REPOSITORY / "docs" / "report.md").read_text("utf-8")


def read_table(heading: str) -> list[list[str]]:
    """Return the rows below the table's head that begins with ``heading``."""
    lines = PAGE.split("\n")
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def read_names(heading: str) -> list[str]:
    return [row[0].strip("`") for row in read_table(heading)]


def list_fields(value: object, name: str = "") -> Iterator[str]:
    """Yield the names of all fields below ``value``, as the documentation spells them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            field = f"{name}.{key}" if name else key
            yield field
            if field != "totals.verdicts":  # one field whose keys are the verdicts
                yield from list_fields(inner, field)
    elif isinstance(value, list):
        for inner in value:
            yield from list_fields(inner, f"{name}[]")


def describe_type(value: object) -> str:
    names: dict[type, str] = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
        dict: "object",
        type(None): "null",
    }
    if isinstance(value, list):
        return f"list of {describe_type(value[0])}s" if value else "list of strings"
    return names[type(value)]


def test_the_example_is_what_is_written() -> None:
    example = re.search(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert example is not None
    assert example[1] == render(DOCUMENTED)


def test_the_table_has_every_field() -> None:
    written = dict.fromkeys(list_fields(json.loads(render(DOCUMENTED))))
    assert read_names("field") == list(written)


def test_the_table_has_the_right_types() -> None:
    report = json.loads(render(DOCUMENTED))
    for name, kind, *_ in read_table("field"):
        value = report
        for key in name.strip("`").split("."):
            value = value[key.removesuffix("[]")]
            value = value[0] if key.endswith("[]") else value
        assert describe_type(value) in kind.split(" or "), name


def test_the_table_has_every_verdict() -> None:
    assert read_names("verdict") == [verdict.value for verdict in Verdict]


def test_the_table_has_every_junit_property() -> None:
    found = next(iter(properties(RunResult(clusters=(FIXED,))).values()))
    assert read_names("property") == [name for name, _ in found]
