"""What all runs of a day have spent, in a file."""

from __future__ import annotations

import json
import multiprocessing
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.gateway.spending.day_file import DayFile
from pytest_agentfix.gateway.spending.ledger import Amount, CapError, Caps, Ledger
from pytest_agentfix.testing.fakes import FakeClock

DAY = "2026-01-02"


def open_day(folder: Path, *, clock: FakeClock | None = None, day: str = DAY) -> DayFile:
    return DayFile(folder, clock=clock or FakeClock(), is_needed=True, today=lambda: day)


def make_ledger(folder: Path, limits: dict[tuple[str, str], float], **day: Any) -> Ledger:
    clock = day.setdefault("clock", FakeClock())
    return Ledger(Caps(limits), clock=clock, day=open_day(folder, **day))


def read(folder: Path, day: str = DAY) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"spent-{day}.json").read_text())
    return found


def test_a_run_finds_what_another_has_spent(tmp_path: Path) -> None:
    limits = {("day", "cost"): 1.0}
    first, second = make_ledger(tmp_path, limits), make_ledger(tmp_path, limits)
    first.hold(first.run, Amount(requests=1, tokens=9, cost=0.75)).settle(
        Amount(requests=1, tokens=5, cost=0.5)
    )
    with pytest.raises(CapError) as caught:
        second.hold(second.run, Amount(requests=1, cost=0.75))
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
    killed.hold(killed.run, Amount(requests=1, tokens=40, cost=0.75))
    other = make_ledger(tmp_path, {("day", "tokens"): 50})
    with pytest.raises(CapError, match="could be passed: 40 tokens spent in 1 request"):
        other.hold(other.run, Amount(requests=1, tokens=11))
    other.hold(other.run, Amount(requests=1, tokens=10))


def test_a_new_day_starts_from_nothing_and_forgets_the_old(tmp_path: Path) -> None:
    limits = {("day", "requests"): 1.0}
    yesterday = make_ledger(tmp_path, limits)
    late = yesterday.hold(yesterday.run, Amount(requests=1, tokens=5))
    today = make_ledger(tmp_path, limits, day="2026-01-03")
    today.hold(today.run, Amount(requests=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "spent-2026-01-03.json",
        "spent-lock",
    ]
    late.settle(Amount(requests=1, tokens=3))
    assert read(tmp_path, "2026-01-03")["requests"] == 1


def test_wall_clock_of_all_runs(tmp_path: Path) -> None:
    limits = {("day", "seconds"): 100.0}
    for seconds in (60.0, 50.0):
        clock = FakeClock()
        ledger = make_ledger(tmp_path, limits, clock=clock)
        hold = ledger.hold(ledger.run, Amount(requests=1))
        clock.now += seconds
        hold.settle(Amount(requests=1))
    assert read(tmp_path)["seconds"] == 110.0
    ledger = make_ledger(tmp_path, limits)
    with pytest.raises(CapError, match=r"100 s of wall clock for today, by UTC"):
        ledger.hold(ledger.run, Amount(requests=1))


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"tokens": "many"}', '{"cost_usd": NaN}', '{"requests": true}', "\0"],
    ids=["empty", "half", "list", "text", "nan", "flag", "nul"],
)
def test_a_damaged_file_keeps_the_cap_and_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    (tmp_path / f"spent-{DAY}.json").write_text(content)
    ledger = make_ledger(tmp_path, {("day", "cost"): 1.0})
    with pytest.raises(CapError, match=f"cannot be known.*spent-{DAY}.json is to be repaired"):
        ledger.hold(ledger.run, Amount(cost=0.1))
    assert (tmp_path / f"spent-{DAY}.json").read_text() == content


def test_a_folder_that_cannot_be_made_only_matters_for_a_cap(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "cache"
    needed = Ledger(Caps({("day", "cost"): 1.0}), clock=FakeClock(), day=open_day(folder))
    with pytest.raises(CapError, match="cannot be known"):
        needed.hold(needed.run, Amount(cost=0.1))
    day = DayFile(folder, clock=FakeClock(), is_needed=False)
    free = Ledger(Caps(), clock=FakeClock(), day=day)
    free.hold(free.run, Amount(cost=0.1)).settle(Amount(cost=0.1))
    assert free.run.spent == Amount(cost=0.1)


def spend_often(folder: Path, times: int) -> None:
    ledger = make_ledger(folder, {("day", "tokens"): 200})
    with suppress(CapError):
        for _ in range(times):
            hold = ledger.hold(ledger.run, Amount(requests=1, tokens=5))
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
    # Each ends at the first refusal, which others' holds may cause: five at most from each.
    assert 200 - 5 * len(processes) < found["tokens"] <= 200
