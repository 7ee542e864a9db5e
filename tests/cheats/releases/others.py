"""Releases of packages with one or two pairs each."""

from __future__ import annotations

from typing import Final

from tests.kits.released_kit import Regression

_PHP = "tests/test_format.py::TestOutputFormat::test_php_"

RELEASES: Final = (
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
    # The name behind the last of several dots.
    Regression(
        package="sqlparse",
        older="0.5.5",
        newer="0.6.0",
        arguments=("tests/test_parse.py",),
        fixes={
            "tests/test_parse.py::test_get_real_name_multi_part_dotted": "sqlparse/sql.py",
        },
    ),
    # One more character is escaped.
    Regression(
        package="sqlparse",
        older="0.6.0",
        newer="0.6.1",
        arguments=("tests/test_format.py",),
        fixes={
            f"{_PHP}{test}": "sqlparse/filters/output.py"
            for test in (
                "dollar_escape_multiline",
                r'escapes_dollar_signs[SELECT "$table"-$sql = "SELECT \\"\\$table\\"";]',
                (
                    "escapes_dollar_signs[SELECT $body$text$body$-"
                    r'$sql = "SELECT \\$body\\$text\\$body\\$";]'
                ),
                r"""escapes_dollar_signs[SELECT '$name'-$sql = "SELECT '\\$name'";]""",
                r"""escapes_dollar_signs[SELECT '${expr}'-$sql = "SELECT '\\${expr}'";]""",
                r"""escapes_dollar_signs[SELECT '\\$name'-$sql = "SELECT '\\\\\\$name'";]""",
                (
                    "escapes_dollar_signs[SELECT '{$obj->prop}'-"
                    r"""$sql = "SELECT '{\\$obj->prop}'";]"""
                ),
                r"""escapes_dollar_signs[SELECT '{${expr}}'-$sql = "SELECT '{\\${expr}}'";]""",
                (
                    "escapes_dollar_signs[SELECT 1 /* $name */-"
                    r"""$sql = "SELECT 1 /* \\$name */";]"""
                ),
            )
        },
    ),
    # Fractions of a second with fewer than six digits; a pattern can be asked for its format.
    Regression(
        package="parse",
        older="1.20.0",
        newer="1.20.1",
        arguments=("tests",),
        fixes={
            f"tests/test_parse.py::test_{name}": "parse.py"
            for name in ("datetime_with_various_subsecond_precision", "parser_format")
        },
    ),
    # Digits in groups.
    Regression(
        package="parse",
        older="1.20.2",
        newer="1.21.0",
        arguments=("tests",),
        fixes={"tests/test_parse.py::test_numbers": "parse.py"},
    ),
    # Alternative texts of images are escaped once only.
    Regression(
        package="mistune",
        older="3.2.0",
        newer="3.2.1",
        arguments=("tests/test_misc.py",),
        fixes={
            "tests/test_misc.py::TestMiscCases::test_image_alt_no_double_encoding": (
                "src/mistune/renderers/html.py"
            )
        },
    ),
    # Included files may have other line ends.
    Regression(
        package="mistune",
        older="3.3.0",
        newer="3.3.1",
        arguments=("tests/test_security_include.py",),
        fixes={
            "tests/test_security_include.py::TestIncludeSecurity::"
            "test_include_rejects_circular_references": "src/mistune/directives/include.py"
        },
    ),
)
