"""Note and change the results of the callables among a call's arguments."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import CallableMixin, Mock

import pytest

from pytest_agentfix.judge.in_sandbox.call_variation import list_told
from pytest_agentfix.judge.in_sandbox.returned_values import (
    RESULTS_LIMIT,
    Observation,
    ReturnVariation,
)
from pytest_agentfix.judge.in_sandbox.value_description import describe_value
from pytest_agentfix.judge.in_sandbox.value_variation import Vocabulary

NO_WORDS = Vocabulary([], [])


@pytest.fixture(autouse=True)
def _keep_mocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what is done for the whole of a process that is otherwise thrown away."""
    name = "_mock_call"
    monkeypatch.setattr(CallableMixin, name, getattr(CallableMixin, name))


class Client:
    def __init__(self) -> None:
        self.count = 7

    def get(self, _path: str) -> dict[str, int]:
        return {"count": self.count}

    def __enter__(self) -> list[int]:
        return [self.count]

    def __exit__(self, *_error: object) -> None:
        """Close nothing."""

    @property
    def size(self) -> int:
        return self.count + 1


class Reader:
    """Product code, as far as the home package given below says."""

    def __init__(self, client: Client) -> None:
        self.client = client


def observe(arguments: dict[str, Any], call: Callable[..., Any]) -> dict[str, Any]:
    """Return what is noted of one call."""
    seen = Observation("product", NO_WORDS)
    seen.apply(arguments)
    call(**arguments)
    return seen.report()


def test_results_of_functions_are_places() -> None:
    arguments = {"fetch": lambda: {"count": 7}}
    report = observe(arguments, lambda fetch: fetch())
    assert report["held"]["fetch()['count']"] == "7"
    row = next(one for one in report["rows"] if one[3] == "fetch()['count']")
    again = {"fetch": lambda: {"count": 7}}
    ReturnVariation("product", NO_WORDS, row).apply(again)
    assert describe_value(again["fetch"]()["count"]) == row[-1] != "7"


def test_methods_of_the_tests_objects_are_wrapped_wherever_they_are() -> None:
    report = observe({"self": Reader(Client())}, lambda self: self.client.get("/"))
    assert report["held"]["self.client.get()['count']"] == "7"


def test_properties_and_contexts_hand_their_results_on() -> None:
    def call(client: Client) -> None:
        with client as counts:
            assert (counts, client.size) == ([7], 8)

    report = observe({"client": Client()}, call)
    assert report["held"]["client.__enter__()[0]"] == "7"
    assert report["held"]["client.size()"] == "8"


def test_a_wrapped_object_keeps_its_type_and_its_state() -> None:
    arguments = {"client": Client()}
    Observation("product", NO_WORDS).apply(arguments)
    assert isinstance(arguments["client"], Client)
    assert describe_value(arguments["client"]) == describe_value(Client())


def test_mocks_and_coroutines_are_followed() -> None:
    async def fetch() -> int:
        return 41

    client = Mock(name="client")
    client.get.return_value = {"count": 7}

    def call(fetch: Any, client: Mock) -> None:
        with pytest.raises(StopIteration):
            fetch().send(None)
        client.get()

    report = observe({"fetch": fetch, "client": client}, call)
    assert report["held"]["fetch()"] == "41"
    assert report["held"]["client.get()['count']"] == "7"


def test_each_of_the_first_results_is_a_place() -> None:
    def call(fetch: Callable[[], int]) -> None:
        for _ in range(RESULTS_LIMIT + 2):
            fetch()

    numbers: Iterator[int] = iter(range(100, 200))
    report = observe({"fetch": numbers.__next__}, call)
    assert report["held"] == {"fetch()": "100", "fetch()#2": "101", "fetch()#3": "102"}


def test_items_of_iterators_are_places_and_files_stay() -> None:
    file = io.StringIO("text")
    report = observe({"items": iter([5, 7]), "file": file}, lambda items, file: [*items, file])
    assert report["held"] == {"items.__next__()": "5", "items.__next__()#2": "7"}


def test_functions_of_the_code_itself_are_no_input() -> None:
    exec("def double(n):\n    return n * 2\n", names := {"__name__": "product.numbers"})
    assert observe({"double": names["double"]}, lambda double: double(5))["held"] == {}


def test_state_of_a_callable_tells_calls_apart() -> None:
    def make(answers: list[int]) -> Callable[[], int]:
        return lambda: answers[-1]

    assert describe_value(make([5])) != describe_value(make([7]))
    assert describe_value([5].pop) != describe_value([7].pop)
    assert describe_value(Client().get) == describe_value(Client().get)
    first, second = Mock(return_value=5), Mock(return_value=7)
    assert describe_value(first) != describe_value(second)


def test_modules_are_known_by_their_names() -> None:
    """Their contents are long, and no input."""
    assert describe_value([io, pytest]) == f"[{io!r}, {pytest!r}]"


@pytest.mark.parametrize(
    ("outcomes", "count", "is_told"),
    [("F", 1, False), ("F", 3, True), ("F", 2, True), ("FT", 2, True)],
)
def test_a_condition_has_to_be_asked_as_often(outcomes: str, count: int, *, is_told: bool) -> None:
    first = {"firsts": {"1": {"F": 1, "T": 2}}}
    told = list_told({"met": {"1": outcomes}, "counts": {"1": count}}, first)
    assert told == ({"1": outcomes} if is_told else {})
