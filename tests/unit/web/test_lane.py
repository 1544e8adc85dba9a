"""What arrives is handed over at once and in order, or waits; nothing is lost between the two."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from collab.web.lane import Lane, LaneClosed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Connection:
    """A lane, what its transport was told, and what its application has taken."""

    def __init__(self) -> None:
        self.told = 0
        self.taken: list[str | bytes] = []
        self.most = 1000
        self.lane = Lane(asyncio.get_running_loop(), self._tell)

    def _tell(self) -> None:
        self.told += 1

    def take(self, message: str | bytes) -> bool:
        if message == "bad":
            raise ValueError(message)
        self.taken.append(message)
        return len(self.taken) < self.most

    def arrive(self, message: str) -> None:
        if not self.lane.offer(message):
            self.lane.put_nowait({"type": "websocket.receive", "text": message})

    def leave(self) -> None:
        self.lane.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": None})


async def until_idle() -> None:
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


async def test_messages_are_taken_as_they_arrive() -> None:
    one = Connection()
    one.arrive("a")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.lane.hear, one.take)
        await until_idle()
        one.arrive("b")
        assert one.taken == ["a", "b"]
        assert one.lane.empty()
        tasks.cancel_scope.cancel()
    one.arrive("c")
    assert one.taken == ["a", "b"]
    assert one.lane.qsize() == 1


async def test_who_has_enough_hears_the_rest_later_in_order() -> None:
    one = Connection()
    one.most = 2
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.lane.hear, one.take)
        await until_idle()
        for message in "abcd":
            one.arrive(message)
        assert one.taken == ["a", "b"]
    one.most = 1000
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.lane.hear, one.take)
        await until_idle()
        one.arrive("e")
        assert one.taken == ["a", "b", "c", "d", "e"]
        tasks.cancel_scope.cancel()


async def test_waiting_messages_are_taken_no_further_than_wanted() -> None:
    one = Connection()
    one.most = 1
    one.arrive("a")
    one.arrive("b")
    told = one.told
    await one.lane.hear(one.take)
    assert one.taken == ["a"]
    assert one.told == told + 1
    assert await one.lane.get() == {"type": "websocket.receive", "text": "b"}


async def test_the_end_is_heard_after_all_messages_and_received_as_an_event() -> None:
    one = Connection()

    async def hear() -> None:
        with pytest.raises(LaneClosed):
            await one.lane.hear(one.take)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hear)
        await until_idle()
        one.arrive("a")
        one.leave()
    assert one.taken == ["a"]
    with pytest.raises(LaneClosed):
        await one.lane.hear(one.take)
    event: Any = await one.lane.get()
    assert event["type"] == "websocket.disconnect"


async def test_what_breaks_in_taking_is_raised_to_who_hears() -> None:
    one = Connection()

    async def hear() -> None:
        with pytest.raises(ValueError, match="bad"):
            await one.lane.hear(one.take)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hear)
        await until_idle()
        one.arrive("bad")
        one.arrive("a")
    assert one.taken == []
    assert one.lane.qsize() == 1


async def test_an_event_wakes_who_receives() -> None:
    one = Connection()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.lane.get)
        await until_idle()
        one.arrive("a")
    assert one.lane.empty()
    assert one.told == 1


class Sink(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closing


async def test_frames_are_written_while_the_connection_is_open_and_takes_them() -> None:
    lane, sink = Connection().lane, Sink()
    told = [lane.write]
    lane.open(sink)
    for frame in (b"one ", b"two"):
        assert lane.write is not None
        lane.write(frame)
        lane.pause(True)
        told.append(lane.write)
        lane.pause(False)
    assert sink.written == b"one two"
    lane.lost()
    told.append(lane.write)
    lane.pause(False)
    told.append(lane.write)
    assert told == [None] * 5


async def test_a_lane_that_is_paused_when_it_opens_takes_nothing_yet() -> None:
    lane = Connection().lane
    lane.pause(True)
    lane.open(Sink())
    assert lane.write is None
    lane.pause(False)
    assert lane.write is not None
