# ruff: noqa: INP001 - a script
"""Prints the shape of the package: entries at its top, imports between them, names, docstrings.

    python scripts/house.py [FOLDER]     the package below FOLDER, or of this repository

What it counts is said beside each figure. It reads source text only and imports nothing of it.
"""

from __future__ import annotations

import ast
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "pytest_agentfix"
NOT_COUNTED = {"__init__.py", "py.typed", "__pycache__"}
OPENERS = ("What ", "Whether ", "Which ", "How ", "Where ", "Who ", "Whose ")
Graph = dict[str, set[str]]


def main() -> int:
    """Print one figure a line."""
    top = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]) / PACKAGE
    trees = {path.relative_to(top): ast.parse(path.read_text("utf-8")) for path in sorted_py(top)}
    files = {dotted(path): {*imports_of(tree)} for path, tree in trees.items()}
    entries = [path for path in top.iterdir() if path.name not in NOT_COUNTED]
    between = fold(files)
    docstrings = [text for tree in trees.values() for text in iter_docstrings(tree)]
    openers = sum(text.startswith(OPENERS) for text in docstrings)
    classes = Counter(
        node.name for tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef)
    )
    lines = sum(len((top / path).read_text("utf-8").splitlines()) for path in trees)
    for figure, what in (
        (len(entries), "entries at the top of the package, without __init__ and py.typed"),
        (sum(map(len, between.values())), "pairs of them of which one imports the other"),
        (longest_chain(between), "entries in the longest chain of imports between them"),
        (len(find_circles(resolve(files))), "import circles between files"),
        (lines, "lines of product code"),
        (len(trees), "files"),
        (len(docstrings), "docstrings"),
        (f"{100 * openers / len(docstrings):.1f} %", "of them begin with What, Whether, How, ..."),
        (sum(number > 1 for number in classes.values()), "class names used more than once"),
    ):
        sys.stdout.write(f"{figure!s:>8}  {what}\n")
    return 0


def sorted_py(top: Path) -> list[Path]:
    """Return the package's source files in order."""
    return sorted(path for path in top.rglob("*.py") if "__pycache__" not in path.parts)


def dotted(path: Path) -> str:
    """Return the module's name for a path relative to the package."""
    return ".".join([PACKAGE, *path.with_suffix("").parts]).removesuffix(".__init__")


def imports_of(tree: ast.Module) -> Iterator[str]:
    """Yield the names of this package that a module imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.startswith(PACKAGE))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)


def resolve(files: Graph) -> Graph:
    """Return which module imports which other, names in them left out.

    An import of a name from a package counts for the package's own file only where the name is
    none of its modules.
    """
    graph: Graph = {}
    for file, names in files.items():
        submodules = {name for name in names if name in files}
        parents = {name.rpartition(".")[0] for name in submodules}
        used_parents = {
            name.rpartition(".")[0] for name in names if name not in files and "." in name
        }
        graph[file] = {
            name for name in submodules if name not in parents or name in used_parents
        } - {file}
    return graph


def fold(files: Graph) -> Graph:
    """Return which entry at the top imports which other."""
    graph: Graph = {}
    for file, names in files.items():
        parts = {name.split(".")[1] for name in names if name.count(".")}
        if file != PACKAGE:
            entry = file.split(".")[1]
            graph.setdefault(entry, set()).update(parts - {entry})
    known = set(graph)
    return {entry: others & known for entry, others in graph.items()}


def longest_chain(graph: Graph) -> int:
    """Return how many entries the longest chain of imports has; circles count once."""
    known: dict[str, int] = {}

    def walk(entry: str, seen: frozenset[str]) -> int:
        if entry not in known:
            others = graph.get(entry, set()) - seen - {entry}
            known[entry] = 1 + max((walk(one, seen | {entry}) for one in others), default=0)
        return known[entry]

    return max(walk(entry, frozenset()) for entry in graph)


def find_circles(graph: Graph) -> list[list[str]]:
    """Return the groups of files that import one another in a circle (Tarjan, 1972)."""
    index = itertools.count()
    numbers: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(one: str) -> None:
        numbers[one] = low[one] = next(index)
        stack.append(one)
        for other in graph.get(one, ()):
            if other not in numbers:
                visit(other)
                low[one] = min(low[one], low[other])
            elif other in stack:
                low[one] = min(low[one], numbers[other])
        if low[one] == numbers[one]:
            group = [stack.pop()]
            while group[-1] != one:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(group)

    for one in graph:
        if one not in numbers:
            visit(one)
    return found


def iter_docstrings(tree: ast.Module) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and its functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


if __name__ == "__main__":
    sys.exit(main())
