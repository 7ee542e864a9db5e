"""The host's side of the programs in a sandbox: their texts and the orders they take."""

from __future__ import annotations

import ast
import base64
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from pytest_agentfix.core.options import OPTIONS
from pytest_agentfix.core.python_source import FUNCTIONS, parse
from pytest_agentfix.judge import in_sandbox

# ``python -c`` puts the working directory first on sys.path: a json.py there must not
# replace the one our programs import, and pytest's own script does not put it there either.
_PREAMBLE: Final = 'import sys\nif sys.path[:1] == [""]:\n    del sys.path[0]\n'
_IMPORT: Final = re.compile(
    r"^from pytest_agentfix\.judge\.in_sandbox\.(\w+) import (?:\([^)]*\)|.*)$", re.MULTILINE
)
PYTEST_PROGRAM: Final = "pytest_runner"
PLAIN_PROGRAM: Final = "call_runner"
# Modules of the first that few sessions need, by the field of an order that needs them. They are
# sent with the order, so that all sessions are started alike.
_RECORDERS: Final = {
    "trace": "call_tracer",
    "enter": "entered_functions",
    "vary": "call_variation",
}

# Absolute path in the sandbox -> its content, or ``None`` for no file.
Files = Mapping[str, "bytes | None"]


def make_key() -> str:
    """Make a fresh key for one report: 32 random bytes in hexadecimal."""
    return secrets.token_hex(32)


def _list_words() -> dict[str, list[str] | str]:
    typed = [option for option in OPTIONS if not option.is_ini_only]
    return {
        "flags": [option.flag for option in typed if option.metavar is None],
        "options": [option.flag for option in typed if option.metavar is not None],
        "inis": [option.name for option in OPTIONS],
        "hooks": "pytest_agentfix_",  # what their names begin with
    }


@dataclass(frozen=True, slots=True)
class RunOrder:
    """An order to run tests in: the suite's own without a ``seed``, else shuffled by it.

    In the reverse of a shuffled order, any two tests meet the other way round.
    """

    seed: int | None = None
    is_reversed: bool = False

    def __str__(self) -> str:
        if self.seed is None:
            return "in the suite's own order"
        return f"{'reversely ' if self.is_reversed else ''}shuffled (seed {self.seed})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedFunction:
    """A function whose calls are recorded, in one of two versions of its file.

    ``name`` is its own, ``first`` the line it begins on, decorators included. ``number`` is the
    same in both versions, from 1, or 0 if the other does not have it. ``lines`` holds, for each
    line from ``first``, the number it has in both versions, or 0 if the other does not have it.
    """

    name: str
    first: int
    number: int
    lines: Sequence[int]


# Absolute path of a file -> the functions in it to trace.
Traced = Mapping[str, Sequence[TracedFunction]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The choices of the user's run that are made again in a sandbox.

    ``seeds`` are an ``Invocation``'s, ``variables`` xdist's of the worker. ``hypothesis`` maps node
    ids to what a ``Failure`` has chosen for that plugin.
    """

    seeds: Mapping[str, int | float | str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    hypothesis: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOrder:
    """The order for ``pytest_runner.py``.

    ``ids`` are node ids of items or collectors, relative to ``rootdir``. ``cwd`` is the working
    directory, ``top`` the repository's, with the project's own files below it. ``sys_path_first``
    is a folder to put first on ``sys.path``, or ``None``; ``sys_path_last`` are entries to append
    if they are there, outside of ``top``, and not on it. ``key`` signs the report, ``tally_key``
    the second channel. ``files`` are written before pytest starts. ``shuffle`` and ``is_reversed``
    are the fields of a ``RunOrder``. With ``watch``, what tests ask the system for is remembered,
    to tell what the sandbox lacks.
    ``cover`` holds lines (absolute path -> line numbers) whose tests are reported; of ``around``,
    no test that may run one of the lines is missed. ``trace`` are functions whose calls are
    reported for each test; with ``enter``, the project's functions that each test enters are
    reported as well. ``vary`` is the order of ``call_variation.py``, or empty. ``choices``
    are those of the user's run. ``words`` are this package's options, ini names and the prefix of
    its hooks, which a project may use.
    """

    args: Sequence[str]
    ids: Sequence[str]
    rootdir: str
    cwd: str
    top: str
    sys_path_first: str | None
    key: str
    sys_path_last: Sequence[str] = ()
    tally_key: str = field(default_factory=make_key)
    files: Files = field(default_factory=dict)
    shuffle: int | None = None
    is_reversed: bool = False
    watch: bool = False
    cover: Mapping[str, Sequence[int]] = field(default_factory=dict)
    around: Mapping[str, Sequence[int]] = field(default_factory=dict)
    trace: Traced = field(default_factory=dict)
    enter: bool = False
    vary: Mapping[str, Any] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)
    words: Mapping[str, Sequence[str] | str] = field(default_factory=_list_words)

    def encode(self) -> bytes:
        """Return the JSON object that ``pytest_runner.py`` reads from stdin."""
        fields = asdict(self)
        recorders = load_recorders(tuple(name for name in _RECORDERS if fields[name]))
        files = encode_files(self.files)
        return json.dumps({**fields, "files": files, "recorders": recorders}).encode("ascii")


def encode_files(files: Files) -> dict[str, str | None]:
    """Encode ``files`` for JSON; ``signed_report.read_order`` decodes them."""
    return {
        path: None if content is None else base64.b64encode(content).decode("ascii")
        for path, content in files.items()
    }


@cache
def load_program(name: str = PYTEST_PROGRAM) -> str:
    """Read a program's text for ``python -c``, with our own modules inlined once each.

    The recorders are left out.
    """
    return _PREAMBLE + _inline([name], set(_RECORDERS.values()))


@cache
def load_recorders(fields: tuple[str, ...]) -> str:
    """Read the modules that orders with these fields need beside ``load_program``'s text."""
    known = set(_RECORDERS.values())
    _inline([PYTEST_PROGRAM], known)
    wanted = {_RECORDERS[field] for field in fields}
    return _inline(sorted(wanted), known - wanted) if wanted else ""


def _inline(names: Sequence[str], known: set[str]) -> str:
    """Return the text of modules, with those they import in place of the import lines.

    Modules that are ``known`` are left out; those of the text are added to them.
    """

    def put_in(found: re.Match[str]) -> str:
        return read(found[1])

    def read(name: str) -> str:
        if name in known:
            return ""
        known.add(name)
        text = resources.files(in_sandbox).joinpath(f"{name}.py").read_text(encoding="utf-8")
        return _IMPORT.sub(put_in, text)

    return _compact("\n".join(map(read, names)))


def _compact(text: str) -> str:
    """Leave out comments and docstrings: a command line has no room for all of them."""
    tree = parse(text)
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode("ascii", "backslashreplace").decode("ascii") + "\n"
