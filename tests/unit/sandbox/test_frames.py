"""The pipe's frames: whatever the chunks, whatever the bytes."""

from __future__ import annotations

import ast
import inspect
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.sandbox import frames
from pytest_agentfix.sandbox.frames import (
    HEADER,
    MAX_PAYLOAD,
    FrameError,
    FrameKind,
    FrameParser,
    PipeFrame,
)
from pytest_agentfix.sandbox.guest_source import read_source
from pytest_agentfix.sandbox.in_sandbox import guest, inspect_sandbox

FRAMES = st.builds(
    PipeFrame,
    kind=st.sampled_from(FrameKind),
    channel=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=300),
)


def _cut(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 40), max_size=40))
def test_frames_survive_any_chunking(sent: list[PipeFrame], sizes: list[int]) -> None:
    parser = FrameParser()
    data = b"".join(frame.encode() for frame in sent)
    received = [frame for chunk in _cut(data, sizes) for frame in parser.feed(chunk)]
    assert received == sent


@given(st.lists(st.binary(max_size=64), max_size=40))
def test_nonsense_is_a_frame_error_and_nothing_else(chunks: list[bytes]) -> None:
    parser = FrameParser()
    try:
        for chunk in chunks:
            for frame in parser.feed(chunk):
                assert len(frame.payload) <= MAX_PAYLOAD
    except FrameError:
        pass
    assert len(parser._buffer) <= HEADER.size + MAX_PAYLOAD + 64


def test_no_more_than_one_frame_is_held() -> None:
    parser = FrameParser()
    frame = PipeFrame(FrameKind.DATA, 1, b"x" * MAX_PAYLOAD).encode()
    for _ in range(20):
        for part in (frame[:-1], frame[-1:]):
            list(parser.feed(part))
            assert len(parser._buffer) < len(frame)
    assert not parser._buffer


def test_the_largest_frame_passes_and_a_larger_one_does_not() -> None:
    largest = PipeFrame(FrameKind.DATA, 1, b"x" * MAX_PAYLOAD)
    assert list(FrameParser().feed(largest.encode())) == [largest]
    with pytest.raises(FrameError, match="a frame of 262145 bytes is over the limit of 262144"):
        list(FrameParser().feed(HEADER.pack(MAX_PAYLOAD + 1, FrameKind.DATA, 1)))


def test_an_unknown_kind_is_an_error() -> None:
    for number in set(range(256)) - set(FrameKind):
        with pytest.raises(FrameError, match=f"a frame of the unknown kind {number}"):
            list(FrameParser().feed(HEADER.pack(0, number, 0)))


def test_frames_before_the_nonsense_are_given() -> None:
    frame = PipeFrame(FrameKind.HELLO, 0, b"{}")
    received = FrameParser().feed(frame.encode() + b"\xff" * 9)
    assert next(received) == frame
    with pytest.raises(FrameError):
        next(received)


def test_the_guest_uses_the_same_numbers() -> None:
    assert {kind.name: getattr(guest, kind.name) for kind in FrameKind} == {
        kind.name: kind.value for kind in FrameKind
    }
    for name in ("MAX_PAYLOAD", "WINDOW", "CREDIT_STEP", "FIRST_GUEST_CHANNEL"):
        assert getattr(guest, name) == getattr(frames, name)
    assert guest.HEADER.format == frames.HEADER.format
    assert guest.CHUNK <= MAX_PAYLOAD


@pytest.mark.parametrize("module", [guest, inspect_sandbox])
def test_what_is_sent_into_a_sandbox_needs_only_an_old_python(module: object) -> None:
    assert inspect.ismodule(module)
    source = read_source(module)
    tree = ast.parse(source, feature_version=(3, 8))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert {str(name).partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
    assert len(source.encode()) < 128 * 1024  # what Linux takes as one argument
