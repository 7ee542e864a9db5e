"""The judge's additions to a cluster's tests, and the facts about each of them (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.judge.sessions.orders import Files
from pytest_agentfix.judge.sessions.session_end import USUAL, UsualSession

CANARY: Final = "canary"
CLONE: Final = "clone"
MUTANT: Final = "mutant"
PLAIN: Final = "plain-call"

_OWN_FILE: Final = "its own file is part of the change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """One probe's additions to the targets' own tests.

    ``ids`` maps a target to the node id that stands for it, or to the id of its call in one of the
    ``orders`` (those of ``call_runner.py``). ``files`` are absolute paths in the sandbox.
    ``impossible`` maps a target to the reason why it has none.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    orders: Sequence[Mapping[str, Any]] = ()
    impossible: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: Additions) -> Additions:
        return Additions(
            ids={**self.ids, **other.ids},
            files={**self.files, **other.files},
            orders=(*self.orders, *other.orders),
            impossible={**self.impossible, **other.impossible},
        )

    def without(self, reasons: Mapping[str, str]) -> Additions:
        """Return the additions without those of some targets, each for a reason."""
        kept = {target: one for target, one in self.ids.items() if target not in reasons}
        return replace(
            self,
            ids=kept,
            files=self.files if kept else {},
            impossible={**self.impossible, **reasons},
        )

    def for_targets(self, targets: Collection[str], *, rootdir: Path) -> Additions:
        """Return the additions of ``targets``."""
        ids = {target: one for target, one in self.ids.items() if target in targets}
        needed = {str(rootdir / one.partition("::")[0]) for one in ids.values()}
        reasons = {one: why for one, why in self.impossible.items() if one in targets}
        files = {path: content for path, content in self.files.items() if path in needed}
        return replace(self, ids=ids, files=files, impossible=reasons)

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        """The orders that call something, with the calls of these targets only."""
        wanted = set(self.ids.values())
        orders: list[Mapping[str, Any]] = []
        for order in self.orders:
            calls = [call for call in order["calls"] if call["id"] in wanted]
            if calls:
                orders.append({**order, "calls": calls})
        return orders

    @property
    def reason(self) -> str:
        """The reasons why there are none."""
        return "; ".join(dict.fromkeys(self.impossible.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPlan:
    """The additions to a cluster's tests, by the name of their probe.

    ``canary`` maps each canary to itself. ``test_files`` are the targets' own, as the base has
    them. ``sys_path`` is pytest's import path on the base once all tests are collected, ``usual`` a
    session of the targets there. ``passed_over`` are targets without variants, as enough others
    have them.
    """

    by_probe: Mapping[str, Additions] = field(default_factory=dict)
    canary: Additions = field(default_factory=Additions)
    test_files: Files = field(default_factory=dict)
    sys_path: tuple[str, ...] = ()
    usual: UsualSession = USUAL
    passed_over: frozenset[str] = frozenset()

    def of(self, probe: str) -> Additions:
        """Return the additions of a probe."""
        return self.canary if probe == CANARY else self.by_probe.get(probe, Additions())

    @property
    def canaries(self) -> tuple[str, ...]:
        """The node ids of the tests that must fail."""
        return tuple(self.canary.ids)

    @property
    def added_files(self) -> Files:
        """The files added beside the suite in the session of the clones."""
        return {**self.of(CLONE).files, **self.canary.files}

    @property
    def added_ids(self) -> tuple[str, ...]:
        """The node ids of the additions that run in the session of the clones."""
        return (*self.of(CLONE).ids.values(), *self.canaries)

    def without(self, probe: str, reasons: Mapping[str, str]) -> VariantPlan:
        """Return the plan without a probe's additions to some targets, each for a reason."""
        left = self.of(probe).without(reasons)
        if probe == CANARY:
            return replace(self, canary=left)
        return replace(self, by_probe={**self.by_probe, probe: left})

    def for_targets(self, targets: Collection[str], *, rootdir: Path) -> VariantPlan:
        """Return the part of the plan that is about ``targets``."""
        own = {str(rootdir / target.partition("::")[0]) for target in targets}
        return replace(
            self,
            by_probe={
                name: added.for_targets(targets, rootdir=rootdir)
                for name, added in self.by_probe.items()
            },
            test_files={path: text for path, text in self.test_files.items() if path in own},
            passed_over=self.passed_over & frozenset(targets),
        )

    def only_canaries(self) -> VariantPlan:
        """Return a plan with the canaries alone."""
        return VariantPlan(canary=self.canary)

    def without_changed(self, changed: Iterable[str]) -> VariantPlan:
        """Return the part of the plan that holds when these files change (absolute paths).

        Variants are made from the base's tests. If a user lets the agent change a target's own
        file, they would check expectations that no longer count.
        """
        if not frozenset(changed) & self.test_files.keys():
            return self
        left = {
            name: added.without(dict.fromkeys(added.ids, _OWN_FILE))
            for name, added in self.by_probe.items()
        }
        return replace(self, by_probe=left, test_files={})
