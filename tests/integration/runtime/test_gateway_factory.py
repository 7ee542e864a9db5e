"""The gateways of a run: what they are made with, and what is told of them at the end."""

from __future__ import annotations

import base64
import logging
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.errors import KeyMissingError, PriceUnknownError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.cassettes import Replay
from pytest_agentfix.gateway.cassettes.replayed_model import ReplayClock, replayed_upstream
from pytest_agentfix.gateway.gateway import ModelGateway, SystemClock
from pytest_agentfix.gateway.http.transport import GatewayTimeouts
from pytest_agentfix.runtime.gateway_factory import GatewayContext, GatewayFactory
from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.replies import Fail, Say, Script
from pytest_agentfix.testing.socket_stream import StreamPort
from tests.kits.gateway_kit import KEY, Client, make_upstream


def make_gateways(folder: Path, played: Replay | None = None, **settings: Any) -> GatewayFactory:
    context = GatewayContext(
        opencode=folder / "no binary",
        cache=folder / "cache",
        top=folder / "project",
        environ={"SOME_TOKEN": KEY},
        replay=played,
    )
    return GatewayFactory(Settings(**settings), context, clock=SystemClock(), token="a-token")


def ask(gateway: ModelGateway, token: str) -> int:
    gateway.begin(deadline=10.0**9)
    with StreamPort(gateway.handle) as port:
        client = Client(port.port)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        status = client.post(headers=headers).status
        client.connection.close()
    return status


def record(folder: Path, script: Script) -> Path:
    """Ask once, with everything real but the model, and keep it."""
    cassette = folder / "cassette"
    with ScriptedModel(script) as model:
        gateways = make_gateways(folder, record=cassette)
        gateway, access = gateways.open(make_upstream(model.base_url, key=KEY))
        ask(gateway, access.token)
        gateways.close_all()
        assert list(gateways.notices()) == [f"1 model answer recorded in {cassette}"]
    return cassette


def test_the_users_time_outs_are_the_gateways(tmp_path: Path) -> None:
    gateways = make_gateways(tmp_path, model_timeouts=(("idle", 7.0), ("connect", 1.5)))
    gateway, _ = gateways.open(make_upstream())
    assert gateway._parts.timeouts == GatewayTimeouts(idle=7.0, connect=1.5)


def test_all_of_a_run_share_ledger_and_token(tmp_path: Path) -> None:
    gateways = make_gateways(tmp_path, max_tokens=100_000)
    with ScriptedModel(lambda _: Say("hello")) as model:
        opened = [gateways.open(make_upstream(model.base_url)) for _ in range(2)]
        statuses = [ask(gateway, opened[0][1].token) for gateway, _ in opened]
    assert statuses == [200, 200]
    assert gateways.ledger.run.spent.requests == 2
    assert len({access.token for _, access in opened}) == 1
    gateways.close_all()
    gateways.close_all()
    assert list(gateways.notices()) == []


def test_two_gateways_of_one_cluster_share_its_account(tmp_path: Path) -> None:
    gateways = make_gateways(tmp_path, caps=(("cluster.requests", 2.0),))
    with ScriptedModel(lambda _: Say("hello")) as model:
        first, access = gateways.open(make_upstream(model.base_url))
        second, _ = gateways.open(make_upstream(model.base_url), first.account)
        another, _ = gateways.open(make_upstream(model.base_url))
        statuses = [ask(one, access.token) for one in (first, second, first, another)]
    assert statuses == [200, 200, 400, 200]
    assert "the cap of 2 model requests for this cause" in first.cap()
    assert first.account is second.account
    assert (first.tokens(), first.requests()) == (second.tokens(), second.requests())
    gateways.close_all()


def test_a_cap_on_money_needs_a_price(tmp_path: Path) -> None:
    with pytest.raises(PriceUnknownError, match=r"local/test-model.*agent_fix_price"):
        make_gateways(tmp_path, max_cost=1.0).open(make_upstream())
    with pytest.raises(PriceUnknownError):
        make_gateways(tmp_path, caps=(("day.cost", 1.0),)).open(make_upstream())
    make_gateways(tmp_path, max_cost=1.0, price=(1.0, 2.0)).open(make_upstream())


def test_the_command_for_the_key_is_run_once(tmp_path: Path) -> None:
    vault, asked = tmp_path / "vault", tmp_path / "asked"
    vault.write_text(f"#!/bin/sh\necho x >> '{asked}'\necho {KEY}\n")
    vault.chmod(vault.stat().st_mode | stat.S_IXUSR)
    gateways = make_gateways(tmp_path)
    upstream = replace(make_upstream(key=""), key_command=(str(vault),))
    assert not asked.exists()
    keys = [gateways.open(upstream)[0]._parts.upstream.key for _ in range(3)]
    assert (keys, asked.read_text()) == ([KEY] * 3, "x\n")


def test_a_command_that_fails_is_not_run_for_every_cluster(tmp_path: Path) -> None:
    vault, asked = tmp_path / "vault", tmp_path / "asked"
    vault.write_text(f"#!/bin/sh\necho x >> '{asked}'\nexit 3\n")
    vault.chmod(vault.stat().st_mode | stat.S_IXUSR)
    gateways = make_gateways(tmp_path)
    for model in ("one", "two", "two"):
        upstream = replace(make_upstream(key="", model=model), key_command=(str(vault),))
        with pytest.raises(KeyMissingError, match="status 3"):
            gateways.open(upstream)
    assert asked.read_text() == "x\n"


def test_a_replay_asks_nobody_and_spends_nothing(tmp_path: Path) -> None:
    cassette = record(tmp_path, lambda _: Say("hello"))
    before = sorted(path.name for path in (tmp_path / "cache").iterdir())
    replay = Replay.load(cassette)
    gateways = make_gateways(tmp_path, replay, replay=cassette)
    gateway, access = gateways.open(replayed_upstream(replay))
    statuses = [ask(gateway, access.token) for _ in range(2)]

    assert statuses == [200, 400]
    trouble = gateway.trouble()
    assert trouble is not None
    assert trouble.is_final
    assert list(gateways.notices()) == [
        f"answers were replayed from {cassette}: no model was asked"
    ]
    assert KEY.encode() not in cassette.read_bytes()
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == before


def test_keys_of_all_models_are_kept_out_of_the_cassette(tmp_path: Path) -> None:
    cassette, other, word = tmp_path / "cassette", "zz-another-9876543210", "test"
    with ScriptedModel(lambda _: Say(f"{KEY} {other} in a {word}")) as model:
        gateways = make_gateways(tmp_path, record=cassette)
        for key in (KEY, other, word):
            gateway, access = gateways.open(make_upstream(model.base_url, key=key))
            assert ask(gateway, access.token) == 200
        gateways.close_all()
    first, *later = cassette.read_text().splitlines()[1:]

    assert [KEY in line for line in (first, *later)] == [False] * 3
    assert [other in line for line in later] == [False] * 2
    assert ["*** *** in a test" in line for line in later] == [True] * 2


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "plain"])
def test_no_key_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, is_recorded: bool
) -> None:
    bearer = base64.b64encode(f"Bearer {KEY}".encode()).decode()
    said = Fail(400, {"error": {"message": f"{KEY} x"}}, {"X-Echo": KEY, "X-Bearer": bearer})
    record = tmp_path / "cassette" if is_recorded else None
    with ScriptedModel(lambda _: said) as model, caplog.at_level(logging.DEBUG):
        gateways = make_gateways(tmp_path, is_verbose=True, record=record)
        gateway, access = gateways.open(make_upstream(model.base_url))
        assert ask(gateway, access.token) == 400
        gateways.close_all()
        logging.getLogger("httpcore.http11").debug("of a test")

    assert "answer: {" in caplog.text
    assert "of a test" in caplog.messages
    told = [secret in caplog.text for secret in (KEY, bearer, access.token)]
    assert told == [False, False, False]


def test_what_was_not_asked_for_is_told(tmp_path: Path) -> None:
    cassette = record(tmp_path, lambda _: Say("hello"))
    replay = Replay.load(cassette)
    gateways = make_gateways(tmp_path, replay, replay=cassette)
    gateways.open(replayed_upstream(replay))
    assert list(gateways.notices())[1:] == ["1 of 1 recorded answer not asked for"]


def test_a_replay_does_not_wait_as_the_recorded_run_did(tmp_path: Path) -> None:
    refused = iter([Fail(503, {"error": "busy"}, {"Retry-After": "2"})])
    cassette = tmp_path / "cassette"
    with ScriptedModel(lambda _: next(refused, Say("hello"))) as model:
        gateways = make_gateways(tmp_path, record=cassette)
        gateway, access = gateways.open(make_upstream(model.base_url))
        assert ask(gateway, access.token) == 200
        gateways.close_all()
    replay = Replay.load(cassette)
    gateways = make_gateways(tmp_path, replay, replay=cassette)
    gateway, access = gateways.open(replayed_upstream(replay))
    assert ask(gateway, access.token) == 200
    clock = gateway._parts.clock
    assert isinstance(clock, ReplayClock)
    assert 0.5 < clock._skipped < 2.001  # less by what the looks at it took
