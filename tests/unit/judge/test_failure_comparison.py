"""The table of what counts as the same failure, and the words for what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.model import (
    Cluster,
    Failure,
    Frame,
    ItemKind,
    Phase,
    TestOutcome,
    Want,
    WantKind,
)
from pytest_agentfix.judge.failure_comparison import (
    Difference,
    FailureComparison,
    describe_differences,
    is_same,
    note_differences,
    shows_want,
)

TOP = Path("/top")
TEST = "test_cart.py::test_total"
CART = Frame(TOP / "shop" / "cart.py", 31, "total")
RATES = Frame(TOP / "shop" / "rates.py", 7, "load")
USERS = Failure(
    nodeid=TEST,
    phase=Phase.CALL,
    kind=ItemKind.FUNCTION,
    path=TOP / "test_cart.py",
    line=3,
    exception="AssertionError",
    message="assert 2 == 3",
    traceback="",
    frames=(Frame(TOP / "test_cart.py", 5, "test_total"), CART),
)
SANDBOXS = TestOutcome(
    nodeid=TEST,
    outcome="failed",
    exception="AssertionError",
    message="assert 2 == 3",
    frame=CART,
)
HOME_FILE = Want(WantKind.FILE, "/tmp/home/.shop/rates.json")
LACKING = replace(
    SANDBOXS,
    exception="FileNotFoundError",
    message="[Errno 2] No such file or directory: '/tmp/home/.shop/rates.json'",
    frame=RATES,
    want=HOME_FILE,
)
COMPARISON = FailureComparison(top=TOP, home="/tmp/home", advise=lambda _: "")


@pytest.mark.parametrize(
    ("expected", "users", "sandboxs"),
    [
        (True, {}, {}),
        (True, {}, {"message": "assert 0.1 == 0.2"}),
        (False, {}, {"exception": "ValueError"}),
        (False, {}, {"frame": RATES}),
        (False, {}, {"frame": replace(CART, line=32)}),
        (False, {}, {"frame": replace(CART, function="other")}),
        # What is not known is the same.
        (True, {"exception": ""}, {"exception": "ValueError", "frame": RATES}),
        (True, {}, {"exception": "", "frame": RATES}),
        (True, {"frames": ()}, {"frame": RATES}),
        (True, {}, {"frame": None}),
        (True, {"kind": ItemKind.DOCTEST}, {"exception": "DocTestFailure", "frame": RATES}),
        # No place of their own.
        (True, {"exception": "RecursionError"}, {"exception": "RecursionError", "frame": RATES}),
        (False, {"exception": "RecursionError"}, {"exception": "ValueError"}),
        (
            True,
            {"exception": "Failed", "message": "Timeout >3.0s"},
            {
                "exception": "Failed",
                "message": "Timeout (>3.0s) from pytest-timeout.",
                "frame": RATES,
            },
        ),
        (
            False,
            {"exception": "Failed", "message": "Timeout >3.0s"},
            {"exception": "Failed", "message": "DID NOT RAISE"},
        ),
        (
            False,
            {"exception": "Failed", "message": "DID NOT RAISE"},
            {"exception": "Failed", "message": "DID NOT RAISE", "frame": RATES},
        ),
    ],
)
def test_same_failure(
    expected: bool,  # noqa: FBT001
    users: dict[str, Any],
    sandboxs: dict[str, Any],
) -> None:
    assert is_same(replace(USERS, **users), replace(SANDBOXS, **sandboxs)) is expected


def test_one_of_several_failures_of_a_test_is_enough() -> None:
    teardown = replace(USERS, phase=Phase.TEARDOWN, exception="OSError")
    both = Cluster(slug="c", failures=(teardown, USERS))
    assert COMPARISON.find_differences(both, (SANDBOXS,)) == ()


@pytest.mark.parametrize(
    ("expected", "want", "users"),
    [
        (True, None, {}),
        (False, HOME_FILE, {}),
        (False, HOME_FILE, {"message": "assert load('rates.json') == 3"}),
        (True, HOME_FILE, {"message": "No such file or directory: '/home/me/.shop/rates.json'"}),
        (False, HOME_FILE, {"message": "No such file or directory: '/home/me/out.txt'"}),
        (
            True,
            HOME_FILE,
            {"traceback": "E   FileNotFoundError: No such file: 'rates.json'\n\nE   V: x"},
        ),
        (False, HOME_FILE, {"traceback": "    raise FileNotFoundError('rates.json')"}),
        (False, Want(WantKind.VARIABLE, "MODE"), {"message": "no MODE"}),
        (True, Want(WantKind.VARIABLE, "MODE"), {"exception": "KeyError", "message": "'MODE'"}),
        (True, Want(WantKind.MODULE, "nix"), {"message": "No module named 'nix'"}),
        (False, Want(WantKind.HISTORY, "git describe"), {}),
        (
            True,
            Want(WantKind.HISTORY, "git describe"),
            {"exception": "CalledProcessError", "message": "Command '['git', 'describe']' ..."},
        ),
        (False, Want(WantKind.NETWORK, "example.org"), {}),
    ],
)
def test_a_want_that_the_user_has_too_is_no_lack_of_the_sandbox(
    expected: bool,  # noqa: FBT001
    want: Want | None,
    users: dict[str, Any],
) -> None:
    assert shows_want(replace(USERS, **users), want) is expected


def compare(users: Failure, outcome: TestOutcome, *, advice: str = "") -> Difference:
    comparison = replace(COMPARISON, advise=lambda _: advice)
    (one,) = comparison.find_differences(Cluster(slug="c", failures=(users,)), (outcome,))
    return one


def test_what_the_sandbox_lacks_is_told_with_advice() -> None:
    one = compare(USERS, LACKING, advice="set agent_fix_include")
    assert one.is_lacking
    assert one.summary == (
        "on your machine AssertionError at shop/cart.py:31, "
        "in the sandbox FileNotFoundError: ~/.shop/rates.json; set agent_fix_include"
    )


@pytest.mark.parametrize(
    ("want", "more", "expected"),
    [
        (Want(WantKind.FILE, "/top/data/x.json"), {}, "FileNotFoundError: data/x.json"),
        (Want(WantKind.PROGRAM, "dot"), {}, "FileNotFoundError: dot"),
        (
            Want(WantKind.VARIABLE, "MODE"),
            {"exception": "KeyError", "message": "'MODE'"},
            "KeyError: 'MODE'",
        ),
        (
            Want(WantKind.FILE, "/top/data/x.json"),
            {"exception": "ConfigError", "message": "no data"},
            "ConfigError: no data (file data/x.json)",
        ),
        (
            Want(WantKind.HISTORY, "git describe"),
            {"exception": "IndexError", "message": ""},
            "IndexError (history git describe)",
        ),
    ],
)
def test_words_for_a_want(want: Want, more: dict[str, Any], expected: str) -> None:
    assert compare(USERS, replace(LACKING, want=want, **more)).in_sandbox == expected


def test_another_failure_is_told_with_both_places() -> None:
    one = compare(USERS, replace(SANDBOXS, exception="ValueError", message="no", frame=RATES))
    assert not one.is_lacking
    assert describe_differences((one, one)) == (
        "; not as they did for the user: on your machine AssertionError at shop/cart.py:31, "
        "in the sandbox ValueError at shop/rates.py:7: no (and 1 more)"
    )
    assert note_differences((one,)).endswith(
        "\n- test_cart.py::test_total: AssertionError at shop/cart.py:31 on the user's machine, "
        "ValueError at shop/rates.py:7 in the sandbox"
    )
    # No case, and no value of one: it may be kept from the agent.
    cases = tuple(replace(one, nodeid=f"{TEST}[{number}]") for number in range(9))
    assert note_differences(cases) == note_differences((one,))
    assert (describe_differences(()), note_differences(())) == ("", "")


def test_a_failure_without_a_place_or_type_is_told_by_what_is_known() -> None:
    other = replace(SANDBOXS, exception="ValueError", message="no", frame=None)
    one = compare(replace(USERS, frames=()), other)
    assert (
        one.summary
        == "on your machine AssertionError: assert 2 == 3, in the sandbox ValueError: no"
    )
    unknown = COMPARISON.describe(replace(USERS, exception=""), LACKING, is_lacking=True)
    assert unknown.summary == "FileNotFoundError: ~/.shop/rates.json"


def test_texts_from_a_sandbox_are_harmless_and_bounded() -> None:
    hostile = replace(SANDBOXS, exception="Evil\x1b[2J", message="x\n" * 5_000)
    summary = compare(USERS, hostile).summary
    assert "\x1b" not in summary
    assert len(summary) < 700
