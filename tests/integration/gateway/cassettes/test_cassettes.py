"""Cassettes from end to end: a scripted model, a real connection, a file, an answer from it."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpcore
import pytest

from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.cassettes import CassetteMismatch, Recording, Replay, writer
from pytest_agentfix.gateway.cassettes.canonical import Canonicalizer
from pytest_agentfix.gateway.http.connection import Exchange
from pytest_agentfix.testing.scripted_model.model_server import (
    Break,
    Call,
    Conversation,
    Fail,
    Raw,
    Reply,
    Say,
    ScriptedModel,
)
from tests.kits.cassette_kit import (
    HERE,
    MODEL,
    SENTINEL,
    THERE,
    Seen,
    ask,
    make_admission,
    make_chat,
    make_recording,
    open_sender,
    record,
    replay,
)
from tests.kits.cassette_streams import STREAMS, frame


def read_text(seen: Seen) -> str:
    """Return the text of the answer in any protocol, joined as a client does."""
    return "".join(text for event in seen.events for text in iter_texts(event))


def iter_texts(event: Any) -> Iterator[str]:
    for choice in event.get("choices", []):
        yield choice["delta"].get("content") or ""
    for candidate in event.get("candidates", []):
        yield from (part.get("text", "") for part in candidate["content"]["parts"])
    if event.get("type") == "content_block_delta":
        yield event["delta"].get("text", "")
    if event.get("type") == "response.output_text.delta":
        yield event["delta"]


def read_arguments(seen: Seen) -> Any:
    """Return the arguments of the answer's one tool call."""
    pieces: list[str] = []
    for event in seen.events:
        for choice in event.get("choices", []):
            calls = choice["delta"].get("tool_calls", [])
            pieces += [call["function"]["arguments"] for call in calls]
        for candidate in event.get("candidates", []):
            parts = candidate["content"]["parts"]
            pieces += [json.dumps(p["functionCall"]["args"]) for p in parts if "functionCall" in p]
        if event.get("type") == "content_block_delta":
            pieces.append(event["delta"].get("partial_json", ""))
        if event.get("type") == "response.function_call_arguments.delta":
            pieces.append(event["delta"])
    return json.loads("".join(pieces))


def test_an_answer_is_passed_on_unchanged_and_replayed(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    bodies = [make_chat("hello")]

    [live] = record(path, [Call("read", {"filePath": "/home/ann/proj/calc.py"}, "Hm.")], bodies)
    [played] = replay(path, bodies)

    assert (live.status, live.headers) == (200, (("content-type", "text/event-stream"),))
    assert (played.status, played.headers, played.error) == (200, live.headers, "")
    assert read_text(live) == read_text(played) == "Hm."
    assert read_arguments(live) == read_arguments(played) == {"filePath": "/home/ann/proj/calc.py"}
    assert played.body.endswith(b"data: [DONE]\n\n")
    assert played.events[-1]["usage"] == live.events[-1]["usage"]


@pytest.mark.parametrize("protocol", STREAMS)
def test_paths_of_another_machine_in_each_protocol(tmp_path: Path, protocol: str) -> None:
    path = tmp_path / "run.jsonl"
    arguments = {
        "filePath": "/home/ann/proj/pkg/calc.py",
        "command": "cd /home/ann/proj && /opt/py311/bin/python -m pytest",
        "nested": json.dumps({"path": "/home/ann/proj"}),
    }
    text = "I look at /home/ann/proj/pkg/calc.py and /home/ann/project, in /home/ann."
    raw = STREAMS[protocol](text, json.dumps(arguments))
    bodies = [make_chat("hello")]

    [live] = record(path, [Raw(raw)], bodies)
    [same] = replay(path, bodies)
    [other] = replay(path, bodies, placeholders=THERE)

    thought = "I think" if protocol == "generate" else ""
    assert live.body == raw
    assert read_text(same) == thought + text
    assert read_arguments(same) == arguments
    assert read_text(other) == thought + (
        f"I look at {THERE.top}/pkg/calc.py and /home/ci/project, in /home/ci."
    )
    assert read_arguments(other) == {
        "filePath": f"{THERE.top}/pkg/calc.py",
        "command": f"cd {THERE.top} && /usr/lib/pypy/bin/python -m pytest",
        "nested": json.dumps({"path": str(THERE.top)}, ensure_ascii=False),
    }
    assert b"/home/ann" not in path.read_bytes()


@pytest.mark.parametrize("protocol", STREAMS)
def test_from_a_path_that_needs_escapes(tmp_path: Path, protocol: str) -> None:
    path = tmp_path / "run.jsonl"
    arguments = {"filePath": f"{THERE.top}/calc.py"}
    raw = STREAMS[protocol](f"See {THERE.top}/calc.py.", json.dumps(arguments))
    bodies = [make_chat("hello")]

    record(path, [Raw(raw)], bodies, placeholders=THERE)
    [other] = replay(path, bodies)

    assert read_text(other).endswith("See /home/ann/proj/calc.py.")
    assert read_arguments(other) == {"filePath": "/home/ann/proj/calc.py"}
    assert b"srv" not in path.read_bytes()


def test_a_whole_conversation_on_another_machine(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    def talk(top: str, clock: str, identity: str) -> list[Any]:
        prompt = f"Repair {top}/calc.py, failed in {clock}s"
        call = {
            "id": identity,
            "type": "function",
            "function": {"name": "read", "arguments": json.dumps({"filePath": f"{top}/c"})},
        }
        answer = {"role": "assistant", "content": "", "tool_calls": [call]}
        result = {"role": "tool", "tool_call_id": identity, "content": f"<path>{top}/c</path>"}
        return [make_chat(prompt), make_chat(prompt, answer, result)]  # fmt: skip

    here, there = talk(str(HERE.top), "0.12", "call_1"), talk(str(THERE.top), "3.40", "call_2")
    record(path, [Say("one"), Say("two")], here)
    cassette = Replay.load(path)
    sender = cassette.open(THERE)

    assert (cassette.provider, cassette.model, cassette.protocol) == (
        "local", MODEL, "chat-completions",
    )  # fmt: skip
    assert (cassette.unused(), cassette.count) == (2, 2)
    assert [read_text(ask(sender, make_admission(body))) for body in there] == ["one", "two"]
    assert cassette.unused() == 0


def test_retries_come_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    refused = {"error": {"message": "slow down in /home/ann/proj"}}
    script: list[Reply] = [
        Fail(429, refused, headers={"Retry-After": "3"}),
        Fail(503, "<html>/home/ann/proj</html>"),
        Say("here"),
    ]
    bodies = [make_chat("hello")] * 3

    live = record(path, script, bodies)
    played = replay(path, bodies, placeholders=THERE)

    headers = (("content-type", "application/json"), ("retry-after", "3"))
    moved = {"error": {"message": f"slow down in {THERE.top}"}}
    assert live[0] == Seen(429, headers, json.dumps(refused).encode())
    assert played[0] == Seen(429, headers, json.dumps(moved).encode())
    assert played[1] == Seen(503, headers[:1], f"<html>{THERE.top}</html>".encode())
    assert (played[2].status, read_text(played[2])) == (200, "here")


def test_a_broken_stream_breaks_again(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    bodies = [make_chat("hello")] * 2

    live = record(path, [Break("as far as"), Say("whole")], bodies)
    played = replay(path, bodies)

    assert (read_text(live[0]), live[0].error) == ("as far as", "broke the connection")
    assert (read_text(played[0]), played[0].error) == ("as far as", "broke the connection")
    assert (read_text(played[1]), played[1].error) == ("whole", "")


def test_a_stream_that_broke_inside_its_first_event(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    [_] = record(path, [Raw(b'data: {"choices": [{"del')], [make_chat("hello")])

    assert replay(path, [make_chat("hello")])[0].body == b": torn off\n\n"


def test_a_provider_that_was_not_there(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recording = make_recording(path)
    with open_sender("http://127.0.0.1:1/v1") as sender:
        live = ask(recording.wrap(sender), make_admission(make_chat("hello")))
    recording.close()

    assert live.error.startswith("cannot be reached")
    assert replay(path, [make_chat("hello")]) == [live]


def test_an_answer_our_side_gave_up(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recording = make_recording(path)
    admission = make_admission(make_chat("hello"))
    with (
        ScriptedModel([Say("a long answer " * 50)]) as model,
        open_sender(model.base_url) as sender,
    ):
        sent = make_admission(make_chat("hello"), f"{model.base_url}/chat/completions")
        with recording.wrap(sender).post(sent, ("", "")) as exchange:
            next(exchange.iter_stream())
    recording.close()
    replayed = Replay.load(path).open(HERE)

    assert ask(replayed, admission).error == "was not waited for when this was recorded"
    with pytest.raises(CassetteMismatch) as raised:
        ask(replayed, admission)
    assert raised.value.problem == (
        "Request 2 of this run is in the cassette once, and the recorded run did not wait for the"
        " last answer's end; this run makes it once more."
    )


def test_conversations_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recording = make_recording(path)
    names = [f"conversation {letter}" for letter in "abcdefgh"]

    def talk(wrapped: Any, url: str, name: str, found: dict[str, list[str]]) -> None:
        first = make_chat(name)
        second = make_chat(name, {"role": "assistant", "content": "go on"}, "and then?")
        seen = [ask(wrapped, make_admission(body, url)) for body in (first, first, second)]
        found[name] = [read_text(one) for one in seen]

    def answer(conversation: Conversation) -> Reply:
        return Say(f"{conversation.prompts[0]}, step {conversation.step}, {len(asked)}")

    asked: list[int] = []
    live: dict[str, list[str]] = {}
    with ScriptedModel(answer) as model:
        url = f"{model.base_url}/chat/completions"

        def record_one(name: str) -> None:
            with open_sender(model.base_url) as sender:
                talk(recording.wrap(sender), url, name, live)

        run_threads(record_one, names)
    recording.close()
    cassette = Replay.load(path)
    played: dict[str, list[str]] = {}
    run_threads(lambda name: talk(cassette.open(HERE), url, name, played), names[::-1])

    assert recording.count == len(names) * 3
    assert played == live
    assert cassette.unused() == 0


def run_threads(work: Callable[[str], None], names: list[str]) -> None:
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_stream_is_passed_on_as_it_comes(tmp_path: Path) -> None:
    recording = make_recording(tmp_path / "run.jsonl")
    sender = recording.wrap(SlowSender())
    sender.silence = 7.0

    with sender.post(make_admission(make_chat("hello")), ("", "")) as exchange:
        steps = [
            f"{chunk!r} after {len(SlowSender.sent)}, {recording.count} recorded"
            for chunk in exchange.iter_stream()
        ]

    recording.close()

    assert steps == ["b'one' after 1, 0 recorded", "b'two' after 2, 0 recorded"]
    assert (SlowSender.silence, sender.silence, recording.count) == (7.0, 7.0, 1)


class SlowSender:
    """A sender that records its requests."""

    silence = 0.0
    sent: list[bytes] = []  # noqa: RUF012 - of one test

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(type(self), name, value)

    @contextmanager
    def post(self, admission: Admission, credential: tuple[str, str]) -> Iterator[Exchange]:
        yield httpcore.Response(200, headers={}, content=self._iter_content())

    def _iter_content(self) -> Iterator[bytes]:
        for chunk in (b"one", b"two"):
            self.sent.append(chunk)
            yield chunk


def test_the_old_file_stays_until_there_is_something_new(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("old")

    recording = make_recording(path)
    recording.wrap(SlowSender())
    recording.close()
    assert path.read_text() == "old"

    record(path, [Say("new")], [make_chat("hello")])
    assert Replay.load(path).count == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.jsonl"]


def test_each_exchange_is_there_when_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recording = make_recording(path)
    with ScriptedModel([Say("one"), Say("two")]) as model, open_sender(model.base_url) as sender:
        for number in (1, 2):
            url = f"{model.base_url}/chat/completions"
            ask(recording.wrap(sender), make_admission(make_chat(f"hello {number}"), url))
            assert Replay.load(path).count == number
    recording.close()


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "run.jsonl"

    recording = make_recording(path)
    assert talk_twice(recording) == ["one", "two"]
    recording.close()
    assert Replay.load(path).count == 2


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_link_to_a_pipe(path: Path) -> None:
    pipe = path.parent.with_name(f"{path.parent.name}-pipe")  # not a device: a bug would replace it
    os.mkfifo(pipe)
    path.symlink_to(pipe)


def make_file_for_a_folder(path: Path) -> None:
    path.write_text("no folder")


@pytest.mark.parametrize(
    ("prepare", "name", "why"),
    [
        (make_pipe, "run", "it is no regular file"),
        (make_link_to_a_pipe, "run", "it is no regular file"),
        (Path.mkdir, "run", "it is no regular file"),
        (make_file_for_a_folder, "run/run.jsonl", "File exists"),
    ],
    ids=["pipe", "link", "folder", "no-folder"],
)
def test_what_cannot_be_written_costs_the_cassette_only(
    tmp_path: Path, prepare: Callable[[Path], None], name: str, why: str
) -> None:
    prepare(tmp_path / "run")
    before = (tmp_path / "run").lstat()
    recording = make_recording(tmp_path / name)

    assert talk_twice(recording) == ["one", "two"]
    assert recording.count == 0
    assert recording.trouble == f"The cassette {str(tmp_path / name)!r} is not complete: {why}."
    assert (tmp_path / "run").lstat() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "there" / "run.jsonl")

    record(tmp_path / "run", [Say("ok")], [make_chat("hello")])

    assert (tmp_path / "run").is_symlink()
    assert Replay.load(tmp_path / "there" / "run.jsonl").count == 1


@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "removed"])
@pytest.mark.parametrize("is_at_the_end", [True, False], ids=["at-the-end", "before"])
def test_a_file_that_is_gone_is_told(
    tmp_path: Path, *, is_replaced: bool, is_at_the_end: bool
) -> None:
    path = tmp_path / "run.jsonl"
    recording = make_recording(path)
    talk_twice(recording)
    path.unlink()
    if is_replaced:
        other = make_recording(path)
        talk_twice(other)
        other.close()
        assert other.trouble == ""
    if not is_at_the_end:
        talk_twice(recording)
    recording.close()

    assert recording.trouble == (
        f"The cassette {str(path)!r} is not complete: the file was removed or replaced meanwhile."
    )
    assert (Replay.load(path).count if is_replaced else path.exists()) == (2 if is_replaced else 0)


def test_a_full_disk_costs_the_rest_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.jsonl"
    recording = make_recording(path)
    real = writer._write_all

    def fill(file: Any, content: bytes) -> None:
        if b'"cassette"' not in content:
            real(file, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, content)

    monkeypatch.setattr(writer, "_write_all", fill)
    seen = talk_twice(recording)

    assert seen == ["one", "two"]
    assert recording.trouble.endswith("is not complete: No space left on device.")
    assert Replay.load(path).count == 1


def talk_twice(recording: Recording) -> list[str]:
    with ScriptedModel([Say("one"), Say("two")]) as model, open_sender(model.base_url) as sender:
        wrapped = recording.wrap(sender)
        url = f"{model.base_url}/chat/completions"
        bodies = [make_chat("first"), make_chat("second")]
        return [read_text(ask(wrapped, make_admission(body, url))) for body in bodies]


@pytest.mark.parametrize("protocol", STREAMS)
def test_secrets_are_nowhere_in_the_file(tmp_path: Path, protocol: str) -> None:
    path = tmp_path / "run.jsonl"
    run_token = 'zap"quux\\é-0123456789'
    spoken = f"{SENTINEL} {run_token} sk-sentinelXX ghp_{'a1' * 18} {SENTINEL[:8]}****cdef"
    raw = STREAMS[protocol](spoken, json.dumps({"content": spoken, "inner": json.dumps([spoken])}))
    bodies = [make_chat(spoken, {"role": "tool", "content": json.dumps({"x": spoken})})]

    record(path, [Raw(raw)], bodies, secrets=[SENTINEL, run_token])
    written = path.read_bytes()
    sender = Replay.load(path).open(HERE, [SENTINEL, run_token])
    played = ask(sender, make_admission(bodies[0]))

    for part in (b"sentinel", b"0123456789", b"quux", b"ghp_", b"cdef"):
        assert part not in written, part
    assert read_text(played).endswith("*** *** *** *** ***")
    assert read_arguments(played) == {
        "content": "*** *** *** *** ***",
        "inner": '["*** *** *** *** ***"]',
    }


def test_what_goes_wrong_with_a_recording_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TypeError(SENTINEL)

    monkeypatch.setattr(Canonicalizer, "read", fail)
    recording = make_recording(tmp_path / "run.jsonl")

    assert talk_twice(recording) == ["one", "two"]
    assert recording.trouble.endswith(
        "is not complete: an exchange has a form that cannot be written down."
    )


def test_secrets_that_come_later_are_kept_out_too(tmp_path: Path) -> None:
    path, later = tmp_path / "run.jsonl", "zz-another-9876543210"
    recording = make_recording(path, secrets=[SENTINEL])
    said = Say(f"{SENTINEL} {later}")
    with ScriptedModel(lambda _: said) as model, open_sender(model.base_url) as sender:
        sent = make_admission(make_chat(later), f"{model.base_url}/chat/completions")
        ask(recording.wrap(sender), sent)
        recording.add_secrets([later])
        recording.add_secrets([later, ""])
        ask(recording.wrap(sender), sent)
    recording.close()
    _, first, second = path.read_text().splitlines()

    assert (first.count(later), second.count(later), second.count("***")) == (2, 0, 3)
    assert SENTINEL not in first + second


def test_a_secret_in_pieces_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    pieces = [{"reasoning": SENTINEL[:9]}, {"content": SENTINEL[9:]}]
    raw = b"".join(frame({"choices": [{"delta": piece}]}) for piece in pieces)
    recording = make_recording(path, secrets=[SENTINEL])
    with ScriptedModel([Raw(raw)]) as model, open_sender(model.base_url) as sender:
        sent = make_admission(make_chat("hello"), f"{model.base_url}/chat/completions")
        seen = ask(recording.wrap(sender), sent)
    recording.close()

    assert seen.body == raw
    assert not path.exists()
    assert recording.trouble == (
        f"The cassette {str(path)!r} is not complete: a secret is in an answer in pieces that"
        " cannot be taken out."
    )


def test_a_secret_in_a_header_is_not_cut_before_it_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    secret = "sentinel-0123456789"
    echo = {"Retry-After": "x" * 190 + " " + secret}

    record(path, [Fail(429, "no", headers=echo)], [make_chat("hello")], secrets=[secret])

    assert b"sentinel" not in path.read_bytes()


def test_what_is_secret_here_only_is_found_as_it_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    record(path, [Say("ok")], [make_chat("SECRET_KEY = 'insecure-dev-1'")])

    sender = Replay.load(path).open(THERE, ["insecure-dev-1"])
    seen = ask(sender, make_admission(make_chat("SECRET_KEY = 'insecure-dev-1'")))

    assert read_text(seen) == "ok"


def test_a_cassette_of_older_patterns_is_found(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    record(path, [Say("ok")], [make_chat("OLD")])
    old = "in @{base-python}/bin/python3, @{top-real}/a, 3.5e-05s, <data 0123456789abcdef>"
    path.write_text(path.read_text().replace("OLD", old))
    now = "in /opt/py311/bin/python, /home/ann/proj/a, 1s, <data 0123456789abcdef>"

    assert read_text(replay(path, [make_chat(now)])[0]) == "ok"


def test_a_redacted_cassette_matches_where_the_secrets_are_others(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    record(path, [Say("ok")], [make_chat(f"the key is {SENTINEL}")], secrets=[SENTINEL])
    other = "qq-elsewhere-9876543210"

    sender = Replay.load(path).open(THERE, [other])

    assert read_text(ask(sender, make_admission(make_chat(f"the key is {other}")))) == "ok"


def test_the_first_request_that_differs_ends_the_run(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    record(path, [Say("one"), Say("two")], [make_chat("a"), make_chat("b", "line\nred apple")])
    sender = Replay.load(path).open(HERE)
    ask(sender, make_admission(make_chat("a")))

    with pytest.raises(CassetteMismatch) as raised:
        ask(sender, make_admission(make_chat("b", "line\ngreen apple")))

    assert isinstance(raised.value, ProviderTrouble)
    assert raised.value.is_final
    assert str(raised.value) == (
        "Request 2 of this run is not in the cassette. It differs from recorded request 2 in"
        " message 2 (user): recorded was 'red apple', now it is 'green apple'. Record it again"
        " with --agent-fix-record FILE, or check out the revision it was recorded on. The log has"
        " the whole difference (--log-file=FILE --log-file-level=INFO)."
    )
