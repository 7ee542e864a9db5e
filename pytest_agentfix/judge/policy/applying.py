"""Split what came out of a workspace into changes that may stay and reasons for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_agentfix.core.model import ChangeSet, Collected, Drop, FileChange, ReadBase
from pytest_agentfix.core.paths import display
from pytest_agentfix.judge.policy.base_names import folders_of
from pytest_agentfix.judge.policy.doctests import restore_examples
from pytest_agentfix.judge.policy.policy import Accepted, Policy
from pytest_agentfix.judge.policy.rules import PathChange, RuleContext, find_rule, is_open
from pytest_agentfix.judge.policy.test_files import Suite, find_test_files
from pytest_agentfix.judge.policy.tree import PathTree

_IN_THE_WAY = "a file is where another one needs a folder"
_MODE = "the executable bit stays as it was"
_DOCTEST = "a doctest's examples"
_UNREADABLE = "its doctests cannot be read"


def apply_policy(
    policy: Policy, collected: Collected, litter: frozenset[str], *, read_base: ReadBase
) -> Accepted:
    """Split ``collected`` into changes that may stay and drops with their reasons.

    ``litter`` are paths that merely running the tests leaves behind: where they are new they are
    dropped without a reason. ``read_base`` returns content and executable bit of a file of the
    base. If the changes were not read completely, none may stay.
    """
    if not collected.is_complete:
        return Accepted(ChangeSet(), collected.irregular)
    changes = _without_litter(collected.changes.files, policy, litter)
    dropped = [drop for drop in collected.irregular if drop.path not in litter]
    context = _make_context(policy, changes, read_base)
    kept: dict[str, FileChange] = {}
    for path, change in sorted(changes.items()):
        settled, drops = _judge(PathChange.of(path, change, context))
        if settled is not None:
            kept[path] = settled
        dropped += drops
    blocked = _find_blocked(kept, context.tree)
    dropped += [Drop(display(path), _IN_THE_WAY) for path in blocked]
    changes = {path: change for path, change in kept.items() if path not in blocked}
    return Accepted(ChangeSet(changes), tuple(sorted(dropped, key=_order)))


def _without_litter(
    changes: Mapping[str, FileChange], policy: Policy, litter: frozenset[str]
) -> dict[str, FileChange]:
    left_out = litter - frozenset(policy.base_paths)
    return {path: change for path, change in changes.items() if path not in left_out}


def _make_context(
    policy: Policy, changes: Mapping[str, FileChange], read_base: ReadBase
) -> RuleContext:
    new = [path for path, change in changes.items() if not change.is_deletion]
    tree = PathTree.build(policy.base_paths, new, test_files=find_test_files(policy))
    return RuleContext(policy=policy, tree=tree, suite=Suite.build(policy), read_base=read_base)


def _judge(change: PathChange) -> tuple[FileChange | None, list[Drop]]:
    """Return the part of a change that may stay, and the drops to report."""
    rule = find_rule(change)
    if rule is not None:
        return None, [Drop(display(change.path), rule.reason)]
    if change.file.is_deletion:
        return change.file, []
    content = _keep_doctests(change)
    if content is None:
        return None, [Drop(display(change.path), _UNREADABLE)]
    settled, drop = _settle_mode(replace(change, file=replace(change.file, content=content)))
    drops = [Drop(display(change.path), _DOCTEST)] if content != change.file.content else []
    return settled, [*drops, *([drop] if drop else [])]


def _keep_doctests(change: PathChange) -> bytes | None:
    """Return the content with the base's doctests, ``None`` where they cannot be found."""
    content, context = change.file.content, change.context
    base = context.read_base(change.path) if change.path in context.policy.doctested else None
    if content is None or base is None or is_open(change) or context.policy.allow_test_edits:
        return content
    return restore_examples(content, base[0])


def _settle_mode(change: PathChange) -> tuple[FileChange | None, Drop | None]:
    """Give the content the base's mode: editors that rename lose the executable bit."""
    base = None if change.is_new else change.context.read_base(change.path)
    executable = base is not None and base[1]
    if base == (change.file.content, change.file.executable):
        return None, None  # saved in another encoding, which was undone
    if change.file.executable == executable:
        return change.file, None
    drop = Drop(display(change.path), _MODE)
    if base is not None and base[0] == change.file.content:
        return None, drop
    return replace(change.file, executable=executable), drop


def _find_blocked(kept: Mapping[str, FileChange], tree: PathTree) -> frozenset[str]:
    """Return the new files that cannot be in one tree with the rest.

    They come about when another rule dropped half of "a file becomes a folder".
    """
    gone = {path for path, change in kept.items() if change.is_deletion}
    new = kept.keys() - gone
    new_folders = {folder for path in new for folder in folders_of(path)}

    def is_file(path: str) -> bool:
        return path in new or (path in tree.files and path not in gone)

    return frozenset(
        path
        for path in new
        if path in new_folders
        or tree.has_more_in(path, gone)
        or any(is_file(folder) for folder in folders_of(path))
    )


def _order(drop: Drop) -> tuple[str, str]:
    return (drop.path, drop.reason)
