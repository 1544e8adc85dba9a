"""Joining a Yjs document of about 1 MB, alone and with 200 others, and what one costs in memory.

The documents are many small items, as typing leaves them behind, written in many updates. Then the
server is started anew on the same database, so that it holds what it loads and nothing else. A join
takes from dialling to the whole sync step 2, over loopback.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop
from rich.table import Table

from tests.bench.cases import MAX_FOREIGN_SHARE, MAX_GENERATOR_SHARE
from tests.bench.process import Cores, Server, busy_seconds, running_server
from tests.bench.room import BenchFailed
from tests.bench.websocket import WebSocketClient, client_frame
from tests.bench.yjs_wire import (
    BINARY,
    EMPTY_VECTOR,
    SYNC_STEP_1,
    SYNC_STEP_2,
    SYNC_UPDATE,
    content_of,
    read_ranges,
    sync_frame,
    typed_backwards,
)

AT_ONCE = 200
_DOCUMENTS, _UNCOUNTED = 12, 2
_ALONE = 20
_WORDS, _WORDS_AN_UPDATE = 62_000, 31
_LONGEST_WORD = 9
_WINDOW = 32  # updates under way while a document is written
_PATIENCE_SECONDS = 60.0
_SETTLE_SECONDS = 2.0
_CLIENT = 3_000_000_000


class Joins(msgspec.Struct, frozen=True):
    """Times in milliseconds; shares of one core while `at_once` joined at once."""

    update_bytes: int
    items: int
    cold_ms: float
    alone_ms: float
    at_once: int
    all_ms: float
    server_share: float
    generator_share: float
    foreign_share: float
    bytes_per_document: float

    @property
    def is_valid(self) -> bool:
        """Whether joining at once counts: nothing but the server took its time."""
        idle_enough = self.generator_share <= MAX_GENERATOR_SHARE
        return idle_enough and self.foreign_share <= MAX_FOREIGN_SHARE


class _Spent(NamedTuple):
    """Seconds: by the clock, of the server, of this process, and of all on the server's core."""

    seconds: float
    server: float
    generator: float
    core: float


class _Joiner(WebSocketClient):
    """Asks for everything; what comes is kept as it comes and looked at when it is whole."""

    def __init__(self, document: str) -> None:
        super().__init__("bench", f"/yjs/{document}", "bench")
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pieces: list[bytes] = []
        self._lacking = 0

    def opened(self) -> None:
        self.send(SYNC_STEP_1, EMPTY_VECTOR)

    def send(self, kind: bytes, content: bytes) -> None:
        self.transport.write(client_frame(BINARY, sync_frame(kind, content)))

    def closed(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(BenchFailed(f"joining: {why}"))

    def data_received(self, data: bytes) -> None:
        """A large frame is put together only once: that would be most of the generator's time."""
        self._pieces.append(data)
        self._lacking -= len(data)
        if self._lacking <= 0:
            whole, self._pieces = b"".join(self._pieces), []
            super().data_received(whole)
            if len(self._rest) >= 10 and self._rest[1] == 127:
                self._lacking = 10 + int.from_bytes(self._rest[2:10], "big") - len(self._rest)

    def _control(self, first_byte: int, payload: bytes) -> None:
        if first_byte != BINARY:
            super()._control(first_byte, payload)
        elif payload[:2] == SYNC_STEP_2:
            self.done.set_result(payload)
        else:
            self.heard(payload)

    def heard(self, message: bytes) -> None:
        """A message that is not the step 2."""


class _Scribe(_Joiner):
    """Writes a document, and waits until all of it has come back, which is when it is durable."""

    def __init__(self, document: str) -> None:
        super().__init__(document)
        self.stored = 0
        self.progress = asyncio.Event()

    def heard(self, message: bytes) -> None:
        if message[:2] == SYNC_UPDATE:
            self.stored = max(end for _, _, end in read_ranges(content_of(message)))
            self.progress.set()


def measure_joins(command: Sequence[str], cores: Cores) -> Joins:
    """All of it; raises BenchFailed if anybody is not sent the whole document."""
    with tempfile.TemporaryDirectory(prefix="collab-bench-") as folder:
        with running_server(command, Path(folder), cores) as server:
            uvloop.run(_write_all(server))
        with running_server(command, Path(folder), cores) as server:
            return uvloop.run(_measure(server))


def _name(number: int) -> str:
    return f"history-{number}"


async def _write_all(server: Server) -> None:
    for number in range(_DOCUMENTS):
        await _write(server, number)


async def _write(server: Server, number: int) -> None:
    rng = random.Random(number)
    scribe = _Scribe(_name(number))
    await _connect(server, scribe)
    await _result(scribe)
    clock, newest, ends = 0, None, []
    for _ in range(_WORDS // _WORDS_AN_UPDATE):
        words = [b"x" * rng.randint(1, _LONGEST_WORD) for _ in range(_WORDS_AN_UPDATE)]
        update, newest = typed_backwards(_CLIENT + number, clock, words, newest)
        clock += sum(map(len, words))
        ends.append(clock)
        scribe.send(SYNC_UPDATE, update)
        if len(ends) > _WINDOW:
            await _until_stored(scribe, ends[-_WINDOW])
    await _until_stored(scribe, clock)
    scribe.transport.abort()


async def _until_stored(scribe: _Scribe, clock: int) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while scribe.stored < clock:
            scribe.progress.clear()
            await scribe.progress.wait()


async def _measure(server: Server) -> Joins:
    await asyncio.sleep(_SETTLE_SECONDS)
    kept, cold, before = [], [], 0
    for number in range(_DOCUMENTS):
        if number == _UNCOUNTED:
            await asyncio.sleep(_SETTLE_SECONDS)
            before = server.resident_bytes()
        joiner, seconds = await _join(server, number)
        kept.append(joiner)
        cold.append(seconds)
    await asyncio.sleep(_SETTLE_SECONDS)
    grown = server.resident_bytes() - before
    alone = []
    for _ in range(_ALONE):
        joiner, seconds = await _join(server, 0)
        joiner.transport.abort()
        alone.append(seconds)
    whole = kept[0].done.result()
    at_once = await _join_at_once(server, whole)
    ranges = read_ranges(content_of(whole))
    if [client for client, _, _ in ranges] != [_CLIENT]:
        raise BenchFailed("the document is not what was written")
    for joiner in kept:
        joiner.transport.abort()
    return Joins(
        update_bytes=len(whole),
        items=_WORDS,
        cold_ms=statistics.median(cold) * 1000,
        alone_ms=statistics.median(alone) * 1000,
        at_once=AT_ONCE,
        all_ms=at_once.seconds * 1000,
        server_share=at_once.server / at_once.seconds,
        generator_share=at_once.generator / at_once.seconds,
        foreign_share=max(0.0, (at_once.core - at_once.server) / at_once.seconds),
        bytes_per_document=grown / (_DOCUMENTS - _UNCOUNTED),
    )


async def _join(server: Server, number: int) -> tuple[_Joiner, float]:
    joiner = _Joiner(_name(number))
    begin = time.perf_counter()
    await _connect(server, joiner)
    await _result(joiner)
    return joiner, time.perf_counter() - begin


async def _join_at_once(server: Server, whole: bytes) -> _Spent:
    """What it takes until the last has everything."""
    joiners = [_Joiner(_name(0)) for _ in range(AT_ONCE)]
    before = _spent(server)
    await asyncio.gather(*(_connect(server, joiner) for joiner in joiners))
    messages = [await _result(joiner) for joiner in joiners]
    after = _spent(server)
    for joiner, message in zip(joiners, messages, strict=True):
        if message != whole:
            raise BenchFailed("not everybody was sent the same document")
        joiner.transport.abort()
    return _Spent(*(end - begin for begin, end in zip(before, after, strict=True)))


def _spent(server: Server) -> _Spent:
    return _Spent(
        time.perf_counter(),
        server.cpu_seconds(),
        time.process_time(),
        busy_seconds(server.cores.server),
    )


async def _connect(server: Server, joiner: _Joiner) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: joiner, "127.0.0.1", server.port)


async def _result(joiner: _Joiner) -> bytes:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        return await joiner.done


def join_rows(joins: Joins) -> list[tuple[str, str]]:
    """What there is to tell."""
    valid = "" if joins.is_valid else " (invalid)"
    return [
        ("sync step 2", f"{joins.update_bytes / 1000:,.0f} kB, {joins.items:,} items"),
        ("one join, not loaded yet", f"{joins.cold_ms:.1f} ms"),
        ("one join", f"{joins.alone_ms:.1f} ms"),
        (f"{joins.at_once} joins at once, to the last", f"{joins.all_ms:,.0f} ms{valid}"),
        (
            "server, generator, others meanwhile",
            f"{joins.server_share:.0%}, {joins.generator_share:.0%}, {joins.foreign_share:.0%}",
        ),
        ("memory of a loaded document", f"{joins.bytes_per_document / 1e6:.1f} MB"),
    ]


def join_table(joins: Joins) -> Table:
    """The same as a table for the console."""
    table = Table(title="Joining a Yjs document of 1 MB", title_justify="left")
    table.add_column("what")
    table.add_column("measured", justify="right")
    for row in join_rows(joins):
        table.add_row(*row)
    return table
