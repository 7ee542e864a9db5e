"""List the targets that only an edit of the tests can turn green (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_agentfix.core.model import Cluster, TestOutcome
from pytest_agentfix.core.unexpected_pass import find_unexpected_pass

MENDED_SINCE: Final = "an earlier fix of this run mended what it was expected to fail for"


def list_test_edits(cluster: Cluster) -> dict[str, str]:
    """Return these targets' node ids as the user's failures show them, each with its edit."""
    return {one.nodeid: one.test_edit for one in cluster.failures if one.test_edit}


def is_for_test_edits(cluster: Cluster) -> bool:
    """Return whether no target of ``cluster`` can be turned green by a change of the code."""
    return len(list_test_edits(cluster)) == len(cluster.targets)


def list_test_edits_of_red(
    cluster: Cluster, red: Sequence[TestOutcome], *, is_on_top: bool
) -> dict[str, str]:
    """Return those of the targets that are ``red``, and those that now pass unexpectedly.

    ``is_on_top``: ``red`` is on a base with fixes of this run, one of which may have mended what
    such a test was expected to fail for. Nothing is listed where test edits are allowed.
    """
    known, edits = list_test_edits(cluster), dict[str, str]()
    if cluster.policy.allow_test_edits:
        return edits
    for outcome in red:
        nodeid = outcome.nodeid
        edit = known.get(nodeid) or find_unexpected_pass(outcome.detail)
        if edit and nodeid in cluster.targets:
            is_new = is_on_top and nodeid not in known
            edits[nodeid] = f"{edit} ({MENDED_SINCE})" if is_new else edit
    return edits
