"""The load generator before a trivial server: it counts what comes, and notices what does not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.bench.peers.kit import Kit, Unavailable, compile_generator, find_compiler
from tests.bench.peers.loads import Figures, run_generator, trivial_server
from tests.bench.room import BenchFailed

PEERS, WRITERS = 12, 4


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("THE LOAD GENERATOR IS NOT TESTED: it needs Linux")
    try:
        find_compiler()
    except Unavailable as reason:
        pytest.skip(f"THE LOAD GENERATOR IS NOT TESTED: {reason}")
    load, broadcast = compile_generator(tmp_path_factory.mktemp("generator"))
    yield Kit(load, broadcast, Path("no-python"))


def generate(kit: Kit, *phases: str, lost: int = 0) -> list[Figures]:
    core = min(os.sched_getaffinity(0))
    with trivial_server(kit, core, lost) as (pid, port):
        where = ("--port", str(port), "--pid", str(pid), "--core", str(core), "--strict")
        shape = ("--peers", str(PEERS), "--writers", str(WRITERS), "--warm-up", "0.05")
        lines = run_generator(kit.load, ("--protocol", "y-websocket"), where, shape, phases)
    return [msgspec.json.decode(line, type=Figures) for line in lines]


def test_everybody_is_sent_every_edit(kit: Kit) -> None:
    (figures,) = generate(kit, "max:closed:16:0.3")
    assert figures.missing == 0
    assert figures.edits_per_s > 0
    assert figures.samples > 0
    assert 0 < figures.p50_ms <= figures.p99_ms


def test_a_rate_is_offered_whatever_the_server_does(kit: Kit) -> None:
    _, figures = generate(kit, "max:closed:16:0.2", "some:rate:200:1")
    assert figures.offered_per_s == 200
    assert 150 < figures.edits_per_s < 250
    assert figures.delivered_per_s == pytest.approx(figures.edits_per_s * (PEERS - 1), rel=0.2)


def test_one_typist_is_heard_by_the_others(kit: Kit) -> None:
    (figures,) = generate(kit, "typing:typing:50:0.5")
    assert figures.edits_per_s == pytest.approx(50, rel=0.3)
    assert figures.samples > 0


def test_a_rate_above_the_maximum_is_not_tried(kit: Kit) -> None:
    _, figures = generate(kit, "max:closed:1:0.2", "much:rate:100000000:1")
    assert figures.skipped


def test_a_lost_update_is_noticed(kit: Kit) -> None:
    with pytest.raises(BenchFailed, match=r"edit \d+ of a writer came after \d+"):
        generate(kit, "max:closed:16:0.5", lost=50)


def test_a_server_that_is_gone_is_a_failure(kit: Kit) -> None:
    with pytest.raises(BenchFailed, match="connect"):
        run_generator(kit.load, ("--protocol", "y-websocket", "--port", "1"), ("max:closed:1:1",))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--protocol", "telepathy"), "no such protocol"),
        (("--protocol", "native"), "are needed"),
        (("--protocol", "native", "--port", "1", "--peers", "2"), "no more writers than peers"),
    ],
)
def test_wrong_options_are_told(kit: Kit, arguments: tuple[str, ...], problem: str) -> None:
    with pytest.raises(BenchFailed, match=problem):
        run_generator(kit.load, arguments)
