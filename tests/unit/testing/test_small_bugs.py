"""The generated suite of small bugs is what its tests and benchmark take it for."""

from __future__ import annotations

import ast

import pytest

from tests.kits.small_bugs import FAILING, FUNCTIONS, make_small_bugs


@pytest.mark.parametrize("seed", range(10))
def test_each_bug_is_one_line_that_stands_once(seed: int) -> None:
    suite = make_small_bugs(seed)
    assert len(suite.bugs) == len({bug.path for bug in suite.bugs}) == FUNCTIONS
    assert sum(bug.failing for bug in suite.bugs) == FAILING
    for bug in suite.bugs:
        lines = suite.files[bug.path].splitlines()
        assert lines.count(bug.bad) == 1
        assert bug.good not in lines
        ast.parse(suite.files[bug.path].replace(bug.bad, bug.good))


def test_a_suite_depends_on_nothing_but_its_seed() -> None:
    suites = [make_small_bugs(seed).files for seed in range(10)]
    assert suites == [make_small_bugs(seed).files for seed in range(10)]
    assert len({str(files) for files in suites}) == 10
