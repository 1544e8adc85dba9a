"""How the comparison is told: tables for people, JSON for programs, a section of a document.

Measures nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.peers.loads import Figures
from tests.bench.peers.plot import bar
from tests.bench.peers.ratios import (
    Found,
    Pressed,
    Ratio,
    Row,
    compare,
    under_pressure,
)
from tests.bench.peers.servers import CONTENDERS
from tests.bench.report import Machine

BEGIN, END = "<!-- bench-peers: begin -->", "<!-- bench-peers: end -->"
_TITLES = {one.name: one.title for one in CONTENDERS}


class Told(msgspec.Struct, frozen=True):
    """A whole run. `ceilings` are the generator's own, by number of peers."""

    machine: Machine
    versions: dict[str, str]
    seconds: float
    ceilings: dict[str, Figures]
    found: Found


_RATIO_COLUMNS = ("work", "best peer", "", "promised", "collab", "", "native", "", "to sharedb")
_LOAD_COLUMNS = ("case", "load", "server", "edits/s", "us/edit", "us/deliv.", "p50 ms", "p99 ms")
_SHARES = ("server", "gen.", "others", "")


def tell(told: Told, console: Console) -> None:
    """Print everything."""
    rows, pressed = compare(told.found), under_pressure(told.found)
    console.print("\n" + _machine_line(told))
    if not told.machine.is_durable:
        console.print("[red]That file system is in memory: storing is free there. Use --dir.[/]")
    console.print(_ceiling_line(told))
    pictures = [(row.name, bar(row, row.collab), bar(row, row.native)) for row in rows]
    for title, columns, lines in (
        ("Every load", (*_LOAD_COLUMNS, *_SHARES), _load_rows(told.found)),
        ("Joining and memory", _STATE_COLUMNS, _state_rows(told.found)),
        ("More than it can do (125 %)", _PRESSED_COLUMNS, _pressed_rows(pressed)),
        ("Beside the best peer", _RATIO_COLUMNS, list(map(_ratio_cells, rows))),
        ("The same as a picture", ("1/8 … | … 8 times better", "collab", "native"), pictures),
    ):
        if lines:
            console.print(_table(title, columns, lines))
    console.print(_left_out(told))
    for failure in told.found.failures:
        console.print(f"failed: {failure}", style="red", markup=False)


def write_json(told: Told, file: Path) -> None:
    """Everything, with the ratios."""
    content = msgspec.to_builtins(told) | {
        "ratios": msgspec.to_builtins(compare(told.found)),
        "pressed": msgspec.to_builtins(under_pressure(told.found)),
    }
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")


def write_markdown(told: Told, file: Path, picture: Path | None = None) -> None:
    """Put the tables between BEGIN and END if the file has these lines, else write them alone."""
    shown = ""
    if picture is not None:
        where = os.path.relpath(picture.resolve(), file.resolve().parent)
        shown = f"\n![Times better than the best peer in memory]({where})\n"
    section = f"{BEGIN}\n{_section(told)}{shown}{END}\n"
    before = file.read_text() if file.exists() else ""
    head, begin, rest = before.partition(BEGIN + "\n")
    _, end, tail = rest.partition(END + "\n")
    file.write_text(f"{head}{section}{tail}" if begin and end else section)


def _section(told: Told) -> str:
    rows, pressed = compare(told.found), under_pressure(told.found)
    lines = [
        f"On {date.today().isoformat()}, {told.seconds:g} seconds a load.",
        _machine_line(told) + ".",
        _ceiling_line(told),
        "",
        *_lines(_RATIO_COLUMNS, map(_ratio_cells, rows)),
        *_lines(_PRESSED_COLUMNS, _pressed_rows(pressed)),
        *_lines(_STATE_COLUMNS, _state_rows(told.found)),
        *_lines((*_LOAD_COLUMNS, *_SHARES), _load_rows(told.found)),
    ]
    lines += [_left_out(told)] if _left_out(told) else []
    lines += [f"Failed: {failure.splitlines()[0]}" for failure in told.found.failures]
    return "\n".join(lines).rstrip("\n") + "\n"


def _lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    made = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return [*made, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        is_bad = any(cell in {"missed", "invalid"} for cell in row)
        table.add_row(*row, style="red" if is_bad else None)
    return table


def _machine_line(told: Told) -> str:
    machine = told.machine
    versions = ", ".join(version for name, version in told.versions.items())
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}, "
        f"collab {machine.collab}, SQLite on {machine.file_system}; {versions}"
    )


def _ceiling_line(told: Told) -> str:
    parts = [
        f"{one.delivered_per_s:,.0f} deliveries/s to {peers} peers with {one.generator_share:.0%} "
        "of its core"
        for peers, one in told.ceilings.items()
    ]
    return f"The generator alone, before a server that only passes edits on: {', '.join(parts)}."


def _left_out(told: Told) -> str:
    """The rivals that were not measured, or nothing."""
    names = [one.title for one in CONTENDERS if one.is_rival and one.name not in told.versions]
    return f"Left out, though one may be the best peer: {', '.join(names)}." if names else ""


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}" if unit != "/s" else f"{value:,.0f}"


def _ratio_cells(row: Row) -> tuple[str, ...]:
    sign = ">=" if row.more_is_better else "<="
    promised = f"{sign} {row.limit:g} x" if row.limit is not None else ""
    native = row.native.to_sharedb if row.native else None
    return (
        row.name,
        row.best,
        _number(row.best_measured, row.unit),
        promised,
        *_ours(row, row.collab),
        *_ours(row, row.native),
        f"{native:.2f} x" if native is not None else "",
    )


def _ours(row: Row, ratio: Ratio | None) -> tuple[str, str]:
    if ratio is None:
        return "", ""
    return f"{_number(ratio.measured, row.unit)} = {ratio.ratio:.2f} x", ratio.verdict


_PRESSED_COLUMNS = ("server", "of its maximum", "p99, first half", "second half", "missing", "")


def _pressed_rows(pressed: Sequence[Pressed]) -> list[tuple[str, ...]]:
    return [
        (
            one.server,
            f"{one.share:.2f} x",
            f"{one.early_p99_ms:,.0f} ms",
            f"{one.later_p99_ms:,.0f} ms",
            f"{one.missing:,}",
            one.verdict,
        )
        for one in pressed
    ]


_STATE_COLUMNS = ("server", "state", "one join", "200 at once", "gen.", "idle connection")


def _state_rows(found: Found) -> list[tuple[str, ...]]:
    idle = {one.server: f"{one.bytes_per_connection / 1000:.1f} kB" for one in found.idle}
    joins = {one.server: one for one in found.joins}
    rows: list[tuple[str, ...]] = []
    for server in CONTENDERS:
        one = joins.get(server.name)
        if one is None and server.name not in idle:
            continue
        joined = ("", "", "", "")
        if one is not None:
            joined = (
                f"{one.state_bytes / 1000:,.0f} kB",
                f"{one.alone_ms:.2f} ms",
                f"{one.all_ms:,.0f} ms",
                f"{one.generator_share:.0%}",
            )
        rows.append((server.title, *joined, idle.get(server.name, "")))
    return rows


def _load_rows(found: Found) -> list[tuple[str, ...]]:
    rows = []
    for one in found.figures:
        names = (one.case, one.load, _TITLES[one.server])
        if one.skipped:
            rows.append((*names, *[""] * 8, "more than it can do"))
            continue
        rows.append(
            (
                *names,
                f"{one.edits_per_s:,.0f}",
                f"{one.us_per_edit:.1f}",
                f"{one.us_per_delivered:.2f}",
                f"{one.p50_ms:.2f}",
                f"{one.p99_ms:.1f}",
                f"{one.server_share:.0%}",
                f"{one.generator_share:.0%}",
                f"{one.foreign_share:.0%}",
                "; ".join(one.remarks),
            )
        )
    return rows
