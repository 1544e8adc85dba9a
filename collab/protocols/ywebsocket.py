"""The messages of npm `y-protocols`, one per binary frame, as npm `y-websocket` sends them.

Owns the message values, their decoding from untrusted frames and their encoding. Knows nothing of
documents: updates and state vectors stay bytes, which only the yjs type can read, and the state of
an awareness entry stays the JSON text it came as. collab.protocols.hocuspocus carries the same
messages in its own envelope.

- `0 0 varBytes`: sync step 1, a state vector; asks for what its sender lacks
- `0 1 varBytes`: sync step 2, an update; what the sender of a step 1 lacked
- `0 2 varBytes`: an update
- `1 varBytes(count, count * (varUint client id, varUint clock, JSON))`: awareness
- `2 0 varString`: permission denied, with the reason (from the server)
- `3`: query awareness; asks for all awareness there is
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from collab.errors import Malformed
from collab.protocols import lib0

_SYNC, _AWARENESS, _AUTH, _QUERY_AWARENESS = range(4)
_STEP_1, _STEP_2, _UPDATE = range(3)
_DENIED = 0
_UPDATE_HEAD = bytes((_SYNC, _UPDATE))
MAX_ENTRIES = 10_000
_SMALLEST_ENTRY_BYTES = 4  # id, clock, and a text of one character


class SyncStep1(msgspec.Struct, frozen=True, gc=False):
    """Asks for everything that a replica at `state_vector` lacks."""

    state_vector: bytes


class SyncStep2(msgspec.Struct, frozen=True, gc=False):
    """The answer to a step 1; `update` may add nothing."""

    update: bytes


class SyncUpdate(msgspec.Struct, frozen=True, gc=False):
    """A change."""

    update: bytes


class AwarenessEntry(msgspec.Struct, frozen=True, gc=False):
    """What the Yjs client `client_id` shows of itself: JSON text, or None once it left."""

    client_id: int
    clock: int
    state: str | None


class Awareness(msgspec.Struct, frozen=True):
    """News of at most MAX_ENTRIES clients, and sometimes of others than the sender."""

    entries: tuple[AwarenessEntry, ...]


class QueryAwareness(msgspec.Struct, frozen=True):
    """Asks for all awareness there is."""


class AuthDenied(msgspec.Struct, frozen=True):
    """No right to be here. Providers write `reason` to the console and do nothing else."""

    reason: str


SharedMessage: TypeAlias = SyncStep1 | SyncStep2 | SyncUpdate | Awareness | QueryAwareness
ClientMessage: TypeAlias = SharedMessage
ServerMessage: TypeAlias = SharedMessage | AuthDenied


def encode(message: ServerMessage) -> bytes:
    """The frame of a message, from either side."""
    match message:
        case SyncUpdate(update=update):
            return b"\x00\x02" + lib0.encode_bytes(update)
        case Awareness(entries=entries):
            return b"\x01" + lib0.encode_bytes(_encode_entries(entries))
        case SyncStep1(state_vector=state_vector):
            return b"\x00\x00" + lib0.encode_bytes(state_vector)
        case SyncStep2(update=update):
            return b"\x00\x01" + lib0.encode_bytes(update)
        case QueryAwareness():
            return b"\x03"
        case AuthDenied(reason=reason):
            return b"\x02\x00" + lib0.encode_string(reason)


def decode_client(frame: bytes) -> ClientMessage:
    """An untrusted frame from a client as a message; raises Malformed."""
    if frame[:2] == _UPDATE_HEAD and len(frame) > 2 and frame[2] == len(frame) - 3 < 0x80:
        return SyncUpdate(frame[3:])  # a keystroke, as nearly all frames are
    reader = lib0.Reader(frame)
    message = read_shared(reader, reader.read_uint())
    reader.end()
    return message


def decode_server(frame: bytes) -> ServerMessage:
    """A frame from a server as a message; raises Malformed."""
    reader = lib0.Reader(frame)
    number = reader.read_uint()
    message = _read_auth(reader) if number == _AUTH else read_shared(reader, number)
    reader.end()
    return message


def read_shared(reader: lib0.Reader, number: int) -> SharedMessage:
    """What follows the number of a message's type; raises Malformed for types without a place in
    SharedMessage."""
    match number:
        case 0:
            return _read_sync(reader)
        case 1:
            return Awareness(_decode_entries(reader.read_bytes()))
        case 3:
            return QueryAwareness()
    raise Malformed(f"no message has type {number}")


def _read_sync(reader: lib0.Reader) -> SharedMessage:
    match reader.read_uint():
        case 0:
            return SyncStep1(reader.read_bytes())
        case 1:
            return SyncStep2(reader.read_bytes())
        case 2:
            return SyncUpdate(reader.read_bytes())
        case number:
            raise Malformed(f"no sync message has type {number}")


def _read_auth(reader: lib0.Reader) -> AuthDenied:
    number = reader.read_uint()
    if number != _DENIED:
        raise Malformed(f"no auth message has type {number}")
    return AuthDenied(reader.read_string())


def _encode_entries(entries: tuple[AwarenessEntry, ...]) -> bytes:
    parts = [lib0.encode_uint(len(entries))]
    for entry in entries:
        parts.append(lib0.encode_uint(entry.client_id))
        parts.append(lib0.encode_uint(entry.clock))
        parts.append(lib0.encode_string("null" if entry.state is None else entry.state))
    return b"".join(parts)


def _decode_entries(data: bytes) -> tuple[AwarenessEntry, ...]:
    reader = lib0.Reader(data)
    count = reader.read_count(_SMALLEST_ENTRY_BYTES)
    if count > MAX_ENTRIES:
        raise Malformed(f"awareness of more than {MAX_ENTRIES} clients")
    entries = tuple(
        AwarenessEntry(reader.read_uint(), reader.read_uint(), reader.read_json())
        for _ in range(count)
    )
    reader.end()
    return entries
