"""The entry point: options, the marker, and the two plugins that do the work when it is on.

Imported by every pytest run of everybody who has the package installed. Whatever is not needed to
be *off* is imported inside a function.
"""

from __future__ import annotations

import os
import sys

import pytest

from pytest_agentfix.core.options import MARKER, OPTIONS, Option

# Runs that ask pytest something instead of running tests.
_INQUIRIES = (
    "collectonly",
    "showfixtures",
    "show_fixtures_per_test",
    "setuponly",
    "setupplan",
    "cacheshow",
)
# Where modules were found before any conftest.py was loaded, which may have changed that.
_EARLY_PATH = tuple(sys.path)
# Until 8.4 pytest knew no numbers in ini files. Texts do as well: the settings' reader parses them.
_NUMBERS = ("int", "float") if pytest.version_tuple < (8, 4) else ()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hooks known, so that a ``conftest.py`` that has one works with the plugin off."""
    from pytest_agentfix import hookspecs  # noqa: PLC0415 - typed by modules that are not loaded

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare every option with its ini counterpart."""
    group = parser.getgroup("agent-fix", "repair failing tests")
    for option in OPTIONS:
        if not option.is_ini_only:
            _add_option(group, option)
        # "Not given" again; pytest's own default would be 0 or False.
        default: list[str] | None = [] if option.ini_type == "linelist" else None
        ini_type = "string" if option.ini_type in _NUMBERS else option.ini_type
        parser.addini(option.name, option.help, type=ini_type, default=default)


def _add_option(group: pytest.OptionGroup, option: Option) -> None:
    """``None`` is "not given" for all of them, so that the ini value can count."""
    if option.metavar is None:
        group.addoption(option.flag, action="store_true", default=None, help=option.help)
        return
    action = "append" if option.is_repeatable else "store"
    group.addoption(
        option.flag, action=action, metavar=option.metavar, default=None, help=option.help
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and when switched on what watches the items and what repairs."""
    config.addinivalue_line("markers", MARKER)
    # The agent's own pytest must not start another agent.
    if "OPENCODE" in os.environ or not _is_switched_on(config):
        return
    try:
        from pytest_agentfix.pytest_hooks import usage_errors  # noqa: PLC0415 - costs nothing when off
    except Exception as error:  # pytest's import hook needs an ``open`` that works
        raise pytest.UsageError(
            f"agent-fix cannot be imported: {type(error).__name__}: {error}. If a conftest.py "
            "replaces 'open' or the like, have a fixture do it and undo it; else install "
            "pytest-agentfix anew ('pip check' tells of packages that do not fit)."
        ) from error
    with usage_errors.as_usage_errors("read its settings", usage_errors.REPORT_IT):
        _register(config)


def _is_switched_on(config: pytest.Config) -> bool:
    if config.getoption("agent_fix"):
        return True
    try:
        return bool(config.getini("agent_fix"))
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError("agent_fix takes true or false. Correct it.") from error


def _register(config: pytest.Config) -> None:
    from pytest_agentfix.pytest_hooks.items import ItemPlugin  # noqa: PLC0415 - as above

    config.pluginmanager.register(ItemPlugin(config), "agentfix-items")
    is_worker = hasattr(config, "workerinput")
    if is_worker or any(config.getoption(name, default=False) for name in _INQUIRIES):
        return
    from pytest_agentfix.pytest_hooks.extensions import PytestExtensions  # noqa: PLC0415
    from pytest_agentfix.pytest_hooks.session import SessionPlugin  # noqa: PLC0415
    from pytest_agentfix.pytest_hooks.settings_reader import make_settings  # noqa: PLC0415

    extensions = PytestExtensions(config)
    settings = make_settings(
        config,
        formats=extensions.report_formats,
        further_environments=tuple(extensions.environments),
    )
    plugin = SessionPlugin(config, settings, extensions, path=_EARLY_PATH)
    config.pluginmanager.register(plugin, "agentfix-session")
