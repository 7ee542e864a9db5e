"""The judge's additions to a cluster's tests, and the facts about each of them (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.model import Failure, ReadBase
from pytest_agentfix.judge.sessions.orders import Files
from pytest_agentfix.judge.sessions.session_end import NOTHING_ODD, SessionEnd
from pytest_agentfix.judge.variants import TestName

CANARY: Final = "canary"
CLONE: Final = "clone"
MUTANT: Final = "mutant"
PLAIN: Final = "plain-call"

_OWN_FILE: Final = "its own file is part of the change"


def read_file(path: Path, *, top: Path, read_base: ReadBase) -> bytes | None:
    """Read an absolute path from the base, ``None`` if the tree has no such file."""
    if not path.is_relative_to(top):
        return None
    found = read_base(path.relative_to(top).as_posix())
    return None if found is None else found[0]


def read_conftests(path: Path, *, top: Path, read_base: ReadBase) -> Iterator[str]:
    """Yield the texts of all conftest.py that pytest reads for ``path``, and some it may not."""
    for folder in path.parents:
        content = read_file(folder / "conftest.py", top=top, read_base=read_base)
        if content is not None:
            yield content.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTest:
    """One test function of the cluster. ``path`` is relative to pytest's rootdir."""

    nodeid: str
    path: str
    name: TestName
    case: str  # the node id's part in brackets, with them; "" without one
    failure: Failure

    @classmethod
    def of(cls, failure: Failure) -> PlannedTest:
        """Split the node id of a failure into path, name and case."""
        head = failure.function
        path, *names = head.split("::")
        return cls(
            nodeid=failure.nodeid,
            path=path,
            name=tuple(names),
            case=failure.nodeid[len(head) :],
            failure=failure,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPlan:
    """Calls of one module's tests outside pytest.

    ``order`` is that of ``call_runner.py``; ``targets`` maps each call's id to a node id.
    """

    order: Mapping[str, Any]
    targets: Mapping[str, str]

    def without(self, targets: Collection[str]) -> PlainPlan:
        """Return the plan without the calls of ``targets``."""
        kept = {call: target for call, target in self.targets.items() if target not in targets}
        calls = [call for call in self.order["calls"] if call["id"] in kept]
        return PlainPlan(order={**self.order, "calls": calls}, targets=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPlan:
    """The judge's additions to a cluster's tests.

    Files are absolute paths in the sandbox. ``clones`` maps each target to its clone's node id.
    ``impossible`` maps a probe and a target to the reason why the probe cannot be made.
    ``sys_path`` is pytest's import path on the base once all tests are collected. ``is_tallied``:
    pytest's own counters agree with the reports there; some plugins count in ways of their own.
    ``usual_end`` is how a session of the targets ends there.
    ``passed_over`` are targets without variants, as enough others have them.
    """

    clones: Mapping[str, str] = field(default_factory=dict)
    clone_files: Files = field(default_factory=dict)
    canaries: tuple[str, ...] = ()
    canary_files: Files = field(default_factory=dict)
    mutants: tuple[str, ...] = ()
    mutant_files: Files = field(default_factory=dict)
    plain: tuple[PlainPlan, ...] = ()
    test_files: Files = field(default_factory=dict)  # the targets' own, as the base has them
    impossible: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sys_path: tuple[str, ...] = ()
    is_tallied: bool = True
    usual_end: SessionEnd = NOTHING_ODD
    passed_over: frozenset[str] = frozenset()

    @property
    def added_files(self) -> Files:
        """The files added beside the suite in the session of the clones."""
        return {**self.clone_files, **self.canary_files}

    @property
    def added_ids(self) -> tuple[str, ...]:
        """The node ids of the additions that run in the session of the clones."""
        return (*self.clones.values(), *self.canaries)

    def without(
        self,
        *,
        clones: Collection[str] = (),
        plain: Collection[str] = (),
        is_without_canaries: bool = False,
    ) -> VariantPlan:
        """Return the plan without the clones and plain calls of these targets."""
        kept = {target: clone for target, clone in self.clones.items() if target not in clones}
        return replace(
            self,
            clones=kept,
            clone_files=self.clone_files if kept else {},
            canaries=() if is_without_canaries else self.canaries,
            canary_files={} if is_without_canaries else self.canary_files,
            plain=_leave_out(self.plain, plain),
        )

    def for_targets(self, targets: Collection[str], *, rootdir: Path) -> VariantPlan:
        """Return the part of the plan that is about ``targets``."""
        files = {str(rootdir / target.split("::")[0]) for target in targets}
        clones = {target: clone for target, clone in self.clones.items() if target in targets}
        clone_files = {str(rootdir / clone.split("::")[0]) for clone in clones.values()}
        mutants = tuple(target for target in self.mutants if target in targets)
        mutant_files = {str(rootdir / target.split("::")[0]) for target in mutants}
        others = _list_targets(self.plain) - frozenset(targets)
        return replace(
            self,
            clones=clones,
            clone_files=_choose(self.clone_files, clone_files),
            mutants=mutants,
            mutant_files=_choose(self.mutant_files, mutant_files),
            plain=_leave_out(self.plain, others),
            test_files=_choose(self.test_files, files),
            impossible={
                probe: {one: reason for one, reason in reasons.items() if one in ("", *targets)}
                for probe, reasons in self.impossible.items()
            },
            passed_over=self.passed_over & frozenset(targets),
        )

    def only_canaries(self) -> VariantPlan:
        """Return a plan with the canaries alone."""
        return VariantPlan(canaries=self.canaries, canary_files=self.canary_files)

    def without_changed(self, changed: Collection[str]) -> VariantPlan:
        """Return the part of the plan that holds when these files change (absolute paths).

        Variants are made from the base's tests. If a user lets the agent change a target's own
        file, they would check expectations that no longer count.
        """
        if not frozenset(changed) & self.test_files.keys():
            return self
        left = replace(self, test_files={}, mutants=(), mutant_files={})
        targets = {*self.clones, *self.mutants, *_list_targets(self.plain)}
        for probe in (CLONE, MUTANT, PLAIN):
            left = left.rule_out(probe, dict.fromkeys(targets, _OWN_FILE))
        return left.without(clones=targets, plain=targets)

    def rule_out(self, probe: str, reasons: Mapping[str, str]) -> VariantPlan:
        """Return the plan with ``reasons`` why ``probe`` cannot be made of some targets."""
        known = {**self.impossible.get(probe, {}), **reasons}
        return replace(self, impossible={**self.impossible, probe: known})


def _choose(files: Files, paths: Collection[str]) -> Files:
    return {path: content for path, content in files.items() if path in paths}


def _list_targets(plans: tuple[PlainPlan, ...]) -> frozenset[str]:
    return frozenset(target for plan in plans for target in plan.targets.values())


def _leave_out(plans: tuple[PlainPlan, ...], targets: Collection[str]) -> tuple[PlainPlan, ...]:
    kept = (plan.without(targets) for plan in plans)
    return tuple(plan for plan in kept if plan.targets)
