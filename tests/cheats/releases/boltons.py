"""Releases of boltons."""

from __future__ import annotations

from typing import Final

from tests.kits.released_kit import Regression

_ITER = "tests/test_iterutils.py"
_SET = "tests/test_setutils.py"
_STR = "tests/test_strutils.py"

RELEASES: Final = (
    # Windows are filled up at the end: a new keyword.
    Regression(
        package="boltons",
        older="23.0.0",
        newer="23.1.0",
        arguments=(_ITER,),
        fixes={
            f"{_ITER}::test_{name}_filled": "boltons/iterutils.py"
            for name in ("pairwise", "windowed")
        },
    ),
    # No splits at all, several predicates, text for sizes and lists.
    Regression(
        package="boltons",
        older="25.0.0",
        newer="26.0.0",
        arguments=(_ITER, _STR),
        fixes={
            f"{_ITER}::TestSplit::test_maxsplit_zero_returns_unsplit_values": (
                "boltons/iterutils.py"
            ),
            f"{_ITER}::test_partition_multiple": "boltons/iterutils.py",
            f"{_ITER}::test_research": "boltons/iterutils.py",
            f"{_STR}::test_bytes2human": "boltons/strutils.py",
            f"{_STR}::test_human_readable_list": "boltons/strutils.py",
            f"{_STR}::test_human_readable_list_type_annotations": "boltons/strutils.py",
        },
    ),
    # Indices of a set from which something was removed, and words that end with a double s.
    Regression(
        package="boltons",
        older="26.0.0",
        newer="26.1.0",
        arguments=(_SET, _STR),
        fixes={
            **{
                f"{_SET}::test_iset_{name}": "boltons/setutils.py"
                for name in (
                    "scalar_index_bounds",
                    "scalar_index_multiple_dead_intervals",
                    "slice_after_removal",
                    "slice_agreement",
                )
            },
            f"{_STR}::test_singularize_double_s": "boltons/strutils.py",
        },
    ),
)
