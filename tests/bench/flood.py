"""What others feel while one client floods: the way of an edit to a reader, before and meanwhile.

The server has its usual limits and a core of its own; those who type, and the flooder, which comes
back at once whenever it is closed, share the other, where the flooder goes last.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import msgspec
import uvloop
from rich.table import Table

from tests.bench.flooder import STATE_BYTES
from tests.bench.process import Cores, running_server
from tests.bench.room import BenchFailed
from tests.bench.websocket import WebSocketClient

TYPISTS, EDITS_PER_SECOND = 10, 5.0
SAME, OTHER = "flooded", "calm"
EDITS = ("native", "yjs")
JOINS = "joins"
FLOODS = (*EDITS, "dials", JOINS)
TARGET_JOINS_MS = 50.0
TARGET_RATIO = 2.0
_PATIENCE = 1000
_LONGER = 2.5  # where a ratio of p99s is promised, which takes many edits to tell
_WARM_UP_SECONDS, _SETTLE_SECONDS = 1.0, 0.5
_SUBPROTOCOL = "collab.v1"


class Felt(msgspec.Struct, frozen=True):
    """One flood: the way of an edit in ms, on the flooder's document (if it is of the typists'
    kind) and on another one; `calm` is without a flood."""

    flood: str
    where: str
    calm_p50_ms: float
    calm_p99_ms: float
    p50_ms: float
    p99_ms: float
    connections_per_s: float
    frames_per_s: float
    codes: dict[str, int]

    @property
    def ratio(self) -> float:
        """How much longer 99 in 100 take at most."""
        return self.p99_ms / self.calm_p99_ms

    def told(self) -> dict[str, object]:
        """As JSON has it."""
        return {**msgspec.structs.asdict(self), "ratio": self.ratio}


class Typist(WebSocketClient):
    """Types at the beginning of a text and times when others see it."""

    def __init__(self, room: Room, number: int) -> None:
        super().__init__("bench", f"/v1/documents/{room.id}/socket", _SUBPROTOCOL)
        self._room = room
        self._client = f"typist-{room.id}-{number:04}"
        self.author = ""
        self.version = 0
        self.seq = 0
        self.under_way = False
        self._seen = asyncio.Event()

    async def seen(self) -> None:
        """Return when the edit that is under way has come back."""
        await self._seen.wait()

    def opened(self) -> None:
        hello = {"type": "hello", "client": self._client, "create": "text"}
        self.send_text(json.dumps(hello).encode())

    def text(self, payload: bytes) -> None:
        told = json.loads(payload)
        if told["type"] == "welcome":
            self.author, self.version = told["author"], told["version"]
            self._room.joined(self)
        elif told["type"] == "edits":
            for edit in told["edits"]:
                self.version = edit["version"]
                if edit["author"] == self.author:
                    self.under_way = False
                    self._seen.set()
                else:
                    self._room.seen(edit["author"], edit["seq"])
        elif told["type"] != "presence":
            self._room.fail(f"a typist was told {payload[:200]!r}")

    def closed(self, why: str) -> None:
        self._room.fail(why)

    def type(self) -> None:
        """Send an edit, unless the last is still under way."""
        if self.under_way:
            self._room.late += 1
            return
        self.seq += 1
        self.under_way = True
        self._seen.clear()
        self._room.sent(self.author, self.seq)
        edit = {"type": "edit", "seq": self.seq, "base": self.version}
        self.send_text(json.dumps({**edit, "operation": [{"insert": "x"}]}).encode())


class Room:
    """A document's typists, and the times that their edits took."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.typists: list[Typist] = []
        self.times: list[float] = []
        self.late = 0
        self.failure: str | None = None
        self._sent: dict[tuple[str, int], float] = {}
        self._over = False

    def joined(self, typist: Typist) -> None:
        self.typists.append(typist)

    def sent(self, author: str, seq: int) -> None:
        self._sent[author, seq] = perf_counter()

    def seen(self, author: str, seq: int) -> None:
        at = self._sent.get((author, seq))
        if at is not None:
            self.times.append(perf_counter() - at)

    def fail(self, why: str) -> None:
        if not self._over:
            self.failure = self.failure or why

    def over(self) -> None:
        """Nobody types any more."""
        self._over = True
        for typist in self.typists:
            typist.transport.close()


def measure_flood(command: Sequence[str], cores: Cores, seconds: float) -> list[Felt]:
    """Every kind of flood on a server of its own; raises BenchFailed, ServerFailed."""
    found: list[Felt] = []
    for kind in FLOODS:
        with tempfile.TemporaryDirectory(prefix="collab-bench-") as name:
            usual = {"COLLAB_EDITS_PER_SECOND": "1000", "COLLAB_PRESENCE_PER_SECOND": "50"}
            with running_server(command, Path(name), cores, variables=usual) as server:
                longer = _LONGER if kind in EDITS else 1.0
                found += uvloop.run(measure(server.port, kind, seconds * longer))
    return found


async def measure(port: int, kind: str, seconds: float) -> list[Felt]:
    """One kind of flood on the server at `port`; raises BenchFailed."""
    is_yjs = kind in ("yjs", JOINS)
    rooms = [Room(OTHER)] if is_yjs else [Room(SAME), Room(OTHER)]
    document = f"{SAME}-yjs" if is_yjs else SAME
    if kind == JOINS:
        seed = {"id": document, "type": "yjs", "format": "text", "content": "x" * STATE_BYTES}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            (await http.post("/v1/documents", json=seed)).raise_for_status()
    for room in rooms:
        for _ in range(TYPISTS):
            await join(room, port)
    await _type(rooms, _WARM_UP_SECONDS)
    calm = await _type(rooms, seconds)
    with _flooding(kind, port, document) as flood:
        await _type(rooms, _WARM_UP_SECONDS)
        felt = await _type(rooms, seconds)
        told = flood()
    for room in rooms:
        room.over()
    await asyncio.sleep(_SETTLE_SECONDS)
    lasted = seconds + _WARM_UP_SECONDS
    return [
        Felt(
            kind,
            room.id,
            *_percentiles(calm[room.id]),
            *_percentiles(felt[room.id]),
            told["connections"] / lasted,
            told["frames"] / lasted,
            told["codes"],
        )
        for room in rooms
    ]


async def join(room: Room, port: int) -> Typist:
    """One more, who may type; raises BenchFailed."""
    loop = asyncio.get_running_loop()
    before = len(room.typists)
    _, typist = await loop.create_connection(lambda: Typist(room, before), "127.0.0.1", port)
    for _ in range(_PATIENCE):
        if len(room.typists) > before:
            return typist
        await asyncio.sleep(0.01)
    raise BenchFailed(room.failure or "a typist was not let in")


async def _type(rooms: list[Room], seconds: float) -> dict[str, list[float]]:
    """Everybody types at their pace; the times by document."""
    for room in rooms:
        room.times = []
    typists = [typist for room in rooms for typist in room.typists]
    pause = 1 / (EDITS_PER_SECOND * len(typists))
    begun = perf_counter()
    for step in range(int(seconds / pause)):
        await asyncio.sleep(max(0.0, begun + step * pause - perf_counter()))
        typists[step * 7 % len(typists)].type()
        for room in rooms:
            if room.failure is not None:
                raise BenchFailed(room.failure)
    await asyncio.sleep(_SETTLE_SECONDS)
    return {room.id: room.times for room in rooms}


@contextmanager
def _flooding(kind: str, port: int, document: str) -> Iterator[Callable[[], Any]]:
    """A flooder for the length of the block, which is told how to end it and what it then says."""
    command = (sys.executable, "-m", "tests.bench.flooder", kind, str(port), document)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=lambda: os.nice(15)
    )

    def end() -> Any:
        answer, _ = process.communicate(b"over\n", timeout=30)
        return json.loads(answer)

    try:
        yield end
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _percentiles(times: list[float]) -> tuple[float, float]:
    """p50 and p99 in ms."""
    cuts = statistics.quantiles(times, n=100)
    return cuts[49] * 1e3, cuts[98] * 1e3


COLUMNS = (
    "flood",
    "document",
    "calm p50 ms",
    "p99 ms",
    "meanwhile p50",
    "p99",
    "ratio",
    "dials/s",
    "frames/s",
    "closed with",
)


def flood_cells(felt: Felt) -> tuple[str, ...]:
    """One row of the table."""
    return (
        felt.flood,
        felt.where,
        f"{felt.calm_p50_ms:.2f}",
        f"{felt.calm_p99_ms:.2f}",
        f"{felt.p50_ms:.2f}",
        f"{felt.p99_ms:.2f}",
        f"{felt.ratio:.2f} x",
        f"{felt.connections_per_s:.0f}",
        f"{felt.frames_per_s:,.0f}",
        ", ".join(f"{code} {count} x" for code, count in felt.codes.items() if code != "0"),
    )


def flood_table(found: Sequence[Felt]) -> Table:
    """The figures for the console."""
    title = "What others feel while one floods, and comes back at once"
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if number in (0, 1, 9) else "right", no_wrap=True)
    for felt in found:
        table.add_row(*flood_cells(felt))
    return table
