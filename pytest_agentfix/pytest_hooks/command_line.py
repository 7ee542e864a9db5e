"""Choose the options of the user's command line that are repeated in a sandbox. Pure.

A sandbox runs chosen tests, one process, with a reporter of ours; whatever selects tests, spreads
them, writes reports or only changes what is shown stays behind. Everything else goes along, since
it may decide how the tests behave, or which there are: ``-p``, ``-o``, ``-W``, ``--import-mode``,
options of other plugins and of the user's ``conftest.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from pytest_agentfix.core.options import OPTIONS
from pytest_agentfix.pytest_hooks.command_line_table import (
    DROPPED_FLAGS,
    DROPPED_OPTIONAL_VALUE,
    DROPPED_SHORT_FLAGS,
    DROPPED_SHORT_VALUES,
    DROPPED_VALUE,
    KEPT_SHORT_FLAGS,
    KEPT_SHORT_VALUES,
    KEPT_VALUE,
)

_OURS = ("agentfix", "pytest_agentfix", "agent_fix", "pytest-agentfix")


def clean_arguments(
    arguments: Sequence[str], positionals: Sequence[str], custom: Collection[str] = ()
) -> tuple[str, ...]:
    """Keep the options of ``arguments`` that are to be repeated, in order.

    ``positionals`` are the paths and node ids pytest found among them; an option this module does
    not know keeps a following value unless it is one of these. ``custom`` are options that a
    ``conftest.py`` or an unknown plugin declares: they go along, whatever they mean elsewhere.
    """
    return tuple(_Cleaner(arguments, positionals, custom).clean())


class _Cleaner:
    def __init__(
        self, arguments: Sequence[str], positionals: Sequence[str], custom: Collection[str]
    ) -> None:
        self._custom = custom
        self._rest = list(reversed(arguments))
        self._positionals = Counter(positionals)
        self._flags = DROPPED_FLAGS | {each.flag for each in OPTIONS if each.metavar is None}
        self._valued = DROPPED_VALUE | {each.flag for each in OPTIONS if each.metavar}

    def clean(self) -> list[str]:
        kept: list[str] = []
        while self._rest:
            token = self._rest.pop()
            if token == "--":  # noqa: S105 - the end of the options, no password
                break
            if token.startswith("--"):
                kept += self._take_long(token)
            elif token.startswith("-") and len(token) > 1:
                kept += self._take_short(token)
            elif not self._is_positional(token):
                kept.append(token)  # the value of an option of another plugin
        return kept

    def _is_positional(self, token: str) -> bool:
        if not self._positionals[token]:
            return False
        self._positionals[token] -= 1
        return True

    def _take_long(self, token: str) -> list[str]:
        name, equals, value = token.partition("=")
        if name in self._custom:
            return [token]  # a value that follows is kept like any other
        if name in self._flags:
            return []
        if name in self._valued or name in DROPPED_OPTIONAL_VALUE:
            if not equals and (name in self._valued or self._has_value()):
                self._take_value()
            return []
        values = self._take_value() if name in KEPT_VALUE and not equals else []
        is_ours = name == "--override-ini" and any(map(_is_ours, [value, *values]))
        return [] if is_ours else [token, *values]

    def _has_value(self) -> bool:
        """Tell whether a value follows an option that needs none."""
        following = self._rest[-1] if self._rest else "-"
        return not following.startswith("-") and not self._positionals[following]

    def _take_value(self) -> list[str]:
        return [self._rest.pop()] if self._rest else []

    def _take_short(self, token: str) -> list[str]:
        """Go through glued flags up to the first letter that takes a value, or is not known."""
        kept = ""
        for position, letter in enumerate(token[1:], start=1):
            value = token[position + 1 :]
            if letter in DROPPED_SHORT_FLAGS:
                continue
            if letter in KEPT_SHORT_FLAGS:
                kept += letter
            elif letter in DROPPED_SHORT_VALUES:
                if not value:
                    self._take_value()
                break
            elif letter in KEPT_SHORT_VALUES:
                values = [value] if value else self._take_value()
                option = [] if any(map(_is_ours, values)) else [f"-{letter}", *values]
                return [*_glue(kept), *option]
            else:
                kept += token[position:]
                break
        return _glue(kept)


def _glue(letters: str) -> list[str]:
    return [f"-{letters}"] if letters else []


def _is_ours(value: str) -> bool:
    """Tell whether ``-p`` or ``-o`` with this value would switch this plugin on."""
    return value.startswith(_OURS)
