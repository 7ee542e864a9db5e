"""The state of a cluster before any change; another judge or process can take it over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pytest_agentfix.core.model import Cluster
from pytest_agentfix.core.ports import Reproduction
from pytest_agentfix.judge.failure_comparison import (
    Difference,
    describe_differences,
    note_differences,
)
from pytest_agentfix.judge.findings import FAIL_BEFORE, Finding, make_judgement, summarise
from pytest_agentfix.judge.variants.plan import VariantPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Results of the ``targets`` on a base, with the variants planned for them. Can be pickled."""

    targets: tuple[str, ...]
    reproduction: Reproduction
    finding: Finding
    variant_plan: VariantPlan
    differences: tuple[Difference, ...] = ()

    def for_subset(self, subset: Cluster, *, rootdir: Path) -> Baseline | None:
        """Return the baseline of some of the targets.

        ``None`` if one of them is not a target here or was not red, or if too many of them rely on
        variants of other tests: these have to be reproduced on their own.
        """
        wanted = frozenset(subset.targets)
        red = tuple(outcome for outcome in self.finding.red if outcome.nodeid in wanted)
        is_known = wanted == {outcome.nodeid for outcome in red} and not self.finding.missing
        functions = {failure.function for failure in subset.failures}
        prepared = {
            failure.function
            for failure in subset.failures
            if failure.nodeid not in self.variant_plan.passed_over
        }
        if not is_known or functions != prepared:
            return None
        differences = tuple(one for one in self.differences if one.nodeid in wanted)
        detail = f"{summarise(red)} without the change{describe_differences(differences)}"
        finding = replace(Finding.passed(FAIL_BEFORE, detail), red=red)
        judgement = replace(make_judgement([finding]), red=red)
        return Baseline(
            targets=subset.targets,
            reproduction=replace(
                self.reproduction, judgement=judgement, note=note_differences(differences)
            ),
            differences=differences,
            finding=finding,
            variant_plan=self.variant_plan.for_targets(wanted, rootdir=rootdir),
        )
