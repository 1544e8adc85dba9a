"""The load of y-websocket clients: peers of Yjs documents that type one character at a time.

Owns who writes when, and what is counted and timed. Several edits of one writer may be under way;
an edit that comes back in the stream is acknowledged. What the frames say is checked in `yjs_room`.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import deque
from functools import partial
from time import perf_counter

from tests.bench import yjs_wire
from tests.bench.room import BenchFailed
from tests.bench.websocket import WebSocketClient, client_frame
from tests.bench.yjs_room import START, Run, YjsRoom
from tests.bench.yjs_wire import (
    BINARY,
    EMPTY_UPDATE,
    EMPTY_VECTOR,
    SYNC_STEP_1,
    SYNC_STEP_2,
    SYNC_UPDATE,
    sync_frame,
)

DRAIN_SECONDS = 30.0
_TICK_SECONDS = 0.001
_CONNECTING = 50
_FIRST_CLIENT = 3_000_000_000  # Yjs draws 32 bits: most ids are five bytes long
_AWARENESS = 1


class YjsPeer(WebSocketClient):
    """One connection to a room. It writes only when the load tells it to."""

    def __init__(self, load: YjsLoad, room: YjsRoom, number: int, *, sampled: bool = False) -> None:
        super().__init__("bench", f"/yjs/{room.id}", "bench")
        self.room = room
        self.client = _FIRST_CLIENT + number
        self.place = START
        self.is_synced = False
        self.vector = b""  # the server's, as it said hello
        self.sent_at = array("d")
        self.acked = 0
        self.received = 0
        self.frames = 0
        self._load = load
        self._writer = yjs_wire.Writer(self.client)
        self._sampled = sampled

    def opened(self) -> None:
        self._say(SYNC_STEP_1, EMPTY_VECTOR)

    def closed(self, why: str) -> None:
        self._load.fail(BenchFailed(f"{self.room.id}, {self.client}: {why}"))

    def send_edit(self, at: float) -> None:
        """Type one character; `at` is when it should have been sent."""
        update = self._writer.update(len(self.sent_at))
        self.sent_at.append(at)
        self._say(SYNC_UPDATE, update)

    def _control(self, first_byte: int, payload: bytes) -> None:
        if first_byte != BINARY:
            super()._control(first_byte, payload)
            return
        try:
            self._hear(payload)
        except BenchFailed as failure:
            self._load.fail(failure)

    def _hear(self, message: bytes) -> None:
        kind = message[:2]
        if kind == SYNC_UPDATE:
            run = self.room.read(yjs_wire.content_of(message), self.place)
            self.place = run.after
            self.frames += 1
            self.received += run.after.edits - run.before.edits
            if self._sampled:
                self._load.sample(run, self.client, self.room)
            if self.sent_at:
                self._acknowledge(run.after.clocks.get(self.client, 0))
        elif kind == SYNC_STEP_2:
            self.place = self.room.read(yjs_wire.content_of(message), START).after
            self.is_synced = True
        elif kind == SYNC_STEP_1:
            self.vector = yjs_wire.content_of(message)
            self._say(SYNC_STEP_2, EMPTY_UPDATE)
        elif message[0] != _AWARENESS:
            raise BenchFailed(f"{self.room.id}: the server sent {message[:100].hex()}")

    def _acknowledge(self, clock: int) -> None:
        count, self.acked = clock - self.acked, clock
        self.room.acks += count
        for _ in range(count):
            self._load.acknowledged(self)

    def _say(self, kind: bytes, content: bytes) -> None:
        self.transport.write(client_frame(BINARY, sync_frame(kind, content)))


class YjsLoad:
    """Who writes and when, and what has been measured. One per server."""

    def __init__(self, port: int) -> None:
        self.rooms: list[YjsRoom] = []
        self.peers: list[YjsPeer] = []
        self.latencies = array("d")
        self.late = 0  # edits that had to wait because too many were under way
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._over = False
        self._closed_loop = False
        self._pace = 0.0
        self._idle: deque[YjsPeer] = deque()  # a writer once for each edit it may send
        self._waiting: deque[float] = deque()
        self._begin = self._end = math.inf

    @property
    def acks(self) -> int:
        """Edits that have come back to their author."""
        return sum(room.acks for room in self.rooms)

    @property
    def delivered(self) -> int:
        """Edits that have reached a peer that is not their author, each time they did."""
        return sum(peer.received - peer.acked for peer in self.peers)

    @property
    def frames(self) -> int:
        """Frames of edits that have reached a peer."""
        return sum(peer.frames for peer in self.peers)

    async def connect(self, peers: list[YjsPeer]) -> None:
        """Connect and sync, some at a time; raises BenchFailed."""
        for start in range(0, len(peers), _CONNECTING):
            group = peers[start : start + _CONNECTING]
            for peer in group:
                peer.room.admit(peer)
                self.peers.append(peer)
                await self._loop.create_connection(partial(_same, peer), "127.0.0.1", self._port)
            deadline = perf_counter() + DRAIN_SECONDS
            while not all(peer.is_synced and peer.vector for peer in group):
                await self.watch(_TICK_SECONDS)
                if perf_counter() > deadline:
                    raise BenchFailed("the server did not answer sync step 1")

    async def disconnect(self) -> None:
        """Drop all connections."""
        self._over = True
        for peer in self.peers:
            peer.transport.abort()
        await asyncio.sleep(0.1)

    def fail(self, failure: BenchFailed) -> None:
        """The first failure ends whatever is being waited for."""
        if not self._over and not self._failure.done():
            self._failure.set_exception(failure)

    async def watch(self, seconds: float) -> None:
        """Let the load run; raises BenchFailed as soon as there is a reason."""
        await asyncio.wait([self._failure], timeout=seconds)
        if self._failure.done():
            self._failure.result()

    # Writing --------------------------------------------------------------------------------------

    def employ(self, writers: list[YjsPeer], outstanding: int) -> None:
        """These write from now on, with so many edits under way in all."""
        self._idle = deque(writers[number % len(writers)] for number in range(outstanding))

    def write_at_once(self) -> None:
        """Closed loop: for every edit that comes back its writer sends the next."""
        self._closed_loop = True
        while self._idle:
            self._idle.popleft().send_edit(perf_counter())

    def write_paced(self, rate: float) -> None:
        """Offer `rate` edits a second, whatever becomes of them."""
        self._pace = rate
        self._tick(perf_counter(), 0)

    def _tick(self, begin: float, offered: int) -> None:
        if not self._pace:
            return
        now = perf_counter()
        due = int((now - begin) * self._pace)
        for _ in range(due - offered):
            if self._idle:
                self._idle.popleft().send_edit(now)
            else:
                self.late += 1
                self._waiting.append(now)
        self._loop.call_later(_TICK_SECONDS, self._tick, begin, due)

    def acknowledged(self, writer: YjsPeer) -> None:
        """One of the writer's edits is no longer under way."""
        if self._closed_loop:
            writer.send_edit(perf_counter())
        elif self._waiting:
            writer.send_edit(self._waiting.popleft())
        else:
            self._idle.append(writer)

    async def rest(self) -> None:
        """Send nothing more, and check that everyone gets everything that was sent."""
        self._closed_loop = False
        self._pace = 0.0
        self._waiting.clear()
        deadline = perf_counter() + DRAIN_SECONDS
        while perf_counter() < deadline and not all(room.is_still for room in self.rooms):
            await self.watch(0.005)
        for room in self.rooms:
            room.check_everyone()

    # Measuring ------------------------------------------------------------------------------------

    def open_window(self) -> None:
        """Keep the latencies of edits that are sent from now on."""
        self.latencies = array("d")
        self.late = 0
        self._begin, self._end = perf_counter(), math.inf

    def close_window(self) -> None:
        """Of edits that are sent from now on no more; of those before, to the last delivery."""
        self._end = perf_counter()

    def sample(self, run: Run, reader: int, room: YjsRoom) -> None:
        """Note how long ago the edits of others were sent that a peer has just been sent."""
        now = perf_counter()
        begin, end = self._begin, self._end
        for client, first, stop in run.ranges:
            if client != reader:
                for sent_at in room.authors[client].sent_at[first:stop]:
                    if begin <= sent_at < end:
                        self.latencies.append(now - sent_at)


def _same(peer: YjsPeer) -> YjsPeer:
    return peer


async def check_newcomers(load: YjsLoad, first_number: int) -> None:
    """A newcomer of every document must be sent what the others have."""
    newcomers = [YjsPeer(load, room, first_number + n) for n, room in enumerate(load.rooms)]
    await load.connect(newcomers)
    for newcomer in newcomers:
        newcomer.room.check_newcomer(newcomer.vector, newcomer.place)
