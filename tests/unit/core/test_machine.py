"""The number of clusters side by side."""

from __future__ import annotations

import os

import pytest

from pytest_agentfix.core.machine import (
    MEMORY,
    choose_jobs,
    count_cores,
    find_free_memory,
    find_load,
    find_load_average,
)


@pytest.mark.parametrize(
    ("wanted", "cores", "memory", "jobs"),
    [
        (3, 1, 0, 3),
        (None, 1, None, 4),
        (None, 2, None, 8),
        (None, 64, None, 8),
        (None, 8, 3 * MEMORY, 3),
        (None, 8, 0, 1),
    ],
    ids=["said", "one core", "two", "many", "little memory", "none"],
)
def test_choice(wanted: int | None, cores: int, memory: int | None, jobs: int) -> None:
    assert choose_jobs(wanted, cores=cores, memory=memory) == jobs


@pytest.mark.parametrize(("load", "jobs"), [(0.5, 8), (2.0, 8), (4.0, 4), (30.0, 1)])
def test_a_share_of_a_loaded_machine(load: float, jobs: int) -> None:
    assert choose_jobs(None, cores=2, memory=None, load=load) == jobs


def test_this_machine() -> None:
    assert find_load() >= 0
    assert find_load_average() >= 0
    memory = find_free_memory()
    assert memory is None or memory > 1_000_000


def test_cores_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    assert count_cores() == 2
