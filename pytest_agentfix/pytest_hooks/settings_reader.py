"""Read options, ini values and defaults into one frozen ``Settings``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.options import ENVIRONMENTS
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.pytest_hooks import internals
from pytest_agentfix.pytest_hooks import option_values as values
from pytest_agentfix.pytest_hooks.option_values import Form
from pytest_agentfix.report.formats import FORMATS, ReportFormat

T = TypeVar("T")


def make_settings(
    config: pytest.Config,
    *,
    formats: Mapping[str, ReportFormat] = FORMATS,
    further_environments: Sequence[str] = (),
) -> Settings:
    """Return all settings: an option beats an ini value, which beats the default.

    ``formats`` are the reports that can be written, by suffix; ``further_environments`` are
    the names of other plugins' kinds. Raise ``SettingError``, which names
    the option and what it takes, if one is wrong.
    """
    read = _SettingReader(config)
    default = Settings()
    settings = Settings(
        select=read.one("agent_fix_select", values.make_choice("all", "marked"), default.select),
        model=read.maybe("agent_fix_model", values.MODEL),
        base_url=read.maybe("agent_fix_base_url", values.URL),
        api_key_env=read.maybe("agent_fix_api_key_env", values.NAME),
        review=read.maybe("agent_fix_review", values.REVIEW),
        max_cost=read.maybe("agent_fix_max_cost", values.DOLLARS),
        max_tokens=read.maybe("agent_fix_max_tokens", values.COUNT),
        record=_resolve_path(read, "agent_fix_record"),
        replay=_resolve_path(read, "agent_fix_replay"),
        is_verbose=internals.find_verbosity(config) > 0,
        max_attempts=read.one("agent_fix_max_attempts", values.COUNT, default.max_attempts),
        max_clusters=read.one("agent_fix_max_clusters", values.COUNT, default.max_clusters),
        jobs=read.one("agent_fix_jobs", values.JOBS, default.jobs),
        timeout=read.one("agent_fix_timeout", values.SECONDS, default.timeout),
        environment=read.one(
            "agent_fix_environment",
            values.make_choice("auto", *ENVIRONMENTS, *further_environments),
            default.environment,
        ),
        image=read.maybe("agent_fix_image", values.IMAGE),
        branch=read.maybe("agent_fix_branch", values.BRANCH),
        commit=not read.one("agent_fix_no_commit", values.FLAG, default=False),
        reports=_resolve_reports(read, formats),
        keep=read.one("agent_fix_keep", values.FLAG, default=False),
        exit_non_zero_on_fix=read.one("agent_fix_exit_non_zero_on_fix", values.FLAG, default=False),
        opencode=_resolve_path(read, "agent_fix_opencode"),
        include=read.many("agent_fix_include", values.GLOB),
        repository_history=read.one(
            "agent_fix_repository_history",
            values.make_choice("none", "judge"),
            default.repository_history,
        ),
        env=read.many("agent_fix_env", values.VARIABLE),
        max_requests=read.one("agent_fix_max_requests", values.COUNT, default.max_requests),
        api_key_command=read.maybe("agent_fix_api_key_command", values.COMMAND) or (),
        caps=read.many("agent_fix_caps", values.CAP),
        price=read.maybe("agent_fix_price", values.PRICE) or (),
        model_timeouts=tuple(dict(read.many("agent_fix_model_timeouts", values.WAIT)).items()),
        allow=read.many("agent_fix_allow", values.GLOB),
        lint=tuple(dict(read.many("agent_fix_lint", values.LINT)).items()),  # the last one counts
        regressions=read.one(
            "agent_fix_regressions", values.make_choice("run", "all"), default.regressions
        ),
        prepare=read.one("agent_fix_prepare", values.make_choice("auto", "never"), default.prepare),
        max_unjudged=read.one("agent_fix_max_unjudged", values.SHARE, default.max_unjudged),
        minimise=read.one("agent_fix_minimise", values.FLAG, default.minimise),
    )
    _check_together(settings)
    return settings


class _SettingReader:
    """Reader of single settings of one pytest run; its errors name the place to correct."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def one(self, name: str, form: Form[T], default: T) -> T:
        """Return the value of ``name``, or ``default``."""
        value = self.maybe(name, form)
        return default if value is None else value

    def maybe(self, name: str, form: Form[T]) -> T | None:
        """Return the value of ``name``; ``None`` when it is not set."""
        label, given = self._find(name, form)
        return None if given is None else _parse(label, str(given), form)

    def many(self, name: str, form: Form[T]) -> tuple[T, ...]:
        """Return the values of a list, each checked, without repeats."""
        label, given = self._find(name, form)
        texts = given if isinstance(given, list) else []
        return tuple(dict.fromkeys(_parse(label, str(text), form) for text in texts))

    def resolve(self, name: str, text: str) -> Path:
        """Return ``text`` as an absolute path, relative to where the user typed it."""
        ini_file = self._config.inipath
        is_ini = self._option(name) is None and ini_file is not None
        home = ini_file.parent if is_ini and ini_file else self._config.invocation_params.dir
        return Path(os.path.abspath(home / Path(text).expanduser()))  # noqa: PTH100 - keeps links

    def _find(self, name: str, form: Form[T]) -> tuple[str, object]:
        """Return the name the user gave the setting, and its value (``None``: not given)."""
        option = self._option(name)
        if option is not None:
            return "--" + name.replace("_", "-"), option
        try:
            return name, self._config.getini(name)
        except (TypeError, ValueError, pytest.UsageError) as error:
            raise SettingError(f"{name} takes {form.takes}.", _NEXT_STEP) from error

    def _option(self, name: str) -> object:
        return self._config.getoption(name, None)


_NEXT_STEP = "Correct it, or leave it out for the default (see pytest --help)."


def _parse(label: str, text: str, form: Form[T]) -> T:
    try:
        return form.parse(text)
    except (ValueError, KeyError) as error:
        given = "" if form.is_secret else f", not {text!r}"
        # The cause is cut off: it would repeat the text.
        raise SettingError(f"{label} takes {form.takes}{given}.", _NEXT_STEP) from (
            None if form.is_secret else error
        )


def _resolve_path(read: _SettingReader, name: str) -> Path | None:
    text = read.maybe(name, values.PATH)
    return None if text is None else read.resolve(name, text)


def _resolve_reports(read: _SettingReader, formats: Mapping[str, ReportFormat]) -> tuple[Path, ...]:
    name = "agent_fix_report"
    form = values.make_report_path(formats)
    paths = [read.resolve(name, text) for text in read.many(name, form)]
    for path in paths:
        _check_writable("--agent-fix-report", path)
    return tuple(dict.fromkeys(paths))


def _check_writable(option: str, path: Path) -> None:
    """Raise ``SettingError`` if no file could be written there; missing folders will be made."""
    existing = next(parent for parent in path.parents if parent.exists())
    if path.is_dir():
        problem = "is a folder"
    elif path.exists() and not path.is_file():
        problem = "is no regular file"
    elif not existing.is_dir():
        problem = f"cannot be made: {existing} is not a folder"
    elif not os.access(path if path.exists() else existing, os.W_OK):
        problem = "may not be written"
    else:
        return
    raise SettingError(
        f"{option} takes the path of a file to write; {path} {problem}.",
        "Choose another path.",
    )


def _check_model_access(settings: Settings) -> None:
    if settings.record is not None and settings.replay is not None:
        raise SettingError(
            "--agent-fix-record and --agent-fix-replay cannot be given together.",
            "Leave out one of the two.",
        )
    if settings.record is not None:
        _check_writable("--agent-fix-record", settings.record)
    if settings.api_key_command and settings.api_key_env is not None:
        raise SettingError(
            "agent_fix_api_key_command and --agent-fix-api-key-env both say where the key is.",
            "Leave out one of the two.",
        )


def _check_together(settings: Settings) -> None:
    _check_model_access(settings)
    if settings.environment == "image" and settings.image is None:
        raise SettingError(
            "--agent-fix-environment image takes --agent-fix-image with the image's name.",
            "Name one, or leave the environment to 'auto'.",
        )
    if settings.branch is not None and not settings.commit:
        raise SettingError(
            "--agent-fix-branch takes a branch to commit on, and --agent-fix-no-commit forbids to "
            "commit.",
            "Leave out one of the two.",
        )
    if settings.api_key_env is not None and settings.api_key_env in settings.env:
        raise SettingError(
            "agent_fix_env takes no name that --agent-fix-api-key-env has: keys never enter a "
            "sandbox.",
            "Leave it out of agent_fix_env.",
        )
