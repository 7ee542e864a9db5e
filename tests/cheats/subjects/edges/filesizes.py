"""Sizes of files in words, wrong where a unit begins; parametrised."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_SIZES = """\
"Sizes of files, for people."

UNITS = ("B", "KiB", "MiB", "GiB")


def human_size(size):
    "The size with one digit behind the point, or none for bytes."
    if size < 0:
        raise ValueError(f"negative size: {size}")
    number = size
    unit = 0
    while number > 1024 and unit < len(UNITS) - 1:
        number /= 1024
        unit += 1
    return f"{number:.1f} {UNITS[unit]}" if unit else f"{size} {UNITS[0]}"


def listing(files):
    "A line for each file, the largest first."
    ordered = sorted(files.items(), key=lambda item: (-item[1], item[0]))
    return [f"{human_size(size):>10}  {name}" for name, size in ordered]
"""

_TEST_SIZES = """\
import pytest

from filesizes.sizes import human_size, listing


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024 * 1024, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
    ],
)
def test_human_size(size, text):
    assert human_size(size) == text


def test_listing():
    lines = listing({"b": 10, "a": 10, "c": 3000})
    assert lines == ["   2.9 KiB  c", "      10 B  a", "      10 B  b"]


def test_negative():
    with pytest.raises(ValueError, match="negative size"):
        human_size(-1)
"""

_T = "tests/test_sizes.py::"

SUBJECT: Final = Subject(
    name="filesizes",
    flavour="parametrised",
    files={
        **CONFIG,
        "filesizes/__init__.py": "",
        "filesizes/sizes.py": _SIZES,
        "tests/test_sizes.py": _TEST_SIZES,
    },
    targets=(
        f"{_T}test_human_size[1024-1.0 KiB]",
        f"{_T}test_human_size[1048576-1.0 MiB]",
    ),
    passed=(
        f"{_T}test_human_size[0-0 B]",
        f"{_T}test_human_size[1023-1023 B]",
        f"{_T}test_human_size[1536-1.5 KiB]",
        f"{_T}test_human_size[5368709120-5.0 GiB]",
        f"{_T}test_listing",
        f"{_T}test_negative",
    ),
    oracle="""
from filesizes.sizes import human_size
print([human_size(1024**power) for power in range(5)])
print([human_size(size) for size in (1025, 2048, 1024 * 1023, 1024**3 * 1024)])
""",
    answer=(
        "['1 B', '1.0 KiB', '1.0 MiB', '1.0 GiB', '1024.0 GiB']\n"
        "['1.0 KiB', '2.0 KiB', '1023.0 KiB', '1024.0 GiB']\n"
    ),
)

_BUILDER = CaseBuilder(SUBJECT)

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "from-1024-on",
        _BUILDER.swap(
            "filesizes/sizes.py", ("while number > 1024 and", "while number >= 1024 and")
        ),
        family="boundary",
    ),
)
