"""What one worker tells of its open documents and of who is at them, and what it does when asked.

Owns what is looked at on the spot, as `gauges` does, and the words in which workers ask each other
about it. Looking changes nothing, makes way for others as it goes, and never tells more than its
bounds. Knows neither who asks nor how the other workers are reached.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from anyio.lowlevel import checkpoint

from collab.errors import SentAway
from collab.greeting import access_name
from collab.peer import Peer
from collab.registry import Registry
from collab.session import Session

TOPIC: Final = "inspect"
"""What the others are asked about, and asked about by the others."""

MOST_DOCUMENTS: Final = 5000
MOST_PEERS: Final = 1000
"""What one worker tells at a time, the first of the order that was asked for; the others it
counts."""

_STRIDE: Final = 100  # documents or peers that are looked at without a pause for others
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0


# What is told -------------------------------------------------------------------------------------


class OpenDocument(msgspec.Struct, frozen=True, array_like=True):
    """A document that is open on a worker. `lag` is that of the peer that is most versions behind,
    `waiting` counts edits without a place, the times are of recent commits and in ms."""

    id: str
    type: str
    epoch: str
    version: int
    floor: int
    snapshot_version: int
    peers: int
    lag: int
    waiting: int
    edits_per_second: float
    commit_p50_ms: float | None
    commit_p99_ms: float | None
    held_bytes: int


class ConnectedPeer(msgspec.Struct, frozen=True, array_like=True):
    """A peer: who, over what, since when; `version` is where its cursor is, `lag` how many versions
    that is behind, since `behind_since`. Times in ms since 1970."""

    connection: str
    user: str | None
    name: str | None
    author: str
    protocol: str
    access: str
    address: str | None
    since: int
    version: int
    lag: int
    behind_since: int | None
    unanswered: int
    waiting_frames: int
    waiting_bytes: int | None


class Worker(msgspec.Struct, frozen=True, array_like=True):
    """A worker, and what it has open, all of it; `lag` and `commit_p99_ms` are the worst there."""

    node: str
    draining: bool
    documents: int
    peers: int
    lag: int
    waiting: int
    edits_per_second: float
    commit_p99_ms: float | None
    longest_stall_ms: int
    memory_bytes: int | None


# How it is asked for ------------------------------------------------------------------------------


class AskDocuments(
    msgspec.Struct, frozen=True, tag_field="ask", tag="documents", forbid_unknown_fields=True
):
    """The open documents whose id contains a text, of a type or of all, in an order."""

    contains: str = ""
    type: str | None = None
    order: str = "id"


class AskPeers(
    msgspec.Struct, frozen=True, tag_field="ask", tag="peers", forbid_unknown_fields=True
):
    """The peers of a document, in an order."""

    document: str
    order: str = "connection"


class Disconnect(
    msgspec.Struct, frozen=True, tag_field="ask", tag="disconnect", forbid_unknown_fields=True
):
    """Send the peers of this connection away from the document."""

    document: str
    connection: str


class TellDocuments(msgspec.Struct, frozen=True):
    """`matching` of the worker's documents are as asked for; `documents` are the first of them."""

    worker: Worker
    matching: int
    documents: list[OpenDocument]


class TellPeers(msgspec.Struct, frozen=True):
    """The document as it is here, None if it is not open; its first peers."""

    node: str
    document: OpenDocument | None
    peers: list[ConnectedPeer]


class Disconnected(msgspec.Struct, frozen=True):
    """So many peers were sent away."""

    peers: int


Question: TypeAlias = AskDocuments | AskPeers | Disconnect

DOCUMENT_ORDERS: Final[Mapping[str, Callable[[OpenDocument], Any]]] = {
    "id": lambda document: document.id,
    "version": lambda document: document.version,
    "peers": lambda document: document.peers,
    "lag": lambda document: document.lag,
    "waiting": lambda document: document.waiting,
    "edits_per_second": lambda document: document.edits_per_second,
    "commit_ms": lambda document: document.commit_p99_ms or 0.0,
    "held_bytes": lambda document: document.held_bytes,
}
PEER_ORDERS: Final[Mapping[str, Callable[[ConnectedPeer], Any]]] = {
    "connection": lambda peer: peer.connection,
    "user": lambda peer: peer.user or "",
    "since": lambda peer: peer.since,
    "lag": lambda peer: peer.lag,
    "unanswered": lambda peer: peer.unanswered,
}

T = TypeVar("T")


def ordered(rows: Iterable[T], order: str, keys: Mapping[str, Callable[[T], Any]]) -> list[T]:
    """The rows in an order, `-` before it turns it round; what is equal is in the order of the
    first of `keys`. Raises KeyError for an unknown one."""
    first = next(iter(keys.values()))
    descending = order.startswith("-")
    return sorted(sorted(rows, key=first), key=keys[order.removeprefix("-")], reverse=descending)


class Inspection:
    """The worker `node`, whose documents are in `registry`."""

    def __init__(self, registry: Registry, node: str) -> None:
        self._registry = registry
        self._node = node

    async def documents(self, asked: AskDocuments) -> TellDocuments:
        """This worker and those of its documents that are asked for."""
        found: list[OpenDocument] = []
        peers = lag = waiting = documents = 0
        rate = slowest = 0.0
        for session in self._registry.sessions():
            if documents % _STRIDE == 0:
                await checkpoint()
            row = _document(session)
            documents += 1
            peers += row.peers
            lag = max(lag, row.lag)
            waiting += row.waiting
            rate += row.edits_per_second
            slowest = max(slowest, row.commit_p99_ms or 0.0)
            if asked.contains in row.id and asked.type in {None, row.type}:
                found.append(row)
        worker = Worker(
            node=self._node,
            draining=self._registry.draining,
            documents=documents,
            peers=peers,
            lag=lag,
            waiting=waiting,
            edits_per_second=rate,
            commit_p99_ms=slowest or None,
            longest_stall_ms=round(self._registry.loop_watch.longest_seconds * 1000),
            memory_bytes=_resident_bytes(),
        )
        first = ordered(found, asked.order, DOCUMENT_ORDERS)[:MOST_DOCUMENTS]
        return TellDocuments(worker, len(found), first)

    async def peers(self, asked: AskPeers) -> TellPeers:
        """Who is at a document here."""
        session = self._registry.opened(asked.document)
        if session is None:
            return TellPeers(self._node, None, [])
        now = self._registry.now()
        found: list[ConnectedPeer] = []
        for number, follower in enumerate(session.fanout.followers()):
            if number % _STRIDE == 0:
                await checkpoint()
            if isinstance(follower, Peer):
                found.append(_peer(session, follower, now))
        first = ordered(found, asked.order, PEER_ORDERS)[:MOST_PEERS]
        return TellPeers(self._node, _document(session), first)

    async def disconnect(self, asked: Disconnect) -> Disconnected:
        """Send a connection away from a document; the client may come back at once."""
        session = self._registry.opened(asked.document)
        sent_away = 0
        for follower in () if session is None else session.fanout.followers():
            if isinstance(follower, Peer) and follower.connection.id == asked.connection:
                follower.end(SentAway())
                sent_away += 1
        return Disconnected(sent_away)

    async def answer(self, question: bytes) -> bytes:
        """The answer to another worker; raises msgspec.MsgspecError, KeyError if it is nonsense."""
        told: TellDocuments | TellPeers | Disconnected
        match _decoder.decode(question):
            case AskDocuments() as asked:
                told = await self.documents(asked)
            case AskPeers() as asked:
                told = await self.peers(asked)
            case Disconnect() as asked:
                told = await self.disconnect(asked)
        return _encoder.encode(told)


_decoder = msgspec.msgpack.Decoder[Question](Question)
_encoder = msgspec.msgpack.Encoder()


def encode_question(question: Question) -> bytes:
    """As `Inspection.answer` reads it."""
    return _encoder.encode(question)


def _document(session: Session) -> OpenDocument:
    now = perf_counter()  # the session's clock for these
    version = slowest = session.version
    peers = 0
    for follower in session.fanout.followers():
        if isinstance(follower, Peer):
            peers += 1
            slowest = min(slowest, follower.cursor)
    p50, p99 = session.recent.latency(now) or (None, None)
    return OpenDocument(
        id=session.id,
        type=session.type.name,
        epoch=session.epoch,
        version=version,
        floor=session.floor,
        snapshot_version=session.snapshot_version,
        peers=peers,
        lag=version - slowest,
        waiting=session.waiting,
        edits_per_second=session.recent.edits_per_second(now),
        commit_p50_ms=_ms(p50),
        commit_p99_ms=_ms(p99),
        held_bytes=session.held_bytes,
    )


def _peer(session: Session, peer: Peer[Any, Any], now: int) -> ConnectedPeer:
    connection = peer.connection
    return ConnectedPeer(
        connection=connection.id,
        user=peer.user,
        name=peer.name,
        author=peer.author,
        protocol="sse" if connection.kind == "events" else peer.PROTOCOL,
        access=access_name(peer.access),
        address=connection.address,
        since=now - round(peer.connected_seconds * 1000),
        version=peer.cursor,
        lag=max(session.version - peer.cursor, 0),
        behind_since=session.behind_since(peer.cursor),
        unanswered=peer.unanswered,
        waiting_frames=peer.waiting_frames,
        waiting_bytes=peer.waiting_bytes,
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _resident_bytes() -> int | None:
    """The memory of this process; None where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return None
