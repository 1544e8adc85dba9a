"""The comparison: for each kind of work the best rival's figure, ours, and what was promised.

A rival keeps documents in memory; collab stores every edit before anybody sees it. Only ratios
within one run mean anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from tests.bench.peers.loads import (
    MAX,
    MOST,
    PRESSED,
    QUARTER,
    RATE,
    TYPING,
    Figures,
    Idle,
    Joins,
)
from tests.bench.peers.servers import COLLAB, CONTENDERS, NATIVE, SHAREDB

PRESSED_SHARE = 0.95
BOUNDED_P99_MS, BOUNDED_GROWTH = 1000.0, 1.5

Verdict = Literal["met", "missed", "invalid", ""]


class Found(msgspec.Struct):
    """Everything that was measured; `failures` are peers that could not do something."""

    figures: list[Figures] = []
    joins: list[Joins] = []
    idle: list[Idle] = []
    failures: list[str] = []

    def load(self, server: str, case: str, load: str) -> Figures | None:
        """What a server did there, if it was tried and done."""
        for one in self.figures:
            if (one.server, one.case, one.load) == (server, case, load) and not one.skipped:
                return one
        return None


class Value(msgspec.Struct, frozen=True):
    """A figure, and whether it counts."""

    number: float
    valid: bool = True


class Work(msgspec.Struct, frozen=True):
    """A kind of work: how to find a server's figure, and the ratio to the best that was promised,
    or None where none was. `more_is_better` tells what best means."""

    name: str
    unit: str
    value: Callable[[Found, str], Value | None]
    limit: float | None
    more_is_better: bool = False


class Ratio(msgspec.Struct, frozen=True):
    """What one of our protocols came to; `to_sharedb` beside the rival that does the same work."""

    measured: float
    ratio: float
    verdict: Verdict
    to_sharedb: float | None = None


class Row(msgspec.Struct, frozen=True):
    """One line of the table."""

    name: str
    unit: str
    best: str
    best_measured: float
    limit: float | None
    more_is_better: bool
    collab: Ratio | None
    native: Ratio | None


class Pressed(msgspec.Struct, frozen=True):
    """More offered than a server can do: the share of its maximum that it still did, and the p99 of
    the first and of the second half of that time."""

    server: str
    share: float
    early_p99_ms: float
    later_p99_ms: float
    missing: int
    verdict: Verdict


def _figure(case: str, load: str, pick: Callable[[Figures], float]) -> Callable[..., Value | None]:
    def value(found: Found, server: str) -> Value | None:
        one = found.load(server, case, load)
        if one is None or one.missing:
            return None
        return Value(pick(one), one.is_valid)

    return value


def _join(pick: Callable[[Joins], float]) -> Callable[..., Value | None]:
    def value(found: Found, server: str) -> Value | None:
        for one in found.joins:
            if one.server == server:
                return Value(pick(one), one.is_valid)
        return None

    return value


def _idle(found: Found, server: str) -> Value | None:
    for one in found.idle:
        if one.server == server:
            return Value(one.bytes_per_connection / 1000)
    return None


def _edits(case: str, limit: float, name: str) -> Work:
    pick = _figure(case, MAX, lambda one: one.edits_per_s)
    return Work(f"{name}, edits/s", "/s", pick, limit, more_is_better=True)


def _latency(case: str, load: str, name: str, p50: float | None, p99: float | None) -> list[Work]:
    works = []
    if load != TYPING:
        works.append(Work(f"p50, {name}", "ms", _figure(case, load, lambda o: o.p50_ms), p50))
    return [*works, Work(f"p99, {name}", "ms", _figure(case, load, lambda o: o.p99_ms), p99)]


WORKS = (
    _edits("1x10", 1.1, "1 document, 10 peers"),
    _edits("1x100", 1.5, "1 document, 100 peers"),
    _edits("1x500", 1.5, "1 document, 500 peers"),
    _edits("200x5", 2.0, "200 documents x 5 peers"),
    *_latency("1x100", RATE, "2,000 edits/s, 100 peers", 1.5, 1.0),
    *_latency("1x100", TYPING, "100 peers, one types 20/s", None, 1.0),
    Work(
        "server CPU, 200 x 5, 2,000 edits/s",
        "us/edit",
        _figure("200x5", RATE, lambda one: one.us_per_edit),
        1.5,
    ),
    Work("joining 0.9 MB, one client", "ms", _join(lambda one: one.alone_ms), 0.6),
    Work("200 joins at once", "ms", _join(lambda one: one.all_ms), 0.35),
    Work("memory of an idle connection", "kB", _idle, 2.5),
    *_latency("1x100", QUARTER, "100 peers, 25 % of the own maximum", None, None),
    *_latency("1x100", MOST, "100 peers, 75 % of the own maximum", None, None),
)


def compare(found: Found) -> list[Row]:
    """The rows of which a rival's figure is there."""
    rivals = [one for one in CONTENDERS if one.is_rival]
    rows = []
    for work in WORKS:
        known = [(one, value) for one in rivals if (value := work.value(found, one.name))]
        if not known:
            continue
        direction = -1 if work.more_is_better else 1
        best, best_value = min(known, key=lambda pair: direction * pair[1].number)
        sharedb = next((value for one, value in known if one.name == SHAREDB), None)
        rows.append(
            Row(
                work.name,
                work.unit,
                best.title,
                best_value.number,
                work.limit,
                work.more_is_better,
                _ratio(work, work.value(found, COLLAB), best_value, None),
                _ratio(work, work.value(found, NATIVE), best_value, sharedb),
            )
        )
    return rows


def _ratio(work: Work, ours: Value | None, best: Value, sharedb: Value | None) -> Ratio | None:
    if ours is None or not best.number:
        return None
    ratio = ours.number / best.number
    verdict: Verdict = ""
    if work.limit is not None:
        is_met = ratio >= work.limit if work.more_is_better else ratio <= work.limit
        verdict = "met" if is_met else "missed"
        if not (ours.valid and best.valid):
            verdict = "invalid"
    to_sharedb = ours.number / sharedb.number if sharedb and sharedb.number else None
    return Ratio(ours.number, ratio, verdict, to_sharedb)


def under_pressure(found: Found) -> list[Pressed]:
    """Who holds what it can do when more is asked for: ours must, and with a bounded p99."""
    told = []
    for server in CONTENDERS:
        most = found.load(server.name, "1x100", MAX)
        pressed = found.load(server.name, "1x100", PRESSED)
        if most is None or pressed is None or not most.edits_per_s:
            continue
        share = pressed.edits_per_s / most.edits_per_s
        verdict: Verdict = ""
        if server.is_ours:
            grown = pressed.later_p99_ms / max(pressed.early_p99_ms, 1.0)
            bounded = pressed.later_p99_ms <= BOUNDED_P99_MS or grown <= BOUNDED_GROWTH
            holds = share >= PRESSED_SHARE and bounded and not pressed.missing
            verdict = "met" if holds else "missed"
            if not (most.is_valid and pressed.is_valid):
                verdict = "invalid"
        told.append(
            Pressed(
                server.title,
                share,
                pressed.early_p99_ms,
                pressed.later_p99_ms,
                pressed.missing,
                verdict,
            )
        )
    return told
