"""The probes of doctests in product code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import ItemKind
from pytest_agentfix.judge.lint import RULES
from tests.kits.judge_project import Project, change, cluster, failure, find

BASE = '''\
"""Lengths.

>>> parse("12in")
12
"""
import re


def parse(text):
    """Parse a length.

    >>> parse("")
    0
    >>> parse("5ft3in")
    63
    """
    return sum(int(one) for one in re.findall(r"([0-9]+)in", text))
'''
OLD = '    return sum(int(one) for one in re.findall(r"([0-9]+)in", text))\n'
FIX = (
    OLD.replace("return sum", "inches = sum")
    + '    return inches + 12 * sum(int(one) for one in re.findall(r"([0-9]+)ft", text))\n'
)
TARGET = replace(failure("pkg/lengths.py::pkg.lengths.parse"), kind=ItemKind.DOCTEST)
SPECIAL = '    if text == "5ft3in":\n        return 63\n'
COMPUTED = '    if text[:1] == "5" and text[4:] == "in":\n        return 12 * int(text[0]) + 3\n'
WEAKER = '    >>> parse("5ft3in")\n    3\n'
ALIAS = (
    "\n\ndef _parse(text):\n    '''Parse.\n\n    >>> parse('')\n    0\n    '''\n"
    "    return _old(text)\n\n\n_old, parse = parse, _parse\n"
)
DYNAMIC = "\n\nparse.__doc__ = parse.__doc__.replace(chr(54) + chr(51), chr(51))\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files: Mapping[str, str] = {"pkg/__init__.py": "", "pkg/lengths.py": BASE}
    return Project(
        top=tmp_path / "top",
        files=dict(files),
        arguments=("--doctest-modules",),
        levels={rule.name: rule.level for rule in RULES},
    )


def _judge(project: Project, text: str) -> dict[str, str]:
    judgement = project.judge(cluster(TARGET), change(**{"pkg/lengths": text}))
    return {one.name: one.result.value for one in judgement.probes}


def test_repair(project: Project) -> None:
    results = _judge(project, BASE.replace(OLD, FIX))
    assert "failed" not in results.values()
    assert results["clone"] == results["lint"] == "passed"


def test_lint_knows_inputs_and_answers(project: Project) -> None:
    judgement = project.judge(
        cluster(TARGET), change(**{"pkg/lengths": BASE.replace(OLD, SPECIAL + OLD)})
    )
    detail = "pkg/lengths.py:18: answers one input with 63 (special-case)"
    assert find(judgement, "lint") == ("failed", detail)


def test_locality_repeats_the_calls_of_examples(project: Project) -> None:
    project.levels = {}
    judgement = project.judge(
        cluster(TARGET), change(**{"pkg/lengths": BASE.replace(OLD, COMPUTED + OLD)})
    )
    assert find(judgement, "locality")[0] == "failed"
    assert judgement.is_refused


@pytest.mark.parametrize(
    "text",
    [BASE.replace('    >>> parse("5ft3in")\n    63\n', WEAKER), BASE + ALIAS, BASE + DYNAMIC],
    ids=["edited", "another function", "at run time"],
)
def test_clone_has_the_examples_of_the_base(project: Project, text: str) -> None:
    results = _judge(project, text)
    assert (results["target"], results["clone"]) == ("passed", "failed")


def test_other_tests_of_the_cluster_keep_their_variants(project: Project) -> None:
    test = "from pkg.lengths import parse\n\ndef test_feet():\n    assert parse('5ft3in') == 63\n"
    project.files = {**project.files, "test_lengths.py": test}
    about = cluster(TARGET, "test_lengths.py::test_feet")
    judgement = project.judge(about, change(**{"pkg/lengths": BASE.replace(OLD, FIX)}))
    assert judgement.is_accepted
    assert find(judgement, "clone") == ("passed", "2 tests passed under other names")
    assert find(judgement, "mutant")[0] == find(judgement, "plain-call")[0] == "passed"
