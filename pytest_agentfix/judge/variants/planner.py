"""Plan the judge's additions to a cluster's tests, before any change is known (pure).

Whether a probe applies to a test is decided here, from the base's own text, and once more by what
the additions do on the base (``calibration.py``). A run with a change never takes a probe away.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.model import Cluster, ItemKind, ReadBase
from pytest_agentfix.judge.variants import (
    DirectCall,
    PlainCall,
    SourceVariant,
    TestName,
    make_canary,
    make_clone,
    make_mutant,
    make_plain,
    make_word,
)
from pytest_agentfix.judge.variants.plan import (
    CANARY,
    CLONE,
    MUTANT,
    PLAIN,
    PlainPlan,
    PlannedTest,
    VariantPlan,
    read_conftests,
    read_file,
)

ADDED_LIMIT: Final = 20  # targets that get variants of their own; more cases prove no more
FUNCTIONS_LIMIT: Final = 60  # but one case of each function, for at most so many functions

_KINDS: Final = {
    ItemKind.DOCTEST: "it is a doctest",
    ItemKind.COLLECTOR: "its module could not be collected",
    ItemKind.OTHER: "it is no test function",
}


def plan_variants(
    cluster: Cluster, *, rootdir: Path, top: Path, read_base: ReadBase, rng: random.Random
) -> VariantPlan:
    """Plan all additions for ``cluster``; never raises because of a file's content."""
    unique = {failure.nodeid: failure for failure in cluster.failures}
    everything = [PlannedTest.of(failure) for failure in unique.values()]
    chosen = _choose(everything)
    names = {target.nodeid for target in chosen}
    rest = [target for target in everything if target.nodeid not in names]
    builder = _PlanBuilder(rootdir=rootdir, top=top, read_base=read_base, rng=rng)
    by_path: dict[str, list[PlannedTest]] = {}
    for target in chosen:
        by_path.setdefault(target.path, []).append(target)
    for path, targets in by_path.items():
        builder.take(path, targets)
    builder.add_canary(next(iter(by_path)))
    builder.rule_out((CLONE, MUTANT, PLAIN), rest, f"{len(chosen)} others stand for it")
    return replace(builder.finish(), passed_over=frozenset(target.nodeid for target in rest))


def _choose(targets: Sequence[PlannedTest]) -> list[PlannedTest]:
    """Choose the targets that get variants.

    The first ones, and one of each function, as a cluster may be split later.
    """
    first = {target.failure.function: target for target in reversed(targets)}
    ones = [target for target in targets if target is first[target.failure.function]]
    chosen = {target.nodeid for target in ones[:FUNCTIONS_LIMIT]}
    for target in targets:
        if len(chosen) >= ADDED_LIMIT:
            break
        chosen.add(target.nodeid)
    return [target for target in targets if target.nodeid in chosen]


def _order_call(
    identity: str, call: PlainCall, case: Mapping[str, int]
) -> Mapping[str, object] | None:
    """Return the call for ``call_runner.py``, ``None`` if its case is not known.

    pytest's indices count the combinations if there is more than one ``parametrize``.
    """
    if len(call.parameters) > 1 or any(one.names[0] not in case for one in call.parameters):
        return None
    return call.describe(identity, case)


@dataclass(slots=True, kw_only=True)
class _PlanBuilder:
    """Builds a plan, one test file after the other."""

    rootdir: Path
    top: Path
    read_base: ReadBase
    rng: random.Random
    clones: dict[str, str] = field(default_factory=dict)
    clone_files: dict[str, bytes | None] = field(default_factory=dict)
    canaries: tuple[str, ...] = ()
    canary_files: dict[str, bytes | None] = field(default_factory=dict)
    mutants: list[str] = field(default_factory=list)
    mutant_files: dict[str, bytes | None] = field(default_factory=dict)
    plain: list[PlainPlan] = field(default_factory=list)
    test_files: dict[str, bytes | None] = field(default_factory=dict)
    impossible: dict[str, dict[str, str]] = field(
        default_factory=lambda: {probe: {} for probe in (CANARY, CLONE, MUTANT, PLAIN)}
    )

    def take(self, path: str, targets: Sequence[PlannedTest]) -> None:
        """Plan the additions for the targets in one file."""
        content = self._read(path)
        if content is None:
            self.rule_out((CLONE, MUTANT, PLAIN), targets, "its file is not part of the tree")
            return
        self.test_files[self._at(path)] = content
        try:
            source = content.decode()
        except UnicodeDecodeError:
            self.rule_out((CLONE, MUTANT, PLAIN), targets, "its file is not UTF-8")
            return
        modules = [one for one in targets if one.failure.kind is ItemKind.COLLECTOR]
        tests = [one for one in targets if one.failure.kind not in _KINDS]
        for one in targets:
            if one.failure.kind in _KINDS:
                reason = _KINDS[one.failure.kind]
                self.rule_out((MUTANT, PLAIN), [one], reason)
                if one not in modules or one.name or not path.endswith(".py"):
                    self.rule_out((CLONE,), [one], reason)
        self._clone_module(path, source, [one for one in modules if not one.name])
        if tests:
            self._add_variants(path, source, tests)

    def _add_variants(self, path: str, source: str, tests: Sequence[PlannedTest]) -> None:
        names = list(dict.fromkeys(one.name for one in tests))
        around: dict[str, Any] = {
            "rng": self.rng,
            "module": Path(path).stem,
            "conftests": list(
                read_conftests(self.rootdir / path, top=self.top, read_base=self.read_base)
            ),
        }
        self._add_clones(path, make_clone(source, names, **around), tests)
        self._add_mutants(path, make_mutant(source, names, rng=self.rng), tests)
        plain = make_plain(source, names, **around)
        self._note(PLAIN, tests, plain.impossible)
        self._add_plain(path, plain, tests)

    def _add_clones(self, path: str, clone: SourceVariant, tests: Sequence[PlannedTest]) -> None:
        self._note(CLONE, tests, clone.impossible)
        if not clone.names:
            return
        new = self._new_path(path)
        self.clone_files[self._at(new)] = clone.source.encode()
        for one in tests:
            if one.name in clone.names:
                self.clones[one.nodeid] = "::".join([new, *clone.names[one.name]]) + one.case

    def _clone_module(self, path: str, source: str, modules: Sequence[PlannedTest]) -> None:
        if not modules or not path.endswith(".py"):
            return
        new = self._new_path(path)
        self.clone_files[self._at(new)] = source.encode()
        self.clones.update({one.nodeid: new for one in modules})

    def _add_mutants(self, path: str, mutant: SourceVariant, tests: Sequence[PlannedTest]) -> None:
        self._note(MUTANT, tests, mutant.impossible)
        if mutant.names:
            self.mutant_files[self._at(path)] = mutant.source.encode()
            self.mutants += [one.nodeid for one in tests if one.name in mutant.names]

    def _add_plain(self, path: str, plain: DirectCall, tests: Sequence[PlannedTest]) -> None:
        calls = []
        targets = {}
        for number, one in enumerate(tests):
            call = plain.calls.get(one.name)
            order = None if call is None else _order_call(str(number), call, one.failure.case)
            if order is not None:
                calls.append(order)
                targets[str(number)] = one.nodeid
            elif call is not None:
                self.impossible[PLAIN][one.nodeid] = "it is not known which of its cases this is"
        if calls:
            order = {
                "source": plain.source,
                "file": self._at(path),
                "filename": f"/{make_word(self.rng)}.py",
                "name": ".".join([*self._find_packages(path), make_word(self.rng)]),
                "calls": calls,
            }
            self.plain.append(PlainPlan(order=order, targets=targets))

    def add_canary(self, path: str) -> None:
        """Add tests that must fail beside the file at ``path``."""
        canary = make_canary(rng=self.rng)
        new = self._new_path(path)
        self.canary_files[self._at(new)] = canary.source.encode()
        self.canaries = tuple("::".join([new, *name]) for name in canary.names.values())

    def finish(self) -> VariantPlan:
        return VariantPlan(
            clones=self.clones,
            clone_files=self.clone_files,
            canaries=self.canaries,
            canary_files=self.canary_files,
            mutants=tuple(self.mutants),
            mutant_files=self.mutant_files,
            plain=tuple(self.plain),
            test_files=self.test_files,
            impossible=self.impossible,
        )

    def _note(
        self, probe: str, tests: Sequence[PlannedTest], impossible: Mapping[TestName, str]
    ) -> None:
        reasons = {one.nodeid: impossible[one.name] for one in tests if one.name in impossible}
        self.impossible[probe].update(reasons)

    def rule_out(self, probes: Iterable[str], tests: Sequence[PlannedTest], reason: str) -> None:
        """Record why these tests have no such probes."""
        for probe in probes:
            self.impossible[probe].update({one.nodeid: reason for one in tests})

    def _read(self, path: str) -> bytes | None:
        return read_file(self.rootdir / path, top=self.top, read_base=self.read_base)

    def _find_packages(self, path: str) -> list[str]:
        """List the ``__init__.py`` packages of the module at ``path``, outermost first."""
        names: list[str] = []
        folder = path.rpartition("/")[0]
        while folder and self._read(f"{folder}/__init__.py") is not None:
            folder, _, name = folder.rpartition("/")
            names.insert(0, name)
        return names

    def _new_path(self, path: str) -> str:
        folder = path.rpartition("/")[0]
        name = f"test_{make_word(self.rng)}.py"
        return f"{folder}/{name}" if folder else name

    def _at(self, path: str) -> str:
        return str(self.rootdir / path)
