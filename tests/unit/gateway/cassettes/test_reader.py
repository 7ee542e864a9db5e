"""Reading a cassette: anything unexpected is refused, because the file may come from anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.gateway.cassettes import Replay, reader

HEADER = {"cassette": 1, "provider": "p", "model": "m", "dialect": "d", "date": "2026-11-25"}
EXCHANGE: dict[str, Any] = {
    "model": "m",
    "tools": ["read"],
    "turns": [{"role": "user", "content": "hello"}],
    "status": 200,
    "headers": {"content-type": "text/event-stream"},
    "body": {"events": [{"event": "x", "json": {"a": 1}}, {"text": "b"}, {"comment": "c"}]},
    "end": "whole",
}


def write(path: Path, *lines: Any) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


def load(path: Path, *lines: Any) -> Replay:
    return Replay.load(write(path / "cassette", *lines))


def test_a_small_cassette_is_loaded(tmp_path: Path) -> None:
    more = {**EXCHANGE, "base": 0, "keep": 1, "body": {"text": ""}}
    cassette = load(tmp_path, HEADER, EXCHANGE, more)

    assert (cassette.provider, cassette.model, cassette.protocol) == ("p", "m", "d")
    assert (cassette.count, cassette.unused()) == (2, 2)


def change(**values: Any) -> dict[str, Any]:
    return {**EXCHANGE, **values}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[]", "it is no object"),
        ("[" * 90 + "]" * 90, "nested too deeply"),
        ("[" * 90_000 + "]" * 90_000, "nested too deeply"),
        ('{"status": NaN}', "NaN is no number of JSON"),
        ('{"status": 1e999}', "1e999 is no number of JSON"),
        (change(status=True), "its status is none of HTTP's"),
        (change(status=101), "its status is none of HTTP's"),
        (change(status="200"), "its status is none of HTTP's"),
        (change(status=0), "its status and its end do not go together"),
        (change(end="unreached"), "its status and its end do not go together"),
        (change(end="x"), "its end is none of a cassette's"),
        (change(end=["\x1b[2J"]), "its end is none of a cassette's"),
        (change(words="x" * 2001), "a text is too long"),
        ('{"status": ' + "9" * 1000 + ".0e999}", "9" * 200),
        (change(headers=[]), "its headers are not those of a cassette"),
        (change(headers={"set-cookie": "x"}), "its headers are not those of a cassette"),
        (change(headers={"content-type": "a\r\nx: y"}), "a value is not printable"),
        (change(headers={"content-type": 1}), "a text is missing"),
        (change(body=None), "its body has no known form"),
        (change(body={"text": 1}), "its body has no known form"),
        (change(body={"text": "", "json": 1}), "its body has no known form"),
        (change(body={"events": [1]}), "an event has no known form"),
        (change(body={"events": [{}]}), "an event has no known form"),
        (change(body={"events": [{"json": 1, "text": ""}]}), "an event has no known form"),
        (change(body={"events": [{"json": 1, "event": 2}]}), "an event has no known form"),
        (change(body={"events": [{"text": {}}]}), "an event has no known form"),
        (change(turns={}), "its turns are no list"),
        (change(tools="x"), "a text is missing"),
        (change(tools=[1]), "a text is missing"),
        (change(model=None), "a text is missing"),
        (change(words=[]), "a text is missing"),
        (change(base=0, keep=0), "it refers to something that is not there"),
        (change(base=-1, keep=0), "it refers to something that is not there"),
        (change(base=True, keep=0), "it refers to something that is not there"),
    ],
    ids=str,
)
def test_damaged_lines(tmp_path: Path, line: Any, what: str) -> None:
    with pytest.raises(SettingError) as raised:
        load(tmp_path, HEADER, line)

    path = str(tmp_path / "cassette")
    assert raised.value.problem == (
        f"{path!r} is no cassette that can be replayed: line 2 is damaged ({what})."
    )
    assert raised.value.next_step == "Record one with --agent-fix-record FILE."


def test_more_turns_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"line 3 is damaged .it refers to something"):
        load(tmp_path, HEADER, EXCHANGE, change(base=0, keep=2))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "its first line is not a cassette's"),
        (b"\xff\xfe", "it is no text"),
        (b"hello\n", "its first line is not a cassette's"),
        (b"[1]\n", "its first line is not a cassette's"),
        (b'{"version": 1}\n', "its first line is not a cassette's"),
        (b'{"cassette": 1, "provider": "p"}\n', "its first line is not a cassette's"),
        (json.dumps({**HEADER, "model": "\x1b[2J"}).encode(), "its first line is not a cassette's"),
        (json.dumps(HEADER).encode() + b"\n", "no exchange is in it"),
        (json.dumps(HEADER).encode() + b'\n{"model": "m", "tu', "no exchange is in it"),
    ],
)
def test_no_cassettes(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "cassette"
    path.write_bytes(content)

    with pytest.raises(SettingError) as raised:
        Replay.load(path)

    assert raised.value.problem == f"{str(path)!r} is no cassette that can be replayed: {what}."


@pytest.mark.parametrize("version", [2, 0, "1", True, None, [1]])
def test_another_version(tmp_path: Path, version: Any) -> None:
    with pytest.raises(SettingError) as raised:
        load(tmp_path, {**HEADER, "cassette": version}, EXCHANGE)

    assert str(raised.value) == (
        f"{str(tmp_path / 'cassette')!r} is a cassette of another version of pytest-agentfix."
        " Record it again with --agent-fix-record FILE, or use the version it was made with."
    )


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="Is a directory"):
        Replay.load(tmp_path)
    with pytest.raises(SettingError, match="No such file or directory"):
        Replay.load(tmp_path / "x")


@pytest.mark.parametrize(
    ("limit", "value", "what"),
    [
        ("SIZE_LIMIT", 300, "it is too large"),
        ("EXCHANGES_LIMIT", 2, "it is longer than any run"),
        ("VALUES_LIMIT", 30, "it is too large"),
        ("TURNS_LIMIT", 1, "it is longer than any run"),
    ],
)
def test_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, what: str
) -> None:
    monkeypatch.setattr(reader, limit, value)

    with pytest.raises(SettingError, match=what):
        load(tmp_path, HEADER, EXCHANGE, EXCHANGE)
