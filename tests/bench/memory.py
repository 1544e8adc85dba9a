"""What a connection and a document cost while nothing happens: growth of the server's memory.

Some of each come first and are not counted, so that what is needed once does not look like theirs.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx
import msgspec
import uvloop
from anyio import to_thread

from tests.bench import flood, flooder
from tests.bench.generator import Load, Peer
from tests.bench.process import Cores, Server, running_server
from tests.bench.room import Room

_SHARED_DOCUMENTS = 10
_UNCOUNTED = 200
_DOCUMENT_CHARACTERS = 100
_SETTLE_SECONDS = 3.0
_COMMITS = 5000
_LONG_DOCUMENTS = 20
_IDLE_SECONDS = 5.0


class Memory(msgspec.Struct, frozen=True):
    """Bytes of the server's resident memory. A document's are without those of the connection that
    keeps it open."""

    connections: int
    bytes_per_connection: float
    documents: int
    bytes_per_document: float
    bytes_per_1000_commits: float
    bytes_loaded: float
    bytes_unloaded: float


def measure_memory(count: int, command: Sequence[str], cores: Cores) -> Memory:
    """With `count` connections to a few documents, then with as many documents."""
    connection = _on_a_fresh_server(_connections, count, command, cores)
    document = _on_a_fresh_server(_documents, count, command, cores)
    return Memory(
        connections=count,
        bytes_per_connection=connection,
        documents=count,
        bytes_per_document=document - connection,
        bytes_per_1000_commits=_on_a_server(_commits, command, cores),
        bytes_loaded=_on_a_server(_loaded, command, cores),
        bytes_unloaded=_on_a_server(_unloaded, command, cores),
    )


def _on_a_server(
    grow: Callable[[Server], Awaitable[float]], command: Sequence[str], cores: Cores
) -> float:
    unloading = {"COLLAB_IDLE_SECONDS": f"{_IDLE_SECONDS:g}"}
    with tempfile.TemporaryDirectory(prefix="collab-bench-") as folder:
        with running_server(command, Path(folder), cores, variables=unloading) as server:

            async def grown() -> float:
                return await grow(server)

            return uvloop.run(grown())


async def _commits(server: Server) -> float:
    """Bytes for each 1,000 commits of one character that an open document keeps at hand."""
    room = flood.Room("commits")
    typist = await flood.join(room, server.port)
    await _type(typist, _UNCOUNTED)
    before = server.resident_bytes()
    await _type(typist, _COMMITS)
    grown = server.resident_bytes() - before
    room.over()
    return grown / _COMMITS * 1000


async def _type(typist: flood.Typist, edits: int) -> None:
    for _ in range(edits):
        typist.type()
        await typist.seen()


async def _loaded(server: Server) -> float:
    """Bytes for each long Yjs document that somebody has just joined."""
    return await _joined(server, pause=0.0)


async def _unloaded(server: Server) -> float:
    """The same, when nobody has been there for a while."""
    return await _joined(server, pause=_IDLE_SECONDS + 2 * _SETTLE_SECONDS)


async def _joined(server: Server, pause: float) -> float:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=60
    ) as http:

        async def join(number: int) -> None:
            seed = {"id": f"long-{number}", "type": "yjs", "format": "text"}
            content = {"content": "x" * flooder.STATE_BYTES}
            (await http.post("/v1/documents", json={**seed, **content})).raise_for_status()
            await to_thread.run_sync(flooder.join, server.port, seed["id"])

        await join(0)
        await asyncio.sleep(_SETTLE_SECONDS)
        before = server.resident_bytes()
        for number in range(1, _LONG_DOCUMENTS + 1):
            await join(number)
        await asyncio.sleep(pause)
        return (server.resident_bytes() - before) / _LONG_DOCUMENTS


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
