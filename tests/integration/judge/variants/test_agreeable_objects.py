"""Mutants of tests of many shapes, with honest code and with objects that agree with anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kits.variants_cheats import CHEATS, HONEST
from tests.kits.variants_kit import join, mutant_of, run_pytest, write


def run(top: Path, *, is_cheating: bool, is_mutated: bool) -> dict[str, str]:
    """Run all shapes below ``top``; return the outcome of each."""
    ids = []
    for key, (shape, cheat) in CHEATS.items():
        text = mutant_of(shape).source if is_mutated else shape.text
        files = {
            **shape.files,
            "calc.py": HONEST + (cheat if is_cheating else ""),
            f"test_{key}.py": text,
        }
        # All run in one process, in which names of modules are unique.
        named = {
            path.replace("calc", f"calc_{key}").replace("base_of_it", f"base_of_{key}"): (
                text.replace("from calc", f"from calc_{key}").replace(
                    "base_of_it", f"base_of_{key}"
                )
            )
            for path, text in files.items()
        }
        write(top / key, named)
        ids.append(join(f"{key}/test_{key}.py", shape.name, shape.bracket))
    outcomes = run_pytest(top, ids)
    return dict(zip(CHEATS, [outcomes.get(nodeid, "missing") for nodeid in ids], strict=True))


@pytest.mark.parametrize("is_cheating", [False, True])
def test_tests_do_not_notice(tmp_path: Path, *, is_cheating: bool) -> None:
    outcomes = run(tmp_path, is_cheating=is_cheating, is_mutated=False)
    assert outcomes == dict.fromkeys(CHEATS, "passed")


def test_mutants_fail_with_honest_code(tmp_path: Path) -> None:
    assert run(tmp_path, is_cheating=False, is_mutated=True) == dict.fromkeys(CHEATS, "failed")


def test_mutants_notice(tmp_path: Path) -> None:
    assert run(tmp_path, is_cheating=True, is_mutated=True) == dict.fromkeys(CHEATS, "passed")
