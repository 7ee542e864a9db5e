"""Releases of xmltodict."""

from __future__ import annotations

from typing import Final

from tests.kits.released_kit import Regression

_SOURCE = "xmltodict.py"
_PARSE = "tests/test_xmltodict.py"
_UNPARSE = "tests/test_dicttoxml.py"

RELEASES: Final = (
    # Namespaces are written, and empty elements can be short: two new keywords.
    Regression(
        package="xmltodict",
        older="0.10.2",
        newer="0.11.0",
        arguments=(_UNPARSE,),
        fixes={
            f"{_UNPARSE}::DictToXMLTestCase::test_{name}": _SOURCE
            for name in ("namespace_support", "short_empty_elements")
        },
    ),
    # Booleans are written as XML has them: a new type.
    Regression(
        package="xmltodict",
        older="0.11.0",
        newer="0.12.0",
        arguments=(_UNPARSE,),
        fixes={f"{_UNPARSE}::DictToXMLTestCase::test_boolean_unparse": _SOURCE},
    ),
    # A keyword for comments, generators as input, namespaces that are left out.
    Regression(
        package="xmltodict",
        older="0.12.0",
        newer="0.13.0",
        arguments=(_PARSE, _UNPARSE),
        fixes={
            f"{_UNPARSE}::DictToXMLTestCase::test_list_expand_iter": _SOURCE,
            **{
                f"{_PARSE}::XMLToDictTestCase::test_{name}": _SOURCE
                for name in ("comments", "namespace_collapse_all", "streaming_generator")
            },
        },
    ),
    # Three causes in one file: the indent, white space, attributes that are streamed.
    Regression(
        package="xmltodict",
        older="0.13.0",
        newer="0.14.0",
        arguments=("tests",),
        fixes={
            f"tests/test_{test}": _SOURCE
            for test in (
                "dicttoxml.py::DictToXMLTestCase::test_pretty_print_with_int_indent",
                "xmltodict.py::XMLToDictTestCase::test_keep_whitespace",
                "xmltodict.py::XMLToDictTestCase::test_skip_whitespace",
                "xmltodict.py::XMLToDictTestCase::test_streaming_attrs",
            )
        },
    ),
    # White space at the edges is kept or dropped against the option.
    Regression(
        package="xmltodict",
        older="0.14.1",
        newer="0.14.2",
        arguments=("tests",),
        fixes={
            f"tests/test_xmltodict.py::XMLToDictTestCase::test_{name}_whitespace": _SOURCE
            for name in ("keep", "skip")
        },
    ),
    # Names with angle brackets are refused.
    Regression(
        package="xmltodict",
        older="0.14.2",
        newer="0.15.0",
        arguments=(_UNPARSE,),
        fixes={
            f"{_UNPARSE}::DictToXMLTestCase::test_rejects_{name}": _SOURCE
            for name in (
                "attribute_name_with_angle_brackets",
                "malicious_xmlns_prefix",
                "tag_name_with_angle_brackets",
            )
        },
    ),
    # So are names that begin with certain characters, or have white space, slashes or quotes.
    Regression(
        package="xmltodict",
        older="0.15.0",
        newer="0.15.1",
        arguments=(_UNPARSE,),
        fixes={
            f"{_UNPARSE}::DictToXMLTestCase::test_rejects_{name}": _SOURCE
            for name in (
                "attribute_name_starting_with_bang",
                "attribute_name_starting_with_question",
                "attribute_name_with_slash",
                "attribute_name_with_whitespace",
                "names_with_quotes_and_equals",
                "non_string_names",
                "tag_name_starting_with_bang",
                "tag_name_starting_with_question",
                "tag_name_with_slash",
                "tag_name_with_whitespace",
                "xmlns_prefix_starting_with_question_or_bang",
                "xmlns_prefix_with_slash_or_whitespace",
            )
        },
    ),
    # Comments are written, and texts that are no strings.
    Regression(
        package="xmltodict",
        older="0.15.1",
        newer="1.0.0",
        arguments=(_UNPARSE,),
        fixes={
            f"{_UNPARSE}::DictToXMLTestCase::test_{name}": _SOURCE
            for name in (
                "comment_roundtrip_limited",
                "non_string_text_with_attributes",
                "pretty_print_and_short_empty_elements_consistency",
                "unparse_with_element_comment",
                "unparse_with_multiple_element_comments",
                "unparse_with_multiple_top_level_comments",
                "unparse_with_top_level_comment",
            )
        },
    ),
    # Comments that XML does not allow are refused.
    Regression(
        package="xmltodict",
        older="1.0.0",
        newer="1.0.1",
        arguments=(_UNPARSE,),
        fixes={
            f"{_UNPARSE}::test_unparse_rejects_comment_{name}": _SOURCE
            for name in ("ending_with_hyphen", "with_double_hyphen")
        },
    ),
    # Declarations of entities are refused, and nothing else of a document type is.
    Regression(
        package="xmltodict",
        older="1.0.1",
        newer="1.0.2",
        arguments=(_PARSE,),
        fixes={
            f"{_PARSE}::test_{name}": _SOURCE
            for name in (
                "disable_entities_true_allows_doctype_without_entities",
                "disable_entities_true_rejects_xmlbomb",
                "external_entity",
                "external_entity_with_custom_expat",
            )
        },
    ),
)
