"""Cassette files of real recordings: cut off, made hostile, and written without repetition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_agentfix.gateway.cassettes import CassetteMismatch, Replay
from pytest_agentfix.testing.scripted_model.model_server import Say
from tests.kits.cassette_kit import HERE, ask, make_admission, make_chat, record, replay


def test_a_run_that_was_killed_leaves_what_was_over(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    bodies = [make_chat("one"), make_chat("two")]
    record(path, [Say("first"), Say("second")], bodies)
    whole = path.read_bytes()
    begin = whole.index(b"\n", whole.index(b"\n") + 1) + 1

    for end in (begin, begin + 1, len(whole) // 2 + begin // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert Replay.load(path).count == 1
        assert b"first" in replay(path, bodies[:1])[0].body
    path.write_bytes(whole)
    assert Replay.load(path).count == 2


def test_a_hostile_answer_is_an_answer_only(tmp_path: Path) -> None:
    admission = make_admission(make_chat("hello"))
    record(tmp_path / "run.jsonl", [Say("x")], [make_chat("hello")])
    header, line = (tmp_path / "run.jsonl").read_text().splitlines()
    events = [{"event": "a\ndata: b\n\nevent: c", "text": "1\r\n\r\nid: 2"}, {"comment": "x\n\ny"}]
    evil = {**json.loads(line), "status": 204, "body": {"events": events}}

    path = tmp_path / "evil.jsonl"
    path.write_text(f"{header}\n{json.dumps(evil)}\n")
    seen = ask(Replay.load(path).open(HERE), admission)

    assert seen.status == 204
    assert seen.body == (
        b"event: a\nevent: data: b\nevent: \nevent: event: c\ndata: 1\ndata: \ndata: id: 2\n\n"
        b":x\n:\n:y\n\n"
    )


def test_what_is_shared_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    turns = [f"{'long text ' * 200}{number}" for number in range(20)]
    bodies = [make_chat(*turns[: number + 1]) for number in range(20)]
    bodies += [make_chat(*turns[:10], "another way"), make_chat("something else")]

    record(path, [Say(str(number)) for number in range(22)], bodies)
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]

    assert [(line.get("base"), line.get("keep"), len(line["turns"])) for line in lines] == [
        (None, None, 1),
        *((number, number + 1, 1) for number in range(19)),
        (9, 10, 1),
        (0, 0, 1),
    ]
    assert path.stat().st_size < 20 * 3500
    answers = replay(path, bodies)
    assert [one.events[1]["choices"][0]["delta"] for one in answers[:2]] == [{}, {}]
    assert Replay.load(path).count == 22


def test_numbers_of_requests_count_all_lines(tmp_path: Path) -> None:
    record(tmp_path / "run.jsonl", [Say("x")], [make_chat("hello")])
    cassette = Replay.load(tmp_path / "run.jsonl")
    ask(cassette.open(HERE), make_admission(make_chat("hello")))

    with pytest.raises(
        CassetteMismatch, match=r"^Request 2 of this run is not in the cassette: all"
    ):
        ask(cassette.open(HERE), make_admission(make_chat("hullo")))
