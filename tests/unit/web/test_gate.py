"""Open or shut, and waited at."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from collab.web.gate import Gate

pytestmark = pytest.mark.anyio


async def test_an_open_gate_lets_through_at_once() -> None:
    gate = Gate(asyncio.get_running_loop())
    assert gate.is_set()
    await gate.wait()


async def test_a_shut_gate_holds_all_until_it_opens() -> None:
    gate = Gate(asyncio.get_running_loop())
    gate.clear()
    through: list[int] = []

    async def pass_through(number: int) -> None:
        await gate.wait()
        through.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(pass_through, number)
        await anyio.wait_all_tasks_blocked()
        assert (through, gate.is_set()) == ([], False)
        gate.set()
    assert sorted(through) == [0, 1, 2]


async def test_who_gave_up_waiting_is_passed_over() -> None:
    gate = Gate(asyncio.get_running_loop())
    gate.clear()
    with anyio.move_on_after(0):
        await gate.wait()
    gate.set()
    with anyio.fail_after(1):
        await gate.wait()
