"""The loop's longest stall is known for ten minutes, and a bad one is logged."""

from __future__ import annotations

import time

import anyio
import anyio.lowlevel
import structlog

from collab.loop_watch import LoopWatch
from tests.simulation import virtual


def test_the_longest_stall_counts_and_a_bad_one_is_logged() -> None:
    watch = LoopWatch()
    with structlog.testing.capture_logs() as logs:
        for stall in (0.01, 0.4, 0.02):
            watch.note(stall)
    assert watch.longest_seconds == 0.4
    assert [entry["milliseconds"] for entry in logs] == [400]


def test_a_stall_is_forgotten_after_ten_minutes() -> None:
    async def main() -> None:
        watch = LoopWatch()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.run)
            await anyio.sleep(1)
            watch.note(0.1)
            await anyio.sleep(500)
            assert watch.longest_seconds == 0.1
            await anyio.sleep(200)
            assert watch.longest_seconds < 0.001
            tasks.cancel_scope.cancel()

    virtual.run(main)


def test_a_real_stall_is_measured() -> None:
    async def main() -> float:
        watch = LoopWatch()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.run)
            await anyio.lowlevel.checkpoint()
            time.sleep(0.2)  # noqa: ASYNC251 - the stall
            while watch.longest_seconds == 0:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        return watch.longest_seconds

    assert anyio.run(main) >= 0.1
