"""The gateway from end to end: a scripted model, the gateway, an HTTP client."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import pytest_agentfix.gateway as gateway_package
from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.gateway.http.attempts import GIVEN_UP
from pytest_agentfix.gateway.http.transport import GatewayTimeouts, find_proxy
from pytest_agentfix.gateway.providers.registry import (
    ANTHROPIC,
    COMPATIBLE,
    GOOGLE,
    OPENAI,
    WireProtocol,
)
from pytest_agentfix.testing.scripted_model.model_server import (
    Break,
    Conversation,
    Fail,
    Hang,
    Raw,
    Reply,
    Say,
    ScriptedModel,
    ScriptedUsage,
)
from tests.kits.gateway_kit import (
    KEY,
    TOKEN,
    Answer,
    Client,
    FakeClock,
    SkippingClock,
    make_body,
    make_headers,
    make_upstream,
    open_gateway,
)
from tests.kits.usage_kit import SAMPLES

ROWS = {
    WireProtocol.CHAT: COMPATIBLE,
    WireProtocol.RESPONSES: OPENAI,
    WireProtocol.MESSAGES: ANTHROPIC,
    WireProtocol.GENERATE: GOOGLE,
}


def read_text(answer: Answer) -> str:
    """Return the text of a chat-completions stream."""
    events = [json.loads(line[6:]) for line in answer.body.splitlines() if line[:7] == b"data: {"]
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    return "".join(delta.get("content", "") for delta in deltas)


def test_an_answer_passes_and_is_counted() -> None:
    usage = ScriptedUsage(prompt_tokens=100, completion_tokens=7, cached_tokens=40)
    # A key of its own: other tests may still be trying a port that was theirs before.
    key = f"{KEY}-of-this-test"
    with (
        ScriptedModel([Say("hello there, this is the model", usage=usage)]) as model,
        open_gateway(make_upstream(model.base_url, key=key)) as (gateway, client),
    ):
        answer = client.post()

        assert read_text(answer) == "hello there, this is the model"
        assert gateway.tokens() == Tokens(input=60, output=7, cached=40)
        assert (gateway.requests(), gateway.trouble(), gateway.cap()) == (1, None, "")
        ours = [one for one in model.requests if key in one.headers.get("authorization", "")]
        assert [one.path for one in ours] == ["/v1/chat/completions"], model.requests
        [request] = ours
    sent = dict(request.headers)
    assert sent.pop("content-length")
    assert sent == {
        "host": model.base_url.split("/")[2],
        "content-type": "application/json",
        "user-agent": "pytest-agentfix",
        "accept-encoding": "identity",
        "authorization": f"Bearer {key}",
    }
    assert request.body == make_body()


@pytest.mark.parametrize(("protocol", "raw", "tokens"), SAMPLES)
def test_all_protocols_pass_and_are_counted(
    protocol: WireProtocol, raw: bytes, tokens: Tokens
) -> None:
    row = ROWS[protocol]
    body: dict[str, Any] = {} if protocol is WireProtocol.GENERATE else {"model": "test-model"}
    with (
        ScriptedModel([Raw(raw)]) as model,
        open_gateway(make_upstream(model.base_url, row=row)) as (gateway, client),
    ):
        target = row.build_target("test-model")
        answer = client.post({**body, "stream": True}, target=target, headers=make_headers(row))

        assert (answer.body, gateway.tokens()) == (raw, tokens)
        [request] = model.requests
    assert request.path == "/v1" + row.build_endpoint("test-model")
    assert request.headers[row.key_header] == row.format_key(KEY)
    assert TOKEN not in request.headers.values()


def test_without_a_key_none_is_sent() -> None:
    with (
        ScriptedModel([Say("x")]) as model,
        open_gateway(make_upstream(model.base_url, key="", key_source="")) as (_, client),
    ):
        assert client.post().status == 200
        assert "authorization" not in model.requests[0].headers


def test_one_connection_serves_many_requests() -> None:
    with (
        ScriptedModel([Say("one"), Say("two"), Say("three")]) as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        answers = [read_text(client.post()) for _ in range(3)]

        assert (answers, gateway.requests()) == (["one", "two", "three"], 3)


def test_pieces_pass_as_they_come() -> None:
    with (
        ScriptedModel([Hang("first words")]) as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        client.connection.request(
            "POST", "/v1/chat/completions", json.dumps(make_body()), make_headers()
        )
        response = client.connection.getresponse()
        line = response.readline()

        assert (response.status, line[:6], gateway.in_flight()) == (200, b"data: ", 1)


def ask(
    replies: Sequence[Reply], *, clock: FakeClock | None = None, **options: Any
) -> tuple[Answer, ModelGateway, int]:
    """Ask once; return the answer, the gateway and the number of requests to the model."""
    with (
        ScriptedModel(replies) as model,
        open_gateway(make_upstream(model.base_url), clock=clock, **options) as (gateway, client),
    ):
        return client.post(), gateway, len(model.requests)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_passing_failures_are_retried(status: int) -> None:
    clock = FakeClock()

    answer, gateway, asked = ask([Fail(status), Fail(status), Say("at last")], clock=clock)

    assert (read_text(answer), asked, gateway.trouble()) == ("at last", 3, None)
    assert (gateway.requests(), round(clock.slept, 6)) == (1, 3.0)


def test_an_empty_answer_is_retried() -> None:
    answer, _, asked = ask([Raw(b""), Say("at last")], clock=FakeClock())

    assert (read_text(answer), asked) == ("at last", 2)


def test_lasting_failures_end_in_a_400_that_is_not_retried() -> None:
    fail = Fail(503, {"error": {"message": "Over\x1b[1mloaded."}})

    answer, gateway, asked = ask([fail] * 9, clock=FakeClock())
    trouble = gateway.trouble()

    assert (answer.status, asked) == (400, 5)
    assert trouble is not None
    assert (trouble.problem, trouble.is_final) == (
        "The provider of local/test-model answered 503: Over [1mloaded.",
        False,
    )
    assert json.loads(answer.body)["error"] == {
        "message": GIVEN_UP,
        "type": "agent_fix",
        "code": 400,
        "status": "agent_fix",
    }


# Phrases that make OpenCode 1.18 retry a request whatever its status.
REPEATED = re.compile(
    r"429|500|502|503|504|524|rate.limit|too many requests|overloaded|unavailable|internal.error"
    r"|server.error|provider.returned.error|connection|network|reset|time.?d? out|timeout"
    r"|exhausted|try again|retry|capacity",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "reply",
    [
        Fail(400, {"error": {"message": "overloaded, rate limit, try again in 500 seconds"}}),
        Fail(503, {"error": {"message": "service unavailable"}}),
        Fail(429, {"error": "too many requests"}, {"Retry-After": "999999999999"}),
        Raw(b"", "text/html"),
    ],
)
def test_no_answer_makes_opencode_repeat_the_request(reply: Reply) -> None:
    with (
        ScriptedModel([reply] * 5) as model,
        open_gateway(make_upstream(model.base_url), clock=FakeClock()) as (_, client),
    ):
        answers = [client.post(), client.post()]

    assert [a.status for a in answers] == [400, 400]
    assert [REPEATED.search(a.body.decode()) for a in answers] == [None, None]


def test_retry_after_is_honoured() -> None:
    clock = FakeClock()

    answer, _, _ = ask([Fail(429, headers={"Retry-After": "17"}), Say("ok")], clock=clock)

    assert (read_text(answer), round(clock.slept, 6)) == ("ok", 17.0)


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (502, 3), (429, 5), (503, 5), (529, 5)])
def test_who_is_only_busy_gets_more_patience(*, status: int, tries: int) -> None:
    clock = FakeClock()

    _, _, asked = ask([Fail(status)] * 9, clock=clock)

    assert asked == tries
    assert clock.slept == pytest.approx(sum((1.0, 2.0, 4.0, 8.0)[: tries - 1]))


def test_an_account_without_money_is_not_asked_again() -> None:
    words = "You exceeded your current quota, please check your plan."
    body = {"error": {"message": words, "code": "insufficient_quota"}}
    clock = FakeClock()

    answer, gateway, asked = ask([Fail(429, body)] * 3, clock=clock)
    trouble = gateway.trouble()

    assert trouble is not None
    assert (answer.status, asked, clock.slept, trouble.is_final) == (429, 1, 0.0, True)
    assert str(trouble) == (
        f"The provider answered 429: {words}"
        " Check the credit of the account behind the key in LOCAL_API_KEY."
    )


def test_google_says_in_the_body_when_to_come_back() -> None:
    clock = FakeClock()
    details = [{"@type": "RetryInfo", "retryDelay": "17.5s"}]
    fail = Fail(429, {"error": {"code": 429, "message": "slow down", "details": details}})

    answer, _, _ = ask([fail, Say("ok")], clock=clock)

    assert read_text(answer) == "ok"
    assert clock.slept == pytest.approx(17.5)


def test_a_long_retry_after_ends_at_once() -> None:
    clock = FakeClock()
    fail = Fail(429, {"error": "quota"}, {"Retry-After": "90000"})

    answer, gateway, asked = ask([fail] * 3, clock=clock, deadline=clock.now + 600)
    trouble = gateway.trouble()

    assert trouble is not None
    assert (answer.status, asked, clock.slept, trouble.is_final) == (400, 1, 0.0, True)
    assert trouble.problem == (
        "The provider of local/test-model answered 429: quota; it wants to be asked again in"
        " 90000 seconds."
    )


def test_no_try_begins_that_could_not_end_in_time() -> None:
    clock = FakeClock()

    answer, gateway, asked = ask([Fail(500)] * 3, clock=clock, deadline=clock.now + 1.1)

    assert (answer.status, asked, clock.slept) == (400, 1, 0.0)
    assert gateway.trouble() is not None


@pytest.mark.parametrize(
    ("status", "passed_on", "is_final"),
    [
        (400, 400, False),
        (401, 401, True),
        (402, 402, True),
        (403, 403, True),
        (404, 404, True),
        (413, 413, False),
        (422, 422, False),
        (302, 400, False),
    ],
)
def test_refusals_are_passed_on_in_the_providers_words(
    *, status: int, passed_on: int, is_final: bool
) -> None:
    body = {"error": {"message": f"Incorrect API key provided: {KEY}.\nSee\x07 here"}}

    answer, gateway, asked = ask([Fail(status, body, {"Location": "http://127.0.0.1:1/"})])
    trouble = gateway.trouble()

    assert trouble is not None
    assert trouble.problem == (
        f"The provider answered {status}: Incorrect API key provided: ***. See here."
    )
    assert (answer.status, answer.message, asked) == (passed_on, GIVEN_UP, 1)
    assert trouble.is_final is is_final
    assert "content-type" in answer.headers
    assert "location" not in answer.headers


def test_after_trouble_the_model_is_not_asked_again_until_the_next_attempt() -> None:
    with (
        ScriptedModel([Fail(401, {"error": "no"}), Say("hello")]) as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        statuses = [client.post().status for _ in range(3)]
        asked = len(model.requests)
        gateway.begin(deadline=10.0**9)

        assert (statuses, asked) == ([401, 400, 400], 1)
        assert gateway.trouble() is None
        assert read_text(client.post()) == "hello"


@pytest.mark.parametrize(("status", "is_final"), [(401, True), (402, True), (403, False)])
def test_who_has_answered_knows_the_key(*, status: int, is_final: bool) -> None:
    """A deliberately odd request of the sandbox must not end the run for all clusters."""
    with (
        ScriptedModel([Say("hello"), Fail(status, {"error": "no"})]) as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        statuses = [client.post().status for _ in range(2)]
        trouble = gateway.trouble()

    assert trouble is not None
    assert (statuses, trouble.is_final) == ([200, status], is_final)


def test_a_wait_that_is_only_too_long_for_this_cluster_ends_no_other() -> None:
    clock = FakeClock()
    fail = Fail(429, {"error": "slow down"}, {"Retry-After": "30"})

    answer, gateway, asked = ask([fail] * 3, clock=clock, deadline=clock.now + 20)
    trouble = gateway.trouble()

    assert trouble is not None
    assert (answer.status, asked, trouble.is_final) == (400, 1, False)


def test_nobody_listening_is_an_outage(closed_port: int) -> None:
    upstream = make_upstream(f"http://127.0.0.1:{closed_port}/v1")

    with open_gateway(upstream, clock=FakeClock()) as (gateway, client):
        answer = client.post()
        trouble = gateway.trouble()

    assert trouble is not None
    assert (answer.status, trouble.is_final) == (400, False)
    assert "cannot be reached" in trouble.problem
    assert upstream.base_url in trouble.next_step


def test_silence_before_the_first_byte_is_an_outage() -> None:
    with (
        ScriptedModel([Hang()] * 3) as model,
        open_gateway(
            make_upstream(model.base_url),
            clock=SkippingClock(),
            timeouts=GatewayTimeouts(first_byte=0.05),
        ) as (gateway, client),
    ):
        answer = client.post()
        trouble = gateway.trouble()
        wait_until(lambda: len(model.requests) == 3)  # the last may be given up before it is read

    assert trouble is not None
    assert answer.status == 400
    assert trouble.problem == "The provider of local/test-model is silent for too long."


def test_silence_is_over_when_the_model_speaks_again() -> None:
    times = GatewayTimeouts(first_byte=1.0)

    answer, _, asked = ask([Hang(), Say("ok")], clock=SkippingClock(), timeouts=times)

    assert (read_text(answer), asked) == ("ok", 2)


@pytest.mark.parametrize("reply", [Break("some words"), Hang("some words")])
def test_three_broken_streams_are_trouble(reply: Reply) -> None:
    with (
        ScriptedModel([reply] * 4) as model,
        open_gateway(make_upstream(model.base_url), timeouts=GatewayTimeouts(idle=0.05)) as (
            gateway,
            client,
        ),
    ):
        for _ in range(3):
            assert gateway.trouble() is None
            with pytest.raises(http.client.IncompleteRead):
                client.post()
            client.connection.close()
        answer = client.post()
        trouble = gateway.trouble()

        assert trouble is not None
        assert (answer.status, len(model.requests), trouble.is_final) == (400, 3, False)
        assert trouble.problem.endswith(", for the third time.")
        assert gateway.tokens().input > 0


def test_an_error_event_counts_as_a_broken_stream() -> None:
    event = b'data: {"error": {"message": "overloaded"}}\n\n'
    with (
        ScriptedModel([Raw(event)] * 3) as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        bodies = [client.post().body for _ in range(3)]
        trouble = gateway.trouble()

    assert bodies == [event] * 3
    assert trouble is not None
    assert trouble.problem == (
        "The provider of local/test-model broke off its answer: overloaded, for the third time."
    )


@pytest.mark.parametrize(
    "reply",
    [
        Raw(b"<html>log in</html>", "text/html; charset=utf-8"),
        Raw(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["portal", "compressed"],
)
def test_what_is_no_models_answer_is_not_passed_on(reply: Reply) -> None:
    answer, gateway, _ = ask([reply])
    trouble = gateway.trouble()

    assert trouble is not None
    assert (answer.status, trouble.is_final) == (400, True)


def test_a_server_that_echoes_the_key_is_cut_short() -> None:
    answer, _, _ = ask([Raw(f'data: {{"auth": "Bearer {KEY}"}}\n\n'.encode())])

    assert answer.body == b'data: {"auth": "Bearer ***"}\n\n'


def test_the_cap_on_requests() -> None:
    words = "the cap of 2 model requests for this attempt (agent_fix_max_requests) is reached"
    with (
        ScriptedModel([Say("one"), Say("two"), Say("three")]) as model,
        open_gateway(make_upstream(model.base_url), caps={("attempt", "requests"): 2}) as (
            gateway,
            client,
        ),
    ):
        first = [client.post().status, client.post().status, gateway.cap()]
        third = client.post()
        state = (gateway.cap(), gateway.trouble(), gateway.requests(), len(model.requests))
        gateway.begin(deadline=10.0**9)

        assert first == [200, 200, ""]
        assert (third.status, third.message) == (400, GIVEN_UP)
        assert state == (words, None, 2, 2)
        assert (client.post().status, gateway.cap(), gateway.requests()) == (200, "", 3)


def test_refused_requests_are_not_counted() -> None:
    with (
        ScriptedModel() as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        statuses = [
            client.post(target="/v1/models").status,
            client.post(headers={}).status,
            client.post(make_body(model="other")).status,
            client.post(b"{").status,
        ]

        assert (statuses, gateway.requests(), model.requests) == ([403, 401, 403, 400], 0, [])


def test_the_gateways_own_errors_do_not_make_opencode_retry() -> None:
    folder = Path(gateway_package.__file__ or "").parent
    texts = [path.read_text() for path in sorted(folder.rglob("*.py"))]
    words = re.findall(r'RefusedError\(\d+, f?"([^"]+)"', "".join(texts))

    assert len(words) > 15
    assert [word for word in words if REPEATED.search(word)] == []


def test_no_model_without_an_attempt() -> None:
    gateway = ModelGateway(make_upstream(), token=TOKEN)

    assert (gateway.trouble(), gateway.cap(), gateway.in_flight()) == (None, "", 0)
    assert (gateway.tokens(), gateway.requests()) == (Tokens(), 0)
    with (
        pytest.raises(Exception, match=r"No attempt is running\."),
        gateway._attempt_log.enter(now=0.0),
    ):
        pass


def test_a_passed_deadline() -> None:
    clock = FakeClock()

    answer, gateway, asked = ask([Say("x")], clock=clock, deadline=clock.now)

    assert (answer.status, answer.message, asked, gateway.trouble()) == (
        400,
        "The time for this attempt is up.",
        0,
        None,
    )


def test_a_deadline_that_passes_while_the_model_thinks() -> None:
    answer, gateway, _ = ask([Hang()], deadline=time.monotonic() + 0.1)

    assert (answer.status, answer.message) == (400, "The time for this attempt is up.")
    assert gateway.trouble() is None


def wait_until(is_so: Any) -> None:
    """Wait for another thread, with a generous limit."""
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("reply", [Hang(), Hang("words")], ids=["before", "in the middle"])
def test_an_abort_in_the_sandbox_reaches_the_provider(reply: Reply) -> None:
    with (
        ScriptedModel([reply]) as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        client.connection.request(
            "POST", "/v1/chat/completions", json.dumps(make_body()), make_headers()
        )
        wait_until(lambda: model.requests)
        assert client.connection.sock
        client.connection.sock.shutdown(socket.SHUT_RDWR)

        wait_until(lambda: model.hang_ups == 1 and gateway.in_flight() == 0)
        assert gateway.trouble() is None


def test_closing_the_gateway_ends_what_is_under_way() -> None:
    with (
        ScriptedModel([Hang()]) as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        errors: list[BaseException] = []

        def post() -> None:
            try:
                client.post()
            except (http.client.HTTPException, OSError) as error:
                errors.append(error)

        thread = threading.Thread(target=post)
        thread.start()
        wait_until(lambda: gateway.in_flight() == 1)
        gateway.close()
        thread.join()

        wait_until(lambda: model.hang_ups == 1)
        assert len(errors) == 1


def test_the_key_is_nowhere_but_on_the_wire(caplog: pytest.LogCaptureFixture) -> None:
    replies: list[Reply] = [
        Say("fine"),
        Fail(500, KEY),
        Fail(401, {"error": {"message": f"bad key {KEY}"}}),
    ]
    with (
        caplog.at_level("DEBUG"),
        ScriptedModel(replies) as model,
        open_gateway(make_upstream(model.base_url), clock=FakeClock()) as (gateway, client),
    ):
        answers = [client.post() for _ in range(3)]
        seen = [repr(gateway), repr(vars(gateway)), repr(gateway._attempt_log.attempt)]
        seen += [repr(answer) for answer in answers]

    assert [a.status for a in answers] == [200, 401, 400]
    assert KEY not in "".join(seen) + caplog.text
    assert "hello" not in caplog.text


def test_two_connections_at_once() -> None:
    def script(conversation: Conversation) -> Reply:
        return Say(conversation.prompts[-1])

    with (
        ScriptedModel(script, delay=0.02) as model,
        open_gateway(make_upstream(model.base_url)) as (gateway, client),
    ):
        clients = [client, Client(client.connection.port)]
        texts: dict[int, str] = {}

        def post(number: int) -> None:
            messages = [{"role": "user", "content": f"number-{number}"}]
            texts[number] = read_text(clients[number].post(make_body(messages=messages)))

        threads = [threading.Thread(target=post, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clients[1].connection.close()

        assert texts == {0: "number-0", 1: "number-1"}
        assert gateway.requests() == 2


@pytest.mark.parametrize(
    ("url", "environ", "found"),
    [
        ("https://api.example/v1", {}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": "http://p.example:3128"}, "p.example:3128"),
        ("https://api.example/v1", {"https_proxy": "p.example:3128"}, "p.example:3128"),
        ("https://api.example/v1", {"ALL_PROXY": "https://p.example"}, "p.example:443"),
        ("https://api.example/v1", {"HTTP_PROXY": "http://p.example"}, None),
        (
            "https://api.example/v1",
            {"HTTPS_PROXY": "http://p.example", "NO_PROXY": ".example"},
            None,
        ),
        ("http://127.0.0.1:11434/v1", {"HTTP_PROXY": "http://p.example"}, None),
        ("http://localhost:11434/v1", {"HTTP_PROXY": "http://p.example"}, None),
    ],
)
def test_the_environments_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, environ: dict[str, str], found: str | None
) -> None:
    clear_proxies(monkeypatch)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    proxy = find_proxy(url)

    where = f"{proxy.url.host.decode()}:{proxy.url.port}" if proxy else None
    assert where == found


def clear_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    "url",
    [
        "socks5://user:secret@p.example",
        "http://user:secret@p.example:abc",
        "http://user:secret@",
        "http://user:secret@[::1",
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    clear_proxies(monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", url)

    with pytest.raises(SettingError) as caught:
        ModelGateway(make_upstream("https://api.example/v1"), token=TOKEN)

    assert "secret" not in str(caught.value)
