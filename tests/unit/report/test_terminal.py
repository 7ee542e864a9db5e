"""The summary: whole lines for every verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import (
    ClusterResult,
    Drop,
    Evidence,
    FileStat,
    Landing,
    Neighbours,
    ProbeResult,
    RunResult,
    TestOutcome,
    Tokens,
    UnjudgedGroup,
    Verdict,
)
from pytest_agentfix.report.terminal import SummaryLine, summary_lines
from tests.kits.report_sample import (
    FIXED,
    HOSTILE,
    SAMPLE,
    SIDE_BRANCH,
    UNFIXED,
    is_harmless,
    make_cluster,
    make_hostile,
)


def tell(*clusters: ClusterResult, seconds: float = 1.0) -> list[str]:
    return [line.text for line in summary_lines(RunResult(clusters=clusters, seconds=seconds))]


def end(verdict: Verdict) -> ClusterResult:
    return ClusterResult(cluster=make_cluster("test_a.py::test_b"), verdict=verdict, reason="why")


def test_nothing_to_tell_gives_no_lines() -> None:
    assert summary_lines(RunResult(seconds=1.0)) == []


def test_a_notice_alone() -> None:
    assert summary_lines(RunResult(notices=("one\ntwo",))) == [
        SummaryLine("note: one two", ("yellow",))
    ]


def test_fixed() -> None:
    assert summary_lines(RunResult(clusters=(FIXED,), seconds=50.0)) == [
        SummaryLine("fixed  tests/test_cart.py::test_discount and 2 more", ("green",)),
        SummaryLine(
            "       3 failed without the change; 2 tests passed with the change; "
            "60 tests still passed, in the suite's own order and shuffled both ways (seed 251611); "
            "60 of 61 judged; 1 excused"
        ),
        SummaryLine(
            "       stood up to: lint, clone, mutant, locality, red-green-red, report, canary, "
            "hold-out, minimal"
        ),
        SummaryLine("       not applicable: plain-call (it needs the fixture cart)"),
        SummaryLine("       shop/cart.py +3 -1; commit 4be19c0 on main"),
        SummaryLine("       2 attempts; 48.3 s; tokens: 12.4k in, 1.9k out, 9.1k cached; $0.07"),
        SummaryLine(
            "       excused: tests/test_mail.py::test_retry "
            "(red in 1 of 3 runs with the change, in 0 of 1 without it)"
        ),
        SummaryLine(
            "       not judged: 1 of 61 tests that passed for you fail in the sandbox without any "
            "change: tests/test_rates.py::test_rates",
            ("yellow",),
        ),
        SummaryLine(
            "         1 test: FileNotFoundError: [Errno 2] No such file or directory: "
            "'data/rates.json'; Git ignores it; add it: agent_fix_include = data/rates.json",
            ("yellow",),
        ),
        SummaryLine("       left out: tests/test_cart.py (test file)"),
        SummaryLine(
            "3 failures, 1 cause: 1 fixed; 50.0 s; tokens: 12.4k in, 1.9k out, 9.1k cached; $0.07",
            ("green", "bold"),
        ),
    ]


def test_the_bill_of_a_bug_stands_with_its_fix() -> None:
    """Clusters that turned green with the fix of another one are told there, and not again."""
    others = [
        replace(
            FIXED,
            cluster=make_cluster(f"t.py::test_{name}"),
            attempts=0,
            seconds=1.0,
            tokens=Tokens(),
            cost_usd=None,
            kept=(f"/kept/{name}",),
        )
        for name in "abcd"
    ]
    lines = tell(others[0], FIXED, *others[1:], end(Verdict.UNFIXED))
    assert lines[0] == "fixed    tests/test_cart.py::test_discount and 2 more"
    assert lines[2] == (
        "         green with it: t.py::test_a, t.py::test_b, t.py::test_c and 1 more"
    )
    assert "         2 attempts; 52.3 s; tokens: 12.4k in, 1.9k out, 9.1k cached; $0.07" in lines
    assert "         kept: /kept/a" in lines
    assert lines[-2].strip() == "why"
    assert lines[-3] == "unfixed  test_a.py::test_b"
    assert lines[-1].startswith("8 failures, 6 causes, 2 bugs: 5 fixed, 1 unfixed; 1.0 s; tokens: ")


def test_a_cause_that_several_functions_share_is_told() -> None:
    nodeids = ("t.py::test_a[1]", "t.py::test_a[2]", "t.py::test_b")
    cluster = make_cluster(*nodeids, cause="same \x1b[1mx\ny")
    assert tell(replace(UNFIXED, cluster=cluster))[:3] == [
        "unfixed  t.py::test_a and 2 more",
        "         cause: same x y, in 2 test functions",
        "         target: 1 failed with the change",
    ]


def test_the_cause_of_one_function_is_not_told() -> None:
    assert not [line for line in tell(FIXED) if line.lstrip().startswith("cause:")]


def test_fixed_on_a_side_branch_tells_how_to_bring_it_in() -> None:
    lines = summary_lines(RunResult(clusters=(SIDE_BRANCH,), seconds=22.0))
    assert lines[2:7] == [
        SummaryLine("       stood up to: lint, clone"),
        SummaryLine(
            "       lint: to be looked at: shop/tax.py:31: except Exception does nothing "
            "(swallowed-error)"
        ),
        SummaryLine("       shop/tax.py +1 -1; commit 9d0e31f on agent-fix/test-rounding-5f0c1d2e"),
        SummaryLine("       1 attempt; 21.4 s; tokens: 6.0k in, 410 out; $0.02"),
        SummaryLine(
            "       to bring it in: git diff-tree -p --binary 9d0e31f27c64 | git apply", ("bold",)
        ),
    ]


def test_fixed_as_a_patch() -> None:
    landing = Landing(
        patch=Path("/r/my reports/x.patch"), advice="git apply '/r/my reports/x.patch'"
    )
    lines = tell(replace(FIXED, landing=landing, files=(), dropped=(), neighbours=Neighbours()))
    assert lines[4:7] == [
        '       patch "/r/my reports/x.patch"',
        "       2 attempts; 48.3 s; tokens: 12.4k in, 1.9k out, 9.1k cached; $0.07",
        "       to bring it in: git apply '/r/my reports/x.patch'",
    ]


def test_held_back() -> None:
    landing = Landing(
        commit="9d0e31f27c64b1a5d3c2e8f7a6b5c4d3e2f1a0b9",
        branch="agent-fix/x",
        advice="git cherry-pick 9d0e31f27c64",
        is_held_back=True,
    )
    lines = summary_lines(RunResult(clusters=(replace(FIXED, landing=landing),)))
    assert lines[0].markup == ("yellow",)
    assert lines[1].text.startswith("       held back: 3 failed without the change; ")
    assert lines[-1].markup == ("red", "bold")


def test_every_test_that_counts_is_named() -> None:
    broken = tuple(TestOutcome(nodeid=f"t.py::test_{n}", outcome="failed") for n in range(8))
    reason = "pass-to-pass: 8 failed with the change: t.py::test_0 and 7 more"
    lines = tell(replace(UNFIXED, reason=reason, neighbours=Neighbours(total=9, broken=broken)))
    names = ", ".join(outcome.nodeid for outcome in broken)
    assert f"         broken by it: {names}" in lines
    told = replace(UNFIXED, reason=f"{reason}: {names}", neighbours=Neighbours(broken=broken))
    assert not [line for line in tell(told) if "broken by it" in line]


def test_many_that_cannot_be_judged() -> None:
    outcomes = tuple(TestOutcome(nodeid=f"t.py::test_{n}", outcome="error") for n in range(418))
    group = UnjudgedGroup(error="ImportError: no x", nodeids=tuple(o.nodeid for o in outcomes))
    neighbours = Neighbours(total=834, unjudged=outcomes, groups=(group,))
    lines = tell(replace(UNFIXED, neighbours=neighbours))
    assert lines[3:5] == [
        (
            "         not judged: 418 of 834 tests that passed for you fail in the sandbox without "
            "any change: t.py::test_0, t.py::test_1, t.py::test_2, t.py::test_3, t.py::test_4 and "
            "413 more"
        ),
        "           418 tests: ImportError: no x",
    ]


def test_unfixed() -> None:
    assert summary_lines(RunResult(clusters=(UNFIXED,), seconds=132.0)) == [
        SummaryLine("unfixed  tests/test_stock.py::test_reserve", ("red",)),
        SummaryLine("         target: 1 failed with the change"),
        SummaryLine(
            "         3 attempts; 2 min 11 s; tokens: 31.8k in, 4.0k out, 22.0k cached; $0.16"
        ),
        SummaryLine(
            "1 failure, 1 cause: 1 unfixed; 2 min 12 s; "
            "tokens: 31.8k in, 4.0k out, 22.0k cached; $0.16",
            ("red", "bold"),
        ),
    ]


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [
        (Verdict.FIXED, "green"),
        (Verdict.FLAKY_FIXED, "green"),
        (Verdict.NOT_REPRODUCED, "yellow"),
        (Verdict.UNFIXED, "red"),
        (Verdict.REFUSED, "red"),
        (Verdict.TEST_SUSPECT, "yellow"),
        (Verdict.CONFLICT, "red"),
        (Verdict.BUDGET, "yellow"),
        (Verdict.TIMEOUT, "red"),
        (Verdict.ENVIRONMENT, "red"),
        (Verdict.AGENT_ERROR, "red"),
        (Verdict.SKIPPED, "yellow"),
    ],
)
def test_every_verdict(verdict: Verdict, colour: str) -> None:
    name = verdict.value
    assert summary_lines(RunResult(clusters=(end(verdict),), seconds=1.0)) == [
        SummaryLine(f"{name}  test_a.py::test_b", (colour,)),
        SummaryLine(f"{' ' * len(name)}  why"),
        SummaryLine(
            f"1 failure, 1 cause: 1 {name}; 1.0 s", ("green" if verdict.is_green else "red", "bold")
        ),
    ]


def test_titles_are_aligned() -> None:
    lines = summary_lines(SAMPLE)
    heads = [line.text for line in lines if line.text[:1].isalpha()][: len(SAMPLE.clusters)]
    assert {head.index("tests/") for head in heads} == {len("not-reproduced  ")}


def test_much_is_cut_to_what_can_be_read() -> None:
    files = tuple(FileStat(path=f"m{n}.py", added=n, removed=0) for n in range(5))
    dropped = tuple(Drop(f"{name}.py", "a test") for name in "abcd")
    result = replace(UNFIXED, files=files, dropped=dropped, kept=("judge: container 1", "/tmp/x"))
    assert tell(result)[2:-1] == [
        "         m0.py +0 -0, m1.py +1 -0, m2.py +2 -0 and 2 more files",
        "         3 attempts; 2 min 11 s; tokens: 31.8k in, 4.0k out, 22.0k cached; $0.16",
        "         left out: a.py (a test), b.py (a test), c.py (a test) and 1 more",
        "         kept: judge: container 1",
        "         kept: /tmp/x",
    ]


def test_outcome_and_effort_share_a_line_where_there_is_room() -> None:
    quick = replace(FIXED, tokens=Tokens(), cost_usd=None, dropped=())
    assert tell(quick)[4] == "       shop/cart.py +3 -1; commit 4be19c0 on main; 2 attempts; 48.3 s"


def test_a_check_that_could_not_be_made_is_told() -> None:
    probes = (
        Evidence("target", ProbeResult.PASSED, "1 test passed with the change"),
        Evidence("pass-to-pass", ProbeResult.NOT_APPLICABLE, "nothing else passed before"),
    )
    assert tell(replace(FIXED, probes=probes))[1] == (
        "       1 test passed with the change; "
        "pass-to-pass not applicable: nothing else passed before"
    )


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ((0.5, 0.25), "$0.75"),
        ((0.5, None), "at least $0.50"),
        ((0.5, float("nan")), "at least $0.50"),
        ((0.0, 0.0), "$0.00"),
        ((0.001, 0.0002), "$0.0012"),
    ],
)
def test_total_cost_is_never_less_than_it_says(
    costs: tuple[float | None, ...], expected: str
) -> None:
    lines = tell(*(replace(UNFIXED, cost_usd=cost) for cost in costs))
    assert lines[-1].rpartition("; ")[2] == expected


def test_unknown_cost_is_not_told() -> None:
    assert "$" not in "".join(tell(replace(UNFIXED, cost_usd=None)))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.04, "0.0 s"),
        (-1.0, "0.0 s"),
        (59.9, "59.9 s"),
        (59.97, "1 min 00 s"),
        (185.2, "3 min 05 s"),
        (3599.6, "1 h 00 min"),
        (3725.0, "1 h 02 min"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert tell(end(Verdict.SKIPPED), seconds=seconds)[-1].rpartition("; ")[2] == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_can_do_harm(text: str) -> None:
    lines = summary_lines(make_hostile(text))
    assert [line.text for line in lines if not is_harmless(line.text)] == []
    assert max(len(line.text) for line in lines) < 2_500


def test_opinion_is_told_in_its_words_and_proves_nothing() -> None:
    probes = (
        Evidence("lint", ProbeResult.PASSED, "nothing found"),
        Evidence("review", ProbeResult.PASSED, 'a/b takes it for right: "it \x1b[31madds"'),
    )
    lines = tell(replace(end(Verdict.FIXED), probes=probes))
    assert "       stood up to: lint" in lines
    assert '       review: a/b takes it for right: "it adds"' in lines
    missing = Evidence("review", ProbeResult.NOT_APPLICABLE, "there is no second opinion: late")
    lines = tell(replace(end(Verdict.FIXED), probes=(missing,)))
    assert "       not applicable: review (there is no second opinion: late)" in lines
    assert not [line for line in lines if "review:" in line]
