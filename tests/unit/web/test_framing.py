"""The usual frames read and written here are what the websockets library makes of them."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from collab.web.framing import (
    binary_frame,
    binary_parts,
    frame_bytes,
    text_frame,
    text_parts,
    whole_message,
)

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 70_000)


def masked(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=True)


@pytest.mark.parametrize("size", SIZES)
def test_a_server_writes_what_the_library_would(size: int) -> None:
    payload = secrets.token_bytes(size)
    text = "é" * (size // 2)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)
    assert b"".join(binary_parts(payload)) == binary_frame(payload)
    assert b"".join(text_parts(text)) == text_frame(text)
    assert text_frame(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


@pytest.mark.parametrize("size", [size for size in SIZES if size < 65536])
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_a_whole_message_is_read_wherever_it_stands(opcode: Opcode, size: int) -> None:
    payload = secrets.token_bytes(size)
    frame = masked(opcode, payload)
    data = b"??" + frame + b"?"
    assert whole_message(data, 2, 65536) == (opcode is Opcode.TEXT, payload, 2 + len(frame))
    assert frame_bytes(data, 2) == len(frame)


@pytest.mark.parametrize(
    "frame",
    [
        masked(Opcode.BINARY, b"abc", fin=False),
        masked(Opcode.CONT, b"abc"),
        masked(Opcode.PING, b"abc"),
        masked(Opcode.CLOSE, b"\x03\xe8"),
        Frame(Opcode.TEXT, b"abcdefgh").serialize(mask=False),
        b"\xc1\x83" + b"mask" + b"abc",  # of an extension
        b"\x82\xfe\x00\x03" + b"mask" + b"abc",  # spelt longer than needed
        masked(Opcode.BINARY, bytes(1001)),
        masked(Opcode.BINARY, bytes(70_000)),
    ],
)
def test_everything_else_is_left_to_the_parser(frame: bytes) -> None:
    assert whole_message(frame, 0, 1000) is None
    assert frame_bytes(frame, 0) == len(frame)


@pytest.mark.parametrize("size", [3, 300])
def test_a_part_of_a_message_is_none(size: int) -> None:
    frame = masked(Opcode.TEXT, bytes(size))
    for cut in range(len(frame)):
        assert whole_message(frame[:cut], 0, 1000) is None


def test_a_head_that_is_cut_off_tells_no_length() -> None:
    for size, head in ((3, 2), (300, 4), (70_000, 10)):
        frame = masked(Opcode.TEXT, bytes(size))
        for cut in range(head):
            assert frame_bytes(frame[:cut], 0) is None
        assert frame_bytes(frame[:head], 0) == len(frame)


@given(st.binary(max_size=40), st.integers(0, 5))
def test_no_bytes_are_read_beyond_their_end(data: bytes, at: int) -> None:
    size = frame_bytes(data, at)
    assert size is None or size >= 2
    message = whole_message(data, at, 1000)
    assert message is None or message[2] <= len(data)
