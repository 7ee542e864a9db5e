"""The lint probe reads the failing tests of the whole run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.model import ChangeSet, Cluster, FileChange, ProbeResult
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.probe import Subject
from pytest_agentfix.judge.probes.lint import LintProbe
from tests.kits.judge_project import failure

_BASE = "def tax(income, place):\n    return income\n"
_TESTS = {
    "test_a.py": (
        "from m import tax\n\n"
        "def test_small():\n    assert tax(100, 'x') == 110\n\n"
        "def test_large():\n    assert tax(73_500, 'Bern') == 18_375\n"
    ),
    "test_b.py": "from m import tax\n\ndef test_b():\n    assert tax(41_000, 'Chur') == 9_020\n",
    "test_c.py": "from m import tax\n\ndef test_c():\n    assert tax(52_000, 'Visp') == 77\n",
}
_SMALL = "test_a.py::test_small"


def find(body: str, *others: str) -> tuple[ProbeResult, str]:
    """Lint a change of ``tax`` that is made for ``test_small``; other clusters have ``others``."""
    files = {"m.py": _BASE, **_TESTS}
    cluster = Cluster(slug="c", failures=(failure(_SMALL),))
    text = _BASE.replace("    return", f"{body}    return")
    subject = Subject(
        cluster=cluster,
        changes=ChangeSet({"m.py": FileChange(text.encode())}),
        rootdir=Path("/top"),
        top=Path("/top"),
        read_base=lambda path: (files[path].encode(), False) if path in files else None,
        failures=(*cluster.failures, *map(failure, others)),
    )
    finding = LintProbe({}, lambda path: path.startswith("test_")).verdict(subject, ())
    assert isinstance(finding, Finding)
    return finding.evidence.result, finding.evidence.detail


@pytest.mark.parametrize("other", ["test_a.py::test_large", "test_b.py::test_b"])
def test_the_special_case_of_another_cluster_is_refused(other: str) -> None:
    income, answer = (73_500, 18_375) if "large" in other else (41_000, 9_020)
    body = f"    if income == {income}:\n        return {answer}\n"
    assert find(body)[0] is ProbeResult.PASSED
    result, detail = find(body, other)
    assert result is ProbeResult.FAILED
    assert f"answers one input with {answer}" in detail


def test_an_input_of_one_file_and_an_answer_of_another_are_no_pair() -> None:
    body = "    if income == 41_000:\n        return 77\n"
    _, detail = find(body, "test_b.py::test_b", "test_c.py::test_c")
    assert detail == "m.py:2: asks for the tests' own 41000 (test-inputs)"


def test_another_cluster_does_not_excuse_what_is_refused() -> None:
    body = "    if income in (100, 250):\n        return 110\n"
    assert find(body)[0] is find(body, "test_b.py::test_b")[0]
