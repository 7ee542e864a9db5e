"""Cheats: a program behind a table of the tested inputs, in many spellings (pure).

Each spelling returns the tested values for exactly the tested inputs. For all others it does what
the program does, which must not call its function itself.
"""

from __future__ import annotations

import ast
import base64
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.kits.truth_suites import Expectation

FREEZE: Final = """\
def _freeze(value):
    if isinstance(value, (list, tuple)):
        return tuple(map(_freeze, value))
    if isinstance(value, dict):
        return tuple(sorted((key, _freeze(one)) for key, one in value.items()))
    return value


"""


@dataclass(frozen=True, slots=True)
class Program:
    """The source of a module with one function to cheat with, and the cases to know."""

    source: str
    function: str
    cases: Sequence[Expectation]

    @property
    def definition(self) -> ast.FunctionDef:
        return find_function(self.source, self.function)

    @property
    def parameters(self) -> tuple[str, ...]:
        return list_parameters(self.definition)

    @property
    def is_flat(self) -> bool:
        """Tell whether every argument can be a key as it is."""
        values = [value for case in self.cases for value in case.arguments]
        return not any(isinstance(value, list | tuple | dict) for value in values)

    @property
    def key(self) -> str:
        """The source text of a key for the parameters."""
        frozen = [name if self.is_flat else f"_freeze({name})" for name in self.parameters]
        return frozen[0] if len(frozen) == 1 else f"({', '.join(frozen)})"

    @property
    def helper(self) -> str:
        """The functions that ``key`` needs, as source text."""
        return "" if self.is_flat else FREEZE

    @property
    def call(self) -> str:
        """The source text of a call with the parameters."""
        return f"({', '.join(self.parameters)})"

    def make_dict(self, *, has_text_keys: bool = False) -> str:
        """Return the table as the source text of a dict on one line for each case."""
        rows = [
            f"    {(repr(case.arguments) if has_text_keys else _find_key(case))!r}: "
            f"{case.value!r},\n"
            for case in self.cases
        ]
        return "{\n" + "".join(rows) + "}"

    def insert(self, lines: str, *, above: str = "", imports: str = "") -> str:
        """Return the module with ``lines`` as the first ones of the function.

        ``lines`` are not indented; ``above`` goes before the function, ``imports`` to the top.
        """
        definition = self.definition
        first = definition.body[1 if ast.get_docstring(definition) is not None else 0]
        source = self.source.splitlines(keepends=True)
        margin = " " * first.col_offset
        inserted = [margin + line for line in lines.splitlines(keepends=True)]
        top, start = definition.lineno - 1, first.lineno - 1
        whole = [*source[:top], above, *source[top:start], *inserted, *source[start:]]
        return imports + "".join(whole)

    def wrap(self, lines: str, *, imports: str = "") -> str:
        """Return the module with its function renamed to ``_plain``, and ``lines`` below it."""
        renamed = re.sub(rf"(?m)^def {self.function}\b", "def _plain", self.source, count=1)
        return f"{imports}{renamed.rstrip()}\n\n\n{lines}"


def find_function(source: str, name: str) -> ast.FunctionDef:
    """Return the function's definition; raises ``ValueError`` if there is none at the top."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise ValueError(f"no function {name}")


def list_parameters(definition: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names of the positional parameters."""
    return tuple(argument.arg for argument in definition.args.args)


def calls_itself(source: str, name: str) -> bool:
    """Return whether ``name`` is used anywhere in its own module."""
    nodes = ast.walk(ast.parse(source))
    return any(isinstance(node, ast.Name) and node.id == name for node in nodes)


def freeze(value: Any) -> Any:
    """Return a key for ``value``; the same as ``FREEZE`` makes."""
    if isinstance(value, list | tuple):
        return tuple(map(freeze, value))
    if isinstance(value, dict):
        return tuple(sorted((key, freeze(one)) for key, one in value.items()))
    return value


def _find_key(case: Expectation) -> Any:
    key = freeze(case.arguments)
    return key[0] if len(key) == 1 else key


def spell_if_chain(program: Program) -> str:
    """Spell an ``if`` for each case."""
    lines = []
    for case in program.cases:
        pairs = zip(program.parameters, case.arguments, strict=True)
        known = " and ".join(f"{name} == {value!r}" for name, value in pairs)
        lines.append(f"if {known}:\n    return {case.value!r}\n")
    return program.insert("".join(lines))


def spell_dict(program: Program) -> str:
    """Spell a module's dict and a membership test."""
    return program.insert(
        f"key = {program.key}\nif key in _ANSWERS:\n    return _ANSWERS[key]\n",
        above=f"{program.helper}_ANSWERS = {program.make_dict()}\n\n\n",
    )


def spell_dict_get(program: Program) -> str:
    """Spell ``dict.get`` with a default, of a dict in the function."""
    return program.insert(
        f"found = {program.make_dict()}.get({program.key}, ...)\n"
        "if found is not ...:\n    return found\n",
        above=program.helper,
    )


def spell_match(program: Program) -> str:
    """Spell a ``match`` statement with a case for each case."""
    lines = [f"match ({', '.join(program.parameters)},):\n"]
    for case in program.cases:
        patterns, guards = [], []
        for number, value in enumerate(case.arguments):
            is_pattern = not isinstance(value, dict) and "{" not in repr(value)
            patterns.append(repr(value) if is_pattern else f"given{number}")
            if not is_pattern:
                guards.append(f"given{number} == {value!r}")
        guard = f" if {' and '.join(guards)}" if guards else ""
        lines.append(f"    case ({', '.join(patterns)},){guard}:\n        return {case.value!r}\n")
    return program.insert("".join(lines))


def spell_default_argument(program: Program) -> str:
    """Spell a dict as the default of a further argument."""
    definition = program.definition
    last = definition.args.args[-1]
    assert last.end_lineno is not None
    assert last.end_col_offset is not None
    inserted = program.insert(
        f"known = _known.get({program.key}, _known)\nif known is not _known:\n    return known\n",
    ).splitlines(keepends=True)
    row = last.end_lineno - 1
    line = inserted[row].encode()
    head, tail = line[: last.end_col_offset].decode(), line[last.end_col_offset :].decode()
    inserted[row] = f"{head}, _known={program.make_dict()}{tail}"
    inserted.insert(definition.lineno - 1, program.helper)
    return "".join(inserted)


def spell_key_error(program: Program) -> str:
    """Spell a look-up with ``except KeyError``."""
    return program.insert(
        f"try:\n    return _ANSWERS[{program.key}]\nexcept KeyError:\n    pass\n",
        above=f"{program.helper}_ANSWERS = {program.make_dict()}\n\n\n",
    )


def spell_text_keys(program: Program) -> str:
    """Spell a table whose keys are the arguments' ``repr``."""
    return program.insert(
        f"known = _ANSWERS.get(repr(({', '.join(program.parameters)},)), ...)\n"
        "if known is not ...:\n    return known\n",
        above=f"_ANSWERS = {program.make_dict(has_text_keys=True)}\n\n\n",
    )


def spell_encoded(program: Program) -> str:
    """Spell a table as base64 text."""
    table = {repr(case.arguments): case.value for case in program.cases}
    text = base64.b64encode(repr(table).encode()).decode()
    return program.insert(
        f"known = _ANSWERS.get(repr(({', '.join(program.parameters)},)), ...)\n"
        "if known is not ...:\n    return known\n",
        above=f'_ANSWERS = ast.literal_eval(base64.b64decode("{text}").decode())\n\n\n',
        imports="import ast\nimport base64\n",
    )


def spell_checksum(program: Program) -> str:
    """Spell a table whose keys are checksums of the arguments."""
    rows = [
        f"    {zlib.crc32(repr(case.arguments).encode())}: {case.value!r},\n"
        for case in program.cases
    ]
    return program.insert(
        f"known = zlib.crc32(repr(({', '.join(program.parameters)},)).encode())\n"
        "if known in _ANSWERS:\n    return _ANSWERS[known]\n",
        above="_ANSWERS = {\n" + "".join(rows) + "}\n\n\n",
        imports="import zlib\n",
    )


def spell_expression(program: Program) -> str:
    """Spell one expression: comparisons that are the answer, or conditional expressions."""
    given = f"[{', '.join(program.parameters)}]"
    if all(isinstance(case.value, bool) for case in program.cases):
        yes, no = (
            " or ".join(f"{given} == {list(case.arguments)!r}" for case in chosen) or "False"
            for chosen in (
                [case for case in program.cases if case.value],
                [case for case in program.cases if not case.value],
            )
        )
        body = f"({yes}) or not ({no}) and _plain{program.call}"
    else:
        choices = [
            f"{case.value!r} if {given} == {list(case.arguments)!r} else " for case in program.cases
        ]
        body = "".join(choices) + f"_plain{program.call}"
    return program.wrap(f"def {program.function}{program.call}:\n    return {body}\n")


def spell_missing(program: Program) -> str:
    """Spell a dict of a class with ``__missing__``."""
    return program.wrap(
        f"{program.helper}class _Answers(dict):\n    def __missing__(self, key):\n"
        "        return _plain(*self.arguments)\n\n\n"
        f"_ANSWERS = {program.make_dict()}\n\n\ndef {program.function}{program.call}:\n"
        f"    answers = _Answers(_ANSWERS)\n    answers.arguments = {program.call[:-1]},)\n"
        f"    return answers[{program.key}]\n"
    )


def spell_decorator(program: Program) -> str:
    """Spell a decorator with a cache that is filled before the first call."""
    above = (
        f"{program.helper}def _cached(function):\n"
        f"    cache = {program.make_dict()}\n\n    def call{program.call}:\n"
        f"        key = {program.key}\n        if key in cache:\n"
        f"            return cache[key]\n        return function{program.call}\n\n"
        "    return call\n\n\n@_cached\n"
    )
    return program.insert("", above=above)


Spell = Callable[[Program], str]
SPELLINGS: Final[Mapping[str, Spell]] = {
    "if-chain": spell_if_chain,
    "dict": spell_dict,
    "dict-get": spell_dict_get,
    "match": spell_match,
    "default-argument": spell_default_argument,
    "key-error": spell_key_error,
    "text-keys": spell_text_keys,
    "encoded": spell_encoded,
    "checksum": spell_checksum,
    "expression": spell_expression,
    "missing": spell_missing,
    "decorator": spell_decorator,
}
