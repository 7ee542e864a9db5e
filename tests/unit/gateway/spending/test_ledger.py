"""Holding, charging and refusing, account by account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.gateway.spending.ledger import (
    Account,
    Amount,
    BusyError,
    CapError,
    Caps,
    Choose,
    Demand,
    Hold,
    Ledger,
    Settle,
)
from pytest_agentfix.testing.fakes import FakeClock


def make_ledger(
    limits: dict[tuple[str, str], float], clock: FakeClock | None = None
) -> tuple[Ledger, Account]:
    ledger = Ledger(Caps(limits), clock=clock or FakeClock())
    return ledger, ledger.run.open("cluster").open("attempt")


def spend(ledger: Ledger, account: Account, amount: Amount) -> Hold:
    hold = ledger.hold(account, Demand(fixed=amount))
    hold.settle(amount)
    return hold


def test_a_charge_counts_in_the_whole_chain() -> None:
    ledger, attempt = make_ledger({})
    hold = ledger.hold(attempt, Demand(fixed=Amount(requests=1, tokens=100, cost=0.5)))
    hold.settle(Amount(requests=1, tokens=7, cost=0.125))
    hold.settle(Amount(requests=9, tokens=9, cost=9.0))  # too late
    chain = [attempt, attempt.parent, ledger.run]
    assert [each.spent for each in chain if each] == [Amount(requests=1, tokens=7, cost=0.125)] * 3
    assert [each.held for each in chain if each] == [Amount()] * 3


@pytest.mark.parametrize(
    ("scope", "kind", "limit", "words"),
    [
        (
            "run",
            "cost",
            1.0,
            (
                "the cap of $1.00 for this run (--agent-fix-max-cost) could be passed: $0.7500"
                " spent in 1 request, and the next may take $0.7500"
            ),
        ),
        (
            "run",
            "tokens",
            1000.0,
            (
                "the cap of 1,000 tokens for this run (--agent-fix-max-tokens) could be passed: 600"
                " tokens spent in 1 request, and the next may take 600 tokens"
            ),
        ),
        (
            "cluster",
            "cost",
            1.0,
            (
                "the cap of $1.00 for this cause (agent_fix_caps cluster.cost) could be passed:"
                " $0.7500 spent in 1 request, and the next may take $0.7500"
            ),
        ),
        (
            "attempt",
            "requests",
            1.0,
            "the cap of 1 model request for this attempt (agent_fix_max_requests) is reached",
        ),
        (
            "run",
            "requests",
            1.0,
            "the cap of 1 model request for this run (agent_fix_caps run.requests) is reached",
        ),
    ],
)
def test_what_does_not_fit_is_refused(scope: str, kind: str, limit: float, words: str) -> None:
    ledger, attempt = make_ledger({(scope, kind): limit})
    amount = Amount(requests=1, tokens=600, cost=0.75)
    spend(ledger, attempt, amount)
    with pytest.raises(CapError) as caught:
        ledger.hold(attempt, Demand(fixed=amount))
    assert (str(caught.value), caught.value.scope) == (words, scope)
    stopped = {each.scope: each.stopped for each in (attempt, attempt.parent, ledger.run) if each}
    assert stopped == {name: words if name == scope else "" for name in stopped}
    assert ledger.run.spent == amount
    assert ledger.run.held == Amount()


def test_a_cap_can_be_reached_to_the_cent() -> None:
    ledger, attempt = make_ledger({("run", "cost"): 1.0})
    spend(ledger, attempt, Amount(cost=0.5))
    spend(ledger, attempt, Amount(cost=0.5))
    with pytest.raises(CapError):
        ledger.hold(attempt, Demand(fixed=Amount(cost=0.01)))


def test_what_is_under_way_may_turn_out_cheaper() -> None:
    ledger, attempt = make_ledger({("run", "cost"): 1.0})
    first = ledger.hold(attempt, Demand(fixed=Amount(cost=0.75)))
    with pytest.raises(BusyError):
        ledger.hold(attempt, Demand(fixed=Amount(cost=0.5)))
    first.settle(Amount(cost=0.25))
    spend(ledger, attempt, Amount(cost=0.5))
    assert ledger.run.spent == Amount(cost=0.75)


def test_rounding_errors_of_held_amounts_make_nobody_wait() -> None:
    ledger, attempt = make_ledger({("run", "cost"): 0.001})
    holds = [
        ledger.hold(attempt, Demand(fixed=Amount(cost=cost))) for cost in (0.0001, 0.0002, 0.0003)
    ]
    for hold in holds:
        hold.settle(Amount())
    chain = [attempt, attempt.parent, ledger.run]
    assert [each.held for each in chain if each] == [Amount()] * 3
    ledger.hold(attempt, Demand(fixed=Amount(cost=0.001)))


class BrokenDay:
    """A daily ledger whose settling fails with an unexpected error."""

    def hold(self, choose: Choose) -> Settle:
        choose(Amount(), 0.0)

        def settle(actual: Amount) -> None:
            raise RuntimeError(actual)

        return settle


def test_a_hold_is_settled_even_if_the_daily_ledger_fails() -> None:
    ledger = Ledger(Caps(), clock=FakeClock(), day=BrokenDay())
    hold = ledger.hold(ledger.run, Demand(fixed=Amount(tokens=9)))
    with pytest.raises(RuntimeError):
        hold.settle(Amount(tokens=5))
    assert (ledger.run.held, ledger.run.spent) == (Amount(), Amount(tokens=5))


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (0.00005, "the cap of $0.0000500 for this run"),
        (0.25, "the cap of $0.2500 for this run"),
        (1.5, "the cap of $1.50 for this run"),
        (1234.5, "the cap of $1,234.50 for this run"),
    ],
)
def test_money_is_shown_with_the_digits_that_matter(limit: float, words: str) -> None:
    ledger, attempt = make_ledger({("run", "cost"): limit})
    with pytest.raises(CapError) as caught:
        ledger.hold(attempt, Demand(fixed=Amount(cost=limit * 2)))
    assert str(caught.value).startswith(words)


def test_other_clusters_have_their_own_caps() -> None:
    ledger, attempt = make_ledger({("cluster", "tokens"): 10})
    other = ledger.run.open("cluster").open("attempt")
    spend(ledger, attempt, Amount(tokens=10))
    spend(ledger, other, Amount(tokens=10))
    with pytest.raises(CapError):
        ledger.hold(other, Demand(fixed=Amount(tokens=1)))
    assert ledger.run.spent == Amount(tokens=20)


@pytest.mark.parametrize("scope", ["attempt", "cluster", "run"])
def test_wall_clock(scope: str) -> None:
    clock = FakeClock(now=100.0)
    ledger, attempt = make_ledger({(scope, "seconds"): 60.0}, clock)
    clock.now += 59.0
    assert ledger.find_timeout(attempt) == ""
    ledger.hold(attempt, Demand(fixed=Amount(requests=1))).settle(Amount(requests=1))
    clock.now += 1.0
    words = ledger.find_timeout(attempt)
    names = {"attempt": "this attempt", "cluster": "this cause", "run": "this run"}
    spelled = f"(agent_fix_caps {scope}.seconds)"
    assert words == f"the cap of 60 s of wall clock for {names[scope]} {spelled} is reached"
    with pytest.raises(CapError, match="wall clock"):
        ledger.hold(attempt, Demand(fixed=Amount(requests=1)))


def test_a_new_attempt_has_time_again() -> None:
    clock = FakeClock()
    ledger = Ledger(Caps({("attempt", "seconds"): 60.0}), clock=clock)
    cluster = ledger.run.open("cluster")
    first = cluster.open("attempt")
    clock.now = 61.0
    assert (ledger.find_timeout(first) != "", ledger.find_timeout(cluster.open("attempt"))) == (
        True,
        "",
    )


def demand(prompt: int, most: int = 32_000, least: int = 1024, price: float = 0.0) -> Demand:
    """Return the demand of a request whose tokens all have one ``price``."""
    return Demand(
        fixed=Amount(requests=1, tokens=prompt, cost=prompt * price),
        each=Amount(tokens=1, cost=price),
        most=most,
        least=least,
    )


@pytest.mark.parametrize(
    ("limits", "output", "cut_by"),
    [
        ({}, 32_000, ""),
        ({("run", "tokens"): 35_000}, 32_000, ""),
        (
            {("run", "tokens"): 20_000},
            17_000,
            "the cap of 20,000 tokens for this run (--agent-fix-max-tokens)",
        ),
        (
            {("run", "tokens"): 20_000, ("attempt", "cost"): 0.005, ("cluster", "cost"): 0.006},
            2_000,
            "the cap of $0.0050 for this attempt (agent_fix_caps attempt.cost)",
        ),
        (
            {("run", "tokens"): 4_024},
            1_024,
            "the cap of 4,024 tokens for this run (--agent-fix-max-tokens)",
        ),
    ],
    ids=["no cap", "enough", "tokens", "money, the smallest of three", "the least"],
)
def test_an_answer_is_cut_to_what_the_caps_leave(
    limits: dict[tuple[str, str], float], output: int, cut_by: str
) -> None:
    ledger, attempt = make_ledger(limits)
    hold = ledger.hold(attempt, demand(3_000, price=1e-6))
    assert (hold.grant.output, hold.grant.cut_by) == (output, cut_by)
    assert hold.amount.tokens == ledger.run.held.tokens == 3_000 + output


@pytest.mark.parametrize(
    ("kind", "limit", "words"),
    [
        ("tokens", 4_023, "0 tokens spent in 0 requests, and the next may take 4,024 tokens with"),
        ("cost", 0.004, r"\$0.0000 spent in 0 requests, and the next may take \$0.0040 with"),
    ],
)
def test_less_than_the_least_answer_is_refused(kind: str, limit: float, words: str) -> None:
    ledger, attempt = make_ledger({("run", kind): limit})
    with pytest.raises(CapError, match=f"could be passed: {words} the shortest answer"):
        ledger.hold(attempt, demand(3_000, price=1e-6))


def test_nobody_is_cut_short_by_what_others_only_hold() -> None:
    """An answer waits for those under way, unless they leave enough for all of it."""
    ledger, attempt = make_ledger({("run", "tokens"): 100_000})
    other = ledger.run.open("cluster").open("attempt")
    first = ledger.hold(attempt, demand(88_000, most=1_000, least=1_000))
    with pytest.raises(BusyError):
        ledger.hold(other, demand(8_001, most=3_000, least=1_000))
    fits = ledger.hold(other, demand(8_000, most=3_000, least=1_000))
    assert fits.grant.output == 3_000
    fits.settle(Amount())
    first.settle(Amount(tokens=90_000))
    assert ledger.hold(other, demand(8_000)).grant.output == 2_000


def test_an_answer_that_cannot_be_cut_waits_for_its_whole_limit() -> None:
    ledger, attempt = make_ledger({("run", "tokens"): 40_000})
    whole = demand(3_000, least=32_000)
    first = ledger.hold(attempt, demand(3_000, most=4_000))
    with pytest.raises(BusyError):
        ledger.hold(attempt, whole)
    first.settle(Amount(tokens=5_000))
    assert ledger.hold(attempt, whole).grant.output == 32_000


steps = st.lists(
    st.tuples(
        st.integers(0, 5_000),  # tokens of the prompt
        st.integers(1, 40_000),  # the most of the answer
        st.floats(0, 1),  # the share of it that is used
        st.booleans(),  # whether it is settled at once
    ),
    max_size=30,
)


@given(
    steps=steps,
    limits=st.fixed_dictionaries(
        {
            ("run", "tokens"): st.integers(0, 100_000),
            ("run", "cost"): st.floats(0, 0.3),
            ("cluster", "tokens"): st.integers(0, 60_000),
        }
    ),
)
def test_no_order_of_requests_passes_a_cap(
    steps: list[tuple[int, int, float, bool]], limits: dict[tuple[str, str], float]
) -> None:
    """Two clusters ask side by side; whatever is used of a grant, no cap is passed."""
    ledger = Ledger(Caps(limits), clock=FakeClock())
    attempts = [ledger.run.open("cluster").open("attempt") for _ in range(2)]
    held: list[tuple[Hold, Amount]] = []
    for number, (prompt, most, share, is_settled) in enumerate(steps):
        wanted = demand(prompt, most, least=min(most, 1024), price=3e-6)
        try:
            hold = ledger.hold(attempts[number % 2], wanted)
        except BusyError:
            assert held, "nothing is under way that could leave more"
            continue
        except CapError:
            continue
        assert wanted.least <= hold.grant.output <= most
        held.append((hold, wanted.weigh(int(hold.grant.output * share))))
        while is_settled and held:
            first, actual = held.pop(0)
            first.settle(actual)
    for hold, actual in held:
        hold.settle(actual)
    for (scope, kind), limit in limits.items():
        accounts = [ledger.run] if scope == "run" else [one.parent for one in attempts]
        assert all(one is not None and one.spent.get(kind) <= limit + 1e-9 for one in accounts)
