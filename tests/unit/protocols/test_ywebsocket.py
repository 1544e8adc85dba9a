"""The frames of y-websocket: the bytes that providers send, their way back, and everything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import Malformed
from collab.protocols.ywebsocket import (
    MAX_ENTRIES,
    AuthDenied,
    Awareness,
    AwarenessEntry,
    QueryAwareness,
    ServerMessage,
    SharedMessage,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    decode_client,
    decode_server,
    encode,
)
from tests.unit.protocols.yjs_messages import SHARED, Y_SERVER, mutated


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("00000100", SyncStep1(b"\0")),
        ("0001020000", SyncStep2(b"\0\0")),
        ("0002020000", SyncUpdate(b"\0\0")),
        ("0106010700027b7d", Awareness((AwarenessEntry(7, 0, "{}"),))),
        ("01090107ac02046e756c6c", Awareness((AwarenessEntry(7, 300, None),))),
        ("010100", Awareness(())),
        ("03", QueryAwareness()),
    ],
)
def test_the_frames_of_both_sides(frame: str, message: SharedMessage) -> None:
    data = bytes.fromhex(frame)
    assert decode_client(data) == message
    assert decode_server(data) == message
    assert encode(message) == data


def test_only_a_server_denies() -> None:
    frame = bytes.fromhex("0200026e6f")
    assert decode_server(frame) == AuthDenied("no")
    assert encode(AuthDenied("no")) == frame
    with pytest.raises(Malformed):
        decode_client(frame)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "00",
        "0000",
        "000301",
        "00020200",
        "000202000000",
        "0300",
        "04",
        "8000",
        "0100",
        "0101",
        "010101",
        "01020000",
        "01050107000100",
        "0105010700025b7d",
        "0201",
        "ffffffffffffffffff",
    ],
)
def test_other_frames_are_refused(frame: str) -> None:
    with pytest.raises(Malformed):
        decode_client(bytes.fromhex(frame))
    with pytest.raises(Malformed):
        decode_server(bytes.fromhex(frame))


def test_a_crowd_is_bounded() -> None:
    crowd = tuple(AwarenessEntry(client, 0, "0") for client in range(MAX_ENTRIES))
    assert decode_client(encode(Awareness(crowd))) == Awareness(crowd)
    with pytest.raises(Malformed):
        decode_client(encode(Awareness((*crowd, AwarenessEntry(MAX_ENTRIES, 0, "0")))))


@settings(deadline=None)
@given(SHARED)
def test_what_a_client_encodes_is_decoded(message: SharedMessage) -> None:
    assert decode_client(encode(message)) == message


@settings(deadline=None)
@given(Y_SERVER)
def test_what_a_server_encodes_is_decoded(message: ServerMessage) -> None:
    assert decode_server(encode(message)) == message


@settings(deadline=None, max_examples=600)
@given(st.binary() | mutated(Y_SERVER.map(encode)))
def test_any_bytes_are_a_message_or_malformed(frame: bytes) -> None:
    for decode in (decode_client, decode_server):
        with contextlib.suppress(Malformed):
            assert isinstance(decode(frame), ServerMessage)
