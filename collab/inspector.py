"""One answer about all workers of this machine: what each tells of itself, put together.

Owns how rows of several workers become one, and what is sent on to the others. What they say is
taken for what it may be: read against its shape, and left out, counted, where it does not fit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio
import msgspec
import structlog

from collab.errors import PeerNotFound, Unavailable
from collab.inspection import (
    DOCUMENT_ORDERS,
    PEER_ORDERS,
    TOPIC,
    AskDocuments,
    AskPeers,
    ConnectedPeer,
    Disconnect,
    Disconnected,
    Inspection,
    OpenDocument,
    Question,
    TellDocuments,
    TellPeers,
    Worker,
    encode_question,
    ordered,
)
from collab.siblings import Siblings

_log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
Asked = TypeVar("Asked", bound=Question)

_documents: Final = msgspec.msgpack.Decoder(TellDocuments)
_peers: Final = msgspec.msgpack.Decoder(TellPeers)
_disconnected: Final = msgspec.msgpack.Decoder(Disconnected)


class Placed(msgspec.Struct, frozen=True):
    """A document on the machine: as a whole, and on each worker that has it open."""

    together: OpenDocument
    nodes: list[tuple[str, OpenDocument]]


class Overview(msgspec.Struct, frozen=True):
    """`total` documents are as asked for; `left_out` more were too many for their workers to tell
    of. `silent` workers live, but did not answer in time."""

    workers: list[Worker]
    silent: int
    documents: list[Placed]
    total: int
    left_out: int


class People(msgspec.Struct, frozen=True):
    """Who is at a document, and on which worker; `left_out` peers more were too many to tell of.
    `document` is None if no worker has it open."""

    document: Placed | None
    peers: list[tuple[str, ConnectedPeer]]
    left_out: int
    silent: int


class Inspector:
    """Asks this worker and the others."""

    def __init__(self, own: Inspection, siblings: Siblings) -> None:
        self._own = own
        self._siblings = siblings

    async def overview(self, asked: AskDocuments) -> Overview:
        """All workers and the documents that are asked for, within siblings.ANSWER_SECONDS."""
        told, silent = await self._ask(self._own.documents, asked, _documents)
        told.sort(key=lambda each: each.worker.node)
        placed: dict[tuple[str, str], list[tuple[str, OpenDocument]]] = {}
        for each in told:
            for row in each.documents:
                placed.setdefault((row.id, row.epoch), []).append((each.worker.node, row))
        rows = [_together(nodes) for nodes in placed.values()]
        keys = {name: _of_all(key) for name, key in DOCUMENT_ORDERS.items()}
        return Overview(
            workers=[each.worker for each in told],
            silent=silent,
            documents=ordered(rows, asked.order, keys),
            total=len(rows),
            left_out=sum(each.matching - len(each.documents) for each in told),
        )

    async def people(self, asked: AskPeers) -> People:
        """Who is at a document, on all workers, within siblings.ANSWER_SECONDS."""
        told, silent = await self._ask(self._own.peers, asked, _peers)
        told.sort(key=lambda each: each.node)
        nodes = [(each.node, each.document) for each in told if each.document is not None]
        peers = [(each.node, peer) for each in told for peer in each.peers]
        keys = {name: _of_row(key) for name, key in PEER_ORDERS.items()}
        there = sum(document.peers for _, document in nodes)
        return People(
            document=_together(nodes) if nodes else None,
            peers=ordered(peers, asked.order, keys),
            left_out=max(there - len(peers), 0),
            silent=silent,
        )

    async def disconnect(self, document: str, connection: str) -> None:
        """Send a connection away from a document, whichever worker has it.

        Raises PeerNotFound; Unavailable if it may be at a worker that did not answer.
        """
        question = Disconnect(document, connection)
        if (await self._own.disconnect(question)).peers:
            return
        told, silent = await self._ask(self._own.disconnect, question, _disconnected)
        if any(each.peers for each in told):
            return
        if silent:
            raise Unavailable("a worker of this machine does not answer, try again")
        raise PeerNotFound("no peer of this document has that connection")

    async def _ask(
        self,
        own: Callable[[Asked], Awaitable[T]],
        question: Asked,
        decoder: msgspec.msgpack.Decoder[T],
    ) -> tuple[list[T], int]:
        """What this worker and the others say, and how many of them say nothing sensible."""
        told: list[T] = []

        async def ask_own() -> None:
            told.append(await own(question))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_own)
            answers = await self._siblings.ask(TOPIC, encode_question(question))
        silent = answers.silent
        for said in answers.said:
            try:
                told.append(decoder.decode(said))
            except msgspec.MsgspecError:
                _log.warning("a worker's answer is not understood")
                silent += 1
        return told, silent


def _together(nodes: list[tuple[str, OpenDocument]]) -> Placed:
    """One row of those of all workers: sums, or the worst of them."""
    rows = [row for _, row in nodes]
    newest = max(rows, key=lambda row: row.version)
    together = msgspec.structs.replace(
        newest,
        floor=max(row.floor for row in rows),
        snapshot_version=max(row.snapshot_version for row in rows),
        peers=sum(row.peers for row in rows),
        lag=max(row.lag for row in rows),
        waiting=sum(row.waiting for row in rows),
        edits_per_second=sum(row.edits_per_second for row in rows),
        commit_p50_ms=max((row.commit_p50_ms or 0.0 for row in rows), default=0.0) or None,
        commit_p99_ms=max((row.commit_p99_ms or 0.0 for row in rows), default=0.0) or None,
        held_bytes=sum(row.held_bytes for row in rows),
    )
    return Placed(together, nodes)


def _of_all(key: Callable[[OpenDocument], object]) -> Callable[[Placed], object]:
    return lambda placed: key(placed.together)


def _of_row(
    key: Callable[[ConnectedPeer], object],
) -> Callable[[tuple[str, ConnectedPeer]], object]:
    return lambda row: key(row[1])
