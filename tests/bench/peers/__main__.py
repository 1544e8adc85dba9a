"""`python -m tests.bench.peers`: collab and its peers, one after the other, on this machine.

The server has one core, the load generator another. Exits with 1 if collab lost, repeated or
reordered an edit, or nothing could be measured; a missed target or a peer that fails is only told.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from tests.bench.peers.kit import Unavailable, prepare
from tests.bench.peers.loads import CASES, Bench
from tests.bench.peers.plot import draw
from tests.bench.peers.ratios import Found, compare
from tests.bench.peers.report import Told, tell, write_json, write_markdown
from tests.bench.peers.servers import CONTENDERS, Contender, make_token, version_of
from tests.bench.process import Cores, ServerFailed, allow_many_connections, choose_cores
from tests.bench.report import this_machine
from tests.bench.room import BenchFailed

T = TypeVar("T")
JOINS, IDLE = "joins", "idle"
PARTS = (*(case.name for case in CASES), JOINS, IDLE)
SECONDS, QUICK_SECONDS, WARM_UP = 2.0, 0.7, 0.5
CEILING_PEERS = (10, 100, 500)
TABLE_WIDTH = 170


def main() -> int:
    options = _options()
    console = Console(highlight=False)
    console.width = max(console.width, TABLE_WIDTH)
    if sys.platform != "linux":
        console.print("the comparison pins processes to cores and reads /proc: it needs Linux")
        return 1
    try:
        cores = choose_cores()
        os.sched_setaffinity(0, {cores.generator})
        allow_many_connections()
        with tempfile.TemporaryDirectory(prefix="collab-peers-") as folder:
            told = _measure(options, console, Path(folder), cores)
    except (Unavailable, BenchFailed, ServerFailed) as failure:
        console.print(f"FAILED: {failure}", style="red", markup=False)
        return 1
    tell(told, console)
    if options.json is not None:
        write_json(told, options.json)
    if options.markdown is not None:
        write_markdown(told, options.markdown, options.plot)
    if options.plot is not None:
        options.plot.write_text(draw(compare(told.found)))
    return 0


def _options() -> argparse.Namespace:
    names = [one.name for one in CONTENDERS]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (all)")
    parser.add_argument(
        "--servers", default=",".join(names), help=f"some of {','.join(names)}, by commas (all)"
    )
    parser.add_argument("--seconds", type=float, help=f"measure each load so long ({SECONDS})")
    parser.add_argument("--quick", action="store_true", help=f"so long: {QUICK_SECONDS} s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="put the tables there, in their place if any"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios there, as SVG")
    parser.add_argument("--dir", metavar="DIR", help="keep the databases there, not in TMPDIR")
    options = parser.parse_args()
    for given, known in ((options.parts, PARTS), (options.servers.split(","), names)):
        if unknown := set(given) - set(known):
            parser.error(f"no such thing: {', '.join(sorted(unknown))}")
    if options.seconds is None:
        options.seconds = QUICK_SECONDS if options.quick else SECONDS
    if options.dir is not None:
        tempfile.tempdir = options.dir
    return options


def _measure(options: argparse.Namespace, console: Console, folder: Path, cores: Cores) -> Told:
    chosen = options.servers.split(",")
    contenders = [one for one in CONTENDERS if one.name in chosen]
    console.print("installing and compiling …")
    kit = prepare(
        folder,
        needs_node=any(one.script for one in contenders),
        needs_pypi=any(not one.is_ours and not one.script for one in contenders),
    )
    bench = Bench(kit, cores, make_token(), options.seconds, WARM_UP)
    console.print("the generator alone …")
    ceilings = {str(peers): bench.ceiling(peers) for peers in CEILING_PEERS}
    found = Found()
    parts = options.parts or PARTS
    for case in CASES:
        if case.name in parts:
            for one in contenders:
                console.print(f"[bold]{case.name}[/] {one.title} …")
                found.figures += _try(one, found, bench.load, one, case) or []
    for one in contenders if JOINS in parts else ():
        console.print(f"[bold]{JOINS}[/] {one.title} …")
        if joins := _try(one, found, bench.joins, one):
            found.joins.append(joins)
    for one in contenders if IDLE in parts else ():
        console.print(f"[bold]{IDLE}[/] {one.title} …")
        if idle := _try(one, found, bench.idle, one):
            found.idle.append(idle)
    versions = {one.name: version_of(one) for one in contenders if not one.is_ours}
    return Told(this_machine(tempfile.gettempdir()), versions, options.seconds, ceilings, found)


def _try(contender: Contender, found: Found, measure: Callable[..., T], *what: object) -> T | None:
    """A peer that fails is told; if we do, there is nothing to tell."""
    try:
        return measure(*what)
    except (BenchFailed, ServerFailed) as failure:
        if contender.is_ours:
            raise
        found.failures.append(f"{contender.title}: {failure}")
        return None


if __name__ == "__main__":
    sys.exit(main())
