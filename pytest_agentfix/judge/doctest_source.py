"""Doctests as they stand in files of the base: their names, places and examples (pure)."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeGuard

from pytest_agentfix.core.python_source import FUNCTIONS, decode_source, parse_source

Example = tuple[str, str, tuple[tuple[int, bool], ...]]


@dataclass(frozen=True, slots=True)
class DoctestName:
    """A doctest's name: its module as it is imported, and its owner there, "" for the module."""

    module: str
    owner: str

    @property
    def package(self) -> str:
        """The package of a module that is no package itself."""
        return self.module.rpartition(".")[0]


def split_name(path: str, name: str) -> DoctestName | None:
    """Split the name that pytest gives to a doctest of a Python file; ``None`` if it is of none."""
    file = PurePosixPath(path)
    if file.suffix != ".py":
        return None
    parts = file.parent.parts if file.name == "__init__.py" else file.with_suffix("").parts
    for start in range(len(parts)):
        module = ".".join(parts[start:])
        if f"{name}.".startswith(f"{module}."):
            return DoctestName(module, name[len(module) + 1 :])
    return None


def find_doctested(nodeids: Iterable[str]) -> frozenset[str]:
    """Return the files, relative to pytest's rootdir, of which doctests are among ``nodeids``."""
    pairs = {(path, name) for path, _, name in (one.partition("::") for one in nodeids)}
    return frozenset(
        path
        for path, name in pairs
        if (split_name(path, name) if path.endswith(".py") else name == PurePosixPath(path).name)
    )


def find_doctest(path: str, name: str, content: bytes) -> str | None:
    """Return the text of a doctest, ``None`` where it is not written in its file."""
    if not path.endswith(".py"):
        return content.decode("utf-8", "replace") if name == PurePosixPath(path).name else None
    split, file = split_name(path, name), DoctestFile.read(content)
    texts = file.texts.get(split.owner, ()) if split and file else ()
    return texts[-1].value if texts else None


def read_examples(text: str) -> Sequence[doctest.Example]:
    """Return the examples of a text; none where they cannot be told apart."""
    try:
        return doctest.DocTestParser().get_examples(text)
    except ValueError:  # such as inconsistent indentation: a test that fails
        return []


def compare_examples(text: str) -> Sequence[Example]:
    """Return what tells a text's examples from others: source, expected output and options."""
    found = [
        (one.source, one.want, tuple(sorted(one.options.items()))) for one in read_examples(text)
    ]
    return found or ([(text, "", ())] if ">>>" in text else [])


@dataclass(frozen=True, slots=True)
class Text:
    """A string in a file: its value, and its place in the file's UTF-8."""

    value: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class DoctestFile:
    """A Python file, as UTF-8 with plain line ends, and its docstrings by their owners' names."""

    utf8: bytes
    texts: Mapping[str, Sequence[Text]]

    @classmethod
    def read(cls, content: bytes) -> DoctestFile | None:
        """Read a file; ``None`` if it is not readable as Python."""
        text = decode_source(content)
        tree = None if text is None else parse_source(text)
        if text is None or tree is None:
            return None
        utf8 = text.encode()
        starts = [0]
        for line in utf8.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        texts: dict[str, list[Text]] = {}
        for name, node in _list_texts(tree):
            last = node.end_lineno or node.lineno
            start = starts[node.lineno - 1] + node.col_offset
            stop = starts[last - 1] + (node.end_col_offset or 0)
            texts.setdefault(name, []).append(Text(str(node.value), start, stop))
        return cls(utf8, texts)


def _list_texts(tree: ast.Module) -> Iterator[tuple[str, ast.Constant]]:
    """Yield the docstrings and the values of ``__test__``, with the dotted names of owners."""
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str()) as text), *_]:
                    yield name, text
        match node:
            case ast.Assign(targets=[ast.Name(id="__test__")], value=ast.Dict() as table):
                for key, value in zip(table.keys, table.values, strict=True):
                    if isinstance(key, ast.Constant) and _is_text(value):
                        yield f"__test__.{key.value!s}", value
        for child in reversed(list(ast.iter_child_nodes(node))):
            if isinstance(child, (ast.ClassDef, *FUNCTIONS)):
                waiting.append((f"{name}.{child.name}".lstrip("."), child))
            else:
                waiting.append((name, child))


def _is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
