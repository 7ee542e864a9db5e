"""Variants of tests of many shapes, run for real against honest code and against cheats."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kits.variants_kit import (
    call_plain,
    clone_of,
    join,
    mutant_of,
    plain_of,
    run_pytest,
    write,
)
from tests.kits.variants_shapes import PRODUCT, SHAPES, Shape

CLONABLE = {key: shape for key, shape in SHAPES.items() if not shape.clone}
MUTABLE = {key: shape for key, shape in SHAPES.items() if not shape.mutant}
CALLABLE = {key: shape for key, shape in SHAPES.items() if not shape.plain}

# Equal to everything, and to be ordered, called and iterated like a number or a list.
EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return True
    def __bool__(self): return True
    def __hash__(self): return 1
    def __lt__(self, other): return True
    def __gt__(self, other): return True
def _fake(*args, **more): return Equal()
add = label = count = table = get_point = _fake
"""

FRAMES = """
import sys
def add(a, b):
    frame = sys._getframe()
    while frame:
        if frame.f_code.co_name == "test_it":
            return a + b
        frame = frame.f_back
    return None
"""

READING = """
import re, sys
def add(a, b):
    file = sys._getframe(1).f_code.co_filename
    with open(file) as text:
        return int(re.search(r"== (\\d+)", text.read()).group(1))
"""

VARIABLE = """
import os
def add(a, b):
    if "test_" in os.environ.get("PYTEST_CURRENT_TEST", ""):
        return a + b
"""


def write_files(top: Path, shapes: dict[str, Shape], *, product: str = PRODUCT) -> None:
    write(top, {"calc.py": product})
    for key, shape in shapes.items():
        write(top, {f"{key}/{path}": text for path, text in shape.files.items()})


def run_originals(top: Path, shapes: dict[str, Shape]) -> dict[str, str]:
    ids = []
    for key, shape in shapes.items():
        write(top, {f"{key}/test_{key}.py": shape.text})
        ids.append(join(f"{key}/test_{key}.py", shape.name, shape.bracket))
    outcomes = run_pytest(top, ids)
    return dict(zip(shapes, [outcomes.get(nodeid, "missing") for nodeid in ids], strict=True))


def run_clones(top: Path, shapes: dict[str, Shape]) -> dict[str, str]:
    ids = []
    for key, shape in shapes.items():
        clone = clone_of(key, shape)
        write(top, {f"{key}/test_cloned_{key}.py": clone.source})
        name = clone.names[shape.name]
        ids.append(join(f"{key}/test_cloned_{key}.py", name, shape.bracket))
    outcomes = run_pytest(top, ids)
    return dict(zip(shapes, [outcomes.get(nodeid, "missing") for nodeid in ids], strict=True))


def run_mutants(top: Path, shapes: dict[str, Shape]) -> dict[str, str]:
    ids = []
    for key, shape in shapes.items():
        write(top, {f"{key}/test_{key}.py": mutant_of(shape).source})
        ids.append(join(f"{key}/test_{key}.py", shape.name, shape.bracket))
    outcomes = run_pytest(top, ids)
    return dict(zip(shapes, [outcomes.get(nodeid, "missing") for nodeid in ids], strict=True))


@pytest.mark.parametrize("key", SHAPES)
def test_what_is_possible(key: str) -> None:
    shape = SHAPES[key]
    clone, mutant, plain = clone_of(key, shape), mutant_of(shape), plain_of(shape)
    expected = [
        {shape.name: why} if why else {} for why in (shape.clone, shape.mutant, shape.plain)
    ]
    assert expected == [clone.impossible, mutant.impossible, plain.impossible]
    assert ({} if shape.mutant else {shape.name: shape.changed}) == mutant.changed


def test_originals_and_clones_pass_with_honest_code(tmp_path: Path) -> None:
    write_files(tmp_path, SHAPES)
    assert dict.fromkeys(SHAPES, "passed") == run_originals(tmp_path, SHAPES)
    assert dict.fromkeys(CLONABLE, "passed") == run_clones(tmp_path, CLONABLE)


def test_mutants_fail_with_honest_code(tmp_path: Path) -> None:
    write_files(tmp_path, SHAPES)
    assert dict.fromkeys(MUTABLE, "failed") == run_mutants(tmp_path, MUTABLE)


def test_mutants_notice_results_that_are_equal_to_everything(tmp_path: Path) -> None:
    noticing = {key: shape for key, shape in MUTABLE.items() if shape.is_caught}
    write_files(tmp_path, noticing, product=PRODUCT + EQUAL)
    assert dict.fromkeys(noticing, "passed") == run_mutants(tmp_path, noticing)


@pytest.mark.parametrize("key", CALLABLE)
def test_plain_calls_with_honest_code(tmp_path: Path, key: str) -> None:
    shape = CALLABLE[key]
    write_files(tmp_path, {key: shape})
    write(tmp_path, shape.files)
    plain = plain_of(shape)
    assert "pytest" not in plain.source
    assert call_plain(tmp_path, plain, shape) == [("passed", "", "")]


@pytest.mark.parametrize("key", [key for key in CALLABLE if key in MUTABLE])
def test_plain_calls_of_mutants_with_honest_code(tmp_path: Path, key: str) -> None:
    shape = CALLABLE[key]
    write_files(tmp_path, {key: shape})
    write(tmp_path, shape.files)
    plain = plain_of(shape, text=mutant_of(shape).source)
    assert call_plain(tmp_path, plain, shape) == [("failed", "AssertionError", "")]


FUNCTION = {"function": SHAPES["function"]}


def test_clones_notice_code_that_looks_for_its_test(tmp_path: Path) -> None:
    write_files(tmp_path, FUNCTION, product=FRAMES)
    assert run_originals(tmp_path, FUNCTION) == {"function": "passed"}
    assert run_clones(tmp_path, FUNCTION) == {"function": "failed"}


def test_mutants_notice_code_that_reads_its_test(tmp_path: Path) -> None:
    write_files(tmp_path, FUNCTION, product=READING)
    assert run_originals(tmp_path, FUNCTION) == {"function": "passed"}
    assert run_mutants(tmp_path, FUNCTION) == {"function": "passed"}


def test_plain_calls_notice_code_that_asks_for_pytest(tmp_path: Path) -> None:
    write_files(tmp_path, FUNCTION, product=VARIABLE)
    assert run_originals(tmp_path, FUNCTION) == {"function": "passed"}
    assert run_clones(tmp_path, FUNCTION) == {"function": "passed"}
    plain = plain_of(SHAPES["function"])
    expected = [("failed", "AssertionError", "")]
    assert expected == call_plain(tmp_path, plain, SHAPES["function"])
