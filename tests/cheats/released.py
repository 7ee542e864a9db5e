"""Successive releases of other people's packages: real fixes, which the judge has to accept.

The older release's code with the newer one's tests is red; the maintainers' own change of one
file makes it green. The releases are downloaded; none of their code is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.judge_kit import JudgedProject
from tests.e2e.test_released_packages import REGRESSIONS
from tests.kits.released_kit import Regression, Shelf, with_tests_of

__all__ = ["MORE", "RELEASES", "Regression", "Shelf", "base_of", "fixes_of", "open_release"]

MORE: Final = (
    # White space at the edges is kept or dropped against the option.
    Regression(
        package="xmltodict",
        older="0.14.1",
        newer="0.14.2",
        arguments=("tests",),
        fixes={
            f"tests/test_xmltodict.py::XMLToDictTestCase::test_{name}_whitespace": "xmltodict.py"
            for name in ("keep", "skip")
        },
    ),
    # Three causes in one file: the indent, white space, attributes that are streamed.
    Regression(
        package="xmltodict",
        older="0.13.0",
        newer="0.14.0",
        arguments=("tests",),
        fixes={
            f"tests/test_{test}": "xmltodict.py"
            for test in (
                "dicttoxml.py::DictToXMLTestCase::test_pretty_print_with_int_indent",
                "xmltodict.py::XMLToDictTestCase::test_keep_whitespace",
                "xmltodict.py::XMLToDictTestCase::test_skip_whitespace",
                "xmltodict.py::XMLToDictTestCase::test_streaming_attrs",
            )
        },
    ),
    # No coefficient for no numbers at all.
    Regression(
        package="more-itertools",
        older="10.6.0",
        newer="10.7.0",
        arguments=("tests/test_recipes.py",),
        fixes={"tests/test_recipes.py::MultinomialTests::test_basic": "more_itertools/recipes.py"},
    ),
    # A key function for two recipes, and a recipe that is new.
    Regression(
        package="more-itertools",
        older="10.2.0",
        newer="10.3.0",
        arguments=("tests/test_recipes.py",),
        fixes={
            f"tests/test_recipes.py::{test}": "more_itertools/recipes.py"
            for test in (
                "AllEqualTests::test_key",
                "UniqueTests::test_basic",
                "UniqueTests::test_key",
                "UniqueTests::test_reverse",
            )
        },
    ),
    # Dotted keys and the headers of tables above them.
    Regression(
        package="tomlkit",
        older="0.13.0",
        newer="0.13.1",
        arguments=("tests/test_api.py", "tests/test_items.py"),
        fixes={
            f"tests/test_items.py::test_{name}": "tomlkit/items.py"
            for name in (
                "not_showing_parent_header_for_super_table",
                "serialize_table_with_dotted_key",
            )
        },
    ),
    # Tags without a name, and what only looks like a CDATA section.
    Regression(
        package="markdown",
        older="3.8",
        newer="3.8.1",
        arguments=("tests/test_syntax/blocks",),
        fixes={
            f"tests/test_syntax/blocks/test_html_blocks.py::TestHTMLBlocks::test_{name}": (
                "markdown/htmlparser.py"
            )
            for name in ("noname_tag", "not_actually_cdata")
        },
    ),
    # NULLS FIRST and NULLS LAST as a part of an order.
    Regression(
        package="sqlparse",
        older="0.5.0",
        newer="0.5.1",
        arguments=("tests/test_tokenize.py",),
        fixes={
            f"tests/test_tokenize.py::test_parse_order[{order}]": "sqlparse/keywords.py"
            for order in (
                "ASC NULLS FIRST",
                "ASC NULLS LAST",
                "NULLS FIRST",
                "NULLS LAST",
                "DESC NULLS FIRST",
                "DESC NULLS LAST",
            )
        },
    ),
)

RELEASES: Final[tuple[Regression, ...]] = (*REGRESSIONS, *MORE)


def fixes_of(release: Regression, shelf: Shelf) -> Mapping[str, bytes]:
    """Return the newer release's text of each file that the maintainers repaired."""
    newer = shelf.take(release.package, release.newer)
    return {path: newer[path] for path in release.fixes.values()}


def base_of(release: Regression, shelf: Shelf) -> Mapping[str, bytes]:
    """Return the older release's code with the newer one's tests."""
    older = shelf.take(release.package, release.older)
    return with_tests_of(older, shelf.take(release.package, release.newer))


def open_release(
    release: Regression, shelf: Shelf, engine: Engine, folder: Path, *, is_thorough: bool = False
) -> tuple[JudgedProject, Mapping[str, bytes]]:
    """Open the broken release as a judged project; return it and the maintainers' change."""
    project = JudgedProject(
        folder,
        base_of(release, shelf),
        engine=engine,
        arguments=release.arguments,
        is_thorough=is_thorough,
    )
    return project, fixes_of(release, shelf)
