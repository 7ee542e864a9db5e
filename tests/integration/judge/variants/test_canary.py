"""Canaries and random words: random, and certain to fail."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pytest_agentfix.judge.variants import make_canary, make_plain, make_word
from tests.kits.variants_kit import join, run_plain, run_pytest, write


def test_words_are_words() -> None:
    words = [make_word(random.Random(seed)) for seed in range(200)]
    assert len(set(words)) == 200
    assert all(word.isidentifier() and word.isascii() and word.islower() for word in words)


def test_canaries_differ() -> None:
    assert len({make_canary(rng=random.Random(seed)).source for seed in range(50)}) == 50


def test_canaries_fail(tmp_path: Path) -> None:
    ids = []
    for seed in range(8):
        canary = make_canary(rng=random.Random(seed))
        path = f"test_{make_word(random.Random(seed))}.py"
        write(tmp_path, {path: canary.source})
        ids += [join(path, name) for name in canary.names]
    assert dict.fromkeys(ids, "failed") == run_pytest(tmp_path, ids)


@pytest.mark.parametrize("seed", range(3))
def test_canaries_fail_without_pytest(tmp_path: Path, seed: int) -> None:
    canary = make_canary(rng=random.Random(seed))
    names = list(canary.names)
    plain = make_plain(canary.source, names, rng=random.Random(seed), conftests=[])
    assert plain.impossible == {}
    calls = [plain.calls[name].describe(name[0], {}) for name in names]
    lines, done = run_plain(tmp_path, {"source": plain.source, "calls": calls})
    detail = [(line["id"], line["outcome"]) for line in lines if line["kind"] == "call"]
    assert [(name[0], "failed") for name in names] == detail
    assert done.code == 1
