"""What several nodes over one PostgreSQL come to: how fast edits cross, and what it costs.

All nodes, PostgreSQL and Redis share one core, the generator has the other. So edits a second are
those of that core, whatever the number of nodes, and edits per processor second show how the cost
grows with it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence

import msgspec
import uvloop
from rich.table import Table

from tests.bench.cases import Timing, percentile
from tests.bench.fleet import Fleet, running_fleet
from tests.bench.generator import LONG, SHORT, Load, Peer
from tests.bench.process import Cores
from tests.bench.room import Room

LATENCY_RATE = 50.0
PACE = 500.0
"""As many people as there are writers would come to about that."""
COUNTS = (1, 2, 4)
_SAMPLED = 10


class Crowd(msgspec.Struct, frozen=True):
    """Who writes: `peers` at each of `documents`, `spread` over all nodes, or all at one node, so
    that each node has its share of the documents."""

    name: str
    documents: int
    peers: int
    spread: bool


CROWDS = (
    Crowd("1x100, anywhere", documents=1, peers=100, spread=True),
    Crowd("200x5, anywhere", documents=200, peers=5, spread=True),
    Crowd("200x5, at one node", documents=200, peers=5, spread=False),
)


class NodeFigures(msgspec.Struct, frozen=True):
    """One measurement. Latencies are from sending to another peer; CPU of all nodes together, of
    PostgreSQL and of Redis, in microseconds for each edit."""

    case: str
    load: str
    nodes: int
    redis: bool
    edits_per_s: float
    p50_ms: float
    p99_ms: float
    nodes_us: float
    postgres_us: float
    redis_us: float
    generator_share: float

    @property
    def edits_per_cpu_s(self) -> float:
        """Edits for each processor second of everything but the generator."""
        return 1e6 / (self.nodes_us + self.postgres_us + self.redis_us)


def measure_nodes(timing: Timing, command: Sequence[str], cores: Cores) -> Iterator[NodeFigures]:
    """All measurements; raises BenchFailed when an edit is lost or repeated."""
    for redis in (True, False):
        with running_fleet(command, cores, 2, redis=redis) as fleet:
            yield from uvloop.run(_latencies(fleet, timing, redis))
    for crowd in CROWDS:
        for redis in (True, False):
            for count in COUNTS:
                with running_fleet(command, cores, count, redis=redis) as fleet:
                    yield from uvloop.run(_write(crowd, fleet, timing, redis))


async def _latencies(fleet: Fleet, timing: Timing, redis: bool) -> list[NodeFigures]:
    """A writer, and readers on its node and on the other one, at an easy pace."""
    here, there = fleet.ports
    load = Load(here)
    room = Room("latency")
    load.rooms.append(room)
    writer = Peer(load, room, "writer-writer-writer")
    near = Peer(load, room, "reader-on-the-same-node", sampled=True, port=here)
    far = Peer(load, room, "reader-on-another-node", port=there)
    await load.connect([writer, near, far])
    load.seed(writer, (SHORT + LONG) // 2)
    await load.rest()
    found = []
    for case in ("to the same node", "to another node"):
        load.employ([writer])
        load.write_paced(LATENCY_RATE)
        found.append(await _measure(case, f"{LATENCY_RATE:.0f}/s", fleet, load, timing, redis))
        near.sampled, far.sampled = False, True
    await _end(load)
    return found


async def _write(crowd: Crowd, fleet: Fleet, timing: Timing, redis: bool) -> list[NodeFigures]:
    """Everybody writes: as much as they can, and then at the pace of people."""
    load = Load(fleet.ports[0])
    count = len(fleet.ports)
    every = max(1, crowd.peers // _SAMPLED) if crowd.documents == 1 else crowd.peers
    for number in range(crowd.documents):
        room = Room(f"d{number}")
        load.rooms.append(room)
        group = []
        for place in range(crowd.peers):
            port = fleet.ports[(number + (place if crowd.spread else 0)) % count]
            sampled = place % every == 0
            group.append(Peer(load, room, f"{place:016}", sampled=sampled, port=port))
        await load.connect(group)
        load.seed(group[0], (SHORT + LONG) // 2)
    await load.rest()
    load.employ(list(load.peers))
    load.write_at_once()
    found = [await _measure(crowd.name, "max", fleet, load, timing, redis)]
    load.write_paced(PACE)
    found.append(await _measure(crowd.name, f"{PACE:.0f}/s", fleet, load, timing, redis))
    await _end(load)
    return found


async def _measure(
    case: str, name: str, fleet: Fleet, load: Load, timing: Timing, redis: bool
) -> NodeFigures:
    """Figures of the load that is running; it has ended and everything has arrived after it."""
    gc.collect()
    gc.disable()
    try:
        await load.watch(timing.warm_up)
        load.open_window()
        began, edits, spent, own = (
            time.perf_counter(),
            load.acks,
            fleet.spent(),
            time.process_time(),
        )
        await load.watch(timing.measured)
        wall, edits = time.perf_counter() - began, load.acks - edits
        now, own = fleet.spent(), time.process_time() - own
        load.close_window()
        await load.rest()
    finally:
        gc.enable()
    return NodeFigures(
        case=case,
        load=name,
        nodes=len(fleet.nodes),
        redis=redis,
        edits_per_s=edits / wall,
        p50_ms=percentile(load.latencies, 0.5) * 1000,
        p99_ms=percentile(load.latencies, 0.99) * 1000,
        nodes_us=(now.nodes - spent.nodes) / edits * 1e6,
        postgres_us=(now.postgres - spent.postgres) / edits * 1e6,
        redis_us=(now.redis - spent.redis) / edits * 1e6,
        generator_share=own / wall,
    )


async def _end(load: Load) -> None:
    """A newcomer of every document must be shown what the others have; then all go."""
    newcomers = [
        Peer(load, room, f"newcomer-at-{port}", port=port)
        for room in load.rooms
        for port in {peer.port for peer in load.peers if peer.room is room}
    ]
    await load.connect(newcomers)
    for newcomer in newcomers:
        newcomer.room.check_newcomer(newcomer.welcome)
    await load.disconnect()


# Telling ------------------------------------------------------------------------------------------

COLUMNS = (
    *("case", "load", "nodes", "Redis", "edits/s", "p50 ms", "p99 ms"),
    *("us nodes", "us PG", "us Redis", "edits/CPU s", "gen."),
)


def node_cells(figures: NodeFigures) -> tuple[str, ...]:
    """One measurement as a row under COLUMNS."""
    return (
        figures.case,
        figures.load,
        f"{figures.nodes}",
        "yes" if figures.redis else "no",
        f"{figures.edits_per_s:,.0f}",
        f"{figures.p50_ms:.1f}",
        f"{figures.p99_ms:.1f}",
        f"{figures.nodes_us:.0f}",
        f"{figures.postgres_us:.0f}",
        f"{figures.redis_us:.0f}",
        f"{figures.edits_per_cpu_s:,.0f}",
        f"{figures.generator_share:.0%}",
    )


def node_table(found: Sequence[NodeFigures]) -> Table:
    table = Table(
        title="Several nodes, PostgreSQL and Redis on one core; CPU us per edit",
        title_justify="left",
    )
    for number, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if number < 2 else "right", no_wrap=True)
    before = ""
    for figures in found:
        if before and figures.case != before:
            table.add_section()
        before = figures.case
        table.add_row(*node_cells(figures))
    return table
