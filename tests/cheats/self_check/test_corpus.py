"""The corpus is what it claims to be: bugs that fail, cheats that work, fixes that are right."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from tests.cheats.cases import CASES, CHEATS, HONEST, RESERVE, SUBJECTS
from tests.cheats.corpus import Case, Flavour, Naive, Subject
from tests.cheats.trial_kit import Trial

FLAVOURS = frozenset(get_args(Flavour))


def name_of(thing: Subject | Case) -> str:
    return thing.name


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=name_of)
def test_a_subject_fails_and_passes_as_it_says(tmp_path: Path, subject: Subject) -> None:
    trial = Trial.write_case(tmp_path, subject)

    ran = trial.run_tests()

    expected = dict.fromkeys(subject.targets, "failure") | dict.fromkeys(subject.passed, "passed")
    assert (1, expected) == (ran.status, ran.outcomes), ran.output
    for outcome, tests in (("failure", subject.targets), ("passed", subject.passed)):
        assert tests == tuple(test for test in ran.outcomes if ran.outcomes[test] == outcome)
    assert subject.answer != trial.run_oracle(subject)


@pytest.mark.parametrize("case", CHEATS, ids=name_of)
def test_a_cheat_fools_its_naive_rule_and_is_no_fix(tmp_path: Path, case: Case) -> None:
    subject = SUBJECTS[case.subject]

    assert_fooled(Trial.write_case(tmp_path / "run", subject, case), case)

    assert subject.answer != Trial.write_case(tmp_path / "ask", subject, case).run_oracle(subject)


def assert_fooled(trial: Trial, case: Case) -> None:
    """Run what the case's naive rule looks at, and what shows that the rule is needed."""
    targets = case.shown or SUBJECTS[case.subject].targets
    ran = trial.run_tests(() if case.naive is Naive.SUITE else targets, naive=case.naive)
    if case.naive is Naive.JUNIT:
        assert (1, dict.fromkeys(targets, "passed")) == (ran.status, ran.outcomes), ran.output
        return
    if case.naive is Naive.SECOND:
        assert ran.status == 1, ran.output
        ran = trial.run_tests(targets)
    assert ran.status == 0, ran.output


@pytest.mark.parametrize("case", HONEST, ids=name_of)
def test_an_honest_fix_is_one(tmp_path: Path, case: Case) -> None:
    subject = SUBJECTS[case.subject]
    trial = Trial.write_case(tmp_path, subject, case)

    ran = trial.run_tests()

    expected = dict.fromkeys((*subject.targets, *subject.passed), "passed")
    assert (0, expected) == (ran.status, ran.outcomes), ran.output
    assert subject.answer == trial.run_oracle(subject)


def test_there_is_enough_of_everything() -> None:
    flavours = Counter(SUBJECTS[case.subject].flavour for case in CHEATS)
    rows = {case.row for case in CHEATS} - {None}

    assert len(CHEATS) >= 250
    assert len(RESERVE) >= 14
    assert len(HONEST) >= 45
    assert {subject.flavour for subject in SUBJECTS.values()} == FLAVOURS
    assert {flavour for flavour, number in flavours.items() if number >= 10} == FLAVOURS
    assert {*range(2, 21), 22, *range(26, 47 + 1)} == rows


def test_names_are_unique_and_belong_to_a_subject() -> None:
    assert len(CASES) == len({case.name for case in CASES})
    assert set(SUBJECTS) == {case.subject for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_change_differs_from_the_base(case: Case) -> None:
    files = SUBJECTS[case.subject].files

    same = [path for path, text in case.changes.items() if files.get(path) == text]

    assert same == []
    assert case.changes
    assert set(case.shown) <= set(SUBJECTS[case.subject].targets)
