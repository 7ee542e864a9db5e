"""The merge queue: who lands, who goes back, and what is run again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from pytest_agentfix.core.errors import BrokenAgainError, SandboxError
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Evidence,
    Failure,
    FileChange,
    Fix,
    ItemKind,
    Judgement,
    Landing,
    Phase,
    ProbeResult,
    TestOutcome,
)
from pytest_agentfix.core.ports import BaseView, Judge, LandingStatus, Reproduction
from pytest_agentfix.repair.merge_queue import MergeQueue
from pytest_agentfix.repair.state import GRACE
from pytest_agentfix.testing.fakes import FakeBase, FakeClock

BASE = b"one\ntwo\nthree\nfour\nfive\n"
BEFORE = Evidence("fail-before", ProbeResult.PASSED, "1 failed without the change")
GREEN_WITHOUT = Judgement(probes=(Evidence("fail-before", ProbeResult.FAILED, "1 passed"),))
RED = Judgement(
    probes=(BEFORE, Evidence("pass-to-pass", ProbeResult.FAILED, "1 of 2 failed")),
    red=(TestOutcome(nodeid="test_x.py::test_x", outcome="failed"),),
)


def make_fix(
    name: str, files: Mapping[str, bytes], *covering: str, is_covering_known: bool = True
) -> Fix:
    failure = Failure(
        nodeid=f"test_{name}.py::test_{name}",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=Path(f"/project/test_{name}.py"),
        line=1,
        exception="AssertionError",
        message="",
        traceback="",
    )
    probes = (BEFORE, Evidence("target", ProbeResult.PASSED, "1 passed"))
    return Fix(
        cluster=Cluster(slug=name, failures=(failure,)),
        changes=ChangeSet({path: FileChange(content) for path, content in files.items()}),
        judgement=Judgement(probes=probes, covering=covering, is_covering_known=is_covering_known),
        model="fake/model",
    )


@dataclass
class Line:
    """A run of which only the queue is real: bases, and a judge that answers as configured."""

    bases: list[dict[str, bytes]] = field(default_factory=lambda: [{"a.py": BASE, "b.py": BASE}])
    again: list[Judgement] = field(default_factory=list)
    asked: list[tuple[str, dict[str, bytes | None], Sequence[str] | None, float]] = field(
        default_factory=list
    )
    history: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    clock: FakeClock = field(default_factory=lambda: FakeClock(100.0))

    def __post_init__(self) -> None:
        self.queue = MergeQueue(
            lander=self, advance=self.advance, keep_green=self.kept.extend, clock=self.clock
        )

    def land(self, fix: Fix) -> Landing:
        self.history.append(fix.cluster.slug)
        return Landing(commit=fix.cluster.slug, branch="main")

    def advance(self, fix: Fix) -> None:
        base = dict(self.bases[-1])
        for path, change in fix.changes.files.items():
            base[path] = change.content or b""
        self.bases.append(base)

    def base(self, version: int | None = None) -> FakeBase:
        version = len(self.bases) - 1 if version is None else version
        return FakeBase(
            judge=cast("Judge", self),
            version=version,
            settled_count=self.queue.settled_count,
            files=self.bases[version],
        )

    def reverify(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        judgement: Judgement,
        *,
        also: Sequence[str] | None,
        deadline: float,
    ) -> Judgement:
        contents = {path: change.content for path, change in changes.files.items()}
        self.asked.append((cluster.slug, contents, also, deadline))
        return self.again.pop(0) if self.again else judgement

    def land_on(
        self, fix: Fix, made_on: BaseView, deadline: float = 200.0
    ) -> tuple[LandingStatus, str]:
        outcome = self.queue.land(fix, made_on, current_base=self.base, deadline=deadline)
        return outcome.status, outcome.detail


def test_nobody_before_it() -> None:
    line = Line()
    assert line.land_on(make_fix("one", {"a.py": b"1"}), line.base()) == (LandingStatus.LANDED, "")
    assert line.land_on(make_fix("two", {"a.py": b"2"}), line.base()) == (LandingStatus.LANDED, "")
    assert (line.history, line.asked) == (["one", "two"], [])


def test_made_on_an_older_base_it_is_judged_again_with_both() -> None:
    line = Line()
    start = line.base()
    line.land_on(make_fix("one", {"a.py": b"1\ntwo\nthree\nfour\nfive\n"}, "n1", "n2"), start)
    fix = make_fix("two", {"a.py": b"one\ntwo\nthree\nfour\n5\n"}, "n2", "n3")
    assert line.land_on(fix, start) == (LandingStatus.LANDED, "")
    both = {"a.py": b"1\ntwo\nthree\nfour\n5\n"}
    assert line.asked == [("two", both, ["test_one.py::test_one", "n2", "n3", "n1"], 220.0)]
    assert line.bases[-1]["a.py"] == both["a.py"]
    assert line.history == ["one", "two"]


def test_all_is_run_again_where_it_is_not_known_who_runs_changed_lines() -> None:
    line = Line()
    start = line.base()
    line.land_on(make_fix("one", {"a.py": b"1"}, is_covering_known=False), start)
    line.land_on(make_fix("two", {"b.py": b"2"}, "n2"), start)
    assert [also for _, _, also, _ in line.asked] == [None]


def test_only_those_since_its_own_base_count() -> None:
    line = Line()
    line.land_on(make_fix("one", {"a.py": b"1"}, "n1"), line.base())
    middle = line.base()
    line.land_on(make_fix("two", {"b.py": b"2"}, "n2"), middle)
    line.land_on(make_fix("three", {"c.py": b"3"}), middle)
    assert [also for _, _, also, _ in line.asked] == [["test_two.py::test_two", "n2"]]


def test_the_same_lines_collide() -> None:
    line = Line()
    start = line.base()
    line.land_on(make_fix("one", {"a.py": b"1\ntwo\nthree\nfour\nfive\n"}), start)
    fix = make_fix("two", {"a.py": b"uno\ntwo\nthree\nfour\nfive\n"})
    assert line.land_on(fix, start) == (LandingStatus.COLLIDES, "both change a.py")
    assert (line.history, line.asked) == (["one"], [])


def test_red_together() -> None:
    line = Line(again=[RED])
    start = line.base()
    line.land_on(make_fix("one", {"a.py": b"1"}), start)
    end = line.land_on(make_fix("two", {"b.py": b"2"}), start)
    assert end == (LandingStatus.RED, "pass-to-pass: 1 of 2 failed")
    assert line.history == ["one"]


def test_green_without_it() -> None:
    line = Line(again=[GREEN_WITHOUT])
    start = line.base()
    line.land_on(make_fix("one", {"a.py": b"1"}), start)
    fix = make_fix("two", {"b.py": b"2"})
    outcome = line.queue.land(fix, start, current_base=line.base, deadline=200.0)
    assert outcome.status is LandingStatus.UNNEEDED
    assert outcome.base is not None
    assert outcome.base.version == 1
    assert line.history == ["one"]


def test_an_accepted_change_gets_time_to_be_judged_again() -> None:
    line = Line()
    start = line.base()
    line.land_on(make_fix("one", {"a.py": b"1"}), start)
    line.land_on(make_fix("two", {"b.py": b"2"}), start, deadline=100.5)
    line.land_on(make_fix("three", {"c.py": b"2"}), start, deadline=900.0)
    assert [deadline for *_, deadline in line.asked] == [100.0 + GRACE, 900.0]


def test_nothing_lands_after_the_run_was_stopped() -> None:
    line = Line()
    line.queue.stop()
    with pytest.raises(SandboxError, match="interrupted"):
        line.land_on(make_fix("one", {"a.py": b"1"}), line.base())
    assert line.history == []


def test_one_after_another_from_many_threads() -> None:
    line = Line()
    start = line.base()
    fixes = [make_fix(f"n{number}", {f"{number}.py": b"1"}) for number in range(8)]
    threads = [threading.Thread(target=line.land_on, args=(fix, start)) for fix in fixes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(line.history) == sorted(fix.cluster.slug for fix in fixes)
    assert len(line.bases[-1]) == 10
    assert len(line.asked) == 7


X = "test_x.py::test_x"


def reproductions(*reds: bool) -> Callable[[int], Reproduction]:
    outcome = TestOutcome(nodeid=X, outcome="failed")

    def reproduce(number: int) -> Reproduction:
        red = (outcome,) if reds[number] else ()
        return Reproduction(judgement=Judgement(probes=(BEFORE,), red=red))

    return reproduce


@pytest.mark.parametrize(
    ("reds", "commit"),
    [
        ((True, False, False, False, False), "n0"),
        ((True, True, False, False, False), "n1"),
        ((True, True, True, True, False), "n3"),
        ((False, False, False, False, False), None),
    ],
    ids=["first", "second", "last", "none"],
)
def test_which_fix_turned_it_green(reds: tuple[bool, ...], commit: str | None) -> None:
    line = Line()
    for number in range(4):
        line.land_on(make_fix(f"n{number}", {f"{number}.py": b"1"}), line.base())
    found = line.queue.find_fixing_commit([X], 4, reproductions(*reds))
    assert (found and found[0].commit) == commit
    assert line.kept == ([X] if commit else [])


def test_what_cannot_be_collected_is_not_green() -> None:
    line = Line()
    for number in range(3):
        line.land_on(make_fix(f"n{number}", {f"{number}.py": b"1"}), line.base())
    known = [reproductions(*[True])(0), Reproduction(judgement=GREEN_WITHOUT, missing="gone")]
    ends = [*known, *[Reproduction(judgement=GREEN_WITHOUT)] * 2]
    found = line.queue.find_fixing_commit([X], 3, ends.__getitem__)
    assert found is not None
    assert found[0].commit == "n1"


def test_what_another_fix_turned_green_has_to_stay_green() -> None:
    """A change that was judged before that was known is judged again, even on the same base."""
    line = Line()
    line.land_on(make_fix("one", {"a.py": b"1"}), line.base())
    made_on = line.base()
    line.queue.find_fixing_commit([X], 1, reproductions(*[True, False]))
    fix = make_fix("two", {"b.py": b"2"}, "n2", is_covering_known=False)
    line.land_on(fix, made_on)
    assert [also for _, _, also, _ in line.asked] == [[X]]
    line.land_on(make_fix("three", {"c.py": b"2"}), line.base())
    assert len(line.asked) == 1


def test_green_by_one_fix_and_red_again_by_the_next() -> None:
    line = Line()
    for number in range(2):
        line.land_on(make_fix(f"n{number}", {f"{number}.py": b"1"}), line.base())
    with pytest.raises(BrokenAgainError):
        line.queue.find_fixing_commit([X], 1, reproductions(*[True, False, True]))
    assert (line.queue.settled_count, line.kept) == (0, [])


NAMES = ("x", "y", "z")
CLUSTERS = [make_fix(name, {}).cluster for name in NAMES]


@dataclass
class Reruns:
    """The tests that are red, and those that cannot be run, with so many fixes."""

    red: Mapping[int, str]
    unfit: Mapping[int, str] = field(default_factory=dict)
    asked: list[tuple[int, str]] = field(default_factory=list)

    def __call__(self, version: int, cluster: Cluster) -> Reproduction:
        ids = {target[-1]: target for target in cluster.targets}
        self.asked.append((version, "".join(ids)))
        red = [ids[name] for name in ids if name in self.red.get(version, "")]
        unfit = tuple(ids[name] for name in ids if name in self.unfit.get(version, ""))
        return Reproduction(
            judgement=Judgement(
                probes=(BEFORE,),
                red=tuple(TestOutcome(nodeid=nodeid, outcome="failed") for nodeid in red),
            ),
            missing="gone" if unfit else "",
            unfit=unfit,
        )


def settle(line: Line, reruns: Reruns, commit: str) -> str:
    """Name the clusters that the fix with this commit settles."""
    landing = Landing(commit=commit, branch="main")
    settled = line.queue.settle(CLUSTERS, landing, reruns)
    return "".join(cluster.slug for cluster in settled)


def land_fixes(count: int) -> Line:
    line = Line()
    for number in range(1, count + 1):
        line.land_on(make_fix(f"n{number}", {f"{number}.py": b"1"}), line.base())
    return line


def test_kin_are_settled_by_two_runs_of_all_their_tests() -> None:
    line = land_fixes(2)
    reruns = Reruns({1: "xyz", 2: "y"})
    assert settle(line, reruns, "n2") == "xz"
    assert reruns.asked == [(2, "xyz"), (1, "xz")]
    assert line.kept == ["test_x.py::test_x", "test_z.py::test_z"]
    assert line.queue.settled_count == 2


def test_what_was_green_before_the_fix_is_not_its_doing() -> None:
    assert settle(land_fixes(2), Reruns({1: "x"}), "n2") == "x"


def test_what_cannot_be_run_is_not_settled() -> None:
    assert settle(land_fixes(1), Reruns({0: "xyz"}, {0: "x", 1: "y"}), "n1") == "z"


def test_what_a_later_fix_has_turned_green_is_not_its_doing() -> None:
    reruns = Reruns({0: "xyz", 1: "y"})
    assert settle(land_fixes(3), reruns, "n1") == "xz"
    assert reruns.asked == [(3, "xyz"), (0, "xyz"), (1, "xyz")]


def test_what_a_fix_turns_red_meanwhile_is_not_settled() -> None:
    line = land_fixes(1)
    reruns = Reruns({0: "xyz", 2: "z"})

    def rerun_at(version: int, cluster: Cluster) -> Reproduction:
        if version == 0:
            line.land_on(make_fix("n2", {"2.py": b"1"}), line.base())
        return reruns(version, cluster)

    landing = Landing(commit="n1", branch="main")
    settled = line.queue.settle(CLUSTERS, landing, rerun_at)
    assert [cluster.slug for cluster in settled] == ["x", "y"]
    assert line.kept == ["test_x.py::test_x", "test_y.py::test_y"]


def test_nothing_is_run_where_all_stay_red() -> None:
    line = land_fixes(1)
    reruns = Reruns({1: "xyz"})
    assert settle(line, reruns, "n1") == ""
    assert (reruns.asked, line.kept) == ([(1, "xyz")], [])
