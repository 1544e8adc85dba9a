"""The generator speaks to collab itself, in all its protocols, and finds everything in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.peers.kit import Kit, Unavailable, compile_generator, find_compiler
from tests.bench.peers.loads import Bench, Case
from tests.bench.peers.servers import COLLAB, CONTENDERS, Contender, make_token
from tests.bench.process import Cores

pytestmark = pytest.mark.slow

OURS = [one for one in CONTENDERS if one.is_ours]
ALL = [*OURS, Contender(COLLAB, "collab, Hocuspocus", "hocuspocus", "/hocuspocus?token=")]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("THE LOAD GENERATOR IS NOT TRIED ON COLLAB: it needs Linux")
    try:
        find_compiler()
    except Unavailable as reason:
        pytest.skip(f"THE LOAD GENERATOR IS NOT TRIED ON COLLAB: {reason}")
    load, broadcast = compile_generator(tmp_path_factory.mktemp("generator"))
    mine = os.sched_getaffinity(0)
    cores = Cores(server=min(mine), generator=max(mine))
    try:
        yield Bench(Kit(load, broadcast, Path("no-python")), cores, make_token(), 0.3, 0.1)
    finally:
        os.sched_setaffinity(0, mine)


@pytest.mark.parametrize("contender", ALL, ids=lambda one: one.protocol)
@pytest.mark.parametrize("case", [Case("1x6", 1, 6), Case("4x3", 4, 3)], ids=lambda one: one.name)
def test_nothing_is_lost_or_reordered(bench: Bench, contender: Contender, case: Case) -> None:
    figures = bench.load(contender, case)
    assert [one.load for one in figures] == ["max", "25%", "75%"]
    assert all(one.missing == one.reordered == 0 for one in figures)
    assert figures[0].edits_per_s > 0
    assert sum(one.samples for one in figures) > 0


@pytest.mark.parametrize("contender", OURS, ids=lambda one: one.protocol)
def test_newcomers_are_sent_the_whole_history(bench: Bench, contender: Contender) -> None:
    joins = bench.joins(contender)
    assert joins.state_bytes > 900_000
    assert 0 < joins.alone_ms <= joins.all_ms
