"""Find out what plugins chose for one test, without which its failure may not come again.

This runs in the process that ran the test. ``judge/in_sandbox/chosen.py`` makes the same choices.
"""

from __future__ import annotations

import base64
import sys
from typing import Any, Final

import pytest

from pytest_agentfix.judge.in_sandbox.exception_facts import call_safely

EXAMPLES_LIMIT: Final = 5  # of one test, the shortest
EXAMPLE_BYTES: Final = 4_000


def find_chosen(item: pytest.Item, config: pytest.Config) -> dict[str, str]:
    """Return xdist's worker, and the seed and examples of Hypothesis, as far as there are any."""
    chosen = find_worker(config)
    test: Any = getattr(item, "obj", None)
    if not hasattr(test, "hypothesis"):
        return chosen
    seed = call_safely(lambda: _find_hypothesis_seed(test), None)
    if seed is not None:
        chosen["hypothesis_seed"] = str(seed)
    examples = call_safely(lambda: _find_hypothesis_examples(test), "")
    if examples:
        chosen["hypothesis_examples"] = examples
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
    seed: int | None = getattr(test, "_hypothesis_internal_use_generated_seed", None)
    settings = getattr(test, "_hypothesis_internal_use_settings", None)
    if seed is not None or not getattr(settings, "derandomize", False):
        return seed
    return int.from_bytes(_digest(test), "big")


def _find_hypothesis_examples(test: Any) -> str:
    """Return the failing examples that Hypothesis keeps of a test, in base64, with blanks between.

    Its database is ignored by git, and to find and to shrink them again can take minutes.
    """
    hypothesis = sys.modules["hypothesis"]
    settings = getattr(test, "_hypothesis_internal_use_settings", None)
    database = (settings or hypothesis.settings.default).database
    if database is None:
        return ""
    key = getattr(test, "_hypothesis_internal_database_key", None)
    found = database.fetch(_digest(test) if key is None else key)
    short = sorted(one for one in found if len(one) <= EXAMPLE_BYTES)
    chosen = sorted(short, key=len)[:EXAMPLES_LIMIT]
    return " ".join(base64.b64encode(one).decode("ascii") for one in chosen)


def _digest(test: Any) -> bytes:
    """Return what Hypothesis knows a test by."""
    reflection = sys.modules["hypothesis.internal.reflection"]
    digest: bytes = reflection.function_digest(test.hypothesis.inner_test)
    return digest
