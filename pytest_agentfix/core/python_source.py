"""Bytes nobody vouches for -> a syntax tree, without running or recursing into anything."""

from __future__ import annotations

import ast
import io
import re
import threading
import tokenize
import warnings
from collections.abc import Iterator
from typing import Final

SIZE_LIMIT: Final = 1_000_000  # bytes of one file that are looked at
# Raised by parsing and rendering: for text that is not Python, null bytes, lone surrogates, endless
# nesting, and numbers with too many digits.
UNREADABLE: Final = (SyntaxError, ValueError, RecursionError, MemoryError)
# What other codecs expand.
_PROBE: Final = bytes(range(128)) + rb"\x41 \u0041 \101 +AGE- ~{ .xn--bcher-kva"
# PEP 263, in one of the first two lines.
_COOKIE: Final = re.compile(r"((?:[ \t\f]*(?:#.*)?\n)??[ \t\f]*#.*?coding[:=][ \t]*)[-\w.]+")

# CPython counts how deep it is in a tree once for all threads (before 3.13), and raises
# ``SystemError`` where two of them build one at a time.
_ONE_TREE: Final = threading.Lock()

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


def decode_source(content: bytes) -> str | None:
    """The text as Python would read it, with plain line ends; ``None`` where it is not text.

    An encoding in which ASCII is not itself (``utf-7``, ``unicode_escape``) hides what a reader
    and a line diff see, so it counts as unreadable.
    """
    if len(content) > SIZE_LIMIT:
        return None
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        if not keeps_ascii(encoding):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = content.decode(encoding)
    except (SyntaxError, ValueError, LookupError):
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_as_utf8(content: bytes) -> str | None:
    """Return ``content`` as the same source in UTF-8, ``None`` where Python cannot read it.

    UTF-8 is taken as it is; other sources lose their byte order mark, and their cookie says utf-8.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\ufeff"
    if not text.startswith("\ufeff"):
        return text
    source = decode_source(content)
    return None if source is None else _name_utf8(source)


def _name_utf8(source: str) -> str:
    found = _COOKIE.match(source)
    return f"{found.group(1)}utf-8{source[found.end() :]}" if found else source


def keeps_ascii(encoding: str) -> bool:
    """Return whether ASCII is itself in ``encoding``; ``LookupError`` where none has the name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _PROBE.decode(encoding) == _PROBE.decode("ascii")
    except ValueError:
        return False


def parse(text: str) -> ast.Module:
    """Return the tree of ``text``; raises one of ``UNREADABLE``. One thread parses at a time."""
    with _ONE_TREE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def parse_source(text: str) -> ast.Module | None:
    """The tree of ``text``, ``None`` when it cannot be parsed, for whatever reason."""
    try:
        return parse(text)
    except UNREADABLE:
        return None


def fingerprint(node: ast.AST) -> str:
    """Describe ``node`` without its position. Never recurses, unlike ``ast.dump``."""
    return " ".join(_word(inner) for inner in ast.walk(node))


def lines_of(node: ast.AST) -> tuple[int, int]:
    """The first and last line of ``node``, counted from 1; (1, 1) where it has none."""
    line = getattr(node, "lineno", 1)
    return line, getattr(node, "end_lineno", None) or line


def own_statements(function: Function) -> list[ast.stmt]:
    """The function's body without its docstring."""
    body = function.body
    return body[1:] if is_text_statement(body[0]) else body


def is_text_statement(node: ast.AST) -> bool:
    """Return whether ``node`` is a docstring, or a string that stands alone like one."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, (str, bytes))
    )


def parameters(arguments: ast.arguments) -> list[str]:
    """The names of all parameters, in order."""
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    rest = [arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    return [arg.arg for arg in [*plain, *rest]]


def last_name(node: ast.AST) -> str:
    """Return the last part of a name or attribute, or of a call's function; "" for others."""
    while isinstance(node, ast.Call):
        node = node.func
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def names_in(node: ast.AST) -> set[str]:
    """Return all names in a tree, whether they are read or bound."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def walk_own(function: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function's own body, without those of functions and classes inside it."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))


def _word(node: ast.AST) -> str:
    fields = [
        repr(value)
        for name, value in ast.iter_fields(node)
        if name not in ("kind", "type_comment")
        and isinstance(value, (str, bytes, int, float, complex))
    ]
    return "".join((type(node).__name__, "(", ",".join(fields), ")"))
