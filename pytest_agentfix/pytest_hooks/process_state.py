"""The parts of this process that the repair relies on, and that tests may leave replaced.

A test that mocks ``socket.socket`` and forgets to take that back changes what everything else in
the process can do. The repair phase puts back what was there before the first test.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Modules in which tests replace things, as far as they are loaded.
_MODULES: Final = (
    "builtins",
    "io",
    "json",
    "os",
    "os.path",
    "pathlib",
    "pickle",
    "random",
    "requests",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
)
_CLASSES: Final = (("pathlib", "Path"), ("socket", "socket"), ("subprocess", "Popen"))
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class _Names:
    """The values that the names of one module or class had."""

    title: str
    owner: Any
    values: dict[str, Any]

    @classmethod
    def of(cls, title: str, owner: Any) -> _Names:
        # Modules keep their own state in private names.
        values = {name: value for name, value in vars(owner).items() if not name.startswith("_")}
        return cls(title, owner, values)

    def find_replaced(self) -> list[str]:
        now = vars(self.owner)
        return [name for name, value in self.values.items() if now.get(name, _MISSING) is not value]


class ProcessState:
    """The state at the time when this was made; ``path`` is an earlier ``sys.path``."""

    def __init__(self, path: Sequence[str]) -> None:
        loaded = {name: sys.modules[name] for name in _MODULES if name in sys.modules}
        self._names = [_Names.of(name, module) for name, module in loaded.items()]
        self._names += [
            _Names.of(f"{name}.{inner}", getattr(loaded[name], inner))
            for name, inner in _CLASSES
            if name in loaded
        ]
        self._path = list(dict.fromkeys([*path, *sys.path]))
        self._folder = _find_folder()

    @contextlib.contextmanager
    def restored(self) -> Iterator[tuple[str, ...]]:
        """Yield what was replaced, with all of it put back for the block; the tests' afterwards."""
        replaced: list[str] = []
        with contextlib.ExitStack() as undo:
            for known in self._names:
                for name in known.find_replaced():
                    undo.callback(_put, known.owner, name, vars(known.owner).get(name, _MISSING))
                    _put(known.owner, name, known.values[name])
                    replaced.append(f"{known.title}.{name}")
            gone = [entry for entry in self._path if entry not in sys.path]
            if gone:
                undo.callback(sys.path.__setitem__, slice(None), list(sys.path))
                sys.path += gone
                replaced.append("sys.path")
            folder = _find_folder()
            if folder != self._folder and self._folder:
                with contextlib.suppress(OSError):
                    os.chdir(self._folder)
                    replaced.append("the current folder")
                    if folder:
                        undo.callback(os.chdir, folder)
            yield tuple(replaced)


def _put(owner: Any, name: str, value: Any) -> None:
    if value is _MISSING:
        delattr(owner, name)
    else:
        setattr(owner, name, value)


def _find_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib's may be replaced
    except OSError:
        return ""
