"""What is measured under load: one document with many peers, and many documents with a few.

Each case has a fresh server and a fresh database. First as many edits as the server takes (closed
loop), then rates below that. Owns what is measured; `report` owns how it is told.
"""

from __future__ import annotations

import gc
import tempfile
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import uvloop

from tests.bench.generator import LONG, SHORT, Load, Peer
from tests.bench.process import Cores, Server, busy_seconds, running_server
from tests.bench.room import BenchFailed, Room

MAX_GENERATOR_SHARE = 0.8
# Of the server's core, used by something else: more than the kernel's own work for its disk.
MAX_FOREIGN_SHARE = 0.2
PACES = (0.25, 0.5, 0.75)
_SAMPLED_PEERS = 10


class Case(msgspec.Struct, frozen=True):
    """`writers` of each document's peers write; over the native protocol each has one edit
    outstanding. `fixed_rates` are offered besides the shares of the maximum, in edits a second over
    all documents."""

    name: str
    documents: int
    peers: int
    writers: int
    fixed_rates: tuple[int, ...] = ()


CASES = (
    Case("1x10", documents=1, peers=10, writers=10),
    Case("1x100", documents=1, peers=100, writers=64, fixed_rates=(2500,)),
    Case("1x500", documents=1, peers=500, writers=64),
    Case("200x5", documents=200, peers=5, writers=5, fixed_rates=(2000,)),
)


class Running(Protocol):
    """A load that goes on or has come to rest, and what it counts from its beginning."""

    latencies: array[float]
    late: int

    @property
    def acks(self) -> int: ...

    @property
    def delivered(self) -> int: ...

    @property
    def frames(self) -> int: ...

    def write_at_once(self) -> None: ...

    def write_paced(self, rate: float) -> None: ...

    def open_window(self) -> None: ...

    def close_window(self) -> None: ...

    async def watch(self, seconds: float) -> None: ...

    async def rest(self) -> None: ...


class Timing(msgspec.Struct, frozen=True):
    """How long everything goes on, in seconds."""

    warm_up: float
    measured: float


class Figures(msgspec.Struct, frozen=True):
    """One measurement. Shares are of one core; latencies are from sending to another peer."""

    case: str
    load: str
    offered_per_s: float | None
    edits_per_s: float
    delivered_per_s: float
    edits_per_frame: float
    cpu_us_per_edit: float
    cpu_us_per_delivered: float
    p50_ms: float
    p99_ms: float
    late_share: float
    server_share: float
    generator_share: float
    foreign_share: float

    @property
    def problems(self) -> list[str]:
        """Why this measurement does not count."""
        found = []
        if self.generator_share > MAX_GENERATOR_SHARE:
            found.append("the generator was busy")
        if self.foreign_share > MAX_FOREIGN_SHARE:
            found.append("others used the server's core")
        return found


class _Reading(msgspec.Struct, frozen=True):
    at: float
    edits: int
    delivered: int
    frames: int
    server: float
    generator: float
    core: float


def _read(load: Running, server: Server) -> _Reading:
    return _Reading(
        at=time.perf_counter(),
        edits=load.acks,
        delivered=load.delivered,
        frames=load.frames,
        server=server.cpu_seconds(),
        generator=time.process_time(),
        core=busy_seconds(server.cores.server),
    )


def run_case(case: Case, timing: Timing, command: Sequence[str], cores: Cores) -> list[Figures]:
    """All measurements of one case; raises BenchFailed when an edit is lost or repeated."""
    with tempfile.TemporaryDirectory(prefix="collab-bench-") as folder:
        with running_server(command, Path(folder), cores) as server:
            return uvloop.run(_run(case, timing, server))


async def _run(case: Case, timing: Timing, server: Server) -> list[Figures]:
    load = Load(server.port)
    writers = await _gather_peers(case, load)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        load.employ(writers)
        found = await measure(case, load, server, timing)
        await _verify(load)
    finally:
        gc.enable()
        gc.unfreeze()
        await load.disconnect()
    return found


async def measure(case: Case, load: Running, server: Server, timing: Timing) -> list[Figures]:
    """Figures of the most the server takes, and then of the rates."""
    load.write_at_once()
    most = await _measure(case, "max", None, load, server, timing)
    found = [most]
    rates = [(f"{pace:.0%}", pace * most.edits_per_s) for pace in PACES]
    rates += [(f"{rate}/s", rate) for rate in case.fixed_rates]
    for name, rate in rates:
        load.write_paced(rate)
        found.append(await _measure(case, name, rate, load, server, timing))
    return found


async def _gather_peers(case: Case, load: Load) -> list[Peer]:
    """Connect everyone, give each document its first text; those who will write."""
    every = max(1, case.peers // _SAMPLED_PEERS)
    for number in range(case.documents):
        room = Room(f"{case.name}-{number}")
        load.rooms.append(room)
        sampled = range(0, case.peers, every if case.documents == 1 else case.peers)
        peers = [
            Peer(load, room, f"{place:016}", sampled=place in sampled)
            for place in range(case.peers)
        ]
        await load.connect(peers)
        load.seed(peers[0], (SHORT + LONG) // 2)
    await load.rest()
    # Spread over the documents, and over the order in which peers came.
    step = case.peers // case.writers
    chosen = range(0, step * case.writers, step)
    return [
        load.peers[document * case.peers + place]
        for place in chosen
        for document in range(case.documents)
    ]


async def _measure(
    case: Case, name: str, rate: float | None, load: Running, server: Server, timing: Timing
) -> Figures:
    """Figures of the load that is running; it has ended and everything has arrived after it."""
    await load.watch(timing.warm_up)
    load.open_window()
    before = _read(load, server)
    await load.watch(timing.measured)
    after = _read(load, server)
    load.close_window()
    await load.rest()
    wall = after.at - before.at
    edits = after.edits - before.edits
    delivered = after.delivered - before.delivered
    server_s = after.server - before.server
    if not edits or not delivered or not load.latencies:
        raise BenchFailed(f"{case.name}: nothing was delivered in {wall:.1f} s")
    return Figures(
        case=case.name,
        load=name,
        offered_per_s=rate,
        edits_per_s=edits / wall,
        delivered_per_s=delivered / wall,
        edits_per_frame=(delivered + edits) / (after.frames - before.frames),
        cpu_us_per_edit=server_s / edits * 1e6,
        cpu_us_per_delivered=server_s / delivered * 1e6,
        p50_ms=percentile(load.latencies, 0.5) * 1000,
        p99_ms=percentile(load.latencies, 0.99) * 1000,
        late_share=load.late / edits,
        server_share=server_s / wall,
        generator_share=(after.generator - before.generator) / wall,
        foreign_share=max(0.0, (after.core - before.core - server_s) / wall),
    )


async def _verify(load: Load) -> None:
    """A newcomer of every document must be shown what the others have."""
    newcomers = [Peer(load, room, "newcomer-newcomer") for room in load.rooms]
    await load.connect(newcomers)
    for newcomer in newcomers:
        newcomer.room.check_newcomer(newcomer.welcome)


def percentile(values: array[float], share: float) -> float:
    """The value that this share of the values is below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
