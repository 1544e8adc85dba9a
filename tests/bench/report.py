"""How the figures are told: tables for people, JSON for programs, and the targets beside them.

Measures nothing.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Console
from rich.table import Table

from collab import __version__
from tests.bench.bench_delta import MAX_RATIO
from tests.bench.cases import Figures
from tests.bench.flood import COLUMNS as FLOOD_COLUMNS
from tests.bench.flood import (
    EDITS,
    JOINS,
    TARGET_JOINS_MS,
    TARGET_RATIO,
    Felt,
    flood_cells,
    flood_table,
)
from tests.bench.history import COLUMNS as HISTORY_COLUMNS
from tests.bench.history import TARGET_P99_MS as TARGET_PAST_MS
from tests.bench.history import History, history_cells, history_table
from tests.bench.memory import Memory
from tests.bench.nodes import COLUMNS as NODE_COLUMNS
from tests.bench.nodes import NodeFigures, node_cells, node_table
from tests.bench.yjs_joins import Joins, join_rows, join_table

TARGET_CASE = "1x100"
TARGET_EDITS_PER_S = 5000
TARGET_PACE = "2500/s"
TARGET_P99_MS = 30.0
TARGET_CONNECTION_BYTES = 40 * 1024
# File systems in memory: an fsync costs nothing there, and nothing is durable.
_NOT_DURABLE = frozenset({"tmpfs", "ramfs"})


class Machine(msgspec.Struct, frozen=True):
    """What the figures hold for."""

    processor: str
    cores: int
    system: str
    python: str
    file_system: str
    collab: str

    @property
    def is_durable(self) -> bool:
        """Whether the database's file system keeps what it says it does."""
        return self.file_system not in _NOT_DURABLE


class Report(msgspec.Struct):
    """Everything that was measured; a part that was not asked for is empty or None."""

    machine: Machine
    load: list[Figures] = []
    memory: Memory | None = None
    joins: Joins | None = None
    nodes: list[NodeFigures] = []
    histories: list[History] = []
    floods: list[Felt] = []
    size_ratio: float | None = None


class Target(msgspec.Struct, frozen=True):
    """Something promised, what it came to, and whether that is enough; of an invalid measurement
    nobody knows."""

    promise: str
    measured: str
    verdict: Literal["met", "missed", "invalid"]


def this_machine(folder: str) -> Machine:
    """The machine, with the file system that `folder` is on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True
    )
    return Machine(
        processor=models[0] if models else platform.machine(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        file_system=kind.stdout.strip(),
        collab=__version__,
    )


def targets(report: Report) -> list[Target]:
    """The targets of which the figures are there."""
    found = []
    for figures in report.load:
        valid = not figures.problems
        if (figures.case, figures.load) == (TARGET_CASE, "max"):
            rate = figures.edits_per_s
            promise = f"{TARGET_CASE}: at least {TARGET_EDITS_PER_S:,} edits/s"
            found.append(_target(promise, f"{rate:,.0f}", rate >= TARGET_EDITS_PER_S, valid))
        if (figures.case, figures.load) == (TARGET_CASE, TARGET_PACE):
            p99 = figures.p99_ms
            promise = f"{TARGET_CASE} at {TARGET_PACE}: p99 at most {TARGET_P99_MS:.0f} ms"
            found.append(_target(promise, f"{p99:.1f} ms", p99 <= TARGET_P99_MS, valid))
    if report.memory is not None:
        size = report.memory.bytes_per_connection
        promise = f"at most {TARGET_CONNECTION_BYTES // 1024} KB per idle connection"
        found.append(_target(promise, f"{_kb(size)} KB", size <= TARGET_CONNECTION_BYTES))
    if report.size_ratio is not None:
        ratio = report.size_ratio
        promise = f"an edit in 4 MB costs at most {MAX_RATIO:.0f} times one in 10 KB"
        found.append(_target(promise, f"{ratio:.2f}", ratio <= MAX_RATIO))
    for history in report.histories:
        promise = f"any of {history.commits:,} versions ({history.type}): p99 below "
        promise += f"{TARGET_PAST_MS:.0f} ms"
        is_met = history.p99_ms < TARGET_PAST_MS
        found.append(_target(promise, f"{history.p99_ms:.0f} ms", is_met))
    for felt in report.floods:
        if felt.flood in EDITS:
            promise = f"{felt.flood} flood: others' p99 ({felt.where}) at most {TARGET_RATIO:.0f} x"
            found.append(_target(promise, f"{felt.ratio:.2f} x", felt.ratio <= TARGET_RATIO))
        elif felt.flood == JOINS:
            promise = f"while 200 join 0.93 MB: others' p99 at most {TARGET_JOINS_MS:.0f} ms"
            is_met = felt.p99_ms <= TARGET_JOINS_MS
            found.append(_target(promise, f"{felt.p99_ms:.1f} ms", is_met))
    return found


def _target(promise: str, measured: str, is_met: bool, is_valid: bool = True) -> Target:
    if not is_valid:
        return Target(promise, measured, "invalid")
    return Target(promise, measured, "met" if is_met else "missed")


def tell(report: Report, console: Console) -> None:
    """Print the machine and all tables."""
    machine = report.machine
    console.print("\n" + _machine_line(machine))
    if not machine.is_durable:
        console.print("[red]That file system is in memory: storing is free there. Use --dir.[/]")
    if report.load:
        console.print(_load_table(report.load))
    for figures in report.load:
        for problem in figures.problems:
            console.print(f"[red]invalid: {figures.case}, {figures.load}: {problem}[/]")
    if report.memory is not None:
        console.print(_memory_table(report.memory))
    if report.joins is not None:
        console.print(join_table(report.joins))
    if report.nodes:
        console.print(node_table(report.nodes))
    if report.histories:
        console.print(history_table(report.histories))
    if report.floods:
        console.print(flood_table(report.floods))
    if held := targets(report):
        console.print(_target_table(held))


def write_json(report: Report, file: Path) -> None:
    """Everything, with the targets."""
    content = msgspec.to_builtins(report) | {"targets": msgspec.to_builtins(targets(report))}
    for told, figures in zip(content["load"], report.load, strict=True):
        told["problems"] = figures.problems
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")


def write_markdown(report: Report, file: Path) -> None:
    """The machine and the load's table, as documentation shows them."""
    lines = [_machine_line(report.machine), ""]
    if report.load:
        lines += ["| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
        lines += ["| " + " | ".join(_cells(figures)) + " |" for figures in report.load] + [""]
    if report.memory is not None:
        lines += ["| what | KB each |", "|---|---|"]
        lines += [f"| {what} | {size} |" for what, size in _memory_rows(report.memory)] + [""]
    if report.joins is not None:
        lines += ["| joining a Yjs document | |", "|---|---|"]
        lines += [f"| {what} | {measured} |" for what, measured in join_rows(report.joins)] + [""]
    if report.nodes:
        lines += ["| " + " | ".join(NODE_COLUMNS) + " |", "|" + "---|" * len(NODE_COLUMNS)]
        lines += ["| " + " | ".join(node_cells(each)) + " |" for each in report.nodes] + [""]
    if report.histories:
        lines += ["| " + " | ".join(HISTORY_COLUMNS) + " |", "|" + "---|" * len(HISTORY_COLUMNS)]
        cells = [history_cells(each) for each in report.histories]
        lines += ["| " + " | ".join(each) + " |" for each in cells] + [""]
    if report.floods:
        lines += ["| " + " | ".join(FLOOD_COLUMNS) + " |", "|" + "---|" * len(FLOOD_COLUMNS)]
        lines += ["| " + " | ".join(flood_cells(each)) + " |" for each in report.floods] + [""]
    file.write_text("\n".join(lines))


_COLUMNS = (
    "case",
    "load",
    "edits/s",
    "us/edit",
    "us/deliv.",
    "per frame",
    "p50 ms",
    "p99 ms",
    "late",
    "server",
    "gen.",
    "others",
    "",
)


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        figures.case,
        figures.load,
        f"{figures.edits_per_s:,.0f}",
        f"{figures.cpu_us_per_edit:.1f}",
        f"{figures.cpu_us_per_delivered:.2f}",
        f"{figures.edits_per_frame:.1f}",
        f"{figures.p50_ms:.2f}",
        f"{figures.p99_ms:.1f}",
        f"{figures.late_share:.0%}",
        f"{figures.server_share:.0%}",
        f"{figures.generator_share:.0%}",
        f"{figures.foreign_share:.0%}",
        "invalid" if figures.problems else "",
    )


def _machine_line(machine: Machine) -> str:
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}, "
        f"collab {machine.collab}, SQLite on {machine.file_system}"
    )


def _load_table(load: Sequence[Figures]) -> Table:
    table = Table(title="Load (documents x peers); CPU us are the server's", title_justify="left")
    for number, name in enumerate(_COLUMNS):
        table.add_column(name, justify="left" if number < 2 else "right", no_wrap=True)
    before = ""
    for figures in load:
        if before and figures.case != before:
            table.add_section()
        before = figures.case
        table.add_row(*_cells(figures), style="red" if figures.problems else None)
    return table


def _memory_rows(memory: Memory) -> list[tuple[str, str]]:
    return [
        (f"idle connection, of {memory.connections:,}", _kb(memory.bytes_per_connection)),
        (f"open document, of {memory.documents:,}", _kb(memory.bytes_per_document)),
        ("1,000 commits of an open document", _kb(memory.bytes_per_1000_commits)),
        ("Yjs document of 0.93 MB in one piece, open", _kb(memory.bytes_loaded)),
        ("the same, a while after everybody has left", _kb(memory.bytes_unloaded)),
    ]


def _kb(size: float) -> str:
    return f"{size / 1024:.1f}"


def _memory_table(memory: Memory) -> Table:
    table = Table(title="Memory (resident)", title_justify="left")
    table.add_column("what")
    table.add_column("KB each", justify="right")
    for row in _memory_rows(memory):
        table.add_row(*row)
    return table


def _target_table(held: Sequence[Target]) -> Table:
    table = Table(title="Targets", title_justify="left")
    table.add_column("target")
    table.add_column("measured", justify="right")
    table.add_column("")
    for target in held:
        style = None if target.verdict == "met" else "red"
        table.add_row(target.promise, target.measured, target.verdict, style=style)
    return table
