"""A peer that stops reading its socket costs the others no time and the server no memory.

What it misses is a cursor on the log: when it reads again, it gets few large frames, or one reset.
"""

from __future__ import annotations

import json
import logging
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from time import perf_counter

import anyio
import pytest

from tests.integration import wire
from tests.integration.process import ServerProcess, server
from tests.integration.talk import Http, Json, Talk, dial, http, new_client, within

pytestmark = pytest.mark.anyio

PEERS = 20
RECEIVE_BUFFER = 4096
KIB = 1024
MIB = 1024 * KIB
SLOWER_AT_MOST = 10
SLOW_AT_MOST_SECONDS = 0.1
GROWTH_BYTES = 8 * MIB

_log = logging.getLogger(__name__)


class StalledPeer:
    """A raw socket with a tiny receive buffer that says hello, and reads when it is told to."""

    def __init__(self, process: ServerProcess, id: str) -> None:
        path = f"/v1/documents/{id}/socket"
        self._socket = wire.open_websocket(process.port, path, RECEIVE_BUFFER)
        hello = {"type": "hello", "client": new_client()}
        self._socket.sendall(wire.frame(wire.TEXT, json.dumps(hello).encode()))
        self.edits_frames = 0
        self.resets = 0
        self.bytes_read = 0
        self.version = int(self._read()["version"])

    def catch_up(self, head: int) -> None:
        """Read until it has the document at version `head`."""
        while self.version < head:
            message = self._read()
            match message["type"]:
                case "edits":
                    self.edits_frames += 1
                    for edit in message["edits"]:
                        assert edit["version"] == self.version + 1
                        self.version = edit["version"]
                case "reset":
                    self.resets += 1
                    self.version = message["version"]
        assert self.version == head

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> Json:
        opcode, payload = wire.read_frame(self._socket)
        while opcode == wire.PING:
            opcode, payload = wire.read_frame(self._socket)
        assert opcode == wire.TEXT
        self.bytes_read += len(payload)
        message: Json = json.loads(payload)
        return message


@contextmanager
def stalled(process: ServerProcess, id: str) -> Iterator[StalledPeer]:
    peer = StalledPeer(process, id)
    try:
        yield peer
    finally:
        peer.close()


@asynccontextmanager
async def peers(process: ServerProcess, id: str, count: int) -> AsyncIterator[list[Talk]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(dial(process, id)) for _ in range(count)]


class Writer:
    """A peer that puts a new text in the place of all, each time its last edit came back."""

    def __init__(self, talk: Talk, size: int) -> None:
        self.latencies: list[float] = []
        self._talk = talk
        self._size = size
        self._client = new_client()
        self._seq = 0
        self._length = 0
        self.version = 0

    async def join(self) -> None:
        welcome = await self._talk.hello(self._client)
        self._author = welcome["author"]
        self._length = len(welcome["contents"])
        self.version = welcome["version"]

    async def write(self, edits: int) -> None:
        """So many edits, one after the other."""
        for _ in range(edits):
            self._seq += 1
            operation = [{"insert": "x" * self._size}, {"delete": self._length}]
            began = perf_counter()
            await self._talk.edit(self._seq, self.version, operation)
            while not await self._read():
                pass
            self.latencies.append(perf_counter() - began)

    async def reach(self, version: int) -> None:
        """Read on to `version`."""
        while self.version < version:
            await self._read()

    async def _read(self) -> bool:
        """Take the next frame in; whether one's last edit is in it."""
        message = await self._talk.hear()
        assert message["type"] == "edits", message
        for edit in message["edits"]:
            for op in edit["operation"]:
                self._length += len(op.get("insert", "")) - op.get("delete", 0)
            self.version = edit["version"]
        newest = [edit["seq"] for edit in message["edits"] if edit["author"] == self._author]
        return newest[-1:] == [self._seq]


async def exchange(writers: list[Writer], edits: int) -> list[float]:
    """All write at once and read everything; the latencies of the better of two rounds, so that
    it is the server that is measured and not what else the machine does."""
    return min([await play_round(writers, edits) for _ in range(2)], key=p99)


async def play_round(writers: list[Writer], edits: int) -> list[float]:
    for writer in writers:
        writer.latencies = []
    async with anyio.create_task_group() as tasks:
        for writer in writers:
            tasks.start_soon(writer.write, edits)
    head = max(writer.version for writer in writers)
    async with anyio.create_task_group() as tasks:
        for writer in writers:
            tasks.start_soon(writer.reach, head)
    return [latency for writer in writers for latency in writer.latencies]


def p99(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]


async def catch_up(peer: StalledPeer, api: Http, id: str) -> int:
    """Let the stalled peer read to the head; the head."""
    head = await api.head(id)
    await anyio.to_thread.run_sync(peer.catch_up, head)
    return head


@within(90)
async def test_a_stalled_peer_costs_neither_time_nor_memory(tmp_path: Path) -> None:
    """It misses far more than the server keeps in memory, so it ends with one reset."""
    size, edits, warming = 8 * KIB, 30, 20
    with server(tmp_path) as process:
        async with http(process) as api:
            await api.create("room", content="." * size)
            async with peers(process, "room", PEERS - 1) as talks:
                writers = [Writer(talk, size) for talk in talks]
                for writer in writers:
                    await writer.join()
                await exchange(writers, warming)  # the server's memory of the log is full now
                without = await exchange(writers, edits)
                memory = process.resident_bytes()
                with stalled(process, "room") as peer:
                    start = peer.version
                    during = await exchange(writers, edits)
                    growth = process.resident_bytes() - memory
                    head = await catch_up(peer, api, "room")
                    missed = (head - start) * size
                    _log.info(
                        "p99 %.1f ms without, %.1f ms with; %.1f MiB missed, memory grew by "
                        "%.1f MiB; caught up with %d edits frames, %d resets, %.2f MiB",
                        p99(without) * 1e3,
                        p99(during) * 1e3,
                        missed / MIB,
                        growth / MIB,
                        peer.edits_frames,
                        peer.resets,
                        peer.bytes_read / MIB,
                    )
        assert process.defects() == []
    assert head - start == 2 * edits * (PEERS - 1)
    assert p99(during) <= max(SLOWER_AT_MOST * p99(without), SLOW_AT_MOST_SECONDS)
    assert missed > GROWTH_BYTES
    assert growth < GROWTH_BYTES
    assert peer.resets == 1
    assert peer.edits_frames < (head - start) / 10


@within(90)
async def test_a_peer_that_reads_again_catches_up_in_few_frames(tmp_path: Path) -> None:
    """It misses less than the server keeps in memory: it gets all of it, put together."""
    size, edits = 4 * KIB, 250
    with server(tmp_path, COLLAB_TAIL_BYTES=str(32 * MIB)) as process:
        async with http(process) as api:
            await api.create("room", content="." * size)
            async with peers(process, "room", 2) as talks:
                writers = [Writer(talk, size) for talk in talks]
                for writer in writers:
                    await writer.join()
                with stalled(process, "room") as peer:
                    start = peer.version
                    await exchange(writers, edits)
                    head = await catch_up(peer, api, "room")
                    _log.info(
                        "%d edits in %d frames, %.2f MiB",
                        head - start,
                        peer.edits_frames,
                        peer.bytes_read / MIB,
                    )
        assert process.defects() == []
    assert head - start == 4 * edits
    assert peer.resets == 0
    assert peer.edits_frames < (head - start) / 5
