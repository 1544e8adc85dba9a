"""The load: peers of documents, on uvloop, which write one-character edits at a rate or at once.

Owns who writes when, and what is counted and timed. What frames say is checked in `room`.
"""

from __future__ import annotations

import asyncio
import math
import random
from array import array
from collections import deque
from functools import partial
from time import perf_counter

from collab.protocols import native
from tests.bench.room import BenchFailed, Room, Welcome, read_welcome
from tests.bench.websocket import WebSocketClient

# Documents neither grow nor run empty: shorter ones get an insert, longer ones a delete, and
# between the two bounds it is a matter of chance.
SHORT, LONG = 900, 1100
# How long the last deliveries may take after nothing is sent any more.
DRAIN_SECONDS = 30.0
_TICK_SECONDS = 0.001
_CONNECTING = 50


class Peer(WebSocketClient):
    """One connection to a room. It writes only when the load tells it to."""

    def __init__(
        self,
        load: Load,
        room: Room,
        name: str,
        *,
        sampled: bool = False,
        port: int | None = None,
    ) -> None:
        super().__init__("bench", f"/v1/documents/{room.id}/socket", native.SUBPROTOCOL)
        self.room = room
        self.port = port  # of its server; None: the load's
        self.sampled = sampled
        self.author = ""
        self.version = 0
        self.seq = 0
        self.placed_seq = 0
        self.sent_at = 0.0
        self.delivered = 0  # edits of others
        self.frames = 0
        self.welcome: Welcome | None = None
        self._load = load
        self._name = name

    def opened(self) -> None:
        hello = native.Hello(client=f"bench-{self.room.id}-{self._name}", create="text")
        self.send_text(native.encode(hello).encode())

    def text(self, payload: bytes) -> None:
        if not self.author:
            self._welcomed(payload)
            return
        try:
            run = self.room.read(payload)
        except BenchFailed as failure:
            self._load.fail(failure)
            return
        if run.first != self.version + 1:
            self.closed(f"version {run.first} came after {self.version}")
            return
        self.version = run.last
        self.frames += 1
        self.delivered += run.last - run.first + 1
        if self.sampled:
            self._load.sample(self, run.first)
        if self.author in run.newest:
            self.delivered -= 1
            self.room.acks += 1
            self._load.acked(self)

    def closed(self, why: str) -> None:
        self._load.fail(BenchFailed(f"{self.room.id}, {self._name}: {why}"))

    def send_edit(self, at: float) -> None:
        """Insert or delete one character somewhere; `at` is when it should have been sent."""
        length = self.room.lengths[self.version]
        place = int(random.random() * length)
        if length < SHORT + random.random() * (LONG - SHORT):
            change = b'{"insert":"x"}'
        else:
            change = b'{"delete":1}'
        self.send_operation(b'{"retain":%d},%s' % (place, change) if place else change, at)

    def send_operation(self, ops: bytes, at: float) -> None:
        self.seq += 1
        self.sent_at = at
        self.send_text(
            b'{"type":"edit","seq":%d,"base":%d,"operation":[%s]}' % (self.seq, self.version, ops)
        )

    def _welcomed(self, payload: bytes) -> None:
        try:
            welcome = read_welcome(payload)
        except BenchFailed as failure:
            self._load.fail(failure)
            return
        self.author = welcome.author
        self.version = welcome.version
        self.room.admit(self)
        self.welcome = welcome


class Load:
    """Who writes and when, and what has been measured. One per server."""

    def __init__(self, port: int) -> None:
        self.rooms: list[Room] = []
        self.peers: list[Peer] = []
        self.latencies = array("d")
        self.late = 0  # edits that had to wait until a writer was free
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._over = False
        self._closed_loop = False
        self._pace = 0.0
        self._idle: deque[Peer] = deque()
        self._waiting: deque[float] = deque()
        self._begin = self._end = math.inf

    @property
    def acks(self) -> int:
        """Edits whose author has seen them committed."""
        return sum(room.acks for room in self.rooms)

    @property
    def delivered(self) -> int:
        """Edits that have reached a peer that is not their author, each time they did."""
        return sum(peer.delivered for peer in self.peers)

    @property
    def frames(self) -> int:
        """Frames of edits that have reached a peer."""
        return sum(peer.frames for peer in self.peers)

    # Connections ----------------------------------------------------------------------------------

    async def connect(self, peers: list[Peer]) -> None:
        """Connect and say hello, some at a time; raises BenchFailed."""
        for start in range(0, len(peers), _CONNECTING):
            group = peers[start : start + _CONNECTING]
            for peer in group:
                port = peer.port or self._port
                await self._loop.create_connection(partial(_same, peer), "127.0.0.1", port)
                peer.room.peers.append(peer)
                self.peers.append(peer)
            deadline = perf_counter() + DRAIN_SECONDS
            while not all(peer.author for peer in group):
                await self.watch(_TICK_SECONDS)
                if perf_counter() > deadline:
                    raise BenchFailed("the server did not answer hello")

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

    def seed(self, peer: Peer, characters: int) -> None:
        """Let `peer` give its empty document a text; then `rest`."""
        ops = b'{"insert":"%s"}' % (b"x" * characters)
        peer.send_operation(ops, perf_counter())

    def employ(self, writers: list[Peer]) -> None:
        """These write from now on, each one edit at a time; nothing may be under way."""
        self._idle = deque(writers)

    def write_at_once(self) -> None:
        """Closed loop: every writer sends its next edit as soon as it has seen the last."""
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
            self._offer(now)
        self._loop.call_later(_TICK_SECONDS, self._tick, begin, due)

    def _offer(self, now: float) -> None:
        if self._idle:
            self._idle.popleft().send_edit(now)
        else:
            self.late += 1
            self._waiting.append(now)

    def acked(self, writer: Peer) -> None:
        """The writer may send its next edit."""
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
        await self.watch(2 * _TICK_SECONDS)  # until nothing is offered any more
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

    def sample(self, peer: Peer, first: int) -> None:
        """Note how long ago the edits were sent that `peer` has just been sent."""
        now = perf_counter()
        room, begin, end = peer.room, self._begin, self._end
        for version in range(first, peer.version + 1):
            sent_at = room.sent_at[version - 1]
            if begin <= sent_at < end and room.log[version - 1][0] != peer.author:
                self.latencies.append(now - sent_at)


def _same(peer: Peer) -> Peer:
    return peer
