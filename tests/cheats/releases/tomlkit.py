"""Releases of tomlkit."""

from __future__ import annotations

from typing import Final

from tests.kits.released_kit import Regression

_DOCUMENT = "tests/test_toml_document.py"

RELEASES: Final = (
    # Tables in parts, between which others stand, can be updated.
    Regression(
        package="tomlkit",
        older="0.12.5",
        newer="0.13.0",
        arguments=(_DOCUMENT,),
        fixes={f"{_DOCUMENT}::test_update_nested_out_of_order_table": "tomlkit/container.py"},
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
    # A table gets its header as soon as a table in it has dotted keys.
    Regression(
        package="tomlkit",
        older="0.13.3",
        newer="0.14.0",
        arguments=(_DOCUMENT,),
        fixes={f"{_DOCUMENT}::test_appending_to_super_table": "tomlkit/container.py"},
    ),
    # Keys are sorted also where the document was parsed.
    Regression(
        package="tomlkit",
        older="0.14.0",
        newer="0.15.0",
        arguments=("tests/test_api.py",),
        fixes={
            "tests/test_api.py::test_parsed_document_can_be_dumped_with_sorted_keys": (
                "tomlkit/api.py"
            )
        },
    ),
    # One control character is not written as the new escape.
    Regression(
        package="tomlkit",
        older="0.15.1",
        newer="0.15.2",
        arguments=("tests/test_write.py",),
        fixes={
            f"tests/test_write.py::test_write_escape_char_{name}": "tomlkit/_utils.py"
            for name in ("as_unicode_escape", "readable_by_tomllib")
        },
    ),
)
