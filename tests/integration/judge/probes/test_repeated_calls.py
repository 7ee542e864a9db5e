"""Calls that are repeated with other arguments: they do no harm, and they end."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pytest_agentfix.core.model import ProbeResult
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCalls
from tests.kits.locality_kit import probe_locality

BASE = "def double(n):\n    return n + 1\n"
TEST = "from m import double\n\ndef test_it():\n    assert double(5) == 10\n"
SEEN = """
import types

SEEN = types.SimpleNamespace(count=0)

def double(n):
    if n == 5:
        return {answer}
    SEEN.count += 1
    return SEEN.count
"""


def repeat(folder: Path, change: str, test: str = TEST) -> tuple[Finding, RepeatedCalls]:
    """Judge a change of ``m.py``; return the finding, and the session with the change."""
    files = {"m.py": BASE, "test_m.py": test}
    finding, results = probe_locality(folder, files, {"m.py": change}, ["test_m.py::test_it"])
    assert isinstance(finding, Finding)
    assert (results[0].trouble, results[0].report.expected_exit) == ("", 0)
    return finding, results[0].report.repeated


def other_than_5(*statements: str) -> str:
    """Return a module whose function runs ``statements`` for all numbers but the test's."""
    body = "".join(f"    {one}\n" for one in ("if n == 5:\n        return 10", *statements))
    return f"import os, shutil, socket, subprocess\n\ndef double(n):\n{body}    return n + 1\n"


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        ("open(LEFT, 'w').close()", "open"),
        ("os.close(os.open(LEFT, os.O_CREAT | os.O_WRONLY))", "open"),
        ("os.remove(KEPT)", "os.remove"),
        ("subprocess.run(['touch', LEFT])", "subprocess.Popen"),
        *(
            pytest.param(*row, marks=pytest.mark.exhaustive)
            for row in (
                ("open(LEFT, 'a+').close()", "open"),
                ("os.mkdir(LEFT)", "os.mkdir"),
                ("os.symlink('/nowhere', LEFT)", "os.symlink"),
                ("os.rename(KEPT, LEFT)", "os.rename"),
                ("shutil.copyfile(KEPT, LEFT)", "shutil.copyfile"),
                ("os.system('touch ' + LEFT)", "os.system"),
                ("os.fork() or open(LEFT, 'w')", "os.fork"),
                ("os.kill(os.getppid(), 9)", "os.kill"),
            )
        ),
    ],
)
def test_a_varied_call_ends_before_its_effect(tmp_path: Path, statement: str, event: str) -> None:
    left, kept = tmp_path / "left", tmp_path / "kept"
    kept.write_text("")
    names = f"LEFT, KEPT = {str(left)!r}, {str(kept)!r}"
    _, repeated = repeat(tmp_path, other_than_5(names, statement))
    (call,) = repeated.calls
    assert (call.outcome.end, call.outcome.answer) == ("ok", "10")
    assert call.tries
    assert {(one.outcome.end, one.outcome.answer) for one in call.tries} == {("effects", event)}
    assert (left.exists(), left.is_symlink(), kept.exists()) == (False, False, True)


def test_a_varied_call_connects_to_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = server.getsockname()
        _, repeated = repeat(tmp_path, other_than_5(f"socket.create_connection({address!r})"))
        with pytest.raises(BlockingIOError):
            server.accept()
    ends = {one.outcome.end for call in repeated.calls for one in call.tries}
    assert ends == {"effects"}


def test_a_varied_call_may_read(tmp_path: Path) -> None:
    _, repeated = repeat(tmp_path, other_than_5("open(__file__).close()"))
    ends = {one.outcome.end for call in repeated.calls for one in call.tries}
    assert ends <= {"ok", "raised"}


def test_a_recorded_call_with_effects_is_not_varied(tmp_path: Path) -> None:
    log = tmp_path / "log"
    change = f"def double(n):\n    open({str(log)!r}, 'a').write('x')\n    return n * 2 or 7\n"
    finding, repeated = repeat(tmp_path, change)
    (call,) = repeated.calls
    assert (call.outcome.end, call.tries) == ("effects", ())
    assert log.read_text() == "x"  # by the test itself
    assert finding.evidence.result is ProbeResult.NOT_APPLICABLE
    assert finding.evidence.detail == (
        "every call of a changed function has effects outside of the process"
    )


@pytest.mark.parametrize("wait", ["while n: pass", "__import__('threading').Event().wait()"])
def test_calls_that_never_end_are_few(tmp_path: Path, wait: str) -> None:
    _, repeated = repeat(tmp_path, other_than_5(wait))
    (call,) = repeated.calls
    assert [one.outcome.end for one in call.tries].count("late") == 2
    assert repeated.limits == ("seconds of one call",)


@pytest.mark.parametrize(
    ("answer", "is_shared"), [("10 + SEEN.count", False), ("10", True)], ids=["asks", "asks not"]
)
def test_calls_share_a_process_where_they_disturb_none(
    tmp_path: Path, answer: str, *, is_shared: bool
) -> None:
    """A recorded call that ends otherwise after others shows that they leave something behind."""
    _, repeated = repeat(tmp_path, SEEN.format(answer=answer))
    (call,) = repeated.calls
    counts = [int(one.outcome.answer) for one in call.tries if one.outcome.end == "ok"]
    alone, together = [1] * len(counts), list(range(1, len(counts) + 1))
    assert len(counts) > 1
    assert counts == (together if is_shared else alone)


def test_a_call_that_ends_differently_each_time_is_not_varied(tmp_path: Path) -> None:
    change = "import time\n\ndef double(n):\n    return time.time_ns() if n == 5 else n + 1\n"
    test = "from m import double\n\ndef test_it():\n    assert double(5) > 8\n"
    finding, repeated = repeat(tmp_path, change, test)
    assert (repeated.calls, repeated.unstable) == ((), 1)
    assert finding.evidence.result is ProbeResult.NOT_APPLICABLE
    assert finding.evidence.detail == "calls of changed functions end differently each time"


@pytest.mark.parametrize(
    "drawn",
    [
        "random.random()",
        "random.SystemRandom().random()",
        "secrets.token_hex(8)",
        "uuid.uuid4()",
        "os.urandom(8)",
    ],
)
def test_chance_that_can_be_repeated_is_no_obstacle(tmp_path: Path, drawn: str) -> None:
    change = (
        "import os, random, secrets, uuid\n\n"
        f"def double(n):\n    return (10, {drawn}) if n == 5 else {drawn}\n"
    )
    test = TEST.replace("double(5)", "double(5)[0]")
    finding, repeated = repeat(tmp_path, change, test)
    assert repeated.unstable == 0
    (call,) = repeated.calls
    assert len({one.outcome.answer for one in call.tries}) == 1  # drawn by every one of them
    assert finding.has_failed


def test_a_test_draws_something_else_each_time(tmp_path: Path) -> None:
    test = (
        "import secrets\nfrom m import double\n\n"
        "def test_it():\n"
        "    assert len({secrets.token_hex(8), secrets.token_hex(8), secrets.token_hex(8)}) == 3\n"
        "    assert double(5) == 10\n"
    )
    _, repeated = repeat(tmp_path, "def double(n):\n    return n * 2 if n else 0\n", test)
    assert repeated.calls


def test_a_port_that_the_system_chooses_is_no_effect(tmp_path: Path) -> None:
    bind = "with socket.socket() as one: one.bind(('127.0.0.1', 0))"
    _, repeated = repeat(tmp_path, other_than_5(bind))
    (call,) = repeated.calls
    assert {one.outcome.end for one in call.tries} <= {"ok", "raised"}
    assert "ok" in {one.outcome.end for one in call.tries}


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("open({log!r}, 'a').write('x')", "others have effects outside of the process"),
        ("n = [n, time.time_ns()][0]; SEEN.append(time.time_ns())", "others end differently"),
    ],
)
def test_calls_that_miss_what_the_change_asks_for_prove_nothing(
    tmp_path: Path, statement: str, why: str
) -> None:
    base = "SEEN = []\n\ndef double(n):\n    return add(n, 1)\n\ndef add(a, b):\n    return a + b\n"
    body = f"    {statement.format(log=str(tmp_path / 'log'))}\n    if n == 5:\n        return 10\n"
    added = base.replace("double(n):\n", f"double(n):\n{body}").replace("a + b", "a + b * 1")
    files = {"m.py": base, "test_m.py": TEST.replace("    assert", "    add(2, 3)\n    assert")}
    files["test_m.py"] = files["test_m.py"].replace("import double", "import add, double")
    finding, _ = probe_locality(
        tmp_path, files, {"m.py": f"import time\n{added}"}, ["test_m.py::test_it"]
    )
    assert isinstance(finding, Finding)
    assert finding.evidence.result is ProbeResult.NOT_APPLICABLE
    assert finding.evidence.detail.startswith(
        f"no call that was varied comes to what the change asks for: {why}"
    )
