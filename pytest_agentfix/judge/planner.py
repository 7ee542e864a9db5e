"""Plan the judge's additions to a cluster's tests, before any change is known (pure).

Whether a probe applies to a test is decided here, from the base's own text, and once more by what
the additions do on the base (``calibration.py``). A run with a change never takes a probe away.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import Cluster, ItemKind, ReadBase
from pytest_agentfix.core.python_source import read_as_utf8
from pytest_agentfix.judge.probes.clone import add_clones
from pytest_agentfix.judge.probes.mutant import add_mutants
from pytest_agentfix.judge.probes.plain_call import add_plain_calls
from pytest_agentfix.judge.variants import make_canary
from pytest_agentfix.judge.variants.plan import CLONE, MUTANT, PLAIN, Additions, VariantPlan
from pytest_agentfix.judge.variants.source_tests import (
    PlannedTest,
    SourceTests,
    make_path,
    read_conftests,
    read_file,
)

ADDED_LIMIT: Final = 20  # targets that get variants of their own; more cases prove no more
FUNCTIONS_LIMIT: Final = 60  # but one case of each function, for at most so many functions

_MAKERS: Final[Mapping[str, Callable[[SourceTests], Additions]]] = {
    CLONE: add_clones,
    MUTANT: add_mutants,
    PLAIN: add_plain_calls,
}
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
    rest = [target.nodeid for target in everything if target.nodeid not in names]
    planner = _Planner(rootdir=rootdir, top=top, read_base=read_base, rng=rng)
    by_path: dict[str, list[PlannedTest]] = {}
    for target in chosen:
        by_path.setdefault(target.path, []).append(target)
    for path, targets in by_path.items():
        planner.take(path, targets)
    passed_over = dict.fromkeys(rest, f"{len(chosen)} others stand for it")
    return VariantPlan(
        by_probe={name: added.without(passed_over) for name, added in planner.by_probe.items()},
        canary=planner.make_canary(next(iter(by_path))),
        test_files=planner.test_files,
        passed_over=frozenset(rest),
    )


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


@dataclass(slots=True, kw_only=True)
class _Planner:
    """Collects the additions, one test file after the other."""

    rootdir: Path
    top: Path
    read_base: ReadBase
    rng: random.Random
    by_probe: dict[str, Additions] = field(
        default_factory=lambda: dict.fromkeys(_MAKERS, Additions())
    )
    test_files: dict[str, bytes | None] = field(default_factory=dict)

    def take(self, path: str, targets: Sequence[PlannedTest]) -> None:
        """Plan the additions for the targets in one file."""
        content = self._read(path)
        if content is None:
            self._rule_out(targets, "its file is not part of the tree")
            return
        doctests = [one for one in targets if one.failure.is_in_product]
        if len(doctests) < len(targets):
            self.test_files[str(self.rootdir / path)] = content
        source = read_as_utf8(content)
        if source is None:
            self._rule_out(targets, "its file is in no encoding that can be read")
            return
        is_python = path.endswith(".py")
        modules = [one for one in targets if one.is_module and is_python]
        for one in targets:
            if one.failure.kind in _KINDS:
                probes = (MUTANT, PLAIN) if one in (*modules, *doctests) else tuple(_MAKERS)
                self._rule_out([one], _KINDS[one.failure.kind], probes)
        file = SourceTests(
            path=path,
            rootdir=self.rootdir,
            source=source,
            tests=[one for one in targets if one.failure.kind not in _KINDS],
            modules=modules,
            doctests=doctests,
            conftests=tuple(
                read_conftests(self.rootdir / path, top=self.top, read_base=self.read_base)
            ),
            packages=tuple(self._find_packages(path)),
            read=self._read,
            rng=self.rng,
        )
        for name, add in _MAKERS.items():
            self.by_probe[name] += add(file)

    def make_canary(self, beside: str) -> Additions:
        """Make tests that must fail beside another test file."""
        canary = make_canary(rng=self.rng)
        new = make_path(beside, self.rng)
        ids = ["::".join([new, *name]) for name in canary.names.values()]
        files = {str(self.rootdir / new): canary.source.encode()}
        return Additions(ids={one: one for one in ids}, files=files)

    def _rule_out(
        self, tests: Sequence[PlannedTest], reason: str, probes: Sequence[str] = tuple(_MAKERS)
    ) -> None:
        """Record why these tests have no such probes."""
        reasons = {one.nodeid: reason for one in tests}
        for probe in probes:
            self.by_probe[probe] = replace(
                self.by_probe[probe], impossible={**self.by_probe[probe].impossible, **reasons}
            )

    def _read(self, path: str) -> bytes | None:
        return read_file(self.rootdir / path, top=self.top, read_base=self.read_base)

    def _find_packages(self, path: str) -> Iterator[str]:
        """Yield the ``__init__.py`` packages of the module at ``path``, outermost first."""
        folder = path.rpartition("/")[0]
        if folder and self._read(f"{folder}/__init__.py") is not None:
            yield from self._find_packages(folder)
            yield folder.rpartition("/")[2]
