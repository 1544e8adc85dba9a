"""The frames of the Hocuspocus provider: their bytes, their way back, and everything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import Malformed
from collab.protocols import ywebsocket
from collab.protocols.hocuspocus import (
    READ_WRITE,
    READONLY,
    AskForToken,
    Authenticated,
    ClientMessage,
    Close,
    FromClient,
    FromServer,
    Leave,
    PermissionDenied,
    Ping,
    Pong,
    ServerMessage,
    Stateless,
    SyncStatus,
    Token,
    decode_client,
    decode_server,
    encode,
    encode_ping,
    encode_pong,
    split_address,
    under,
)
from collab.protocols.ywebsocket import (
    Awareness,
    AwarenessEntry,
    QueryAwareness,
    SharedMessage,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
)
from tests.unit.protocols.yjs_messages import (
    ADDRESSES,
    HOCUSPOCUS_CLIENT,
    HOCUSPOCUS_SERVER,
    SHARED,
    mutated,
)

DOC = "03646f63"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("020000", Token("")),
        ("020003616263", Token("abc")),
        ("02000361626305342e382e30", Token("abc", "4.8.0")),
        ("00000100", SyncStep1(b"\0")),
        ("0001020000", SyncStep2(b"\0\0")),
        ("0002020000", SyncUpdate(b"\0\0")),
        ("0106010700027b7d", Awareness((AwarenessEntry(7, 0, "{}"),))),
        ("03", QueryAwareness()),
        ("05026869", Stateless("hi")),
        ("07", Leave()),
    ],
)
def test_the_frames_of_a_client(body: str, message: ClientMessage) -> None:
    frame = bytes.fromhex(DOC + body)
    assert decode_client(frame) == FromClient("doc", message)
    assert encode("doc", message) == frame


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("0200", AskForToken()),
        ("0201026e6f", PermissionDenied("no")),
        ("020208726561646f6e6c79", Authenticated(READONLY)),
        ("02020a726561642d7772697465", Authenticated(READ_WRITE)),
        ("0002020000", SyncUpdate(b"\0\0")),
        ("0500", Stateless("")),
        ("0703627965", Close("bye")),
        ("0801", SyncStatus(True)),
        ("0800", SyncStatus(False)),
    ],
)
def test_the_frames_of_a_server(body: str, message: ServerMessage) -> None:
    frame = bytes.fromhex(DOC + body)
    assert decode_server(frame) == FromServer("doc", message)
    assert encode("doc", message) == frame


def test_ping_and_pong_are_bare_bytes() -> None:
    for decode in (decode_client, decode_server):
        assert decode(encode_ping()) == Ping()
        assert decode(encode_pong()) == Pong()
    assert (encode_ping(), encode_pong()) == (b"\x09", b"\x0a")


def test_a_session_is_a_part_of_the_address() -> None:
    frame = bytes.fromhex("06646f6300783103")
    decoded = decode_client(frame)
    assert decoded == FromClient("doc\0x1", QueryAwareness())
    assert split_address("doc\0x1") == ("doc", "x1")
    assert split_address("doc\0") == ("doc", "")
    assert split_address("doc") == ("doc", None)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "00",
        "08",
        "0b",
        DOC,
        "04646f6303",
        "02ff0003",
        DOC + "0201",
        DOC + "02030161",
        DOC + "020001610162" + "00",
        DOC + "0300",
        DOC + "0400000100",
        DOC + "0500" + "00",
        DOC + "060161",
        DOC + "09",
        DOC + "0a",
        DOC + "0b",
        DOC + "0000",
    ],
)
def test_other_frames_of_a_client_are_refused(frame: str) -> None:
    with pytest.raises(Malformed):
        decode_client(bytes.fromhex(frame))


@pytest.mark.parametrize(
    "body", ["020000", "0201", "020203616c6c", "0203", "07", "08", "0802", "080100", "0400000100"]
)
def test_other_frames_of_a_server_are_refused(body: str) -> None:
    with pytest.raises(Malformed):
        decode_server(bytes.fromhex(DOC + body))


@settings(deadline=None)
@given(ADDRESSES, SHARED)
def test_one_encoding_serves_both_protocols(address: str, message: SharedMessage) -> None:
    assert under(address, ywebsocket.encode(message)) == encode(address, message)


@settings(deadline=None)
@given(ADDRESSES, HOCUSPOCUS_CLIENT)
def test_what_a_client_encodes_is_decoded(address: str, message: ClientMessage) -> None:
    assert decode_client(encode(address, message)) == FromClient(address, message)


@settings(deadline=None)
@given(ADDRESSES, HOCUSPOCUS_SERVER)
def test_what_a_server_encodes_is_decoded(address: str, message: ServerMessage) -> None:
    assert decode_server(encode(address, message)) == FromServer(address, message)


_FRAMES = st.builds(encode, ADDRESSES, HOCUSPOCUS_CLIENT | HOCUSPOCUS_SERVER)


@settings(deadline=None, max_examples=600)
@given(st.binary() | mutated(_FRAMES))
def test_any_bytes_are_a_message_or_malformed(frame: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(decode_client(frame), FromClient | Ping | Pong)
    with contextlib.suppress(Malformed):
        assert isinstance(decode_server(frame), FromServer | Ping | Pong)
