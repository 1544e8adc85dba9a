"""Seeds by the thousand: whatever goes wrong, nothing is lost, nothing is there twice, all agree.

A failing seed prints the command that replays it. `COLLAB_SIMULATION_SEEDS` runs more of them,
`COLLAB_TEST_SEED` begins elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog

from tests.simulation import virtual, yjs_scenario
from tests.simulation.scenario import Plan, Run, plan, simulate

SEEDS = int(os.environ.get("COLLAB_SIMULATION_SEEDS", "2000"))
YJS_SEEDS = SEEDS * 3 // 4
FIRST = int(os.environ.get("COLLAB_TEST_SEED", "0"))
PORTION = 100


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the nodes log of their simulated troubles is not worth reading two thousand times."""
    with structlog.testing.capture_logs():
        yield


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, PORTION))
def test_seeds(first: int) -> None:
    for seed in range(first, min(first + PORTION, FIRST + SEEDS)):
        try:
            simulate(plan(seed))
        except BaseException as failure:
            failure.add_note(
                f"seed {seed}: {plan(seed)}\nreplay: COLLAB_TEST_SEED={seed} "
                "COLLAB_SIMULATION_SEEDS=1 make test PYTEST=tests/simulation"
            )
            raise


@pytest.mark.parametrize("first", range(FIRST, FIRST + YJS_SEEDS, PORTION))
def test_yjs_seeds(first: int) -> None:
    for seed in range(first, min(first + PORTION, FIRST + YJS_SEEDS)):
        try:
            yjs_scenario.simulate(plan(seed))
        except BaseException as failure:
            failure.add_note(f"seed {seed}: {plan(seed)}")
            raise


def test_the_same_seed_is_the_same_run() -> None:
    assert _history(plan(7)) == _history(plan(7))


def _history(plan: Plan) -> list[str]:
    play = Run(plan)
    virtual.run(play.play)
    return [str(name) for client in play.clients for name in client.saved]
