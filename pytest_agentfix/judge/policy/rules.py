"""The table of paths that a change set may never touch, in the order in which reasons are given."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from pytest_agentfix.core.model import FileChange, ReadBase
from pytest_agentfix.core.paths import fold, normalise
from pytest_agentfix.judge.policy import file_names
from pytest_agentfix.judge.policy.declared_encoding import decode, find_declared
from pytest_agentfix.judge.policy.globs import compile_glob
from pytest_agentfix.judge.policy.policy import Policy
from pytest_agentfix.judge.policy.test_files import Suite
from pytest_agentfix.judge.policy.text_content import settle_text
from pytest_agentfix.judge.policy.tree import PathTree

_TEST_RUNNERS: Final = frozenset({"pytest", "_pytest", "pluggy", "_pluggy", "iniconfig"})
_BIDI: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleContext:
    """The facts that do not depend on a single change."""

    policy: Policy
    tree: PathTree
    suite: Suite
    read_base: ReadBase


@dataclass(frozen=True, slots=True, kw_only=True)
class PathChange:
    """The change of one path. ``folded`` and ``parts`` are for comparing names only."""

    path: str
    folded: str
    parts: tuple[str, ...]
    file: FileChange
    is_new: bool
    is_text: bool
    context: RuleContext

    @classmethod
    def of(cls, path: str, change: FileChange, context: RuleContext) -> PathChange:
        """Return the change of ``path`` with the forms the rules compare.

        Its content is in the encoding of the base.
        """
        folded = fold(path)
        text = _settle(path, change, context)
        return cls(
            path=path,
            folded=folded,
            parts=tuple(folded.split("/")),
            file=change if text is None else replace(change, content=text),
            is_new=path not in context.tree.files,
            is_text=change.is_deletion or text is not None,
            context=context,
        )


def _settle(path: str, change: FileChange, context: RuleContext) -> bytes | None:
    if change.content is None:
        return None
    base = context.read_base(path) if path in context.tree.files else None
    attribute = context.policy.encodings.get(path, "")
    return settle_text(change.content, base and base[0], attribute=attribute)


Predicate = Callable[[PathChange], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to drop a change; with ``can_be_opened`` the project's globs may lift it."""

    name: str
    applies: Predicate
    reason: str
    can_be_opened: bool = False


def find_rule(change: PathChange) -> Rule | None:
    """Return the first rule that forbids the change, ``None`` if it may stay."""
    is_opened = is_open(change)
    rules = (rule for rule in RULES if not (is_opened and rule.can_be_opened))
    return next((rule for rule in rules if rule.applies(change)), None)


def is_open(change: PathChange) -> bool:
    """Return whether the project lets its tests at this path be changed."""
    policy = change.context.policy
    return change.path in policy.opened or _matches(change.path, policy.allow)


def _named(predicate: file_names.NamePredicate) -> Predicate:
    return lambda change: predicate(change.parts)


def _unless_allowed(predicate: Predicate) -> Predicate:
    return lambda change: not change.context.policy.allow_test_edits and predicate(change)


def _is_hostile(change: PathChange) -> bool:
    return normalise(change.path) is None


def _is_new_and_decomposed(change: PathChange) -> bool:
    return change.is_new and not unicodedata.is_normalized("NFC", change.path)


def _is_in_submodule(change: PathChange) -> bool:
    submodules = map(fold, change.context.policy.submodules)
    return any(f"{change.folded}/".startswith(f"{module.rstrip('/')}/") for module in submodules)


def _is_ignored(change: PathChange) -> bool:
    return change.folded in map(fold, change.context.policy.ignored)


def _is_filtered(change: PathChange) -> bool:
    return change.path in change.context.policy.filtered


def _is_left_out(change: PathChange) -> bool:
    return change.path in change.context.policy.left_out


def _is_planted_repository(change: PathChange) -> bool:
    return change.is_new and change.context.tree.is_planted(change.path)


def _is_protected(change: PathChange) -> bool:
    return change.folded in map(fold, change.context.policy.protected)


def _is_closed(change: PathChange) -> bool:
    return change.path in change.context.policy.closed


def _is_test(change: PathChange) -> bool:
    return change.context.suite.is_test(change.folded)


def _is_test_data(change: PathChange) -> bool:
    return change.context.suite.is_data(change.folded)


def _is_task_script(change: PathChange) -> bool:
    """Match a task runner's script, which is no module that the user's tests import."""
    is_script = file_names.is_task_script(change.parts)
    return is_script and change.path not in change.context.policy.imported


def _is_shadow(change: PathChange) -> bool:
    if not change.is_new or change.file.is_deletion:
        return False
    taken = change.context.policy.installed_names | sys.stdlib_module_names | _TEST_RUNNERS
    tree = change.context.tree
    return any(name in taken or fold(name) in taken for name in tree.find_shadows(change.path))


def _collides(change: PathChange) -> bool:
    return change.is_new and change.context.tree.collides(change.path)


def _is_outside_paths(change: PathChange) -> bool:
    globs = change.context.policy.paths
    return globs is not None and not _matches(change.path, globs)


def _matches(path: str, globs: Iterable[str]) -> bool:
    return any(compile_glob(glob).fullmatch(path) for glob in globs)


def _is_binary(change: PathChange) -> bool:
    return not change.is_text


def _lost_encoding(change: PathChange) -> bool:
    """Tell a text that is no longer in its encoding from what is no text at all."""
    found = None if change.is_text else change.context.read_base(change.path)
    if found is None:
        return False
    base = found[0]
    is_other_text = b"\0" not in base and decode(base, "utf-8") is None
    is_declared = bool(find_declared(base)) or change.path in change.context.policy.encodings
    return is_other_text or is_declared


def _adds_bidi(change: PathChange) -> bool:
    """CVE-2021-42574: what a reviewer sees is not what the interpreter reads."""
    count = _count_bidi(change.file.content or b"")
    if count == 0:
        return False
    base = change.context.read_base(change.path)
    return base is None or count > _count_bidi(base[0])


def _count_bidi(content: bytes) -> int:
    plain = content.decode(errors="replace")
    declared = decode(content, find_declared(content)) or ""
    return max(len(_BIDI.findall(text)) for text in (plain, declared))


def _opened(name: str, applies: Predicate, reason: str) -> Rule:
    return Rule(name, applies, reason, can_be_opened=True)


RULES: Final = (
    Rule("hostile-path", _is_hostile, "unsafe path"),
    Rule("decomposed-name", _is_new_and_decomposed, "unsafe path: the name is not in NFC"),
    Rule("closed", _is_closed, "closed by a pytest_agentfix_policy hook"),
    Rule("submodule", _is_in_submodule, "inside a submodule"),
    Rule("ignored", _is_ignored, "git ignores this file: it is only lent to the sandbox"),
    Rule("filtered", _is_filtered, "git stores this file through a filter, which is never run"),
    Rule("left-out", _is_left_out, "there is such a file, outside the sparse checkout"),
    _opened("ci", _named(file_names.is_ci_configuration), "CI or editor configuration"),
    Rule("git-configuration", _named(file_names.is_git_configuration), "git configuration"),
    Rule("bare-repository", _is_planted_repository, "part of a bare git repository"),
    _opened("conftest", _named(file_names.is_conftest), "conftest.py"),
    _opened("pytest", _named(file_names.is_pytest_configuration), "pytest configuration"),
    _opened("protected", _is_protected, "pytest configuration"),
    Rule("start-up", _named(file_names.is_start_up_file), "interpreter start-up file"),
    Rule("agents", _named(file_names.is_agents_file), "coding agents' own file"),
    _opened("build", _named(file_names.is_build_file), "build or dependency file"),
    _opened("task-script", _is_task_script, "script of a task runner"),
    _opened("snapshot", _unless_allowed(_named(file_names.is_snapshot)), "snapshot or cassette"),
    _opened("test", _unless_allowed(_is_test), "test file"),
    _opened("test-data", _unless_allowed(_is_test_data), "test data"),
    _opened("hidden", _named(file_names.is_hidden), "hidden file"),
    _opened("shadow", _is_shadow, "hides an installed module of that name"),
    Rule("collision", _collides, "differs from another path only in case or Unicode form"),
    Rule("paths", _is_outside_paths, "outside paths= of the marker"),
    Rule("compiled", _named(file_names.is_compiled), "binary content"),
    Rule("encoding", _lost_encoding, "not in the encoding that the file had"),
    Rule("binary", _is_binary, "binary content"),
    Rule("bidi", _adds_bidi, "bidirectional control characters"),
)
