"""Read ``TestPolicy`` from the ``agent_fix`` marker, and turn it into plain data for xdist."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.model import TestPolicy


class _Keyword(NamedTuple):
    takes: str
    is_valid: Callable[[object], bool]


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and value > 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_model(value: object) -> bool:
    if not isinstance(value, str):
        return False
    provider, _, name = value.partition("/")
    return bool(provider and name) and len(value.split()) == 1


def _is_globs(value: object) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(map(_is_text, value))


_KEYWORDS: Mapping[str, _Keyword] = {
    "enabled": _Keyword("True or False", _is_flag),
    "max_attempts": _Keyword("a whole number above 0", _is_count),
    "timeout": _Keyword("a number of seconds above 0", _is_seconds),
    "model": _Keyword("'PROVIDER/MODEL'", _is_model),
    "paths": _Keyword("a list of globs", _is_globs),
    "allow_test_edits": _Keyword("True or False", _is_flag),
    "flaky_runs": _Keyword("a whole number above 0", _is_count),
    "reason": _Keyword("a text", _is_text),
}
_NEXT_STEP = "See pytest --markers."


def make_policy(args: tuple[object, ...], kwargs: Mapping[str, Any]) -> TestPolicy:
    """Return the policy a marker's arguments spell; raise ``SettingError`` if one is wrong."""
    if args:
        raise SettingError("the agent_fix marker takes keywords only.", _NEXT_STEP)
    for name, value in kwargs.items():
        keyword = _KEYWORDS.get(name)
        if keyword is None:
            known = ", ".join(_KEYWORDS)
            raise SettingError(f"the agent_fix marker knows no {name}=, only {known}.", _NEXT_STEP)
        if not keyword.is_valid(value):
            raise SettingError(
                f"the agent_fix marker's {name}= takes {keyword.takes}, not {value!r}.", _NEXT_STEP
            )
    given = dict(kwargs)
    if "paths" in given:
        given["paths"] = tuple(given["paths"])
    if "timeout" in given:
        given["timeout"] = float(given["timeout"])
    return TestPolicy(**given)


def dump_policy(policy: TestPolicy | None) -> dict[str, Any] | None:
    """Return the policy as numbers, texts and lists only, as xdist can send them."""
    if policy is None:
        return None
    data = asdict(policy)
    data["paths"] = None if policy.paths is None else list(policy.paths)
    return data


def load_policy(data: Mapping[str, Any] | None) -> TestPolicy | None:
    """Return the policy that ``dump_policy`` wrote."""
    return (
        None if data is None else make_policy((), {k: v for k, v in data.items() if v is not None})
    )
