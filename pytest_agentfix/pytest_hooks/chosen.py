"""Find out what plugins chose for one test, without which its failure may not come again.

This runs in the process that ran the test. ``judge/in_sandbox/chosen.py`` makes the same choices.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.exception_facts import call_safely


def find_chosen(item: pytest.Item, config: pytest.Config) -> dict[str, str]:
    """Return xdist's worker and the seed that Hypothesis took, as far as there are any."""
    chosen = find_worker(config)
    seed = call_safely(lambda: _find_hypothesis_seed(getattr(item, "obj", None)), None)
    if seed is not None:
        chosen["hypothesis_seed"] = str(seed)
    return chosen


def find_worker(config: pytest.Config) -> dict[str, str]:
    """Return the id of xdist's worker and the number of workers; nothing outside one."""
    given = getattr(config, "workerinput", None)
    if given is None:
        return {}
    return {"worker": str(given["workerid"]), "workers": str(given["workercount"])}


def _find_hypothesis_seed(test: Any) -> int | None:
    """Return the seed of the test's last run; it has no public name.

    ``derandomize``, which Hypothesis switches on in CI, takes it from the test's source. A sandbox
    is no CI, so it is carried as well.
    """
    if not hasattr(test, "hypothesis"):
        return None
    seed: int | None = getattr(test, "_hypothesis_internal_use_generated_seed", None)
    settings = getattr(test, "_hypothesis_internal_use_settings", None)
    if seed is not None or not getattr(settings, "derandomize", False):
        return seed
    reflection = sys.modules["hypothesis.internal.reflection"]
    return int.from_bytes(reflection.function_digest(test.hypothesis.inner_test), "big")
