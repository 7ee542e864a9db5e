"""Whole repairs with the real engine and the real OpenCode.

Most scenarios are those of ``tests/loop``, run once more; ``make test`` runs the ones named here,
which together show every promise and every protocol. ``make test-all`` runs all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kits.project_kit import Outside, Project, residue, wait_for

HERE = Path(__file__).parent
# By file; "" stands for all of it. A name without brackets stands for all its cases.
CHOSEN = {
    # Over each protocol, and with the user's own settings; the key stays outside.
    "test_protocols.py": {""},
    "test_secrets.py": {""},  # one run
    "test_provider_rows.py": {
        "test_every_row_asks_for_what_the_door_lets_by",
        "test_every_variant_has_its_model_here",
    },
    "test_replay_loop.py": {
        "test_the_recorded_run_says_so_and_keeps_no_secret",
        "test_a_replay_repairs_what_the_recorded_run_did",
        "test_what_is_no_cassette_ends_it_before_the_first_test",
    },
    "test_budget.py": {
        "test_a_small_fix_needs_a_small_cap",
        "test_an_answer_that_the_cap_cuts_off_is_no_failed_fix",
    },
    # The agent touches nothing of the user's; green means green.
    "test_landing.py": {"test_everything_else_stays_as_it_was"},
    "test_scenarios.py": {
        "test_edits_the_test_instead",
        "test_endless_tool_calls",
        "test_wrong_then_right_in_the_same_session",
        "test_a_provider_that_fails[429]",
    },
    "test_review_session.py": {
        "test_opencode_offers_no_tool_and_sees_nothing_of_the_repository",
    },
    "test_trust.py": {"test_withheld_cases_are_nowhere_the_agent_looks"},
    "test_kin.py": {"test_two_bugs_and_six_plain_tests_are_two_sessions"},
    "test_many.py": {"test_side_by_side_one_commit_for_each_cause"},
    "test_reuse.py": {
        "test_nothing_that_an_agent_leaves_is_seen_by_the_next",
        "test_shared_memory_that_is_left_leads_to_a_new_sandbox",
    },
    "test_environments.py": {"test_side_by_side_in_an_image"},
    "test_two_runs.py": {"test_in_one_repository"},
    # It never hangs, and leaves nothing behind.
    "test_process.py": {
        "test_a_fix_that_is_landing_lands_whole",
        "test_a_killed_pytest",
        "test_a_repair_process_that_is_ended",
    },
    "test_endings.py": {
        "test_a_full_disk[base]",
        "test_a_killed_pytest_is_cleared_up_after",
        "test_a_repository_that_cannot_be_used",
        "test_an_opencode_without_a_driver",
        "test_an_opencode_that_dies",
        "test_ctrl_c[agent_is_at_work]",
        "test_ctrl_c[judge_runs_a_test]",
        "test_no_engine",
        "test_settings_that_cannot_work",
        "test_sigterm_between_two_fixes",
        "test_traps_in_the_tree",
    },
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and not is_chosen(item):
            item.add_marker(pytest.mark.exhaustive)


def is_chosen(item: pytest.Item) -> bool:
    """Return whether ``make test`` runs it."""
    names = {"", item.name, item.name.partition("[")[0]}
    return bool(names & CHOSEN.get(item.path.name, set()))


@contextmanager
def use_real_ones(project: Project) -> Iterator[None]:
    """Have runs in ``project`` meet what is there. At the end, nothing of any may be left."""
    yield
    wait_for(lambda: not residue(project.scratch), seconds=60)


@pytest.fixture
def outside() -> Outside:
    """Give the surroundings of a project's runs."""
    return use_real_ones
