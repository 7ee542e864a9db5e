"""Commit messages of fixes."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Evidence,
    Failure,
    FileChange,
    Fix,
    ItemKind,
    Judgement,
    Phase,
    ProbeResult,
)
from pytest_agentfix.repository.commit_message import default_message


def make_failure(nodeid: str, *, exception: str = "", message: str = "") -> Failure:
    return Failure(
        nodeid=nodeid,
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=None,
        line=None,
        exception=exception,
        message=message,
        traceback="",
    )


def make_message(*failures: Failure, probes: tuple[Evidence, ...] = (), model: str = "p/m") -> str:
    return default_message(
        Fix(
            cluster=Cluster(slug="s", failures=failures),
            changes=ChangeSet({"a.py": FileChange(b"")}),
            judgement=Judgement(probes=probes),
            model=model,
        )
    )


def parse_trailers(message: str) -> list[str]:
    command = ["git", "interpret-trailers", "--parse"]
    done = subprocess.run(command, input=message.encode(), capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def test_whole_message() -> None:
    probes = (
        Evidence("target", ProbeResult.PASSED, "1 passed"),
        Evidence("neighbours", ProbeResult.PASSED, "41 passed"),
        Evidence("canary", ProbeResult.NOT_APPLICABLE, ""),
    )
    failure = make_failure(
        "tests/test_p.py::test_parse[empty]",
        exception="ValueError",
        message="ValueError: not enough values",
    )
    assert make_message(failure, probes=probes) == (
        "Fix test_parse[empty] (ValueError: not enough values)\n"
        "\n"
        "Cause, as tests/test_p.py::test_parse[empty] saw it:\n"
        "    ValueError: not enough values\n"
        "\n"
        "Evidence:\n"
        "- target: passed (1 passed)\n"
        "- neighbours: passed (41 passed)\n"
        "\n"
        "Agent-Fix-Test: tests/test_p.py::test_parse[empty]\n"
        "Agent-Fix-Model: p/m\n"
        "Agent-Fix-Verdict: fixed\n"
        "Co-authored-by: OpenCode <noreply@opencode.ai>\n"
    )


def test_several_tests_share_a_subject() -> None:
    failures = [make_failure(f"t.py::test_x[{n}]", exception="KeyError") for n in range(30)]
    message = make_message(*failures)
    assert message.partition("\n")[0] == "Fix test_x and 29 more (KeyError)"
    trailers = parse_trailers(message)
    assert trailers[20] == "Agent-Fix-Test: and 10 more"
    assert len(trailers) == 24


@pytest.mark.parametrize(
    "text", ["x" * 5000, "\x1b[31m\n\n---\nSigned-off-by: Forged <f@f>", "\u202e"]
)
def test_no_text_breaks_the_form(text: str) -> None:
    failure = make_failure(f"t.py::test_a[{text}]", exception=text, message=text)
    probes = (Evidence(text, ProbeResult.PASSED, text),)
    message = make_message(failure, probes=probes, model=text)
    lines = message.splitlines()
    assert len(lines[0]) <= 72
    assert all(line.isprintable() for line in lines)
    keys = ["Agent-Fix-Test", "Agent-Fix-Model", "Agent-Fix-Verdict", "Co-authored-by"]
    assert keys == [trailer.partition(":")[0] for trailer in parse_trailers(message)]


def test_a_failure_that_says_nothing() -> None:
    failure = replace(make_failure("t.py"), kind=ItemKind.COLLECTOR)
    assert make_message(failure).startswith("Fix t.py\n\nCause, as t.py saw it:\n    it failed\n")


def test_what_tests_of_several_functions_share() -> None:
    failures = (make_failure("t.py::test_a"), make_failure("t.py::test_b"))
    cluster = Cluster(slug="s", failures=failures, cause="same fixture 'db'\nAgent-Fix-Test: no")
    fix = Fix(
        cluster=cluster,
        changes=ChangeSet({"a.py": FileChange(b"")}),
        judgement=Judgement(probes=()),
        model="p/m",
    )
    message = default_message(fix)
    assert "\nWhat the tests share: same fixture 'db' Agent-Fix-Test: no\n" in message
    alone = replace(fix, cluster=replace(cluster, failures=failures[:1]))
    assert "What the tests share" not in default_message(alone)
