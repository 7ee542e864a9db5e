"""One run that ends in several ways: what the README and docs/report.md show."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from pytest_agentfix.core.model import (
    Cluster,
    ClusterResult,
    Drop,
    Evidence,
    Excuse,
    Failure,
    FileStat,
    ItemKind,
    Landing,
    Neighbours,
    Phase,
    ProbeResult,
    RunResult,
    TestOutcome,
    Tokens,
    UnjudgedGroup,
    Verdict,
)


def make_cluster(*nodeids: str, cause: str = "") -> Cluster:
    return Cluster(
        slug="test-discount-0a1b2c3d",
        cause=cause,
        failures=tuple(
            Failure(
                nodeid=nodeid,
                phase=Phase.CALL,
                kind=ItemKind.FUNCTION,
                path=Path("/home/me/shop/tests/test_cart.py"),
                line=12,
                exception="AssertionError",
                message="assert 90 == 81",
                traceback="E   assert 90 == 81",
            )
            for nodeid in nodeids
        ),
    )


FIXED = ClusterResult(
    cluster=make_cluster(
        "tests/test_cart.py::test_discount[10]",
        "tests/test_cart.py::test_discount[20]",
        "tests/test_cart.py::test_discount[50]",
        cause="same test function",
    ),
    verdict=Verdict.FIXED,
    reason="green after a change to 1 file, on main",
    landing=Landing(commit="4be19c07d2aa5f0c8f6f4f4f1c9a8d7e6b5a4032", branch="main"),
    attempts=2,
    seconds=48.31,
    agent_seconds=36.6,
    test_seconds=9.02,
    tokens=Tokens(input=12_410, output=1_880, cached=9_100),
    cost_usd=0.0689,
    files=(FileStat(path="shop/cart.py", added=3, removed=1),),
    dropped=(Drop("tests/test_cart.py", "test file"),),
    probes=(
        Evidence("fail-before", ProbeResult.PASSED, "3 failed without the change"),
        Evidence("lint", ProbeResult.PASSED, "nothing found"),
        Evidence("target", ProbeResult.PASSED, "2 tests passed with the change"),
        Evidence("clone", ProbeResult.PASSED, "3 tests passed under other names"),
        Evidence("mutant", ProbeResult.PASSED, "3 tests failed once something else was expected"),
        Evidence("plain-call", ProbeResult.NOT_APPLICABLE, "it needs the fixture cart"),
        Evidence(
            "locality",
            ProbeResult.PASSED,
            "214 varied calls took the paths that the tests take",
        ),
        Evidence("red-green-red", ProbeResult.PASSED, "3 tests failed again without the change"),
        Evidence(
            "pass-to-pass",
            ProbeResult.PASSED,
            "60 tests still passed, in the suite's own order and shuffled both ways (seed 251611); "
            "60 of 61 judged; 1 excused",
        ),
        Evidence(
            "report", ProbeResult.PASSED, "in 5 sessions, reports, counts and exit status agree"
        ),
        Evidence("canary", ProbeResult.PASSED, "6 tests that must fail did"),
        Evidence(
            "hold-out",
            ProbeResult.PASSED,
            "1 withheld case passed",
        ),
        Evidence("minimal", ProbeResult.PASSED, "1 of 3 hunks were not needed and are left out"),
    ),
    neighbours=Neighbours(
        total=61,
        excused=(
            Excuse(
                "tests/test_mail.py::test_retry",
                "red in 1 of 3 runs with the change, in 0 of 1 without it",
            ),
        ),
        unjudged=(TestOutcome(nodeid="tests/test_rates.py::test_rates", outcome="failed"),),
        groups=(
            UnjudgedGroup(
                error="FileNotFoundError: [Errno 2] No such file or directory: 'data/rates.json'",
                nodeids=("tests/test_rates.py::test_rates",),
                advice="Git ignores it; add it: agent_fix_include = data/rates.json",
            ),
        ),
    ),
)

SIDE_BRANCH = ClusterResult(
    cluster=make_cluster("tests/test_tax.py::test_rounding"),
    verdict=Verdict.FIXED,
    reason="green after a change to 1 file, on agent-fix/test-rounding-5f0c1d2e",
    landing=Landing(
        commit="9d0e31f27c64b1a5d3c2e8f7a6b5c4d3e2f1a0b9",
        branch="agent-fix/test-rounding-5f0c1d2e",
        advice="git diff-tree -p --binary 9d0e31f27c64 | git apply",
    ),
    attempts=1,
    seconds=21.4,
    agent_seconds=15.0,
    test_seconds=4.5,
    tokens=Tokens(input=6_020, output=410),
    cost_usd=0.0242,
    files=(FileStat(path="shop/tax.py", added=1, removed=1),),
    probes=(
        Evidence("fail-before", ProbeResult.PASSED, "1 failed without the change"),
        Evidence("target", ProbeResult.PASSED, "1 test passed with the change"),
        Evidence(
            "lint",
            ProbeResult.PASSED,
            "to be looked at: shop/tax.py:31: except Exception does nothing (swallowed-error)",
        ),
        Evidence("clone", ProbeResult.PASSED, "1 test passed under other names"),
        Evidence(
            "pass-to-pass",
            ProbeResult.PASSED,
            "44 tests still passed, in the suite's own order and shuffled both ways (seed 251611)",
        ),
    ),
)

UNFIXED = ClusterResult(
    cluster=make_cluster("tests/test_stock.py::test_reserve"),
    verdict=Verdict.UNFIXED,
    reason="target: 1 failed with the change",
    attempts=3,
    seconds=131.0,
    agent_seconds=118.0,
    test_seconds=10.2,
    tokens=Tokens(input=31_800, output=4_020, cached=22_000),
    cost_usd=0.162,
    probes=(
        Evidence("fail-before", ProbeResult.PASSED, "1 failed without the change"),
        Evidence("target", ProbeResult.FAILED, "1 failed with the change"),
    ),
)

NOT_REPRODUCED = ClusterResult(
    cluster=make_cluster("tests/test_mail.py::test_send"),
    verdict=Verdict.NOT_REPRODUCED,
    reason="it passes in the sandbox without any change",
    seconds=3.2,
    test_seconds=2.1,
    probes=(
        Evidence("fail-before", ProbeResult.FAILED, "1 passed in the sandbox without any change"),
    ),
)

SAMPLE = RunResult(
    clusters=(FIXED, SIDE_BRANCH, UNFIXED, NOT_REPRODUCED),
    notices=(
        "1 failing test was left alone, as --agent-fix-select, the agent_fix marker or a hook says",
    ),
    seconds=206.4,
)

# The one that docs/report.md shows as JSON.
DOCUMENTED = RunResult(clusters=(FIXED,), notices=SAMPLE.notices, seconds=50.2)

HOSTILE = (
    "\x1b[2Jcleared",
    "\x1b]52;c;ZXZpbA==\x07clipboard",
    "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mred\x9d0;title\x9c",
    "\x1b]0;unfinished",
    "::set-env name=PATH::/evil",
    "\n::add-path::/evil",
    " \u200b::error::planted",
    "##[add-path]/evil",
    "##vso[task.setvariable variable=x]y",
    "all is well\rnothing is",
    "user\u202e\u2066txt.exe",
    "zero\u200bwidth\ufefftag\U000e0041",
    "]]></testcase><evil/>",
    "nul\x00 bell\x07 back\x08 del\x7f nel\x85 line\u2028",
    "lone\udc80\ud800surrogates",
    "no character\ufffe\uffff",
    "",
    "x" * 10_000,
)


def make_hostile(text: str) -> RunResult:
    """A run with ``text`` in every field that an agent, a model or a test process can reach."""
    cluster = ClusterResult(
        cluster=make_cluster(f"{text}.py::test", text, cause=text),
        verdict=Verdict.FIXED,
        reason=text,
        landing=Landing(commit=text, branch=text, patch=Path("/tmp", text or "x"), advice=text),
        attempts=1,
        seconds=1.0,
        cost_usd=float("nan"),
        files=(FileStat(path=text, added=1, removed=1),) * 5,
        dropped=(Drop(text, text),) * 5,
        probes=(
            Evidence(text, ProbeResult.PASSED, text),
            Evidence(text, ProbeResult.NOT_APPLICABLE, text),
        ),
        kept=(text,),
    )
    unfixed = ClusterResult(
        cluster=make_cluster(text),
        verdict=Verdict.UNFIXED,
        reason=text,
        cost_usd=float("-inf"),
        probes=(Evidence(text, ProbeResult.FAILED, text),),
    )
    return RunResult(clusters=(cluster, unfixed), notices=(text,), seconds=1.0)


def is_harmless(text: str) -> bool:
    """Whether no terminal, CI log or XML reader could take ``text`` for more than text."""
    categories = {unicodedata.category(char) for char in text}
    is_command = text.lstrip().startswith("::") or re.search(r"##[\w.]*\[", text) is not None
    return not (categories & {"Cc", "Cf", "Cs", "Zl", "Zp"} or is_command)
