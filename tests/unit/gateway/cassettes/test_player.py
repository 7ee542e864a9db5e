"""Matching requests with a recording, and the error for one that was not recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from pytest_agentfix.gateway.cassettes import PathPlaceholders, canonical
from pytest_agentfix.gateway.cassettes.canonical import (
    Canonicalizer,
    CanonicalRequest,
    CanonicalTurn,
)
from pytest_agentfix.gateway.cassettes.mismatch import (
    Candidate,
    describe_end,
    describe_excess,
    describe_mismatch,
    find_difference,
    find_nearest,
)
from pytest_agentfix.gateway.cassettes.request_diff import diff_requests
from pytest_agentfix.gateway.cassettes.volatile_text import normalise
from tests.kits.cassette_kit import HERE, THERE, make_admission, make_chat

SCHEMA = {"type": "object"}
RECORD_AGAIN = (
    "Record it again with --agent-fix-record FILE, or check out the revision it was recorded on."
    " The log has the whole difference (--log-file=FILE --log-file-level=INFO)."
)


def read(body: Any, placeholders: PathPlaceholders = HERE) -> CanonicalRequest:
    return Canonicalizer(placeholders).read(make_admission(body))


def make_requests(top: str, run: str) -> Mapping[str, Any]:
    """Return a conversation in each protocol; ``run`` is in every part that differs by run."""
    arguments = json.dumps({"filePath": f"{top}/a.py", "id": "kept", "status": "kept"})
    said = f"{top}/a.py took 0.{len(run)}s"
    chat_call = {
        "id": run,
        "type": "function",
        "function": {"name": "read", "arguments": arguments},
    }
    return {
        "chat": {
            "messages": [
                {"role": "system", "content": run},
                {"role": "user", "content": [{"type": "text", "text": said}]},
                {"role": "assistant", "content": None, "tool_calls": [chat_call]},
                {"role": "tool", "tool_call_id": run, "content": said},
            ],
            "tools": [{"type": "function", "function": {"name": "read", "description": run}}],
        },
        "messages": {
            "system": [{"type": "text", "text": run}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": said, "cache_control": {"type": run}}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": run},
                    {"type": "tool_use", "id": run, "name": "read",
                     "input": json.loads(arguments)}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": run, "content": said}]},
            ],
            "tools": [{"name": "read", "description": run, "input_schema": SCHEMA}],
        },
        "responses": {
            "instructions": run,
            "input": [
                {"role": "developer", "content": run},
                {"role": "user", "content": [{"type": "input_text", "text": said}]},
                {"type": "reasoning", "id": run, "encrypted_content": run, "summary": []},
                {"type": "function_call", "id": run, "call_id": run, "name": "read",
                 "arguments": arguments, "status": run},
                {"type": "function_call_output", "call_id": run, "output": said},
            ],
            "tools": [{"type": "function", "name": "read", "description": run}],
        },
        "generate": {
            "systemInstruction": {"parts": [{"text": run}]},
            "contents": [
                {"role": "user", "parts": [{"text": said}]},
                {"role": "model", "parts": [
                    {"functionCall": {"name": "read", "args": json.loads(arguments)},
                     "thoughtSignature": run}]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "read", "response": {"content": said}}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "read", "description": run}]}],
        },
    }  # fmt: skip


@pytest.mark.parametrize("protocol", make_requests("", ""))
def test_the_same_conversation_in_each_protocol(protocol: str) -> None:
    here = read(make_requests(str(HERE.top), "one")[protocol])
    there = read(make_requests(str(THERE.top), "another")[protocol], THERE)
    told = json.dumps([turn.value for turn in here.turns])

    assert (here, here.key) == (there, there.key)
    assert here.tools == ("read",)
    assert told.count("kept") == 2
    assert "one" not in told.replace("None", "")


@pytest.mark.parametrize(
    "other",
    [
        make_chat("hello", "there"),
        make_chat("hullo"),
        make_chat({"role": "assistant", "content": "hello"}),
        make_chat("hello", tools=[]),
        make_chat("hello", {"role": "tool", "content": ""}),
    ],
)
def test_what_makes_another_request(other: Any) -> None:
    assert read(other).key != read(make_chat("hello")).key


@pytest.mark.parametrize(
    "body",
    [[], "x", {"messages": 7}, {"tools": {"a": 1}}, {"tools": [1, {"function": 2}], "input": None}],
)
def test_odd_bodies_have_a_form(body: Any) -> None:
    assert len(read(body).key) == 32


def test_nesting_has_an_end() -> None:
    deep: Any = "x"
    for _ in range(150):
        deep = [deep]

    assert "<too deep>" in read(make_chat({"role": "user", "content": deep})).turns[0].text


@pytest.mark.parametrize(
    ("one", "word"),
    [
        ("in 0.12s", "in <duration>"),
        ("in 3.4 s", "in <duration>"),
        ("=== 1 failed in 75.20s (0:01:15) ======", "=== 1 failed in <duration> (<time>) ===="),
        ("container 4f0c2d3b1a9e", "container <hex>"),
        ("123e4567-e89b-12d3-a456-426614174000", "<uuid>"),
        ("<A object at 0x7f3a82954790>", "<A object at <address>>"),
        ("2026-11-25T18:01:32.123Z", "<time>"),
        ("2026-11-25 18:01:32,123 INFO", "<time> INFO"),
        ("2026-11-25", "<time>"),
        ("Wed, 25 Nov 2026 18:01:32 GMT", "<time>"),
        ("Wed Nov 25 18:01:32 UTC 2026", "<time>"),
        ("11/25/2026, 6:01 PM", "<time>"),
        ("at 18:01:32", "at <time>"),
        ("1795629692.25", "<time>"),
        ("pid 4711, port=8080, PID: 7", "pid <n>, port=<n>, PID: <n>"),
        ("http://127.0.0.1:37911/x", "http://127.0.0.1:<n>/x"),
        ("--randomly-seed=1234", "--randomly-seed=<n>"),
        ("random seed 99", "random seed <n>"),
        ("tool-output/tool_0a1B2c3D4e5F", "tool-output/<id>"),
        ("ses_5f2a9b1c0ffeAbCdEfGhIjKlMn msg_12345678", "<id> <id>"),
        ("-rw-r--r-- 1 ann staff 2027 Nov 25 18:01 a.py", "-rw-r--r-- <owner> 2027 <time> a.py"),
        ("-rw-r--r--. 1 ann staff 20 Nov  5  2025 a.py", "-rw-r--r-- <owner> 20 <time> a.py"),
        ("drwxr-xr-x 2 ann ann 4096 Nov 25 18:01 src", "drwxr-xr-x <owner> <time> src"),
        ("total 24", "total <n>"),
        ("platform linux -- Python 3.11.7, pytest-9.0.1", "platform <versions>"),
        ("/tmp/pytest-of-ann/pytest-12/test_x0", "/tmp/pytest-of-<user>/test_x0"),
        ("@{tmp}/report-ab12_d9x @{tmp}/a.b", "@{tmp}/report-<tmp> @{tmp}/a.b"),
        ("python3 -m x; python3.12 -V", "python -m x; python -V"),
        ("[main 3fa92bc] Fix\n3fa92bc (HEAD) Base", "[main <commit>] Fix\n<commit> (HEAD) Base"),
        ("uid=1000(ann) gid=1000(ann) groups=1000(ann),27(sudo)", "<owner>"),
        ("    f(1)\n    ~^^^\nE", "    f(1)\nE"),
        ("1.2e-05s call", "<duration> call"),
        ("/tmp/tmpab12_d9x/f", "/tmp/<tmp>/f"),
        ("lib/python3.11/x.cpython-311.pyc", "lib/python/x.cpython.pyc"),
        ("tests/test_a.py F     [ 50%]", "tests/test_a.py F [ 50%]"),
    ],
)  # fmt: skip
def test_what_does_not_count(one: str, word: str) -> None:
    assert normalise(one) == word
    assert normalise(word) == word


@pytest.mark.parametrize(
    "text",
    ["x = 12 + 0xff", "call_count = tool_name(msg_text)", "def test_10(): assert a == 3.5",
     "line 12: for i in range(10)", "Mark 3 of 7", "random.seed(42)", "1 failed, 2 passed"],
)  # fmt: skip
def test_what_does_count(text: str) -> None:
    assert normalise(text) == text


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "1:",
        "1/",
        "a1-",
        "May ",
        "tool_a",
        "pytest-of-",
        "-rw-r--r-- 1 ",
        "11:11:11 ",
        "=",
        "/tmp",
    ],
)
def test_no_text_takes_the_square_of_its_length(text: str) -> None:
    assert Canonicalizer(HERE).read(make_admission(make_chat(text * 200_000))).turns


def test_media_are_known_by_their_digest() -> None:
    words = {normalise("data:image/png;base64,AAAA"), normalise("A" * 2000), normalise("B" * 2000)}

    assert [len(word) for word in words] == [len("<data >") + 64] * 3


def make_request(*texts: str, **changes: Any) -> CanonicalRequest:
    values: dict[str, Any] = {"model": "m", "tools": ("edit", "read")}
    turns = tuple(CanonicalTurn({"content": text, "role": "user"}) for text in texts)
    return CanonicalRequest(**{**values, "turns": turns, **changes})


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (make_request("a", "b\nx", model="n"), "the model: recorded was 'm', now it is 'n'"),
        (make_request("a", "b\nx", tools=("read",)),
         "the tools: recorded was with 'edit', now it is without them"),
        (make_request("a", "b\ny"),
         "message 2 (user): recorded was 'x', now it is 'y'"),
        (make_request("a", "c"),
         "message 2 (user): recorded was 'content: b', now it is 'content: c'"),
        (make_request("a", "b"), "message 2 (user): recorded was 'x', now it is 'role: user'"),
        (make_request("a"),
         "message 2 (user): recorded was 'content: b x role: user', now it is not there"),
        (make_request("a", "b\nx", "@{top}/c\x1b[2J\u202e"),
         "message 3 (user): recorded was not there, now it is 'content: <top>/c [2J  role: user'"),
        (make_request("a", "b\n" + "z" * 500),
         "message 2 (user): recorded was 'x', now it is '" + "z" * 199 + "…'"),
    ],
    ids=["model", "tools", "line", "first-line", "shorter", "missing", "more", "long"],
)  # fmt: skip
def test_where_it_differs(now: CanonicalRequest, words: str) -> None:
    near = Candidate(number=4, request=make_request("a", "b\nx"))

    error = describe_mismatch(9, now, near)

    assert error.problem == (
        "Request 9 of this run is not in the cassette. It differs from recorded request 4 in"
        f" {words}."
    )
    assert (error.is_final, error.next_step) == (
        True,
        RECORD_AGAIN,
    )


@pytest.mark.parametrize(
    ("recorded", "now", "words"),
    [
        ("a ", "a", 'recorded was "content: a ", now it is "content: a".'),
        ("a\t", "a\x07", 'recorded was "content: a\\t", now it is "content: a\\u0007".'),
        ("k = '***'", "k = 'x'", (
         "recorded was 'content: k = '***'', now it is"
         " 'content: k = 'x''. (*** stands for what looked like a secret where it was recorded,"
         " by the environment there or by its form.)")),
        ("{'b', 'a'}", "{'a', 'b'}", (
         "recorded was 'content: {'b', 'a'}', now it is 'content: {'a', 'b'}'. (These are the same"
         " characters in another order; that of sets is by chance unless PYTHONHASHSEED is set.)")),
    ],
    ids=["blank", "control", "secret", "order"],
)  # fmt: skip
def test_what_one_would_not_see(recorded: str, now: str, words: str) -> None:
    near = Candidate(number=1, request=make_request(recorded))

    assert describe_mismatch(1, make_request(now), near).problem.endswith(
        f"message 1 (user): {words}"
    )


def test_the_same_texts_under_other_names() -> None:
    old, new = (make_request(turns=(CanonicalTurn({key: []}),)) for key in ("a", "b"))

    found = find_difference(old, new)

    assert (found.where, found.recorded, found.now) == (
        "message 1",
        "'{\"a\": []}'",
        "'{\"b\": []}'",
    )


def test_the_same_tools_twice() -> None:
    found = find_difference(
        make_request("a", tools=("edit", "edit")), make_request("a", tools=("edit",))
    )

    assert (found.recorded, found.now) == ("with 'edit, edit'", "without them")


def test_the_diff_shows_what_is_late_in_a_long_line() -> None:
    old, new = (make_request("p" * 5000 + word) for word in ("old", "new"))

    diff = diff_requests(old, new).split("\n")

    assert [line for line in diff if line[:1] in "-+"][2:] == [
        f"-{'p' * 49}old", f"+{'p' * 49}new"
    ]  # fmt: skip


def test_what_is_remembered_of_requests_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "_KNOWN_LIMIT", 10_000)
    canonicalizer = Canonicalizer(HERE)
    for number in range(20):
        canonicalizer.read(make_admission(make_chat(f"{number} " * 500)))

    assert 0 < sum(map(len, canonicalizer._known)) < 10_000


def test_late_in_a_long_line() -> None:
    near = Candidate(number=1, request=make_request("p" * 5000 + "old"))

    problem = describe_mismatch(1, make_request("p" * 5000 + "new"), near).problem

    assert problem.endswith(f"'…{'p' * 100}old', now it is '…{'p' * 100}new'.")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            describe_excess(3, 2, is_given_up=False),
            "Request 3 of this run is in the cassette 2 times; this run makes it once more.",
        ),
        (
            describe_end(3, 2),
            "Request 3 of this run is not in the cassette: all 2 recorded requests have been used.",
        ),
    ],
    ids=["excess", "end"],
)  # fmt: skip
def test_other_ends(error: Any, problem: str) -> None:
    assert error.problem == problem


def test_the_nearest_shares_the_longest_beginning() -> None:
    requests = [
        make_request("x"),
        make_request("a", "b", "c"),
        make_request("a", "b", "cd"),
        make_request("a", "b", "cd"),
        make_request("a", "b", "cdef", model="n"),
    ]
    candidates = [Candidate(number=n, request=one) for n, one in enumerate(requests, start=1)]

    assert find_nearest(make_request("a", "b", "cde"), candidates) == candidates[2]
    assert find_nearest(make_request("a"), []) is None


def test_the_diff_begins_near_the_difference_and_is_bounded() -> None:
    lines = [f"line {number}" for number in range(100)]
    tail = [f"tail {number}" for number in range(5000)]
    old, new = ("\n".join([*lines, word, *tail]) for word in ("old\r", "new\x07"))

    diff = diff_requests(make_request(old), make_request(new)).split("\n")

    assert diff == ["--- recorded", "+++ now", "@@ -18,7 +18,7 @@", " line 97", " line 98",
                    " line 99", "-old ", "+new ", " tail 0", " tail 1", " tail 2"]  # fmt: skip
