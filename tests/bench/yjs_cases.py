"""The cases of `cases` over y-websocket: what an unmodified Yjs provider sends and is sent.

Ten peers of a document write, with 64 edits under way between them; of the 200 documents every
peer writes, one edit each.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from tests.bench.cases import Case, Figures, Timing, measure
from tests.bench.process import Cores, Server, running_server
from tests.bench.yjs_load import YjsLoad, YjsPeer, check_newcomers
from tests.bench.yjs_room import YjsRoom

_WRITERS = 10
CASES = (
    Case("yjs-1x10", documents=1, peers=10, writers=_WRITERS),
    Case("yjs-1x100", documents=1, peers=100, writers=_WRITERS, fixed_rates=(2500,)),
    Case("yjs-1x500", documents=1, peers=500, writers=_WRITERS),
    Case("yjs-200x5", documents=200, peers=5, writers=5, fixed_rates=(2000,)),
)
_OUTSTANDING = 64
_SAMPLED_PEERS = 10


def run_case(case: Case, timing: Timing, command: Sequence[str], cores: Cores) -> list[Figures]:
    """All measurements of one case; raises BenchFailed when an edit is lost or repeated."""
    with tempfile.TemporaryDirectory(prefix="collab-bench-") as folder:
        with running_server(command, Path(folder), cores) as server:
            return uvloop.run(_run(case, timing, server))


async def _run(case: Case, timing: Timing, server: Server) -> list[Figures]:
    load = YjsLoad(server.port)
    for document in range(case.documents):
        load.rooms.append(room := YjsRoom(f"{case.name}-{document}"))
        await load.connect(
            [
                YjsPeer(load, room, number, sampled=_is_sampled(case, number))
                for number in range(case.peers)
            ]
        )
    writers = _writers(case, load.peers)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        load.employ(writers, max(_OUTSTANDING, len(writers)))
        found = await measure(case, load, server, timing)
        await check_newcomers(load, first_number=case.peers)
    finally:
        gc.enable()
        gc.unfreeze()
        await load.disconnect()
    return found


def _is_sampled(case: Case, number: int) -> bool:
    """Whether the latencies of what this peer is sent are kept: ten of a document, or one."""
    return number % max(1, case.peers // _SAMPLED_PEERS) == 0 if case.documents == 1 else not number


def _writers(case: Case, peers: Sequence[YjsPeer]) -> list[YjsPeer]:
    """Spread over the documents, and over the order in which peers came."""
    step = case.peers // case.writers
    return [
        peers[document * case.peers + place]
        for place in range(0, step * case.writers, step)
        for document in range(case.documents)
    ]
