"""Caps hold, whatever usage a provider reports.

A stub provider over real HTTP. Only the requests that reach the stub count: one that could pass a
cap must never be sent.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from itertools import count
from typing import Any

import pytest

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.gateway.http.transport import GatewayTimeouts
from pytest_agentfix.gateway.providers.prices import Price, Prices
from pytest_agentfix.gateway.providers.protocols import WireProtocol, make_row
from pytest_agentfix.gateway.spending.budget import Budget, Reservation, Tariff
from pytest_agentfix.gateway.spending.ledger import Amount, Caps, Ledger
from pytest_agentfix.gateway.spending.token_estimate import (
    FRAME_TOKENS,
    TURN_TOKENS,
    PromptEstimators,
)
from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.conversation import Conversation
from pytest_agentfix.testing.scripted_model.replies import Break, Fail, Hang, Raw, Reply, Script
from pytest_agentfix.testing.socket_stream import StreamPort
from tests.kits.gateway_kit import (
    MODEL,
    TOKEN,
    Client,
    FakeClock,
    SkippingClock,
    make_body,
    make_headers,
    make_upstream,
    open_gateway,
    wait_for,
)

HEADERS = make_headers()

PRICE = Price(input=1.0, output=2.0, cache_read=0.5, cache_write=1.0)  # US dollars per million
TARIFF = Tariff(prices={MODEL: Prices(base=PRICE)})
OUTPUT = 1000  # tokens, requested below
BODY = make_body(max_tokens=OUTPUT)
LIMIT = 20_000  # tokens
MONEY = 0.02  # US dollars: 20,000 tokens of input


def say_usage(usage: Any, text: str = "hello") -> Raw:
    """Return an answer whose provider reports ``usage``."""
    chunk = {"choices": [{"index": 0, "delta": {"content": text}}]}
    last = {"choices": [], "usage": usage}
    lines = [chunk, last] if usage is not None else [chunk]
    events = "".join(f"data: {json.dumps(line)}\n\n" for line in lines)
    return Raw(f"{events}data: [DONE]\n\n".encode())


HONEST = say_usage({"prompt_tokens": 40, "completion_tokens": 5})
HUGE = say_usage({"prompt_tokens": 900, "completion_tokens": OUTPUT})
USAGES: dict[str, Reply] = {
    "honest": HONEST,
    "huge": HUGE,
    "missing": say_usage(None),
    "null": say_usage({}),
    "zero": say_usage({"prompt_tokens": 0, "completion_tokens": 0}),
    "negative": say_usage({"prompt_tokens": -5000, "completion_tokens": -5000}),
    "text": say_usage({"prompt_tokens": "none", "completion_tokens": "few"}),
    "a number that is none": Raw(b'data: {"usage": {"prompt_tokens": NaN}}\n\n'),
    "half a line": Raw(b'data: {"usage": {"prompt_tokens": 1, "comple'),
    "an error in mid-stream": Raw(b'data: {"error": {"message": "overloaded"}}\n\n'),
    "aborted": Break("some text"),
    "no stream at all": Raw(b"{}", "application/json"),
}


def ask(gateway: ModelGateway, body: Any = BODY) -> int:
    """Send one request on its own connection and return the status, 0 for a broken answer."""
    with StreamPort(gateway.handle) as port:
        client = Client(port.port)
        try:
            return client.post(body).status
        except (OSError, HTTPException):
            return 0
        finally:
            client.connection.close()


@contextmanager
def stage(
    script: Reply | Script,
    caps: Mapping[tuple[str, str], float] | None = None,
    tariff: Tariff = TARIFF,
    **options: Any,
) -> Iterator[tuple[ScriptedModel, ModelGateway]]:
    """A stub that answers by ``script`` (one reply: again and again), and a gateway to it."""
    play = script if callable(script) else lambda _: script
    with (
        ScriptedModel(play) as model,
        open_gateway(make_upstream(model.base_url), caps=caps or {}, tariff=tariff, **options) as (
            gateway,
            _,
        ),
    ):
        yield model, gateway


@pytest.mark.parametrize("name", USAGES)
@pytest.mark.parametrize(
    "caps", [{("run", "tokens"): LIMIT}, {("run", "cost"): MONEY}], ids=["tokens", "cost"]
)
def test_spending_never_passes_a_cap(name: str, caps: dict[tuple[str, str], float]) -> None:
    """Ask until the gateway refuses: the requests sent by then could not pass the cap."""
    with stage(USAGES[name], caps) as (model, gateway):
        for _ in range(1000):
            if gateway.trouble():  # broken answers end an attempt; the next one continues
                gateway.begin(deadline=10.0**9)
            ask(gateway)
            if gateway.cap():
                break
        spent = gateway.account.spent

        assert "could be passed" in gateway.cap()
        assert spent.tokens <= caps.get(("run", "tokens"), spent.tokens)
        assert spent.cost <= caps.get(("run", "cost"), spent.cost)
        assert spent.requests == len(model.requests) > 1
        assert gateway.tokens().total == spent.tokens
        assert gateway.cost() == pytest.approx(spent.cost)
        assert gateway.account.held == Amount()


@pytest.mark.parametrize(
    "caps",
    [
        {("run", "tokens"): OUTPUT},
        {("cluster", "tokens"): OUTPUT},
        {("attempt", "tokens"): OUTPUT},
        {("run", "cost"): OUTPUT * 2 / 1e6},
        {("attempt", "requests"): 0},
        {("run", "seconds"): 0},
    ],
    ids=str,
)
def test_what_is_too_much_from_the_start_is_never_sent(
    caps: dict[tuple[str, str], float],
) -> None:
    with stage(HONEST, caps) as (model, gateway):
        status = ask(gateway)

        assert (status, model.requests, gateway.requests()) == (400, [], 0)
        assert gateway.cap().startswith("the cap of ")
        assert (gateway.account.spent, gateway.cost()) == (Amount(), None)


def test_a_price_that_nobody_knows_is_no_price() -> None:
    with stage(HONEST, {("day", "cost"): 100.0}, Tariff()) as (model, gateway):
        assert (ask(gateway), model.requests) == (400, [])
        assert gateway.cap() == f"the price of {MODEL} is unknown (set agent_fix_price)"


def test_without_a_cap_an_unknown_price_is_only_unknown() -> None:
    with stage(HONEST, tariff=Tariff()) as (_, gateway):
        assert (ask(gateway), gateway.cost(), gateway.tokens()) == (
            200,
            None,
            Tokens(input=40, output=5),
        )


def test_more_than_a_request_can_have_is_charged_and_ends_it() -> None:
    """No cap can be kept against a provider that ignores the request's own limit."""
    usage = say_usage({"prompt_tokens": 10**8, "completion_tokens": 10**8})
    with stage(usage, {("run", "cost"): MONEY}) as (model, gateway):
        statuses = [ask(gateway) for _ in range(3)]

        assert (statuses, len(model.requests)) == ([200, 400, 400], 1)
        assert gateway.cost() == pytest.approx(300.0)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
def test_refusals_cost_nothing(status: int) -> None:
    with stage(Fail(status, {"error": "no"}), {("run", "cost"): MONEY}) as (_, gateway):
        ask(gateway)

        assert gateway.account.spent == Amount(requests=1)
        assert (gateway.tokens(), gateway.cost()) == (Tokens(), 0.0)


def test_the_gateways_own_repetitions_are_one_request() -> None:
    with stage(Fail(503), {("attempt", "requests"): 1}, clock=SkippingClock()) as (model, gateway):
        ask(gateway)

        assert len(model.requests) == 5
        assert (gateway.account.spent, gateway.cap()) == (Amount(requests=1), "")


def test_a_provider_that_is_not_there_costs_nothing(closed_port: int) -> None:
    upstream = make_upstream(f"http://127.0.0.1:{closed_port}/v1")
    with open_gateway(upstream, clock=FakeClock(), tariff=TARIFF) as (gateway, _):
        ask(gateway)

        assert gateway.account.spent == Amount(requests=1)


def test_a_request_that_was_sent_and_never_answered_is_charged_at_its_most() -> None:
    with stage(Hang(), timeouts=GatewayTimeouts(first_byte=0.05)) as (model, gateway):
        ask(gateway)
        wait_for(lambda: len(model.requests) == 3)  # the last may be given up before it is read

        size = len(json.dumps(json.loads(json.dumps(model.requests[0].body))))
        most = 3 * (FRAME_TOKENS + size + OUTPUT)
        assert gateway.account.spent.tokens == most


def test_an_agent_that_goes_away_does_not_save_money() -> None:
    with stage(Hang("some")) as (model, gateway), StreamPort(gateway.handle) as port:
        client = Client(port.port)
        client.connection.request("POST", "/v1/chat/completions", json.dumps(BODY), HEADERS)
        assert client.connection.getresponse().read(1)
        client.connection.close()
        wait_for(lambda: gateway.tokens().output == OUTPUT)

        assert gateway.account.spent.requests == 1
        assert len(model.requests) == 1


def test_each_kind_of_token_has_its_own_price() -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 300},
    }
    price = Price(input=1.0, output=2.0, cache_read=0.1, cache_write=1.25)
    tariff = Tariff(prices={MODEL: Prices(base=price)})
    with stage(say_usage(usage), tariff=tariff) as (_, gateway):
        ask(gateway)

        assert gateway.tokens() == Tokens(input=100, output=10, cached=600, written=300)
        assert gateway.cost() == pytest.approx((100 + 20 + 60 + 375) / 1e6)


def test_a_count_that_is_far_too_low_is_not_believed() -> None:
    body = make_body(max_tokens=OUTPUT, messages=[{"role": "user", "content": "word " * 2000}])
    usage = say_usage({"prompt_tokens": 1, "completion_tokens": 1})
    with stage(usage) as (_, gateway):
        ask(gateway, body)

        assert gateway.tokens().total > FRAME_TOKENS + 5 * 2000 + OUTPUT


def test_a_conversation_that_goes_on_is_not_counted_by_the_byte_again() -> None:
    """A prompt of ten thousand bytes but 2,500 tokens leaves budget for many more requests."""
    text = "word " * 2000
    usage = say_usage({"prompt_tokens": 2500, "completion_tokens": 5})
    with stage(usage, {("run", "tokens"): 3 * 2505 + FRAME_TOKENS + 2500 + OUTPUT + 200}) as (
        model,
        gateway,
    ):
        for count in range(5):
            messages = [
                {"role": "user", "content": text},
                *([{"role": "user", "content": "x"}] * count),
            ]
            ask(gateway, make_body(max_tokens=OUTPUT, messages=messages))

        assert (len(model.requests), gateway.tokens().total) == (4, 4 * 2505)


HIDDEN = "z" * 30_000  # where every character is a token


def count_as_a_template_does(conversation: Conversation) -> Reply:
    """Return counts that skip old thoughts, except those of the current turn."""
    is_going_on = conversation.messages[-1]["role"] == "tool"
    tokens = len(json.dumps(conversation.body)) - (0 if is_going_on else len(HIDDEN) - 1000)
    return say_usage({"prompt_tokens": tokens, "completion_tokens": 5})


def test_text_that_was_passed_over_does_not_count_as_known() -> None:
    """The sandbox has a prompt counted while most of it is hidden, and then uncovers it."""
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "reasoning_content": HIDDEN}]
    hidden = [*turns, {"role": "user", "content": "go on"}]
    shown = [*turns, {"role": "tool", "content": "go on"}]
    limit = len(HIDDEN) + 10_000
    with stage(count_as_a_template_does, {("run", "tokens"): limit}) as (_, gateway):
        hid = [ask(gateway, make_body(max_tokens=OUTPUT, messages=hidden)) for _ in range(10)]
        uncovered = ask(gateway, make_body(max_tokens=OUTPUT, messages=shown))

        assert (set(hid), uncovered) == ({200}, 400)
        assert gateway.account.spent.tokens <= limit
        assert "could be passed" in gateway.cap()


def test_what_once_was_more_than_the_most_is_held_from_then_on() -> None:
    """For example, a provider that knows the limit only by another name ignores it."""
    usage = say_usage({"prompt_tokens": 40, "completion_tokens": 9000})
    with stage(usage, {("run", "tokens"): 30_000}) as (model, gateway):
        statuses = [ask(gateway) for _ in range(5)]

        assert (statuses, len(model.requests)) == ([200, 200, 200, 400, 400], 3)
        assert gateway.account.spent.tokens == 3 * 9040


def test_a_provider_that_says_a_higher_cost_is_charged_at_that() -> None:
    usage = say_usage({"prompt_tokens": 40, "completion_tokens": 5, "cost": 0.009})
    caps = {("run", "cost"): MONEY}
    with (
        ScriptedModel(lambda _: usage) as model,
        open_gateway(
            make_upstream(model.base_url, provider="openrouter"), caps=caps, tariff=TARIFF
        ) as (gateway, _),
    ):
        statuses = [ask(gateway) for _ in range(4)]

        assert statuses == [200, 200, 400, 400]
        assert gateway.cost() == pytest.approx(0.018)


@pytest.mark.parametrize(
    ("reply", "is_charged"),
    [
        (Fail(504), True),
        (Fail(524), True),
        (Fail(503), False),
        (Raw(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), True),
        (Raw(b"<html>", "Text/HTML"), False),
    ],
    ids=["gave up waiting", "gave up at the edge", "busy", "packed", "a page"],
)
def test_what_may_have_been_answered_is_charged(reply: Reply, *, is_charged: bool) -> None:
    with stage(reply, clock=SkippingClock()) as (_, gateway):
        ask(gateway)

        assert (gateway.account.spent.tokens > FRAME_TOKENS) is is_charged


@pytest.mark.parametrize("kind", ["Text/Event-Stream", "text/plain", ""])
def test_a_stream_is_known_for_one_by_what_it_is(kind: str) -> None:
    with stage(Raw(HONEST.content, kind)) as (_, gateway):
        ask(gateway)

        assert gateway.tokens() == Tokens(input=40, output=5)


def test_an_answer_that_breaks_off_is_charged_at_what_was_counted_if_that_is_more() -> None:
    chunk = {"choices": [{"index": 0, "delta": {}}], "usage": {"prompt_tokens": 10**6}}
    reply = Raw(f"data: {json.dumps(chunk)}\n\n".encode())
    with stage(reply) as (_, gateway):
        ask(gateway)

        assert gateway.tokens() == Tokens(input=10**6, output=OUTPUT)


def test_a_document_of_unknown_length_is_refused_with_the_reason() -> None:
    part = {"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}}
    body = make_body(messages=[{"role": "user", "content": [part]}])
    with stage(HONEST, {("run", "tokens"): LIMIT}) as (model, gateway):
        assert (ask(gateway, body), model.requests) == (400, [])
        assert gateway.cap() == (
            "a request contains a document or a recording, whose tokens cannot be known"
            " beforehand, so no cap on tokens or money could be kept with it"
        )


class LateRefusal:
    """A provider that fails for good once the test allows it."""

    def __init__(self) -> None:
        self._gate = threading.Event()

    def __call__(self, _: Conversation) -> Reply:
        self._gate.wait(20)
        return Fail(401, {"error": "no"})

    def meet_two(self, gateway: ModelGateway) -> None:
        """Send two requests in parallel, and let it refuse the first."""
        threads = [threading.Thread(target=ask, args=(gateway,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_for(lambda: gateway.in_flight() == 2)
        self._gate.set()
        for thread in threads:
            thread.join()


def test_a_waiting_request_is_not_sent_once_the_attempt_is_over() -> None:
    """One request holds the whole budget; while another waits, the provider fails for good."""
    refusal, limit = LateRefusal(), FRAME_TOKENS + OUTPUT + 500
    with stage(refusal, {("run", "tokens"): limit}) as (model, gateway):
        refusal.meet_two(gateway)

        assert (len(model.requests), gateway.account.spent) == (1, Amount(requests=1))


def test_a_fitting_request_is_not_sent_either_once_the_attempt_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider fails for good between a request's admission and its turn."""
    calls = count()
    plain = Budget.reserve

    def reserve_late(budget: Budget, admission: Admission, *, is_repeated: bool) -> Reservation:
        if next(calls):
            wait_for(lambda: gateway.trouble() is not None)
        return plain(budget, admission, is_repeated=is_repeated)

    monkeypatch.setattr(Budget, "reserve", reserve_late)
    refusal = LateRefusal()
    with stage(refusal) as (model, gateway):
        refusal.meet_two(gateway)

        assert (len(model.requests), gateway.account.spent) == (1, Amount(requests=1))
        assert gateway.account.held == Amount()


def test_connections_side_by_side_never_pass_a_cap() -> None:
    with stage(HONEST, {("run", "tokens"): LIMIT}) as (model, gateway):
        threads = [
            threading.Thread(target=lambda: [ask(gateway) for _ in range(100)]) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert LIMIT - 2 * (FRAME_TOKENS + OUTPUT) < gateway.tokens().total <= LIMIT
        assert len(model.requests) * 45 == gateway.tokens().total


CAP_WORDS = "the cap of 20,000 tokens for this run (--agent-fix-max-tokens)"
CUT_OFF = say_usage({"prompt_tokens": 40, "completion_tokens": 17_000})
CUT_OFF = Raw(CUT_OFF.content.replace(b'"delta"', b'"finish_reason": "length", "delta"'))


def read_limits(model: ScriptedModel) -> list[int]:
    """Return the limits of the answers that the provider was asked for."""
    return [request.body["max_tokens"] for request in model.requests]


def test_an_answers_limit_is_cut_to_what_the_cap_leaves(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pytest_agentfix.gateway")
    body = make_body(max_tokens=32_000)
    with stage(HONEST, {("run", "tokens"): LIMIT}) as (model, gateway):
        statuses = [ask(gateway, body) for _ in range(3)]

        assert (statuses, gateway.cap()) == ([200] * 3, "")
        size = len(json.dumps(body))
        first, *later = read_limits(model)
        assert first == LIMIT - FRAME_TOKENS - size
        # The provider has counted the same request: only the end of a template may be new.
        assert later == [LIMIT - 45 - 40 - TURN_TOKENS, LIMIT - 90 - 40 - TURN_TOKENS]
        assert gateway.account.spent == Amount(requests=3, tokens=135, cost=gateway.cost() or 0)
        assert f"may have {first} tokens instead of 32000: {CAP_WORDS}" in caplog.text
        assert f"answer_cut_to={first}" in caplog.text


def test_a_cap_on_money_cuts_as_well() -> None:
    with stage(HONEST, {("cluster", "cost"): MONEY}) as (model, gateway):
        assert ask(gateway, make_body(max_tokens=32_000)) == 200
        (limit,) = read_limits(model)
        size = len(json.dumps(make_body(max_tokens=32_000)))
        assert limit == int((MONEY - (FRAME_TOKENS + size) / 1e6) / 2e-6)


def test_an_answer_that_a_cut_limit_ends_is_told_as_the_cap() -> None:
    with stage(CUT_OFF, {("run", "tokens"): LIMIT}) as (model, gateway):
        statuses = [ask(gateway, make_body(max_tokens=32_000)) for _ in range(2)]

        assert (statuses, len(model.requests)) == ([200, 400], 1)
        limit = read_limits(model)[0]
        assert gateway.cap() == (
            f"{CAP_WORDS} left {limit:,} tokens for an answer, and the model's was cut off there"
        )
        assert gateway.trouble() is None
        assert gateway.account.stopped == ""


def test_an_answer_that_its_own_limit_ends_is_the_agents_business() -> None:
    with stage(CUT_OFF, {("run", "tokens"): 100_000}) as (_, gateway):
        assert (ask(gateway, make_body(max_tokens=17_000)), gateway.cap()) == (200, "")


def test_the_agent_hears_of_no_cut_before_the_gateway_knows() -> None:
    with stage(CUT_OFF, {("run", "tokens"): LIMIT}) as (_, gateway):
        caps: list[str] = []
        with StreamPort(gateway.handle) as port:
            client = Client(port.port)
            client.connection.request(
                "POST", "/v1/chat/completions", json.dumps(make_body(max_tokens=32_000)), HEADERS
            )
            answer = client.connection.getresponse()
            while piece := answer.read1(4096):
                if b'"length"' in piece:
                    caps.append(gateway.cap())
            client.connection.close()
        assert caps
        assert all(caps)


def test_clusters_learn_from_each_other() -> None:
    """The second cluster's request fits, because the first has shown what its beginning takes."""
    beginning = {"role": "system", "content": "word " * 2000}
    ends = [{"role": "user", "content": word} for word in ("one", "two")]
    bodies = [make_body(max_tokens=OUTPUT, messages=[beginning, end]) for end in ends]
    usage = say_usage({"prompt_tokens": 2500, "completion_tokens": 5})
    limit = FRAME_TOKENS + len(json.dumps(bodies[0])) + OUTPUT
    estimators = PromptEstimators()
    ledger = Ledger(Caps({("run", "tokens"): limit}), clock=FakeClock())
    with ScriptedModel(lambda _: usage) as model:
        gateways = [
            ModelGateway(
                make_upstream(model.base_url), token=TOKEN, ledger=ledger, estimators=estimators
            )
            for _ in bodies
        ]
        for gateway, body in zip(gateways, bodies, strict=True):
            gateway.begin(deadline=10.0**9)
            assert ask(gateway, body) == 200
            gateway.close()


def test_requests_side_by_side_are_cut_and_never_pass_a_cap() -> None:
    """Each waits for those under way rather than being cut short by what they only hold."""
    with stage(HONEST, {("run", "tokens"): LIMIT}) as (model, gateway):
        body = make_body(max_tokens=32_000)
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(ask(gateway, body))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert statuses == [200] * 6
        assert min(read_limits(model)) >= LIMIT // 2
        assert gateway.tokens().total == 6 * 45


SAID = {
    WireProtocol.RESPONSES: {
        "type": "response.incomplete",
        "response": {
            "incomplete_details": {"reason": "max_output_tokens"},
            "usage": {"input_tokens": 40, "output_tokens": 5},
        },
    },
    WireProtocol.MESSAGES: {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens"},
        "usage": {"input_tokens": 40, "output_tokens": 5},
    },
    WireProtocol.GENERATE: {
        "candidates": [{"finishReason": "MAX_TOKENS"}],
        "usageMetadata": {"promptTokenCount": 40, "candidatesTokenCount": 5},
    },
}


@pytest.mark.parametrize("protocol", SAID)
def test_every_protocol_is_cut_and_read(protocol: WireProtocol) -> None:
    row = make_row("local", protocol)
    names = {"model": MODEL} if protocol is not WireProtocol.GENERATE else {}
    turn = {"role": "user", "parts": [{"text": "hello"}], "content": "hello"}
    turns = {WireProtocol.RESPONSES: "input", WireProtocol.GENERATE: "contents"}
    body = {**names, turns.get(protocol, "messages"): [turn]}
    reply = Raw(f"data: {json.dumps(SAID[protocol])}\n\n".encode())
    with (
        ScriptedModel(lambda _: reply) as model,
        open_gateway(
            make_upstream(model.base_url_for(protocol), row=row), caps={("run", "tokens"): LIMIT}
        ) as (gateway, client),
    ):
        target, headers = row.build_target(MODEL), make_headers(row)
        assert client.post(body, target=target, headers=headers).status == 200
        assert "the model's was cut off there" in gateway.cap()
        (sent,) = [request.body for request in model.requests]
        holder = sent.get("generationConfig", sent)
        (limit,) = (value for name, value in holder.items() if name.lower().startswith("max"))
        assert OUTPUT < limit < LIMIT - FRAME_TOKENS


def test_wall_clock_ends_what_is_under_way() -> None:
    with stage(Hang("some"), {("cluster", "seconds"): 0.5}) as (_, gateway):
        ask(gateway)

        words = (
            "the cap of 0.5 s of wall clock for this cause (agent_fix_caps cluster.seconds)"
            " is reached"
        )
        assert gateway.cap() == words
        assert gateway.account.stopped == words
