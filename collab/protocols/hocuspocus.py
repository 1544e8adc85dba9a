"""The protocol of npm `@hocuspocus/provider` 2.x to 4.x: many documents on one socket, one message
per binary frame, each under the address of its document.

Owns the envelope, the messages that y-protocols does not have, decoding and encoding. Knows nothing
of what the messages do, nor whether an address names a document. The Python client speaks it too.

A frame is `varString address`, `varUint type` and, by type:

- 0, 1, 3: sync, awareness, query awareness: as in collab.protocols.ywebsocket
- 2 from a client: `0 varString token`, and from 4.x on a varString with the provider's version
- 2 from the server: `0` ask for a token anew; `1 varString reason` denied;
  `2 varString "readonly" | "read-write"` authenticated
- 5: `varString payload`, a stateless message
- 7: close this document: nothing from a client, `varString reason` from the server
- 8 from the server: `varUint 1` the update is saved (here: durable), `0` it was not
- two frames are a bare byte without an address: `09` ping, `0a` pong (4.x only)

4 (sync reply) and 6 (broadcast) pass between the peers' servers and have no place on a client's
socket. Provider 2.x throws on 7, and 2.x and 3.x throw on the bare bytes: send them only to a
provider that knows them.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from collab.errors import Malformed
from collab.protocols import lib0, ywebsocket

READONLY = "readonly"
READ_WRITE = "read-write"
_PING, _PONG = b"\x09", b"\x0a"
_SESSION_SEPARATOR = "\0"


class Token(msgspec.Struct, frozen=True):
    """Who the client is, empty if it has no token; `provider_version` since 4.x."""

    token: str
    provider_version: str | None = None


class AskForToken(msgspec.Struct, frozen=True):
    """The client is to send its token again."""


class PermissionDenied(msgspec.Struct, frozen=True):
    """The token does not open this document; the socket stays open and another may be tried."""

    reason: str


class Authenticated(msgspec.Struct, frozen=True):
    """The token opens the document; `scope` is READONLY or READ_WRITE."""

    scope: str


class Stateless(msgspec.Struct, frozen=True):
    """A message for the application, never stored."""

    payload: str


class Leave(msgspec.Struct, frozen=True):
    """The client is done with this document; its other documents stay."""


class Close(msgspec.Struct, frozen=True):
    """The server is done with this document. 4.x does not come back to it on this socket."""

    reason: str


class SyncStatus(msgspec.Struct, frozen=True):
    """The answer to one update or step 2 of the client: whether what it brought is durable."""

    durable: bool


class Ping(msgspec.Struct, frozen=True):
    """Asks for a pong; belongs to the socket, not to a document."""


class Pong(msgspec.Struct, frozen=True):
    """The answer to a ping."""


ClientMessage: TypeAlias = ywebsocket.SharedMessage | Token | Stateless | Leave
ServerMessage: TypeAlias = (
    ywebsocket.SharedMessage
    | AskForToken
    | PermissionDenied
    | Authenticated
    | Stateless
    | Close
    | SyncStatus
)


class FromClient(msgspec.Struct, frozen=True):
    """A message to the document at `address`."""

    address: str
    message: ClientMessage


class FromServer(msgspec.Struct, frozen=True):
    """A message about the document at `address`."""

    address: str
    message: ServerMessage


def split_address(address: str) -> tuple[str, str | None]:
    """The name of the document and, for a provider of 4.x with `sessionAwareness`, which of the
    socket's sessions on it this is. Answers go out under the whole address."""
    name, separator, session = address.partition(_SESSION_SEPARATOR)
    return name, session if separator else None


def encode(address: str, message: ClientMessage | ServerMessage) -> bytes:
    """The frame that carries `message` under `address`."""
    return under(address, encode_body(message))


def under(address: str, body: bytes) -> bytes:
    """The frame for a body that was encoded before; a frame of collab.protocols.ywebsocket with a
    SharedMessage is such a body, so a broadcast is encoded once for both protocols."""
    return lib0.encode_string(address) + body


def encode_ping() -> bytes:
    """The frame of a Ping."""
    return _PING


def encode_pong() -> bytes:
    """The frame of a Pong."""
    return _PONG


Decoded: TypeAlias = FromClient | Ping | Pong
"""What a frame of a client says."""


def decode_client(frame: bytes) -> Decoded:
    """An untrusted frame from a client; raises Malformed."""
    if len(frame) == 1:
        return _decode_bare(frame)
    reader = lib0.Reader(frame)
    address = reader.read_string()
    message: ClientMessage
    match reader.read_uint():
        case 2:
            message = _read_token(reader)
        case 5:
            message = Stateless(reader.read_string())
        case 7:
            message = Leave()
        case number:
            message = ywebsocket.read_shared(reader, number)
    reader.end()
    return FromClient(address, message)


def decode_server(frame: bytes) -> FromServer | Ping | Pong:
    """A frame from a server; raises Malformed."""
    if len(frame) == 1:
        return _decode_bare(frame)
    reader = lib0.Reader(frame)
    address = reader.read_string()
    message: ServerMessage
    match reader.read_uint():
        case 2:
            message = _read_verdict(reader)
        case 5:
            message = Stateless(reader.read_string())
        case 7:
            message = Close(reader.read_string())
        case 8:
            message = SyncStatus(_read_flag(reader))
        case number:
            message = ywebsocket.read_shared(reader, number)
    reader.end()
    return FromServer(address, message)


def encode_body(message: ClientMessage | ServerMessage) -> bytes:
    """What follows the address in the frame of `message`."""
    match message:
        case SyncStatus(durable=durable):
            return b"\x08\x01" if durable else b"\x08\x00"
        case Token(token=token, provider_version=version):
            known = b"" if version is None else lib0.encode_string(version)
            return b"\x02\x00" + lib0.encode_string(token) + known
        case AskForToken():
            return b"\x02\x00"
        case PermissionDenied(reason=reason):
            return b"\x02\x01" + lib0.encode_string(reason)
        case Authenticated(scope=scope):
            return b"\x02\x02" + lib0.encode_string(scope)
        case Stateless(payload=payload):
            return b"\x05" + lib0.encode_string(payload)
        case Leave():
            return b"\x07"
        case Close(reason=reason):
            return b"\x07" + lib0.encode_string(reason)
        case _:
            return ywebsocket.encode(message)


def _decode_bare(frame: bytes) -> Ping | Pong:
    if frame == _PING:
        return Ping()
    if frame == _PONG:
        return Pong()
    raise Malformed("one byte that is neither ping nor pong")


def _read_token(reader: lib0.Reader) -> Token:
    number = reader.read_uint()
    if number != 0:
        raise Malformed(f"no auth message of a client has type {number}")
    token = reader.read_string()
    return Token(token, reader.read_string() if reader.remaining else None)


def _read_verdict(reader: lib0.Reader) -> AskForToken | PermissionDenied | Authenticated:
    match reader.read_uint():
        case 0:
            return AskForToken()
        case 1:
            return PermissionDenied(reader.read_string())
        case 2:
            scope = reader.read_string()
            if scope not in (READONLY, READ_WRITE):
                raise Malformed("a scope that is neither readonly nor read-write")
            return Authenticated(scope)
        case number:
            raise Malformed(f"no auth message of a server has type {number}")


def _read_flag(reader: lib0.Reader) -> bool:
    number = reader.read_uint()
    if number > 1:
        raise Malformed("a sync status that is neither 0 nor 1")
    return number == 1
