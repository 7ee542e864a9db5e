"""Attacks on the gateway: each is refused, unseen by the provider, and harms nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from pytest_agentfix.gateway.http.request_head import BODY_LIMIT, HEAD_LIMIT, HOSTS
from pytest_agentfix.gateway.http.transport import GatewayTimeouts
from pytest_agentfix.gateway.providers.registry import (
    ANTHROPIC,
    COMPATIBLE,
    GOOGLE,
    ProviderRow,
    WireProtocol,
)
from tests.kits.body_kit import GOOD, ROWS, WAYS_OUT
from tests.kits.gateway_kit import HOST, MODEL, TOKEN, wait_for
from tests.kits.hostile_kit import Target, flood, make_bodies, open_target, read_status, trickle

PATH = "/v1/chat/completions"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def targets() -> Iterator[Mapping[WireProtocol, Target]]:
    with ExitStack() as stack:
        yield {d: stack.enter_context(open_target(row)) for d, row in ROWS.items()}


@pytest.fixture
def target(targets: Mapping[WireProtocol, Target]) -> Target:
    """The gateway of the chat protocol, whose provider has seen no request yet."""
    targets[WireProtocol.CHAT].provider._requests.clear()
    return targets[WireProtocol.CHAT]


Attack = Callable[[Target], bytes]


def start(line: str | bytes) -> Attack:
    return lambda target: target.request(start=line)


def extra(*lines: str | bytes) -> Attack:
    return lambda target: target.request(None, *lines)


def bodied(*lines: str | bytes, raw: bytes = CHUNKS) -> Attack:
    return lambda target: target.head(*lines) + raw


def unhosted(*lines: str | bytes) -> Attack:
    return lambda target: target.request(None, *lines, without=["Host"])


def keyless(*lines: str | bytes) -> Attack:
    return lambda target: target.request(None, *lines, without=["authorization"])


def raw(data: bytes) -> Attack:
    return lambda _: data


TARGETS: dict[str, tuple[int, Attack]] = {
    name: (status, start(f"POST {line} HTTP/1.1"))
    for name, status, line in (
        ("absolute form", 403, f"http://{HOST}{PATH}"),
        ("absolute form of another host", 403, f"https://models.example{PATH}"),
        ("authority form", 403, "models.example:443"),
        ("asterisk", 403, "*"),
        ("two slashes", 403, f"/{PATH}"),
        ("two slashes inside", 403, "/v1//chat/completions"),
        ("dots", 403, "/v1/x/../chat/completions"),
        ("escaped dots", 403, "/v1/%2e%2e/v1/chat/completions"),
        ("escaped slash", 403, "/v1/chat%2fcompletions"),
        ("escaped letter", 403, "/v1/%63hat/completions"),
        ("backslash", 403, "/v1\\chat\\completions"),
        ("slash at the end", 403, f"{PATH}/"),
        ("query", 403, f"{PATH}?a=1"),
        ("empty query", 403, f"{PATH}?"),
        ("key in the query", 403, f"{PATH}?key={TOKEN}"),
        ("fragment", 403, f"{PATH}#a"),
        ("path parameter", 403, f"{PATH};a=1"),
        ("other case", 403, "/V1/Chat/Completions"),
        ("files", 403, "/v1/files"),
        ("models", 403, "/v1/models"),
        ("other protocol", 403, "/v1/responses"),
        ("user in front", 403, f"@models.example{PATH}"),
        ("letters beyond ASCII", 400, f"{PATH}\u00e9"),
        ("tab", 400, f"{PATH}\t"),
        ("blank", 400, f"{PATH} x"),
        ("too long", 400, "/" + "a" * 3000),
        ("nothing", 400, ""),
    )
}

METHODS: dict[str, tuple[int, Attack]] = {
    **{
        method: (403, start(f"{method} {PATH} HTTP/1.1"))
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PRI", "POSTX")
    },
    "CONNECT": (403, start("CONNECT models.example:443 HTTP/1.1")),
    "HEAD": (
        403,
        lambda target: target.request(None, "Connection: close", start=f"HEAD {PATH} HTTP/1.1"),
    ),
    "GET without a body": (
        403,
        lambda target: target.head("Connection: close", start=f"GET {PATH} HTTP/1.1"),
    ),
    "small letters": (400, start(f"post {PATH} HTTP/1.1")),
    "method override": (
        403,
        lambda target: target.request(
            None, "X-HTTP-Method-Override: POST", start=f"GET {PATH} HTTP/1.1"
        ),
    ),
}

VERSIONS: dict[str, tuple[int, Attack]] = {
    **{
        version or "none": (400, start(f"POST {PATH} {version}"))
        for version in ("HTTP/1.0", "HTTP/0.9", "HTTP/2", "HTTP/2.0", "HTTP/1.2", "HTTP/1.10")
    },
    "no version": (400, start(f"POST {PATH}")),
    "small letters": (400, start(f"POST {PATH} http/1.1")),
    "other protocol": (400, start(f"POST {PATH} SHTTP/1.1")),
    "blank before": (400, start(f" POST {PATH} HTTP/1.1")),
    "blank after": (400, start(f"POST {PATH} HTTP/1.1 ")),
    "two blanks": (400, start(f"POST  {PATH} HTTP/1.1")),
    "HTTP/2 preface": (400, raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")),
    "TLS": (400, raw(bytes.fromhex("16030100c8010000c40303") + b"\xa5" * 40)),
    "SSH": (400, raw(b"SSH-2.0-OpenSSH_9.6\r\n")),
    "SOCKS": (400, raw(b"\5\1\0")),
    "proxy protocol": (400, raw(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n\r\n")),
    "noise": (400, raw(bytes(range(256)) * 10)),
    "NULs": (400, raw(b"\0" * 1000)),
    "empty lines": (400, raw(b"\r\n\r\n\r\n")),
    "long word": (400, raw(b"A" * 20_000)),
}

HOST_HEADERS: dict[str, tuple[int, Attack]] = {
    "no host": (400, unhosted()),
    "two hosts": (400, extra(f"Host: {HOST}")),
    "two hosts, one of them another": (400, extra("Host: models.example")),
    "list of hosts": (403, unhosted(f"Host: {HOST}, models.example")),
    **{
        f"host {host}": (403, unhosted(f"Host: {host}"))
        for host in (
            *("models.example", "127.0.0.1", "localhost", "127.0.0.1:80", f"evil.example#@{HOST}"),
            *("127.0.0.2:4601", "[::1]:4601", "0.0.0.0:4601", "localhost.:4601", "LOCALHOST:4601"),
            *("127.0.0.1:04601", f"{HOST}.evil.example", f"user@{HOST}"),
        )
    },
    "empty host": (403, unhosted("Host:")),
}

LINES: dict[str, tuple[int, Attack]] = {
    "folded": (400, extra("X-A: a\r\n b")),
    "folded first": (400, lambda target: target.request(start=f"POST {PATH} HTTP/1.1\r\n X: a")),
    "bare LF": (400, extra("X-A: a\nX-B: b")),
    "bare LF everywhere": (400, lambda target: target.request().replace(b"\r\n", b"\n")),
    "bare CR": (400, extra("X-A: a\rX-B: b")),
    "NUL": (400, extra("X-A: a\0b")),
    "NUL in the name": (400, extra("X-\0A: a")),
    "control": (400, extra("X-A: a\x08b")),
    "beyond ASCII": (400, extra("X-A: \u00e9")),
    "blank before the colon": (400, extra("X-A : a")),
    "blank before the name": (400, extra(" X-A: a")),
    "no name": (400, extra(": a")),
    "no colon": (400, extra("X-A")),
    "odd name": (400, extra("X(A): a")),
    "many headers": (400, extra(*(f"X-{number}: a" for number in range(100)))),
    "long header": (431, extra("X-A: " + "a" * 20_000)),
    "long header without end": (
        431,
        lambda target: target.head("X-A: " + "a" * 20_000, end=b""),
    ),
}

FRAMES: dict[str, tuple[int, Attack]] = {
    "no length": (411, bodied(raw=b"{}")),
    "chunked": (411, bodied(CHUNKED)),
    "both": (411, bodied(CHUNKED, "Content-Length: 2")),
    "both, the other way": (411, bodied("Content-Length: 12", CHUNKED)),
    "two lengths": (400, bodied("Content-Length: 2", "Content-Length: 3")),
    "two equal lengths": (400, bodied("Content-Length: 2", "Content-Length: 2", raw=b"{}")),
    **{
        f"length {length or 'empty'}": (400, bodied(f"Content-Length: {length}"))
        for length in ("", "-1", "+2", "0x2", "2.0", "2, 2", "02", "2 2", "1e1", "\u0662", "9" * 30)
    },
    **{
        f"coding {coding or 'empty'}": (411, bodied(f"Transfer-Encoding: {coding}"))
        for coding in (
            *("xchunked", "chunked, identity", "identity, chunked", "identity", "gzip, chunked"),
            *("chunked;a=b", "Chunked", "chunked,", ", chunked", '"chunked"', ""),
        )
    },
    "coding after a tab": (411, bodied("Transfer-Encoding:\tchunked")),
    "coding after a vertical tab": (400, bodied("Transfer-Encoding: \x0bchunked")),
    "blank in the coding's name": (400, bodied("Transfer-Encoding : chunked")),
    "folded coding": (400, bodied("Transfer-Encoding:\r\n chunked")),
    "two codings": (411, bodied(CHUNKED, "Transfer-Encoding: identity")),
    "underscore": (411, bodied("Transfer_Encoding: chunked")),
    "chunk extension": (411, bodied(CHUNKED, raw=b"2;a=b\r\n{}\r\n0\r\n\r\n")),
    "trailer": (411, bodied(CHUNKED, raw=b"2\r\n{}\r\n0\r\nX-A: b\r\n\r\n")),
    "negative chunk": (411, bodied(CHUNKED, raw=b"-2\r\n{}\r\n0\r\n\r\n")),
    "huge chunk": (411, bodied(CHUNKED, raw=b"f" * 40 + b"\r\n{}")),
    "announced trailer": (400, extra("Trailer: X-A")),
    "TE": (400, extra("TE: trailers")),
    "upgrade": (400, extra("Upgrade: websocket", "Connection: Upgrade")),
    "upgrade to h2c": (400, extra("Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")),
    "connection drops a header": (400, extra("Connection: close, authorization")),
    "expect": (417, extra("Expect: 100-continue")),
    "expect something": (417, extra("Expect: 200-ok")),
    "proxy connection": (400, extra("Proxy-Connection: keep-alive")),
    "compressed": (400, extra("Content-Encoding: gzip")),
    "two types": (400, extra("Content-Type: text/plain")),
    "two requests": (400, lambda target: target.request() + target.request()),
    "more than the body": (400, lambda target: target.request() + b"x"),
    "hidden request": (
        400,
        lambda target: target.head("Content-Length: 0") + target.request(),
    ),
}

CREDENTIALS: dict[str, tuple[int, Attack]] = {
    "none": (401, keyless()),
    "empty": (401, keyless("Authorization:")),
    "wrong": (401, keyless("Authorization: Bearer wrong")),
    "bare": (401, keyless(f"Authorization: {TOKEN}")),
    "basic": (401, keyless(f"Authorization: Basic {TOKEN}")),
    "longer": (401, keyless(f"Authorization: Bearer {TOKEN}x")),
    "shorter": (401, keyless(f"Authorization: Bearer {TOKEN[:-1]}")),
    "twice": (401, extra(f"Authorization: Bearer {TOKEN}")),
    "twice, one wrong": (401, extra("Authorization: Bearer wrong")),
    "list": (401, keyless(f"Authorization: Bearer {TOKEN}, Bearer {TOKEN}")),
    "other header": (401, keyless(f"X-Api-Key: {TOKEN}")),
    "cookie": (401, keyless(f"Cookie: authorization=Bearer {TOKEN}")),
}

ATTACKS: dict[str, tuple[int, Attack]] = {
    f"{group}: {name}": case
    for group, cases in {
        "target": TARGETS,
        "method": METHODS,
        "version": VERSIONS,
        "host": HOST_HEADERS,
        "line": LINES,
        "frame": FRAMES,
        "credential": CREDENTIALS,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize(("status", "attack"), ATTACKS.values(), ids=ATTACKS)
def test_hostile_requests_are_refused(target: Target, status: int, attack: Attack) -> None:
    assert target.attack(attack(target)) == status
    target.check_unharmed()


@pytest.mark.parametrize("host", HOSTS)
def test_both_names_of_this_machine_are_fine(target: Target, host: str) -> None:
    assert target.attack(unhosted(f"Host: {host}")(target)) == 200
    target.check_unharmed(seen=1)


BODIES = make_bodies(GOOD[WireProtocol.CHAT])


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_hostile_bodies_are_refused(target: Target, body: bytes) -> None:
    assert target.attack(target.request(body)) == 400
    target.check_unharmed()


@pytest.mark.parametrize(
    ("protocol", "name"),
    [(protocol, name) for protocol, cases in WAYS_OUT.items() for name in cases],
)
def test_ways_out_are_refused(
    targets: Mapping[WireProtocol, Target], protocol: WireProtocol, name: str
) -> None:
    target = targets[protocol]
    target.provider._requests.clear()

    assert target.attack(target.request(target.body(**WAYS_OUT[protocol][name]))) == 403
    target.check_unharmed()


@pytest.mark.parametrize("protocol", WireProtocol)
def test_another_protocols_key_header_does_not_do(
    targets: Mapping[WireProtocol, Target], protocol: WireProtocol
) -> None:
    target = targets[protocol]
    target.provider._requests.clear()
    own = target.row.key_header
    others = {"authorization", "x-api-key", "x-goog-api-key"} - {own}
    lines = [f"{name}: {target.row.format_key(TOKEN)}" for name in sorted(others)]

    assert target.attack(target.request(None, *lines, without=[own])) == 401
    target.check_unharmed()


def test_a_body_too_big_is_not_even_read(target: Target) -> None:
    del target.counts[:]
    with target.connect() as ours:
        ours.sendall(target.head("Content-Length: 100000000"))
        status = flood(ours, b" " * 65_536, 100_000_000)

    assert status in (413, 0)
    assert sum(target.counts) <= HEAD_LIMIT + 65_536
    target.check_unharmed()


def test_an_endless_chunked_body_is_not_even_read(target: Target) -> None:
    del target.counts[:]
    with target.connect() as ours:
        ours.sendall(target.head(CHUNKED))
        status = flood(ours, b"10000\r\n" + b" " * 65_536 + b"\r\n", 100_000_000)

    assert status in (411, 0)
    assert sum(target.counts) <= HEAD_LIMIT + 65_536
    target.check_unharmed()


def test_an_endless_head_is_not_read_to_its_end(target: Target) -> None:
    del target.counts[:]
    with target.connect() as ours:
        ours.sendall(target.head(end=b"\r\n"))
        status = flood(ours, b"X-A: a\r\n" * 1000, 100_000_000)

    assert status in (431, 0)
    assert sum(target.counts) <= HEAD_LIMIT + 2 * 65_536
    target.check_unharmed()


def test_the_biggest_body_is_read_and_no_more(target: Target) -> None:
    del target.counts[:]
    raw_body = b" " * BODY_LIMIT

    assert target.attack(target.request(raw_body)) == 400
    assert sum(target.counts) == len(target.request(raw_body))
    target.check_unharmed()


@pytest.mark.parametrize("cut", [1, 30, 200, 400], ids=lambda cut: f"after {cut}")
def test_slow_requests_are_given_up(cut: int) -> None:
    with open_target(COMPATIBLE, timeouts=GatewayTimeouts(request=1.0)) as slow:
        request = slow.request()
        with slow.connect() as ours:
            ours.sendall(request[:cut])
            assert trickle(ours, request[cut:]) in (400, 0)
        slow.check_unharmed()


def test_a_connection_that_says_nothing_is_closed() -> None:
    with open_target(COMPATIBLE, timeouts=GatewayTimeouts(request=0.5)) as slow:
        with slow.connect() as ours:
            assert ours.recv(10) == b""
        slow.check_unharmed()


def test_many_idle_connections_hold_up_nobody(target: Target) -> None:
    beginnings = [b"", b"POST ", target.head(end=b""), target.head("Content-Length: 9") + b"{"]
    with ExitStack() as stack:
        for number in range(64):
            ours = stack.enter_context(target.connect())
            ours.sendall(beginnings[number % len(beginnings)])
        target.check_unharmed()


def test_who_goes_away_in_the_middle_harms_nobody(target: Target) -> None:
    request = target.request()
    for cut in (1, 20, 100, len(request) - 1):
        with target.connect() as ours:
            ours.sendall(request[:cut])
    target.check_unharmed()


@pytest.mark.parametrize("row", [COMPATIBLE, ANTHROPIC, GOOGLE], ids=lambda row: row.name)
@pytest.mark.parametrize(("model", "status"), [("small", 200), (MODEL, 200), ("other", 403)])
def test_only_the_runs_own_models_are_asked(row: ProviderRow, model: str, status: int) -> None:
    with open_target(row, small_model="small") as two:
        line = f"POST {two.row.build_target(model)} HTTP/1.1"
        body = GOOD[two.row.protocol] if two.row is GOOGLE else two.body(model=model)

        assert two.attack(two.request(body, start=line)) == status
        paths = [request.path for request in two.provider.requests]
        expected = "/v1" + two.row.build_endpoint(model)
        assert paths == ([expected] if status == 200 else [])
        two.check_unharmed(seen=len(paths))


def test_a_second_request_on_the_same_connection_is_judged_anew(target: Target) -> None:
    with target.connect() as ours:
        statuses = []
        for request in (
            target.request(),
            target.request(target.body(model="other")),
            target.request(None, without=["authorization"]),
            target.request(),
            target.request(None, "Expect: 100-continue"),
        ):
            ours.sendall(request)
            statuses.append(read_status(ours))

    assert statuses == [200, 403, 401, 200, 417]
    target.check_unharmed(seen=2)


def test_only_so_much_is_held_of_all_requests_together(target: Target) -> None:
    """While four bodies of almost 10 MB are read, a fifth is refused, but not a small one."""
    half = target.head("Content-Length: 9900000") + b" " * 1000
    del target.counts[:]
    with ExitStack() as stack:
        slow = [stack.enter_context(target.connect()) for _ in range(4)]
        for ours in slow:
            ours.sendall(half)
        wait_for(lambda: sum(target.counts) >= 4 * len(half))
        assert target.attack(half) == 400
        target.check_unharmed()
