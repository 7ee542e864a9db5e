"""Describe, as an ``Invocation``, the way the user's pytest was started."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Invocation
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.pytest_hooks import internals
from pytest_agentfix.pytest_hooks.command_line import clean_arguments

_PATH = "PYTHONPATH"
# Nothing else of the host's environment enters a sandbox, unless ``agent_fix_env`` names it.
_VARIABLES = frozenset(
    {
        "LANG",
        "TZ",
        _PATH,
        "PYTHONHASHSEED",
        "PYTHONUTF8",
        "PYTHONWARNINGS",
        "PYTEST_PLUGINS",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
        "DJANGO_SETTINGS_MODULE",
        "SOURCE_DATE_EPOCH",
    }
)


def make_invocation(config: pytest.Config, settings: Settings) -> Invocation:
    """Return all that a sandbox needs to start pytest the way it was started here."""
    cwd = config.invocation_params.dir
    arguments = _list_arguments(config)
    given = config.option.file_or_dir or ()
    return Invocation(
        rootdir=config.rootpath,
        cwd=cwd,
        config_file=config.inipath,
        arguments=clean_arguments(arguments, given, internals.list_custom_options(config)),
        seeds=find_seeds(vars(config.option)),
        environ=choose_environ(os.environ, settings.env),
        sys_path=tuple(one for one in sys.path if type(one) is str and one.startswith("/")),
        has_cwd_on_path=has_cwd_on_path(_find_main_name(), sys.path, cwd),
        has_xdist=config.pluginmanager.hasplugin("xdist"),
        test_patterns=tuple(config.getini("python_files")),
        test_paths=tuple(config.getini("testpaths")),
        test_locations=_find_locations(config.args, cwd),
        mistaken=find_mistaken(arguments, given, cwd),
    )


def _find_locations(arguments: Sequence[str], cwd: Path) -> tuple[Path, ...]:
    """Return the files and folders that pytest collects from; ``--pyargs`` have names instead."""
    paths = (cwd / argument.partition("::")[0] for argument in arguments)
    return tuple(dict.fromkeys(path for path in paths if os.path.exists(path)))  # noqa: PTH110 - never raises


def find_mistaken(arguments: Sequence[str], given: Sequence[str], cwd: Path) -> str:
    """Return the first option with a value that is a path's, after a blank; "" for none.

    ``given`` are the arguments that turned out to be no option's value.
    """
    for option, value in pairwise(arguments):
        is_pair = option.startswith("--") and "=" not in option and not value.startswith("-")
        if is_pair and value not in given and os.path.exists(cwd / value):  # noqa: PTH110 - as above
            return f"{option} {value}"
    return ""


def find_seeds(options: Mapping[str, object]) -> dict[str, int | float | str]:
    """Return the seeds among the values of all options, which plugins may have chosen themselves.

    pytest-randomly, pytest-random-order and their like draw one where none was given, and keep it
    as the value of an option with "seed" in its name.
    """
    return {
        name: value
        for name, value in options.items()
        if "seed" in name.lower()
        and isinstance(value, (int, float, str))
        and not isinstance(value, bool)
        and value != ""
    }


def choose_environ(environ: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Choose the variables that go along: those that shape how tests run, and ``names``."""
    chosen = {
        name: value
        for name, value in environ.items()
        if name in _VARIABLES or name.startswith("LC_") or name in names
    }
    if _PATH in chosen:
        chosen[_PATH] = os.pathsep.join(map(_without_links, chosen[_PATH].split(os.pathsep)))
    return chosen


def _without_links(entry: str) -> str:
    """Resolve links: a sandbox has the folder, but not the link to it."""
    return os.path.realpath(entry) if Path(entry).is_absolute() else entry


def has_cwd_on_path(main_name: str, path: Sequence[str], cwd: Path) -> bool:
    """Tell whether pytest was started by ``python -m pytest``, which makes ``cwd`` importable.

    A ``conftest.py`` may have pushed it from the first place, and ``python -P`` keeps it out.
    """
    return main_name in ("pytest", "pytest.__main__") and bool({"", str(cwd)} & set(path))


def _find_main_name() -> str:
    """Return the name the main program was imported by, "" for a script."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name if spec is not None else ""


def _list_arguments(config: pytest.Config) -> list[str]:
    """Return PYTEST_ADDOPTS, then the command line, with ``@file`` arguments read."""
    arguments = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    for argument in map(os.fspath, config.invocation_params.args):
        if argument.startswith("@") and Path(argument[1:]).is_file():
            arguments += Path(argument[1:]).read_text("utf-8").splitlines()
        else:
            arguments.append(argument)
    return arguments
