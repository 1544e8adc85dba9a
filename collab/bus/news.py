"""What nodes tell each other, and its encoding: small tagged MessagePack.

News may be lost, repeated, reordered, or no news at all but somebody else's bytes, so `decode`
believes nothing: what does not fit is None. What is in it is judged by who uses it.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from collab.words import Commit

_MAX_NUMBER = 2**53 - 1
_MAX_ENTRIES = 10_000

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_MAX_NUMBER)]
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=1000)]


class Committed(msgspec.Struct, frozen=True, tag="c", array_like=True):
    """The document's log has reached `version`; with its newest commits unless they are long.

    They are durable: their node tells of them after the append.
    """

    node: Name
    epoch: Name
    version: Number
    commits: tuple[Commit, ...]


class Turn(msgspec.Struct, frozen=True, tag="t", array_like=True):
    """Others were faster than this node, again; it needs so long for its next attempt, and who has
    something new may let it go first."""

    node: Name
    epoch: Name
    milliseconds: Number


class Deleted(msgspec.Struct, frozen=True, tag="d", array_like=True):
    """The document has been deleted, some epoch of it at least."""

    node: Name


class AccessChanged(msgspec.Struct, frozen=True, tag="a", array_like=True):
    """Grants have changed; the newest access version."""

    node: Name
    version: Number


class Asking(msgspec.Struct, frozen=True, tag="q", array_like=True):
    """Who is there? Answered with everybody, shown anew for one who may have seen them before."""

    node: Name
    epoch: Name


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One presence, `state` as JSON, None when it left. `claim` and `change` say which is newer, of
    two owners and of two changes by one (see `collab.presence`)."""

    author: Name
    user: Name | None
    state: bytes | None
    version: Number
    clocked: bool
    claim: Number
    change: Number


class Present(msgspec.Struct, frozen=True, tag="p", array_like=True):
    """What the node's peers show of themselves; `all_at` says that these are all there are, as of
    that change, None that they are only what has changed."""

    node: Name
    epoch: Name
    entries: Annotated[tuple[Entry, ...], msgspec.Meta(max_length=_MAX_ENTRIES)]
    all_at: Number | None


class Said(msgspec.Struct, frozen=True, tag="m", array_like=True):
    """A message to the document's peers: JSON, or if `text` a text that is passed on as it is.

    `number` differs between all messages of a node at a document.
    """

    node: Name
    epoch: Name
    number: Number
    author: Name
    user: Name | None
    body: bytes | None
    text: bool


News: TypeAlias = Committed | Turn | Deleted | AccessChanged | Asking | Present | Said

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[News] = msgspec.msgpack.Decoder(News)


def encode(news: News) -> bytes:
    """What is published for `news`."""
    return _encoder.encode(news)


def decode(data: bytes) -> News | None:
    """The news in untrusted bytes, None if there are none."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return None
