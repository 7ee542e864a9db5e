"""Tell the expectation in a comparison from the tested value, going by names and forms."""

from __future__ import annotations

import ast
import re
from typing import Final

from pytest_agentfix.core.python_source import last_name
from pytest_agentfix.judge.variants.random_names import split_words

# Calls that only make a value of their arguments.
MAKERS: Final = split_words(
    "approx array Decimal Fraction date datetime time timedelta set frozenset dict list tuple "
    "bytes bytearray Path PurePath PurePosixPath UUID Timestamp DataFrame Series Index "
    "OrderedDict Counter asarray float int str complex call"
)
_EXPECTED: Final = re.compile(
    r"(?i:.*(expect|want|should|golden|reference|correct|desired|target|oracle|answer|truth).*)"
    r"|exp|ref|[A-Z][A-Z0-9_]*"
)
_ACTUAL: Final = re.compile(r"(?i).*(result|actual|got|output|response|return).*|res|out|ret|r")
_DISPLAYS: Final = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.JoinedStr)


def weigh(node: ast.expr) -> int:
    """Rate from 0 to 5 how much an operand looks like the expectation."""
    if not has_names(node):
        return 5
    calls = [last_name(one) for one in ast.walk(node) if isinstance(one, ast.Call)]
    if calls:
        if all(one in MAKERS for one in calls):
            return 4
        return 3 if all(one in MAKERS or one[:1].isupper() for one in calls) else 0
    name = last_name(node)
    if _ACTUAL.fullmatch(name):
        return 2
    return 4 if _EXPECTED.fullmatch(name) or isinstance(node, _DISPLAYS) else 3


def has_names(node: ast.expr) -> bool:
    """Return whether an expression is more than a literal."""
    return any(isinstance(one, ast.Name) for one in ast.walk(node))
