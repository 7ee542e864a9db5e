"""Node ids -> how a prompt lists them, and the command that runs them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pytest_agentfix.core.model import HoldOut
from pytest_agentfix.core.text import clean_line
from pytest_agentfix.repair.prompts.truncation import cut_line, cut_middle

_MANY_FUNCTIONS: Final = 20
_MANY_CASES: Final = 6  # of one function
_MANY_ARGUMENTS: Final = 10
_ID_LIMIT: Final = 300  # characters of one node id
_CASE_LIMIT: Final = 80  # characters of one more case of the same function
_LIST_LIMIT: Final = 6_000  # characters
_COMMAND_LIMIT: Final = 4_000  # characters


def list_tests(nodeids: Sequence[str]) -> str:
    """One line for each function: its first case in full, further ones in short, how many more."""
    groups = _group(nodeids)
    lines = [f"- {_list_cases(cases)}" for cases in list(groups.values())[:_MANY_FUNCTIONS]]
    rest = list(groups.values())[_MANY_FUNCTIONS:]
    if rest:
        number = sum(map(len, rest))
        lines.append(f"- and {number} more {'test' if number == 1 else 'tests'}")
    return cut_middle("\n".join(lines), _LIST_LIMIT)


def make_command(nodeids: Sequence[str], python: str, hold_out: HoldOut) -> str:
    """The shell command that runs ``nodeids`` where hold-out has taken its cases out.

    A function stands for its cases only if running it runs none that is withheld. Where there are
    too many for one command, it runs the first of them, and says so.
    """
    arguments = _shorten(nodeids, hold_out)
    chosen: list[str] = []
    size = 0
    for argument in arguments[:_MANY_ARGUMENTS]:
        size += len(argument)
        if chosen and size > _COMMAND_LIMIT:
            break
        chosen.append(_quote(argument))
    command = " ".join([python, "-m", "pytest", *chosen])
    left = len(arguments) - len(chosen)
    return f"{command}  # and {left} more" if left else command


def _shorten(nodeids: Sequence[str], hold_out: HoldOut) -> list[str]:
    """Functions in the place of their cases, where that shows nothing."""
    # A reason says that some cases could not be taken out, and not of which function.
    closed = {_split(nodeid)[0] for nodeid in hold_out.withheld} if hold_out.reason else set()
    return [
        argument
        for function, cases in _group(nodeids).items()
        for argument in ([function] if len(cases) > 1 and function not in closed else cases)
    ]


def _quote(argument: str) -> str:
    """Quote for a shell, always: what an argument holds is somebody else's choice."""
    return "'" + argument.replace("'", "'\\''") + "'"


def _group(nodeids: Iterable[str]) -> Mapping[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for nodeid in nodeids:
        groups.setdefault(_split(nodeid)[0], []).append(nodeid)
    return groups


def _split(nodeid: str) -> tuple[str, str]:
    """The function's node id, and the case with its brackets ("" without)."""
    path, colons, rest = nodeid.partition("::")
    name, bracket, case = rest.partition("[")
    return f"{path}{colons}{name}", f"{bracket}{case}"


def _list_cases(cases: Sequence[str]) -> str:
    first = clean_line(cut_line(cases[0], _ID_LIMIT), limit=_ID_LIMIT)
    others = [
        clean_line(cut_line(_split(case)[1], _CASE_LIMIT), limit=_CASE_LIMIT)
        for case in cases[1:_MANY_CASES]
    ]
    left = len(cases) - 1 - len(others)
    more = [f"and {left} more"] if left else []
    return ", ".join([first, *others, *more])
