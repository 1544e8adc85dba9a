"""Who is the best rival, what was promised, and how it is told."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.peers.loads import MAX, PRESSED, RATE, Figures, Idle, Joins
from tests.bench.peers.plot import bar, draw
from tests.bench.peers.ratios import Found, Row, compare, under_pressure
from tests.bench.peers.report import BEGIN, END, Told, write_json, write_markdown
from tests.bench.peers.servers import COLLAB, NATIVE
from tests.bench.report import Machine

MACHINE = Machine("a processor", 2, "Linux", "3.11", "ext4", "1.0")


def most(server: str, edits: float, *, case: str = "1x10", others: float = 0.0) -> Figures:
    return Figures(MAX, edits_per_s=edits, case=case, server=server, foreign_share=others)


def joins(server: str, alone_ms: float) -> Joins:
    return Joins(900_000, alone_ms, 200, 10 * alone_ms, 0.9, 0.1, 0.0, server)


def row_of(found: Found, name: str) -> Row:
    (row,) = [row for row in compare(found) if row.name.startswith(name)]
    return row


def test_of_rates_the_highest_is_best_and_of_times_the_lowest() -> None:
    found = Found(
        figures=[most("hocuspocus", 40_000), most("sharedb", 5_000), most(COLLAB, 50_000)],
        joins=[joins("hocuspocus", 12), joins("sharedb", 4), joins(COLLAB, 2)],
    )
    edits, join = row_of(found, "1 document, 10 peers"), row_of(found, "joining")
    assert (edits.best, edits.best_measured) == ("Hocuspocus", 40_000)
    assert (join.best, join.best_measured) == ("sharedb", 4)
    assert edits.collab is not None
    assert join.collab is not None
    assert (edits.collab.ratio, edits.collab.verdict) == (1.25, "met")
    assert (join.collab.ratio, join.collab.verdict) == (0.5, "met")


@pytest.mark.parametrize(("edits", "verdict"), [(44_000, "met"), (43_999, "missed")])
def test_a_promise_is_met_from_its_ratio_on(edits: float, verdict: str) -> None:
    found = Found(figures=[most("hocuspocus", 40_000), most(COLLAB, edits)])
    ratio = row_of(found, "1 document, 10 peers").collab
    assert ratio is not None
    assert ratio.verdict == verdict


def test_a_server_that_stores_is_no_rival() -> None:
    found = Found(figures=[most("hocuspocus-sqlite", 90_000), most("y-websocket", 10_000)])
    assert row_of(found, "1 document, 10 peers").best == "y-websocket"


def test_nothing_is_met_on_a_core_that_was_shared() -> None:
    found = Found(figures=[most("hocuspocus", 10_000, others=0.5), most(COLLAB, 90_000)])
    ratio = row_of(found, "1 document, 10 peers").collab
    assert ratio is not None
    assert ratio.verdict == "invalid"


def test_the_native_protocol_is_also_held_beside_sharedb() -> None:
    found = Found(
        figures=[most("hocuspocus", 40_000), most("sharedb", 5_000), most(NATIVE, 10_000)]
    )
    row = row_of(found, "1 document, 10 peers")
    assert row.collab is None
    assert row.native is not None
    assert (row.native.ratio, row.native.to_sharedb) == (0.25, 2.0)


def test_a_rate_that_was_skipped_is_nobodys() -> None:
    skipped = Figures(RATE, skipped=True, case="1x100", server="y-websocket")
    assert compare(Found(figures=[skipped])) == []


@pytest.mark.parametrize(
    ("edits", "later_p99_ms", "missing", "verdict"),
    [
        (960, 300.0, 0, "met"),
        (940, 300.0, 0, "missed"),
        (960, 3000.0, 0, "missed"),
        (960, 300.0, 7, "missed"),
    ],
)
def test_under_pressure_the_maximum_is_held_and_latency_bounded(
    edits: float, later_p99_ms: float, missing: int, verdict: str
) -> None:
    pressed = Figures(
        PRESSED,
        edits_per_s=edits,
        early_p99_ms=100.0,
        later_p99_ms=later_p99_ms,
        missing=missing,
        case="1x100",
        server=COLLAB,
    )
    (told,) = under_pressure(Found(figures=[most(COLLAB, 1000, case="1x100"), pressed]))
    assert told.verdict == verdict


def everything() -> Found:
    return Found(
        figures=[most("hocuspocus", 40_000), most(COLLAB, 50_000), most(NATIVE, 9_000)],
        joins=[joins("hocuspocus", 12), joins(COLLAB, 2)],
        idle=[Idle(1000, 13_000, "y-websocket"), Idle(1000, 26_000, COLLAB)],
        failures=["sharedb: the server closed the connection\nwith a trace"],
    )


def test_the_picture_has_a_dot_for_every_ratio() -> None:
    rows = compare(everything())
    dots = ElementTree.fromstring(draw(rows)).findall("{http://www.w3.org/2000/svg}circle")
    ratios = [ratio for row in rows for ratio in (row.collab, row.native) if ratio]
    assert len(dots) == len(ratios) + 2  # and the legend's


def test_a_bar_is_on_the_side_of_who_is_better() -> None:
    edits, memory = row_of(everything(), "1 document"), row_of(everything(), "memory")
    assert bar(edits, edits.collab).index("#") > bar(edits, edits.collab).index("|")
    assert bar(memory, memory.collab).index("#") < bar(memory, memory.collab).index("|")
    assert bar(memory, memory.native) == ""


def told(found: Found) -> Told:
    return Told(MACHINE, {"hocuspocus": "@hocuspocus/server 4.7.0"}, 2.0, {}, found)


def test_tables_go_to_their_place_in_a_document(tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    file.write_text(f"before\n{BEGIN}\nold figures\n{END}\nafter\n")
    write_markdown(told(everything()), file)
    text = file.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"\n{END}\nafter\n")
    assert "old figures" not in text
    assert "50,000 = 1.25 x" in text
    assert "with a trace" not in text
    assert "Left out, though one may be the best peer: y-websocket, " in text
    write_markdown(told(everything()), file)
    assert file.read_text() == text


def test_the_picture_is_shown_from_where_it_lies(tmp_path: Path) -> None:
    file = tmp_path / "docs" / "performance.md"
    file.parent.mkdir()
    write_markdown(told(everything()), file, tmp_path / "pictures" / "peers.svg")
    assert "(../pictures/peers.svg)" in file.read_text()


def test_tables_are_a_file_of_their_own_elsewhere(tmp_path: Path) -> None:
    write_markdown(told(everything()), tmp_path / "peers.md")
    assert (tmp_path / "peers.md").read_text().startswith(BEGIN)


def test_the_figures_are_there_for_programs(tmp_path: Path) -> None:
    write_json(told(everything()), tmp_path / "peers.json")
    text = (tmp_path / "peers.json").read_text()
    assert '"ratios"' in text
    assert '"verdict": "met"' in text
