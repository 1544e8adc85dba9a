"""`python -m tests.bench [PART ...]`: measure this machine's server, and print what it comes to.

Exits with 1 if an edit was lost, repeated or reordered, or the server failed; a missed target or an
invalid measurement is only told.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
from rich.console import Console

from tests.bench import bench_delta, bench_store, yjs_cases
from tests.bench.cases import CASES, Timing, run_case
from tests.bench.fleet import missing
from tests.bench.flood import measure_flood
from tests.bench.history import measure_history
from tests.bench.memory import measure_memory
from tests.bench.nodes import measure_nodes
from tests.bench.process import (
    SERVE,
    Cores,
    ServerFailed,
    allow_many_connections,
    choose_cores,
)
from tests.bench.report import Report, tell, this_machine, write_json, write_markdown
from tests.bench.room import BenchFailed
from tests.bench.yjs_joins import measure_joins

EDIT, STORE, MEMORY, YJS_JOIN, HISTORY = "edit", "store", "memory", "yjs-join", "history"
NODES, FLOOD = "nodes", "flood"
LOADS = dict.fromkeys(CASES, run_case) | dict.fromkeys(yjs_cases.CASES, yjs_cases.run_case)
PARTS = (EDIT, STORE, *(case.name for case in LOADS), MEMORY, YJS_JOIN, HISTORY, FLOOD, NODES)
TABLE_WIDTH = 130
# Usual and quick.
SECONDS, WARM_UP_SECONDS, COUNT = (8.0, 1.5), (2.0, 0.5), (2000, 500)


def main() -> int:
    options = _options()
    console = Console(highlight=False)
    console.width = max(console.width, TABLE_WIDTH)
    if sys.platform != "linux":
        console.print("the benchmark pins processes to cores and reads /proc: it needs Linux")
        return 1
    parts = options.parts or [part for part in PARTS if part != NODES or not missing()]
    if NODES not in parts and not options.parts:
        console.print(f"{NODES}: left out, not installed: {missing()}", style="red")
    report = Report(this_machine(tempfile.gettempdir()))
    try:
        cores = choose_cores()
        os.sched_setaffinity(0, {cores.generator})
        allow_many_connections()
        for part in PARTS:
            if part in parts:
                console.print(f"[bold]{part}[/] …")
                _run(part, options, cores, report)
    except (BenchFailed, ServerFailed) as failure:
        console.print(f"FAILED: {failure}", style="red", markup=False)
        return 1
    tell(report, console)
    if options.json is not None:
        write_json(report, options.json)
    if options.markdown is not None:
        write_markdown(report, options.markdown)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (all)")
    parser.add_argument("--quick", action="store_true", help="a rough look: other defaults")
    for name, kind, (usual, quick), meaning in (
        ("--seconds", float, SECONDS, "measure each load so long"),
        ("--warm-up", float, WARM_UP_SECONDS, "after so many seconds"),
        ("--count", int, COUNT, "idle connections and documents in memory"),
    ):
        parser.add_argument(name, type=kind, help=f"{meaning} ({usual}, quick {quick})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    parser.add_argument("--dir", metavar="DIR", help="keep the databases there, not in TMPDIR")
    parser.add_argument(
        "--server",
        type=shlex.split,
        default=SERVE,
        metavar="COMMAND",
        help="what to measure; it reads HOST, PORT and DATABASE_URL (collab serve)",
    )
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name, defaults in (("seconds", SECONDS), ("warm_up", WARM_UP_SECONDS), ("count", COUNT)):
        if getattr(options, name) is None:
            setattr(options, name, defaults[options.quick])
    if options.dir is not None:
        tempfile.tempdir = options.dir
    return options


def _run(part: str, options: argparse.Namespace, cores: Cores, report: Report) -> None:
    command: Sequence[str] = options.server
    if part == EDIT:
        report.size_ratio = bench_delta.compare_sizes()
    elif part == STORE:
        with tempfile.TemporaryDirectory(prefix="collab-bench-") as folder:
            url = f"sqlite:///{folder}/bench.db"
            anyio.run(bench_store.main, url, backend_options={"use_uvloop": True})
    elif part == MEMORY:
        report.memory = measure_memory(options.count, command, cores)
    elif part == YJS_JOIN:
        report.joins = measure_joins(command, cores)
    elif part == HISTORY:
        report.histories = measure_history(command, cores)
    elif part == FLOOD:
        report.floods = measure_flood(command, cores, options.seconds)
    elif part == NODES:
        timing = Timing(warm_up=options.warm_up, measured=options.seconds)
        report.nodes += measure_nodes(timing, command, cores)
    else:
        case, run = next((case, run) for case, run in LOADS.items() if case.name == part)
        timing = Timing(warm_up=options.warm_up, measured=options.seconds)
        report.load += run(case, timing, command, cores)


if __name__ == "__main__":
    sys.exit(main())
