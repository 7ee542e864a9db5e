"""The files that a process of the user's run has imported, but for what is installed.

A module in ``sys.modules`` can be any object, lazy ones included: none of its code is run here.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

IMPORTED: Final = "agentfix_imported"  # a worker's output, and an attribute of a failed report
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_METADATA: Final = (".egg-info", ".dist-info")
_METADATA_LIMIT: Final = 1000  # files of one such folder


def find_imported_files(
    modules: Iterable[object] | None = None, entries: Sequence[object] | None = None
) -> tuple[str, ...]:
    """Return the absolute paths of the files of ``modules``, sorted, without repeats.

    Metadata of packages that lies beside them, in ``entries`` of the path for imports, counts as
    well. By default both are this process's. Whatever is in them, nothing is raised.
    """
    found = set(_files_of(_current_modules() if modules is None else modules))
    for entry in dict.fromkeys(_texts(list(sys.path) if entries is None else entries)):
        found.update(_metadata_in(entry or os.curdir))
    return tuple(sorted(path for path in found if _is_own(path)))


def _current_modules() -> list[object]:
    return list(sys.modules.copy().values())  # other threads may import meanwhile


def _files_of(modules: Iterable[object]) -> Iterator[str]:
    return _texts(map(file_of, modules))


def file_of(module: object) -> object:
    """Return the ``__file__`` of a module, whatever it is; ``None`` without one."""
    try:
        # Not by an attribute: that makes a lazy module import whatever it stands for.
        return dict.get(object.__getattribute__(module, "__dict__"), "__file__")
    except Exception:  # noqa: BLE001 - it is no module, whatever it is
        return None


def _texts(values: Iterable[object]) -> Iterator[str]:
    """Yield what is exactly a string: a subclass could do anything."""
    yield from (value for value in values if type(value) is str)


def _metadata_in(entry: str) -> Iterator[str]:
    folder = os.path.abspath(entry)  # noqa: PTH100 - keeps links
    if not _is_own(folder):
        return
    try:
        with os.scandir(folder) as found:
            tops = [one for one in found if one.name.endswith(_METADATA)]
        for top in tops:
            if top.is_dir(follow_symlinks=False):
                yield from _files_in(top.path)
            else:
                yield top.path
    except (OSError, ValueError):  # no folder, or a name with a NUL in it
        return


def _files_in(top: str) -> Iterator[str]:
    count = 0
    for folder, _, names in os.walk(top):
        for name in names:
            count += 1
            if count > _METADATA_LIMIT:
                return
            yield os.path.join(folder, name)  # noqa: PTH118 - many of them


def _is_own(path: str) -> bool:
    """Return whether ``path`` may be the user's: xdist can send it, and it is not installed."""
    try:
        path.encode()
    except UnicodeEncodeError:  # its name was not UTF-8
        return False
    return (
        path.startswith("/")
        and _INSTALLED.isdisjoint(path.split("/"))
        and not any(path.startswith(folder) for folder in _standard_library())
    )


@cache
def _standard_library() -> tuple[str, ...]:
    folders = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
    return tuple(f"{folder.rstrip('/')}/" for folder in folders if folder)
