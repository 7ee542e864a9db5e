"""The host's end of the in-sandbox reporter: its program text and its order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Final

from pytest_agentfix.options import OPTIONS

# ``python -c`` puts the working directory first on sys.path: a json.py there must not be the
# reporter's own, and pytest started by its script does not have it either.
_PREAMBLE: Final = 'import sys\nif sys.path[:1] == [""]:\n    del sys.path[0]\n'


def _list_words() -> dict[str, list[str]]:
    typed = [option for option in OPTIONS if not option.is_ini_only]
    return {
        "flags": [option.flag for option in typed if option.metavar is None],
        "options": [option.flag for option in typed if option.metavar is not None],
        "inis": [option.name for option in OPTIONS],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the reporter is to run.

    ``ids`` are node ids of items or collectors, relative to ``rootdir``. ``sys_path_first`` is a
    folder to put first on ``sys.path``, or ``None``. ``nonce`` comes back with every line.
    ``words`` are this package's options and ini names, which a project may use.
    """

    args: Sequence[str]
    ids: Sequence[str]
    rootdir: str
    sys_path_first: str | None
    nonce: str
    words: Mapping[str, Sequence[str]] = field(default_factory=_list_words)

    def encode(self) -> bytes:
        """Give the JSON object the reporter reads from stdin."""
        return json.dumps(asdict(self)).encode("ascii")


def load_program() -> str:
    """Read the program text for ``python -c`` in a sandbox."""
    source = resources.files(__package__).joinpath("_in_sandbox.py")
    return _PREAMBLE + source.read_text(encoding="utf-8")
