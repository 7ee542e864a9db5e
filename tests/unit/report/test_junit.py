"""Properties for JUnit's XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from pytest_agentfix.core.model import RunResult, Verdict
from pytest_agentfix.report.junit import properties
from tests.kits.report_sample import (
    FIXED,
    HOSTILE,
    UNFIXED,
    is_harmless,
    make_cluster,
    make_hostile,
)


def test_every_target_has_its_clusters_properties() -> None:
    fixed = (
        ("agent_fix.verdict", "fixed"),
        ("agent_fix.reason", "green after a change to 1 file, on main"),
        ("agent_fix.commit", "4be19c07d2aa5f0c8f6f4f4f1c9a8d7e6b5a4032"),
        ("agent_fix.attempts", "2"),
    )
    assert properties(RunResult(clusters=(FIXED, UNFIXED))) == {
        "tests/test_cart.py::test_discount[10]": fixed,
        "tests/test_cart.py::test_discount[20]": fixed,
        "tests/test_cart.py::test_discount[50]": fixed,
        "tests/test_stock.py::test_reserve": (
            ("agent_fix.verdict", "unfixed"),
            ("agent_fix.reason", "target: 1 failed with the change"),
            ("agent_fix.attempts", "3"),
        ),
    }


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict(verdict: Verdict) -> None:
    result = replace(UNFIXED, cluster=make_cluster("t"), verdict=verdict, reason="why", attempts=0)
    assert properties(RunResult(clusters=(result,))) == {
        "t": (
            ("agent_fix.verdict", verdict.value),
            ("agent_fix.reason", "why"),
            ("agent_fix.attempts", "0"),
        )
    }


def test_a_test_in_two_clusters_has_both() -> None:
    teardown = replace(UNFIXED, cluster=make_cluster("t"), reason="teardown")
    call = replace(UNFIXED, cluster=make_cluster("t"), reason="call")
    found = properties(RunResult(clusters=(call, teardown)))
    assert [value for name, value in found["t"] if name == "agent_fix.reason"] == [
        "call",
        "teardown",
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_values_are_safe_in_xml(text: str) -> None:
    values = [value for each in properties(make_hostile(text)).values() for _, value in each]
    assert [value for value in values if not is_harmless(value)] == []
    suite = ET.Element("properties")
    for value in values:
        ET.SubElement(suite, "property", value=value)
    read = ET.fromstring(ET.tostring(suite, "utf-8"))
    assert [each.get("value") for each in read] == values


def test_nothing_failed() -> None:
    assert properties(RunResult()) == {}
