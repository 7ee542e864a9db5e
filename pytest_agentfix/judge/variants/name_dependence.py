"""Find out what ties a test to its name or its module's: such a test does not survive renaming."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, last_name
from pytest_agentfix.judge.variants.bindings import is_pytest, list_arguments, qualify
from pytest_agentfix.judge.variants.locate import SourcePlace
from pytest_agentfix.judge.variants.random_names import split_words
from pytest_agentfix.judge.variants.source_text import split_docstring

_LOOKS: Final = split_words(
    "__name__ __qualname__ __module__ __code__ _testMethodName _testMethodDoc "
    "nodeid originalname funcName lineno co_name co_filename co_firstlineno f_lineno f_code "
    "f_back tb_lineno tb_frame _getframe getframe currentframe getsource "
    "shortDescription"
)
_MODULES: Final = frozenset({"inspect", "traceback", "linecache", "approvaltests", "executing"})
_FIXTURES: Final = re.compile(
    r"snap.*|.*_?snapshot|.*_regression|regressions|(.*_)?datadir|vcr.*|.*cassette.*|golden.*"
    r"|.*betamax.*|pytester|testdir|verify|testcase|test_name|recording.*|approv.*"
)
_MARKERS: Final = split_words(
    "vcr default_cassette block_network dependency order run snapshot golden_test datafiles "
    "mpl_image_compare remote_data record_stdout incremental"
)
_CALLS: Final = split_words(
    "use_cassette image_comparison check_figures_equal assertMatchSnapshot assert_match_snapshot "
    "assert_match assert_match_dir verify_all verify_as_json"
)
_NODE_IS_FINE: Final = split_words(
    "get_closest_marker iter_markers own_markers add_marker funcargs callspec config session warn "
    "stash user_properties addfinalizer cls fixturenames ihook"
)
_VARIABLE: Final = "PYTEST_CURRENT_TEST"
_FOLDERS: Final = ("parent", "parents", "dirname")


def find_name_dependence(
    place: SourcePlace, trees: Iterable[ast.AST], *, module: str, imports: Mapping[str, str]
) -> str:
    """Say in one line what ties a test to its name or to ``module``'s stem, "" for nothing."""
    words = [part.name for part in place.parts] + ([module] if module else [])
    pattern = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, words)) + r")(?!\w)")
    for tree in trees:
        reason = next(_list_ties(tree, pattern, imports), "")
        if reason:
            return reason
    return ""


def _list_ties(
    tree: ast.AST, pattern: re.Pattern[str], imports: Mapping[str, str]
) -> Iterator[str]:
    ignored = _list_docstrings(tree) | _list_folders(tree)
    for node in ast.walk(tree):
        if id(node) in ignored:
            continue
        if isinstance(node, ast.Constant):
            yield from _look_at_text(node.value, pattern)
        elif isinstance(node, ast.Name):
            yield from _look_at_name(node, imports)
        elif isinstance(node, ast.Attribute):
            yield from _look_at_attribute(node, imports)
        elif isinstance(node, ast.Call):
            yield from _look_at_call(node)
        elif isinstance(node, FUNCTIONS):
            yield from _look_at_arguments(node)


def _look_at_text(value: object, pattern: re.Pattern[str]) -> Iterator[str]:
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        return
    if _VARIABLE in text:
        yield f"its text goes by {_VARIABLE}"
    if pattern.search(text):
        yield "its text has its own name in a string"


def _look_at_name(node: ast.Name, imports: Mapping[str, str]) -> Iterator[str]:
    dotted = imports.get(node.id, node.id)
    if node.id in _LOOKS or node.id == "__file__" or dotted.split(".")[-1] in _LOOKS:
        yield f"its text goes by {node.id}"
    root = dotted.partition(".")[0]
    if root in _MODULES and node.id in imports:
        yield f"its text uses {root}"


def _look_at_attribute(node: ast.Attribute, imports: Mapping[str, str]) -> Iterator[str]:
    value = node.value
    owner = last_name(value)
    if node.attr in _LOOKS:
        yield f"its text goes by {node.attr}"
    if owner == "node" and last_name(getattr(value, "value", value)) == "request":
        if node.attr not in _NODE_IS_FINE:
            yield f"its text goes by request.node.{node.attr}"
    elif owner == "request" and node.attr in ("function", "path", "fspath", "keywords"):
        yield f"its text goes by request.{node.attr}"
    dotted = qualify(node, imports)
    if node.attr in _MARKERS and is_pytest(dotted) and ".mark." in dotted:
        yield f"its marker {node.attr} goes by its name"


def _look_at_call(node: ast.Call) -> Iterator[str]:
    name = last_name(node)
    if name in _CALLS:
        yield f"its text uses {name}, which goes by its name"
    function = node.func
    if name == "id" and isinstance(function, ast.Attribute) and last_name(function.value) == "self":
        yield "its text goes by self.id()"


def _look_at_arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for argument in list_arguments(node):
        if _FIXTURES.fullmatch(argument.arg):
            yield f"its fixture {argument.arg} may go by its name"


def _list_docstrings(tree: ast.AST) -> set[int]:
    """List the constants that are docstrings."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            found |= {id(one) for text in split_docstring(node.body)[0] for one in ast.walk(text)}
    return found


def _list_folders(tree: ast.AST) -> set[int]:
    """List each ``__file__`` used for its folder only: a variant lies in the same one."""
    found: set[int] = set()
    for node in ast.walk(tree):
        is_folder = (isinstance(node, ast.Attribute) and node.attr in _FOLDERS) or (
            isinstance(node, ast.Call) and last_name(node) in _FOLDERS
        )
        if is_folder:
            inside = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
            found |= {id(one) for one in inside if one.id == "__file__"}
    return found
