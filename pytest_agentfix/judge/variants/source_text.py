"""Parse a module's text and render its tree, both with guards."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from typing import Final

from pytest_agentfix.core import python_source
from pytest_agentfix.judge.variants.results import TestName

_REASON: Final = "its module's text cannot be taken apart"


def parse(source: str) -> ast.Module:
    """Parse a module; raises one of ``UNREADABLE``."""
    return python_source.parse(source.removeprefix("\ufeff"))


def render(tree: ast.Module) -> str:
    """Render a module's text and check that Python accepts it; raises one of ``UNREADABLE``."""
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    text.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(text, "<variant>", "exec", dont_inherit=True)
    return text


def refuse_all(names: Sequence[TestName], reason: str = _REASON) -> dict[TestName, str]:
    """Map every test to the same reason."""
    return dict.fromkeys(names, reason)


def split_docstring(body: Sequence[ast.stmt]) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Split a function's body into its docstring, if it has one, and the rest."""
    first = body[0] if body else None
    has_one = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return list(body[: int(has_one)]), list(body[int(has_one) :])
