"""The native protocol, subprotocol `collab.v1`: one JSON object per text frame, told by `type`.

Owns the message values, their decoding from untrusted frames and their encoding. Knows nothing of
what the messages do; operations and contents stay undecoded (`msgspec.Raw`) because only the
document's type can read them. Both the server and the Python client use it. See docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from collab.errors import JsonTooDeep, Malformed, TooLarge
from collab.words import Commit

SUBPROTOCOL = "collab.v1"
MAX_JSON_DEPTH = 32
MAX_INTEGER = 2**53 - 1


class CloseCode:
    """The websocket close codes this protocol uses; 4400 to 4499 are final for a client."""

    WRONG_KIND = 1003
    BAD_UTF8 = 1007
    TOO_BIG = 1009
    RESTARTING = 1012
    TRY_LATER = 1013
    MALFORMED = 4400
    NOT_SIGNED_IN = 4401
    NOT_ALLOWED = 4403
    NOT_FOUND = 4404
    HELLO_TIMEOUT = 4408
    REPLACED = 4409
    QUOTA = 4413
    WRONG_TYPE = 4415
    TOO_FAST = 4429


# From the client ---------------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type", omit_defaults=True):
    """First frame. `epoch` and `version` say what the client has; `create` names the type to make
    the document with if it does not exist."""

    client: str
    token: str | None = None
    epoch: str | None = None
    version: int | None = None
    create: str | None = None


class SubmitEdit(msgspec.Struct, frozen=True, tag="edit", tag_field="type"):
    """One edit; at most one outstanding per client, a resend repeats the frame unchanged."""

    seq: int
    base: int
    operation: msgspec.Raw


class SetPresence(msgspec.Struct, frozen=True, tag="presence", tag_field="type"):
    """The client's presence state (None: leave), with positions as of `version`.

    Of a decoded frame the state is a `msgspec.Raw`, for `checked_json`.
    """

    state: Any
    version: int


class SendMessage(msgspec.Struct, frozen=True, tag="message", tag_field="type"):
    """A message to the document's other peers; never stored.

    Of a decoded frame the body is a `msgspec.Raw`, for `checked_json`.
    """

    body: Any


class Ping(msgspec.Struct, frozen=True, tag="ping", tag_field="type"):
    """Is anybody there? For browsers, which cannot see the websocket's own pings."""


ClientMessage: TypeAlias = Hello | SubmitEdit | SetPresence | SendMessage | Ping


# From the server ---------------------------------------------------------------------------------


class Named(msgspec.Struct, frozen=True):
    """The newest commit of an author."""

    seq: int
    version: int


class EditEvent(msgspec.Struct, frozen=True):
    """One commit in the stream."""

    version: int
    author: str
    seq: int
    user: str | None
    operation: msgspec.Raw


class PresenceEntry(msgspec.Struct, frozen=True):
    """One peer's presence; state None means it left."""

    author: str
    user: str | None
    state: Any
    version: int


class Limits(msgspec.Struct, frozen=True):
    """The bounds a client should keep to."""

    frame_bytes: int
    document_bytes: int
    presence_bytes: int


NO_CONTENTS = msgspec.Raw()
"""In a welcome that carries edits instead; false, unlike any contents."""


class Welcome(msgspec.Struct, frozen=True, tag="welcome", tag_field="type", omit_defaults=True):
    """Answer to hello: either `contents` at `version`, or `edits` after the client's version.

    `committed` is the newest commit of this client. Without it none is known, and none there can
    be above version `forgotten`.
    """

    epoch: str
    version: int
    document_type: str
    access: str
    author: str
    limits: Limits
    presence: list[PresenceEntry]
    committed: Named | None = None
    forgotten: int = 0
    contents: msgspec.Raw = NO_CONTENTS
    edits: list[EditEvent] | None = None


class Reset(msgspec.Struct, frozen=True, tag="reset", tag_field="type", omit_defaults=True):
    """A fresh start: what the client has cannot be continued. Also in place of a welcome."""

    epoch: str
    version: int
    document_type: str
    access: str
    author: str
    limits: Limits
    presence: list[PresenceEntry]
    contents: msgspec.Raw
    committed: Named | None = None
    forgotten: int = 0


class Edits(msgspec.Struct, frozen=True, tag="edits", tag_field="type"):
    """The ordered stream, the same bytes for every peer. One's own (author, seq) is its ack."""

    edits: list[EditEvent]


class Ack(msgspec.Struct, frozen=True, tag="ack", tag_field="type"):
    """A resent edit was committed before, at a version the peer has been sent already."""

    seq: int
    version: int


class PresenceUpdate(msgspec.Struct, frozen=True, tag="presence", tag_field="type"):
    """Peers whose presence changed; with `complete`, all there are."""

    peers: list[PresenceEntry]
    complete: bool = False


class PeerMessage(
    msgspec.Struct, frozen=True, tag="message", tag_field="type", rename={"author": "from"}
):
    """A peer's message."""

    author: str
    user: str | None
    body: Any


class AccessChange(msgspec.Struct, frozen=True, tag="access", tag_field="type"):
    """The peer's rights are now these."""

    access: str


class ErrorReport(msgspec.Struct, frozen=True, tag="error", tag_field="type", omit_defaults=True):
    """Something the client sent was refused; with `seq`, that edit."""

    code: str
    message: str
    seq: int | None = None
    committed: Named | None = None
    retry_after: float | None = None


class Goodbye(msgspec.Struct, frozen=True, tag="goodbye", tag_field="type"):
    """The server is about to close; reconnect after so many seconds."""

    retry_after: float


class Pong(msgspec.Struct, frozen=True, tag="pong", tag_field="type"):
    """The answer to a ping."""


ServerMessage: TypeAlias = (
    Welcome
    | Reset
    | Edits
    | Ack
    | PresenceUpdate
    | PeerMessage
    | AccessChange
    | ErrorReport
    | Goodbye
    | Pong
)


class _UnreadPresence(msgspec.Struct, frozen=True, tag="presence", tag_field="type"):
    state: msgspec.Raw
    version: int


class _UnreadMessage(msgspec.Struct, frozen=True, tag="message", tag_field="type"):
    body: msgspec.Raw


_FromClient: TypeAlias = Hello | SubmitEdit | _UnreadPresence | _UnreadMessage | Ping

_encoder = msgspec.json.Encoder()
_client_decoder: msgspec.json.Decoder[_FromClient] = msgspec.json.Decoder(_FromClient)
_server_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)


def encode(message: ClientMessage | ServerMessage) -> str:
    """The text frame of a message."""
    return _encoder.encode(message).decode()


def decode_client(frame: str) -> ClientMessage:
    """An untrusted frame as a message with all numbers in range; raises Malformed.

    What it carries for others is not looked into: that costs, and has bounds of its own.
    """
    try:
        message = _client_decoder.decode(frame)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Malformed(f"not a message of {SUBPROTOCOL}: {error}") from None
    match message:
        case SubmitEdit(seq=seq, base=base):
            _check_range("seq", seq, 1)
            _check_range("base", base, 0)
            return message
        case Hello(version=version):
            _check_range("version", version or 0, 0)
            return message
        case _UnreadPresence(state=state, version=version):
            _check_range("version", version, 0)
            return SetPresence(state, version)
        case _UnreadMessage(body=body):
            return SendMessage(body)
        case Ping():
            return message


def decode_server(frame: str) -> ServerMessage:
    """A frame from the server as a message; raises Malformed."""
    try:
        return _server_decoder.decode(frame)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Malformed(f"not a message of {SUBPROTOCOL}: {error}") from None


def edit_event(commit: Commit) -> EditEvent:
    """A commit as it stands in the stream."""
    credit = commit.credits[0]
    return EditEvent(
        commit.version, credit.author, credit.seq, credit.user, msgspec.Raw(commit.operation)
    )


def encode_edits(commits: Iterable[Commit]) -> str:
    """The frame that carries a run of commits."""
    return encode(Edits([edit_event(commit) for commit in commits]))


def checked_json(
    raw: msgspec.Raw,
    limit: int,
    what: str,
    *,
    refusal: type[TooLarge] = TooLarge,
    depth: int = MAX_JSON_DEPTH,
) -> msgspec.Raw | None:
    """An untrusted JSON value that is passed on, as the bytes it is passed on in; None for null.

    Its length is looked at before anything else. Raises `refusal`, which says `what` is too long,
    and Malformed, like `check_json`.
    """

    def check_size(size: int) -> None:
        if size > limit:
            raise refusal(f"{what} of {size} bytes, {limit} are allowed")

    check_size(memoryview(raw).nbytes)
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:
        raise JsonTooDeep(f"{what} is nested deeper than {depth}") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise Malformed(f"{what} is not JSON as we take it: {error}") from None
    if value is None:
        return None
    check_json(value, depth)
    encoded = _encoder.encode(value)
    check_size(len(encoded))
    return msgspec.Raw(encoded)


def check_json(value: object, depth: int = MAX_JSON_DEPTH) -> None:
    """Refuse what JSON readers of other languages trip over; raises Malformed, JsonTooDeep.

    Nesting deeper than `depth`, integers beyond 2^53 - 1. Goes level by level: a value is looked at
    once, and nothing is called for it.
    """
    level: list[object] = [value]
    for _ in range(depth + 1):
        below: list[object] = []
        for item in level:
            kind = type(item)
            if kind is int:
                if not -MAX_INTEGER <= item <= MAX_INTEGER:  # type: ignore[operator]
                    raise Malformed("an integer beyond 2^53 - 1")
            elif not item:
                continue
            elif kind is dict:
                below.extend(item.values())  # type: ignore[attr-defined]
            elif kind is list:
                below.extend(item)  # type: ignore[arg-type]
        if not below:
            return
        level = below
    raise JsonTooDeep(f"nested deeper than {depth}")


def _check_range(field: str, number: int, lowest: int) -> None:
    if not lowest <= number <= MAX_INTEGER:
        raise Malformed(f"{field} must be {lowest} to {MAX_INTEGER}")
