"""The spending of all runs of a day, in a file."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.gateway.spending.daily_ledger import DailyLedger
from pytest_agentfix.gateway.spending.ledger import (
    Amount,
    BusyError,
    CapError,
    Caps,
    Demand,
    Ledger,
)
from pytest_agentfix.testing.fakes import FakeClock

DAY = "2026-01-02"


def open_day(folder: Path, *, clock: FakeClock | None = None, day: str = DAY) -> DailyLedger:
    return DailyLedger(folder, clock=clock or FakeClock(), is_needed=True, today=lambda: day)


def make_ledger(folder: Path, limits: dict[tuple[str, str], float], **day: Any) -> Ledger:
    clock = day.setdefault("clock", FakeClock())
    return Ledger(Caps(limits), clock=clock, day=open_day(folder, **day))


def read(folder: Path, day: str = DAY) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"spent-{day}.json").read_text())
    return found


def test_a_run_finds_what_another_has_spent(tmp_path: Path) -> None:
    limits = {("day", "cost"): 1.0}
    first, second = make_ledger(tmp_path, limits), make_ledger(tmp_path, limits)
    first.hold(first.run, Demand(fixed=Amount(requests=1, tokens=9, cost=0.75))).settle(
        Amount(requests=1, tokens=5, cost=0.5)
    )
    with pytest.raises(CapError) as caught:
        second.hold(second.run, Demand(fixed=Amount(requests=1, cost=0.75)))
    assert (str(caught.value), caught.value.scope) == (
        (
            "the cap of $1.00 for today, by UTC and over all runs (agent_fix_caps day.cost)"
            " could be passed: $0.5000 spent in 1 request, and the next may take $0.7500"
        ),
        "day",
    )
    assert second.run.stopped == str(caught.value)
    assert read(tmp_path) == {"requests": 1, "tokens": 5, "cost_usd": 0.5, "seconds": 0.0}


def test_what_is_held_counts_for_other_runs_and_after_a_kill(tmp_path: Path) -> None:
    killed = make_ledger(tmp_path, {})
    killed.hold(killed.run, Demand(fixed=Amount(requests=1, tokens=40, cost=0.75)))
    other = make_ledger(tmp_path, {("day", "tokens"): 50})
    with pytest.raises(CapError, match="could be passed: 40 tokens spent in 1 request"):
        other.hold(other.run, Demand(fixed=Amount(requests=1, tokens=11)))
    other.hold(other.run, Demand(fixed=Amount(requests=1, tokens=10)))


def test_a_new_day_starts_from_nothing_and_forgets_the_old(tmp_path: Path) -> None:
    limits = {("day", "requests"): 1.0}
    yesterday = make_ledger(tmp_path, limits)
    late = yesterday.hold(yesterday.run, Demand(fixed=Amount(requests=1, tokens=5)))
    today = make_ledger(tmp_path, limits, day="2026-01-03")
    today.hold(today.run, Demand(fixed=Amount(requests=1)))
    late.settle(Amount(requests=1, tokens=3))
    assert [read(tmp_path, day)["tokens"] for day in (DAY, "2026-01-03")] == [3, 0]
    for day in range(4, 11):
        later = make_ledger(tmp_path, limits, day=f"2026-01-{day:02}")
        later.hold(later.run, Demand(fixed=Amount(requests=1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"spent-2026-01-{day:02}.json" for day in range(3, 11)),
        "spent-lock",
    ]
    late = yesterday.hold(yesterday.run, Demand(fixed=Amount(requests=1, tokens=5)))
    (tmp_path / f"spent-{DAY}.json").unlink(missing_ok=True)
    late.settle(Amount(requests=1, tokens=3))
    assert read(tmp_path) == {"requests": 0, "tokens": 0, "cost_usd": 0.0, "seconds": 0.0}


def test_a_clock_that_was_wrong_for_a_while_loses_nothing(tmp_path: Path) -> None:
    limits = {("day", "requests"): 1.0}
    before = make_ledger(tmp_path, limits)
    before.hold(before.run, Demand(fixed=Amount(requests=1))).settle(Amount(requests=1))
    wrong = make_ledger(tmp_path, limits, day="2031-12-31")
    wrong.hold(wrong.run, Demand(fixed=Amount(requests=1)))
    with pytest.raises(CapError, match="is reached"):
        before.hold(before.run, Demand(fixed=Amount(requests=1)))


def test_a_run_waits_for_its_own_requests_and_not_for_others(tmp_path: Path) -> None:
    limits = {("day", "cost"): 1.0}
    ledger, other = make_ledger(tmp_path, limits), make_ledger(tmp_path, limits)
    first = ledger.hold(ledger.run, Demand(fixed=Amount(cost=0.75)))
    with pytest.raises(BusyError):
        ledger.hold(ledger.run, Demand(fixed=Amount(cost=0.5)))
    with pytest.raises(CapError):
        other.hold(other.run, Demand(fixed=Amount(cost=0.5)))
    first.settle(Amount(cost=0.25))
    ledger.hold(ledger.run, Demand(fixed=Amount(cost=0.5))).settle(Amount(cost=0.5))
    assert read(tmp_path)["cost_usd"] == 0.75


def test_what_could_not_be_added_is_not_taken_away(tmp_path: Path) -> None:
    other = make_ledger(tmp_path, {})
    other.hold(other.run, Demand(fixed=Amount(tokens=100))).settle(Amount(tokens=100))
    page = tmp_path / f"spent-{DAY}.json"
    kept = page.read_text()
    page.write_text("damaged")
    day = DailyLedger(tmp_path, clock=FakeClock(), is_needed=False, today=lambda: DAY)
    ledger = Ledger(Caps(), clock=FakeClock(), day=day)
    hold = ledger.hold(ledger.run, Demand(fixed=Amount(tokens=90)))
    page.write_text(kept)
    hold.settle(Amount(tokens=5))
    assert read(tmp_path)["tokens"] == 100


def test_a_run_that_is_stopped_with_the_file_locked_stops_no_other(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = make_ledger(tmp_path, {("day", "cost"): 1.0}, clock=clock)
    with (tmp_path / "spent-lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CapError, match=r"cannot be known.*another run holds it locked"):
            ledger.hold(ledger.run, Demand(fixed=Amount(cost=0.1)))
    assert clock.now == pytest.approx(10.0, abs=0.1)
    ledger.hold(ledger.run, Demand(fixed=Amount(cost=0.1)))


def test_wall_clock_of_all_runs(tmp_path: Path) -> None:
    limits = {("day", "seconds"): 100.0}
    for seconds in (60.0, 50.0):
        clock = FakeClock()
        ledger = make_ledger(tmp_path, limits, clock=clock)
        hold = ledger.hold(ledger.run, Demand(fixed=Amount(requests=1)))
        clock.now += seconds
        hold.settle(Amount(requests=1))
    assert read(tmp_path)["seconds"] == 110.0
    ledger = make_ledger(tmp_path, limits)
    with pytest.raises(CapError, match=r"100 s of wall clock for today, by UTC"):
        ledger.hold(ledger.run, Demand(fixed=Amount(requests=1)))


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", '{"tokens": "many"}', '{"cost_usd": NaN}', '{"requests": true}', "\0"),
        *('{"tokens": -5}', '{"tokens": 1' + 400 * "0" + "}", "[" * 100_000),
    ],
    ids=[
        *("empty", "half", "list", "text", "nan", "flag", "nul"),
        *("less than nothing", "huge", "deep"),
    ],
)
def test_a_damaged_file_keeps_the_cap_and_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    (tmp_path / f"spent-{DAY}.json").write_text(content)
    ledger = make_ledger(tmp_path, {("day", "cost"): 1.0})
    with pytest.raises(CapError, match=f"cannot be known.*spent-{DAY}.json is to be repaired"):
        ledger.hold(ledger.run, Demand(fixed=Amount(cost=0.1)))
    assert (tmp_path / f"spent-{DAY}.json").read_text() == content


def test_a_folder_that_cannot_be_made_only_matters_for_a_cap(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "cache"
    needed = Ledger(Caps({("day", "cost"): 1.0}), clock=FakeClock(), day=open_day(folder))
    with pytest.raises(CapError, match="cannot be known"):
        needed.hold(needed.run, Demand(fixed=Amount(cost=0.1)))
    day = DailyLedger(folder, clock=FakeClock(), is_needed=False)
    free = Ledger(Caps(), clock=FakeClock(), day=day)
    free.hold(free.run, Demand(fixed=Amount(cost=0.1))).settle(Amount(cost=0.1))
    assert free.run.spent == Amount(cost=0.1)


def spend_often(folder: Path, times: int) -> None:
    clock = SystemClock()
    day = DailyLedger(folder, clock=clock, is_needed=True, today=lambda: DAY)
    ledger = Ledger(Caps({("day", "tokens"): 200}), clock=clock, day=day)
    with suppress(CapError):
        for _ in range(times):
            hold = ledger.hold(ledger.run, Demand(fixed=Amount(requests=1, tokens=5)))
            hold.settle(Amount(requests=1, tokens=2))


def test_processes_side_by_side_never_pass_a_cap(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=spend_often, args=(tmp_path, 60)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = read(tmp_path)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert found["tokens"] == 2 * found["requests"]
    # Each stops at its first refusal, which others' holds may cause: five at most from each.
    assert 200 - 5 * len(processes) < found["tokens"] <= 200


def test_the_days_cap_cuts_an_answer_to_what_other_runs_have_left(tmp_path: Path) -> None:
    limits = {("day", "tokens"): 10_000.0}
    first, second = make_ledger(tmp_path, limits), make_ledger(tmp_path, limits)
    demand = Demand(
        fixed=Amount(requests=1, tokens=1_000), each=Amount(tokens=1), most=32_000, least=1_024
    )
    first.hold(first.run, demand).settle(Amount(requests=1, tokens=5_000))
    hold = second.hold(second.run, demand)
    assert hold.grant.output == 4_000
    assert hold.grant.cut_by == (
        "the cap of 10,000 tokens for today, by UTC and over all runs (agent_fix_caps day.tokens)"
    )
    assert read(tmp_path)["tokens"] == 10_000
    with pytest.raises(CapError, match="with the shortest answer"):
        first.hold(first.run, demand)
