"""The JSON report: the whole document, and hostile text in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Landing, RunResult, Tokens, Verdict
from pytest_agentfix.report.json_report import render
from tests.kits.report_sample import (
    FIXED,
    HOSTILE,
    SIDE_BRANCH,
    UNFIXED,
    is_harmless,
    make_cluster,
    make_hostile,
)

NO_VERDICTS = {verdict.value: 0 for verdict in Verdict}


def test_a_fix() -> None:
    report = json.loads(render(RunResult(clusters=(FIXED,), notices=("a note",), seconds=50.0)))
    assert report == {
        "version": 1,
        "clusters": [
            {
                "tests": [
                    "tests/test_cart.py::test_discount[10]",
                    "tests/test_cart.py::test_discount[20]",
                    "tests/test_cart.py::test_discount[50]",
                ],
                "cause": "same test function",
                "verdict": "fixed",
                "reason": "green after a change to 1 file, on main",
                "commit": "4be19c07d2aa5f0c8f6f4f4f1c9a8d7e6b5a4032",
                "branch": "main",
                "patch": None,
                "advice": "",
                "held_back": False,
                "attempts": 2,
                "seconds": 48.31,
                "agent_seconds": 36.6,
                "test_seconds": 9.02,
                "tokens": {"input": 12410, "output": 1880, "cached": 9100, "written": 0},
                "cost_usd": 0.0689,
                "files": ["shop/cart.py"],
                "lines": [{"path": "shop/cart.py", "added": 3, "removed": 1}],
                "dropped": [{"path": "tests/test_cart.py", "reason": "test file"}],
                "probes": [
                    {"name": probe.name, "result": probe.result.value, "detail": probe.detail}
                    for probe in FIXED.probes
                ],
                "neighbours": {
                    "total": 61,
                    "judged": 60,
                    "broken": [],
                    "excused": [
                        {
                            "test": "tests/test_mail.py::test_retry",
                            "reason": "red in 1 of 3 runs with the change, in 0 of 1 without it",
                        }
                    ],
                    "unjudged": [
                        {
                            "error": FIXED.neighbours.groups[0].error,
                            "tests": ["tests/test_rates.py::test_rates"],
                            "advice": FIXED.neighbours.groups[0].advice,
                        }
                    ],
                },
                "kept": [],
            }
        ],
        "bugs": [
            {
                "tests": list(FIXED.cluster.targets),
                "verdict": "fixed",
                "commit": "4be19c07d2aa5f0c8f6f4f4f1c9a8d7e6b5a4032",
                "patch": None,
                "clusters": 1,
                "attempts": 2,
                "tokens": {"input": 12410, "output": 1880, "cached": 9100, "written": 0},
                "cost_usd": 0.0689,
            }
        ],
        "notices": ["a note"],
        "totals": {
            "failures": 3,
            "clusters": 1,
            "bugs": 1,
            "held_back": 0,
            "verdicts": {**NO_VERDICTS, "fixed": 1},
            "attempts": 2,
            "seconds": 50.0,
            "agent_seconds": 36.6,
            "test_seconds": 9.02,
            "tokens": {"input": 12410, "output": 1880, "cached": 9100, "written": 0},
            "cost_usd": 0.0689,
            "cost_complete": True,
        },
    }


def test_a_run_without_failures() -> None:
    assert json.loads(render(RunResult())) == {
        "version": 1,
        "clusters": [],
        "bugs": [],
        "notices": [],
        "totals": {
            "failures": 0,
            "clusters": 0,
            "bugs": 0,
            "held_back": 0,
            "verdicts": NO_VERDICTS,
            "attempts": 0,
            "seconds": 0.0,
            "agent_seconds": 0.0,
            "test_seconds": 0.0,
            "tokens": {"input": 0, "output": 0, "cached": 0, "written": 0},
            "cost_usd": None,
            "cost_complete": True,
        },
    }


def test_totals_add_up() -> None:
    unknown = replace(UNFIXED, cost_usd=None)
    totals = json.loads(render(RunResult(clusters=(FIXED, SIDE_BRANCH, unknown), seconds=1.0)))[
        "totals"
    ]
    assert totals == {
        "failures": 5,
        "clusters": 3,
        "bugs": 3,
        "held_back": 0,
        "verdicts": {**NO_VERDICTS, "fixed": 2, "unfixed": 1},
        "attempts": 6,
        "seconds": 1.0,
        "agent_seconds": 169.6,
        "test_seconds": 23.72,
        "tokens": {"input": 50230, "output": 6310, "cached": 31100, "written": 0},
        "cost_usd": 0.0931,
        "cost_complete": False,
    }


def test_what_one_commit_has_fixed_is_one_bug() -> None:
    other = replace(
        FIXED,
        cluster=make_cluster("t.py::test_a"),
        attempts=0,
        tokens=Tokens(input=5),
        cost_usd=None,
    )
    document = json.loads(render(RunResult(clusters=(other, UNFIXED, FIXED))))
    first, second = document["bugs"]
    assert first["tests"] == ["t.py::test_a", *FIXED.cluster.targets]
    assert (first["clusters"], first["attempts"], first["cost_usd"]) == (2, 2, 0.0689)
    assert first["tokens"] == {"input": 12415, "output": 1880, "cached": 9100, "written": 0}
    assert (second["verdict"], second["clusters"]) == ("unfixed", 1)
    assert (document["totals"]["clusters"], document["totals"]["bugs"]) == (3, 2)


def test_patches_are_bugs_of_their_own() -> None:
    patches = [
        replace(FIXED, landing=Landing(patch=Path(f"/r/{name}.patch"))) for name in ("a", "b", "a")
    ]
    document = json.loads(render(RunResult(clusters=tuple(patches))))
    assert [bug["patch"] for bug in document["bugs"]] == ["/r/a.patch", "/r/b.patch"]


def test_a_patch() -> None:
    landing = Landing(patch=Path("/r/x.patch"), advice="git apply /r/x.patch")
    report = json.loads(render(RunResult(clusters=(replace(FIXED, landing=landing),))))
    place = {key: report["clusters"][0][key] for key in ("commit", "branch", "patch", "advice")}
    assert place == {
        "commit": None,
        "branch": None,
        "patch": "/r/x.patch",
        "advice": "git apply /r/x.patch",
    }


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -0.1])
def test_a_cost_that_is_none_is_null(cost: float) -> None:
    report = json.loads(render(RunResult(clusters=(replace(FIXED, cost_usd=cost),))))
    assert report["clusters"][0]["cost_usd"] is None
    assert report["totals"]["cost_usd"] is None
    assert report["totals"]["cost_complete"] is False


@pytest.mark.parametrize("text", HOSTILE)
def test_the_file_is_plain_ascii_whatever_is_in_it(text: str) -> None:
    written = render(make_hostile(text))
    lines = written.encode("ascii").decode("ascii").split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert lines[-1] == ""
    assert not [line for line in lines if line.lstrip().startswith("::")]


@pytest.mark.parametrize("text", HOSTILE)
def test_prose_is_harmless_and_names_are_exact(text: str) -> None:
    report = json.loads(render(make_hostile(text)))
    cluster = report["clusters"][0]
    name = text.encode("utf-8", "backslashreplace").decode("utf-8")
    assert (cluster["tests"][1], cluster["files"][0], cluster["dropped"][0]["path"]) == (name,) * 3
    prose = [
        *report["notices"],
        cluster["reason"],
        cluster["advice"],
        cluster["dropped"][0]["reason"],
        *(probe[key] for probe in cluster["probes"] for key in ("name", "detail")),
    ]
    assert [each for each in prose if not is_harmless(each) or len(each) > 2000] == []
    json.dumps(report, ensure_ascii=False).encode("utf-8")
