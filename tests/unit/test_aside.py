"""However much long work is asked for, little of it goes on at a time; short work gets through."""

from __future__ import annotations

import threading

import anyio
import pytest

from collab.aside import aside

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10
LONG, SHORT = 1_000_000, 100_000


async def test_small_work_is_done_at_once_and_other_work_in_a_thread() -> None:
    here = threading.get_ident()
    assert await aside(1000, threading.get_ident) == here
    assert await aside(SHORT, threading.get_ident) != here
    assert await aside(LONG, divmod, 7, 2) == (3, 1)


async def test_long_work_takes_turns_and_short_work_does_not_wait_for_it() -> None:
    release, started = threading.Event(), threading.Semaphore(0)
    lock = threading.Lock()
    working = most = 0

    def work() -> None:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        started.release()
        release.wait(PATIENCE_SECONDS)
        with lock:
            working -= 1

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(aside, LONG, work)
            for _ in range(2):
                await anyio.to_thread.run_sync(started.acquire)
            assert await aside(SHORT, str, 5) == "5"
            release.set()
    assert most == 2
    assert working == 0
