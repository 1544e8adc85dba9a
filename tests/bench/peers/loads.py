"""What every server is put through: one generator process for each case, and what it tells.

The loads of a case follow each other: as much as the server takes (a closed loop), shares of that,
a rate, one who types, and more than the server can do.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.bench.cases import MAX_FOREIGN_SHARE, MAX_GENERATOR_SHARE
from tests.bench.peers.kit import Kit
from tests.bench.peers.servers import Contender, command_of, path_of
from tests.bench.process import Cores, Server, ServerFailed, running_server
from tests.bench.room import BenchFailed

MAX, QUARTER, MOST, RATE, TYPING, PRESSED = "max", "25%", "75%", "2000/s", "typing", "125%"
JOINS_ALONE, JOINS_AT_ONCE = 20, 200
IDLE_UNCOUNTED, IDLE_COUNTED, IDLE_DOCUMENTS, IDLE_SETTLE_SECONDS = 200, 1000, 10, 1.5
_WRITERS, _LONE_WRITERS, _UNDER_WAY = 10, 64, 64
_TYPING_RATE, _TYPING_SECONDS = 20, 10.0
_PATIENCE_SECONDS = 180.0


class Case(msgspec.Struct, frozen=True):
    """Documents with so many peers each, and the loads besides MAX, QUARTER and MOST."""

    name: str
    documents: int
    peers: int
    more: tuple[str, ...] = ()

    def writers(self, contender: Contender) -> int:
        """How many of a document's peers write."""
        return min(self.peers, _LONE_WRITERS if contender.one_under_way else _WRITERS)


CASES = (
    Case("1x10", 1, 10),
    Case("1x100", 1, 100, (RATE, TYPING, PRESSED)),
    Case("1x500", 1, 500),
    Case("200x5", 200, 5, (RATE,)),
)


def problems(generator_share: float, foreign_share: float) -> list[str]:
    """Why a measurement does not count."""
    found = []
    if generator_share > MAX_GENERATOR_SHARE:
        found.append("the generator was busy")
    if foreign_share > MAX_FOREIGN_SHARE:
        found.append("the server's core was not its own")
    return found


class Figures(msgspec.Struct, frozen=True):
    """One load. Shares are of one core; `early` and `later` are the halves of the time measured;
    `held` were due and not sent, `missing` sent and not everywhere eight seconds later."""

    load: str
    offered_per_s: float = 0.0
    edits_per_s: float = 0.0
    delivered_per_s: float = 0.0
    server_share: float = 0.0
    generator_share: float = 0.0
    foreign_share: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    early_p99_ms: float = 0.0
    later_p99_ms: float = 0.0
    samples: int = 0
    late: int = 0
    held: int = 0
    missing: int = 0
    reordered: int = 0
    skipped: bool = False  # above what the server can do
    case: str = ""
    server: str = ""

    @property
    def us_per_edit(self) -> float:
        return self.server_share / self.edits_per_s * 1e6 if self.edits_per_s else 0.0

    @property
    def us_per_delivered(self) -> float:
        return self.server_share / self.delivered_per_s * 1e6 if self.delivered_per_s else 0.0

    @property
    def is_valid(self) -> bool:
        return not problems(self.generator_share, self.foreign_share)

    @property
    def remarks(self) -> list[str]:
        """What is to be known of the figures, and what makes them invalid."""
        found = problems(self.generator_share, self.foreign_share)
        if self.missing:
            found.append(f"{self.missing:,} deliveries missing after 8 s")
        if self.reordered:
            found.append(f"{self.reordered:,} out of order")
        return found


class Joins(msgspec.Struct, frozen=True):
    """Joining a document with a long history; times in milliseconds."""

    state_bytes: int
    alone_ms: float
    at_once: int
    all_ms: float
    server_share: float
    generator_share: float
    foreign_share: float
    server: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether joining counts."""
        return not problems(self.generator_share, self.foreign_share)


class Idle(msgspec.Struct, frozen=True):
    """What a connection occupies in the server while nothing happens."""

    connections: int
    bytes_per_connection: float
    server: str = ""


class Bench:
    """One server after the other on the same two cores."""

    def __init__(self, kit: Kit, cores: Cores, token: str, seconds: float, warm_up: float) -> None:
        self._kit = kit
        self._cores = cores
        self._token = token
        self._seconds = seconds
        self._warm_up = warm_up

    def load(self, contender: Contender, case: Case) -> list[Figures]:
        """All loads of a case; raises BenchFailed when an edit is lost, ServerFailed."""
        shape = ["--documents", str(case.documents), "--peers", str(case.peers)]
        shape += ["--writers", str(case.writers(contender)), "--warm-up", str(self._warm_up)]
        found: list[Figures] = []
        try:
            with self._running(contender) as server:
                lines = self._generate(contender, server, shape, self._phases(case))
                found += (msgspec.json.decode(line, type=Figures) for line in lines)
        except ServerFailed:
            # A server that collapsed under pressure need not end in order.
            if not found or not found[-1].missing:
                raise
        named = (
            msgspec.structs.replace(one, case=case.name, server=contender.name) for one in found
        )
        return list(named)[1:]

    def joins(self, contender: Contender) -> Joins:
        """A document of 0.9 MB, joined alone and by many at once."""
        shape = ("--documents", "1", "--peers", "1", "--writers", "1")
        counts = ("joins", str(JOINS_ALONE), str(JOINS_AT_ONCE))
        with self._running(contender) as server:
            (line,) = self._generate(contender, server, shape, counts)
        joins = msgspec.json.decode(line, type=Joins)
        return msgspec.structs.replace(joins, server=contender.name)

    def idle(self, contender: Contender) -> Idle:
        """The growth of the server's memory over many connections."""
        each = (IDLE_UNCOUNTED + IDLE_COUNTED) // IDLE_DOCUMENTS
        shape = ("--documents", str(IDLE_DOCUMENTS), "--peers", str(each), "--writers", "1")
        counts = ("idle", str(IDLE_UNCOUNTED), str(IDLE_COUNTED), str(IDLE_SETTLE_SECONDS))
        with self._running(contender) as server:
            (line,) = self._generate(contender, server, shape, counts)
        idle = msgspec.json.decode(line, type=Idle)
        return msgspec.structs.replace(idle, server=contender.name)

    def ceiling(self, peers: int) -> Figures:
        """What the generator itself can do: the load of a server that only passes edits on."""
        seconds = self._seconds
        phases = (f"warm:closed:{_UNDER_WAY}:0.5", f"{MAX}:closed:{50 * _UNDER_WAY}:{seconds}")
        with trivial_server(self._kit, self._cores.server) as (pid, port):
            lines = run_generator(
                self._kit.load,
                ("--protocol", "y-websocket", "--port", str(port), "--pid", str(pid), "--strict"),
                ("--core", str(self._cores.server), "--peers", str(peers)),
                phases,
            )
        return msgspec.json.decode(lines[-1], type=Figures)

    def _phases(self, case: Case) -> Sequence[str]:
        """The first is not told: it is there for compilers that learn while they run."""
        seconds = self._seconds
        kinds = {
            RATE: f"{RATE}:rate:2000:{seconds}",
            TYPING: f"{TYPING}:typing:{_TYPING_RATE}:{_TYPING_SECONDS}",
            PRESSED: f"{PRESSED}:pressed:1.25:{seconds * 2}",
        }
        return (
            f"warm:closed:{_UNDER_WAY}:{self._warm_up}",
            f"{MAX}:closed:{_UNDER_WAY}:{seconds}",
            f"{QUARTER}:share:0.25:{seconds}",
            f"{MOST}:share:0.75:{seconds}",
            *(kinds[name] for name in case.more),
        )

    @contextmanager
    def _running(self, contender: Contender) -> Iterator[Server]:
        with tempfile.TemporaryDirectory(prefix="collab-bench-") as name:
            folder = Path(name)
            command = command_of(contender, self._kit, folder)
            with running_server(command, folder, self._cores) as server:
                yield server

    def _generate(
        self, contender: Contender, server: Server, shape: Sequence[str], what: Sequence[str]
    ) -> list[str]:
        where = ["--port", str(server.port), "--pid", str(server.pid)]
        where += ["--core", str(server.cores.server), "--path", path_of(contender, self._token)]
        strict = ("--strict",) if contender.is_ours else ()
        protocol = ("--protocol", contender.protocol)
        return run_generator(self._kit.load, (*protocol, *where, *strict), shape, what)


def run_generator(load: Path, *arguments: Sequence[str]) -> list[str]:
    """Run the generator to its end; its lines of JSON. Raises BenchFailed with what it says."""
    command = [str(load), *(argument for group in arguments for argument in group)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"the generator did not end in {_PATIENCE_SECONDS:.0f} s") from None
    if done.returncode:
        raise BenchFailed(done.stderr.strip() or f"the generator ended with {done.returncode}")
    return done.stdout.splitlines()


@contextmanager
def trivial_server(kit: Kit, core: int, lost: int = 0) -> Iterator[tuple[int, int]]:
    """A server that only passes edits on, all but number `lost`; its process id and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen((str(kit.broadcast), str(port), str(lost)))
    try:
        os.sched_setaffinity(process.pid, {core})
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ServerFailed("the trivial server did not start") from None
                time.sleep(0.02)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()
