"""What a connection and a document cost while nothing happens: growth of the server's memory.

Some of each come first and are not counted, so that what is needed once does not look like theirs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import uvloop

from tests.bench.generator import Load, Peer
from tests.bench.process import Cores, Server, running_server
from tests.bench.room import Room

_SHARED_DOCUMENTS = 10
_UNCOUNTED = 200
_DOCUMENT_CHARACTERS = 100
_SETTLE_SECONDS = 3.0


class Memory(msgspec.Struct, frozen=True):
    """Bytes of the server's resident memory. A document's are without those of the connection that
    keeps it open."""

    connections: int
    bytes_per_connection: float
    documents: int
    bytes_per_document: float


def measure_memory(count: int, command: Sequence[str], cores: Cores) -> Memory:
    """With `count` connections to a few documents, then with as many documents."""
    connection = _on_a_fresh_server(_connections, count, command, cores)
    document = _on_a_fresh_server(_documents, count, command, cores)
    return Memory(
        connections=count,
        bytes_per_connection=connection,
        documents=count,
        bytes_per_document=document - connection,
    )


def _on_a_fresh_server(
    peers_of: Callable[[Load, int], list[Peer]], count: int, command: Sequence[str], cores: Cores
) -> float:
    with tempfile.TemporaryDirectory(prefix="collab-bench-") as folder:
        with running_server(command, Path(folder), cores) as server:
            return uvloop.run(_growth(peers_of, count, server))


async def _growth(peers_of: Callable[[Load, int], list[Peer]], count: int, server: Server) -> float:
    """Bytes for each of `count` more peers, after the first ones."""
    load = Load(server.port)
    peers = peers_of(load, _UNCOUNTED + count)
    await _settle(load, peers[:_UNCOUNTED])
    before = server.resident_bytes()
    await _settle(load, peers[_UNCOUNTED:])
    after = server.resident_bytes()
    await load.disconnect()
    return (after - before) / count


async def _settle(load: Load, peers: list[Peer]) -> None:
    """Connect; whoever is alone with an empty document writes a text; then all is quiet."""
    await load.connect(peers)
    for peer in peers:
        if len(peer.room.peers) == 1:
            load.seed(peer, _DOCUMENT_CHARACTERS)
    await load.rest()
    await load.watch(_SETTLE_SECONDS)


def _connections(load: Load, count: int) -> list[Peer]:
    load.rooms = [Room(f"shared-{number}") for number in range(_SHARED_DOCUMENTS)]
    return [
        Peer(load, load.rooms[number % _SHARED_DOCUMENTS], f"{number:016}")
        for number in range(count)
    ]


def _documents(load: Load, count: int) -> list[Peer]:
    load.rooms = [Room(f"alone-{number}") for number in range(count)]
    return [Peer(load, room, "alone-alone-alone") for room in load.rooms]
