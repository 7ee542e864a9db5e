"""Two versions of a module compared: do they differ in code, in words or in imports only? Pure."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pytest_agentfix.core.hunks import count_equal_ends
from pytest_agentfix.core.python_source import (
    FUNCTIONS,
    decode_source,
    fingerprint,
    is_text_statement,
    lines_of,
    parse_source,
)

Span = tuple[int, int]  # the first line of something, and the one after its last; from 0
_DOCUMENTED: Final = (*FUNCTIONS, ast.ClassDef, ast.Module)
_IMPORTS: Final = (ast.Import, ast.ImportFrom)
_LAYOUT: Final = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
)


class Difference(Enum):
    """The kind of statements in which two versions of a module differ."""

    CODE = "code"  # or only in how the same code is laid out
    WORDS = "comments, blank lines, docstrings and annotations"
    IMPORTS = "imports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A module's lines, and where each of its outermost statements stands.

    A statement begins with the comments right above it and with its decorators.
    """

    lines: tuple[str, ...]
    statements: tuple[Span, ...]
    docstring: Span | None
    size: int  # bytes

    @classmethod
    def read(cls, content: bytes) -> Source | None:
        """Parse ``content``; ``None`` if it is no Python that this interpreter can parse."""
        text = decode_source(content)
        tree = None if text is None else parse_source(text)
        if text is None or tree is None:
            return None
        lines = tuple(text.split("\n"))
        spans = tuple(_find_span(statement, lines) for statement in tree.body)
        has_docstring = bool(tree.body) and is_text_statement(tree.body[0])
        return cls(
            lines=lines,
            statements=spans,
            docstring=spans[0] if has_docstring else None,
            size=len(content),
        )


def compare(old: Source, new: Source) -> tuple[Difference, frozenset[str]]:
    """Compare two versions of a module.

    Return the difference, and the names that imports bind in one of the two only. An annotation in
    a class body is code, for it may make a field.
    """
    olds, news = _list_statements(old), _list_statements(new)
    head, tail = count_equal_ends(olds, news)
    one = _Shape.of("\n".join(olds[head : len(olds) - tail]))
    other = _Shape.of("\n".join(news[head : len(news) - tail]))
    if one is None or other is None:
        return Difference.CODE, frozenset()
    names = one.names ^ other.names
    if one.whole == other.whole:
        same = one.tokens == other.tokens
        return (Difference.WORDS if same else Difference.CODE), frozenset()
    if one.code == other.code:
        return Difference.WORDS, frozenset()
    is_import = bool(names) and one.rest == other.rest
    return (Difference.IMPORTS if is_import else Difference.CODE), names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """Statements, described with less and less of them."""

    whole: str
    code: str  # without docstrings and annotations
    rest: str  # without imports as well
    names: frozenset[str]  # bound by imports
    tokens: tuple[tuple[str, ...], ...]  # of each line, without comments

    @classmethod
    def of(cls, text: str) -> _Shape | None:
        tree, tokens = parse_source(text), _read_tokens(text)
        if tree is None or tokens is None:
            return None
        whole = fingerprint(tree)
        for node in ast.walk(tree):
            _drop_words(node)
        code = fingerprint(tree)
        names = frozenset(
            alias.asname or alias.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, _IMPORTS)
            for alias in node.names
        )
        for node in ast.walk(tree):
            _drop_imports(node)
        return cls(whole=whole, code=code, rest=fingerprint(tree), names=names, tokens=tokens)


def _find_span(statement: ast.stmt, lines: tuple[str, ...]) -> Span:
    above = [one.lineno for one in getattr(statement, "decorator_list", ())]
    first, last = lines_of(statement)
    start = min([first, *above]) - 1
    while start and lines[start - 1].startswith("#"):
        start -= 1
    return start, last


def _list_statements(source: Source) -> list[str]:
    return ["\n".join(source.lines[start:stop]) for start, stop in source.statements]


def _read_tokens(text: str) -> tuple[tuple[str, ...], ...] | None:
    lines: dict[int, list[str]] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in _LAYOUT:
                lines.setdefault(token.start[0], []).append(token.string)
    except (SyntaxError, tokenize.TokenError):
        return None
    return tuple(map(tuple, lines.values()))


def _drop_words(node: ast.AST) -> None:
    """Take docstring and annotations out of one node."""
    if isinstance(node, _DOCUMENTED) and node.body and is_text_statement(node.body[0]):
        del node.body[0]
    if isinstance(node, FUNCTIONS):
        node.returns = None
    if isinstance(node, ast.arg):
        node.annotation = None
    if isinstance(node, (*FUNCTIONS, ast.Module)):
        node.body = [_without_annotation(statement) for statement in node.body]


def _without_annotation(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return ast.Assign(targets=[statement.target], value=statement.value)
    return statement


def _drop_imports(node: ast.AST) -> None:
    for name in ("body", "orelse", "finalbody"):
        inner = getattr(node, name, None)
        if isinstance(inner, list):
            setattr(node, name, [one for one in inner if not _is_import(one)])


def _is_import(statement: ast.stmt) -> bool:
    """Return whether it is an import, or a block of them for type checkers only."""
    if isinstance(statement, ast.If) and not statement.orelse:
        named = ast.unparse(statement.test) if _is_name(statement.test) else ""
        return named.rpartition(".")[2] == "TYPE_CHECKING" and all(
            isinstance(one, _IMPORTS) for one in statement.body
        )
    return isinstance(statement, _IMPORTS)


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) or (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    )
