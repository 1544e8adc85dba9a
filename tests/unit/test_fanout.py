"""Followers in step are sent what is new without being woken, and nobody misses or repeats any."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio.lowlevel
import msgspec
import pytest

from collab import fanout
from collab.errors import CollabError
from collab.fanout import Step
from collab.presence import Presence
from collab.session import Session
from collab.storage.memory import MemoryStore
from collab.words import Commit
from tests.unit.nodes import allowed, create, edit, insert, node

pytestmark = pytest.mark.anyio


def encode(commits: Sequence[Commit]) -> tuple[int, ...]:
    return tuple(commit.version for commit in commits)


def pack(versions: tuple[int, ...]) -> bytes:
    return bytes(versions)


class Reader:
    """A follower that goes into step whenever it can."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.cursor = session.version
        self.step: Step | None = None
        self.got: list[int] = []
        self.woken = 0
        self.write: Callable[[bytes], object] | None = self.got.extend
        session.follow(self)

    def wake(self) -> None:
        self.woken += 1
        assert self.step is None
        if self.cursor < self.session.version:
            run = self.session.fanout.packed_after(self.cursor, encode, pack)
            assert run is not None
            packed, self.cursor = run
            self.got.extend(packed)
        self.step_in()

    def step_in(self) -> None:
        self.step = self.session.fanout.join_step(self, self.cursor, self, encode, pack)

    def fell_out(self, version: int) -> None:
        self.step, self.cursor = None, version

    def end(self, error: CollabError) -> None:
        raise AssertionError("ended")


@asynccontextmanager
async def session_of(readers: int) -> AsyncIterator[tuple[Session, list[Reader]]]:
    """A document and readers in step at its version 1."""
    store = MemoryStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        followers = [Reader(session) for _ in range(readers)]
        await commit(session)
        assert all(reader.step is not None for reader in followers)
        yield session, followers


async def commit(session: Session) -> None:
    version = session.version
    await session.edit(edit(session, f"author {version}", 1, None, insert("a")), allowed)
    await until_idle()


async def until_idle() -> None:
    """Let the loop turn until what is due has been done."""
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


def show(session: Session, name: str) -> None:
    session.presence.put(Presence(name, None, msgspec.Raw(b"{}"), 1), object())
    session.fanout.wake_followers()


async def test_those_in_step_are_sent_commits_and_not_woken() -> None:
    async with session_of(3) as (session, readers):
        for _ in range(5):
            await commit(session)
        assert [reader.woken for reader in readers] == [1, 1, 1]
        assert [reader.got for reader in readers] == [[1, 2, 3, 4, 5, 6]] * 3
        assert {reader.step and reader.step.version for reader in readers} == {6}


async def test_all_that_is_not_a_commit_wakes_everybody() -> None:
    async with session_of(2) as (session, readers):
        show(session, "ada")
        await until_idle()
        assert [reader.woken for reader in readers] == [2, 2]
        await commit(session)
        assert [reader.woken for reader in readers] == [2, 2]
        assert [reader.got for reader in readers] == [[1, 2], [1, 2]]


async def test_presence_and_a_commit_in_one_turn_come_by_a_wake() -> None:
    async with session_of(2) as (session, readers):
        version = session.version
        await session.edit(edit(session, "ada", 1, None, insert("a")), allowed)
        show(session, "ada")
        await until_idle()
        assert session.version == version + 1
        assert [reader.got for reader in readers] == [[1, 2], [1, 2]]
        assert readers[0].woken >= 2


async def test_who_cannot_be_written_to_falls_out_where_it_was() -> None:
    async with session_of(3) as (session, readers):
        slow, gone, well = readers
        slow.write = None

        def broken(packed: bytes) -> None:
            raise RuntimeError("closed")

        gone.write = broken
        await commit(session)
        # Woken at once, from their own cursors: here they take it that way.
        assert [slow.woken, gone.woken, well.woken] == [2, 2, 1]
        assert [slow.got, gone.got, well.got] == [[1, 2]] * 3


async def test_who_leaves_the_step_is_woken_and_its_step_goes_on() -> None:
    async with session_of(2) as (session, [first, second]):
        step = first.step
        assert step is not None
        step.leave(first)
        first.fell_out(step.version)
        await commit(session)
        assert [first.woken, second.woken] == [2, 1]
        assert first.got == second.got == [1, 2]
        assert first.step is second.step is step


async def test_only_who_has_been_sent_all_there_is_joins() -> None:
    async with session_of(1) as (session, [reader]):
        behind = Reader(session)
        behind.cursor = 0
        behind.step_in()
        assert behind.step is None
        await commit(session)
        assert behind.got == [1, 2]
        assert reader.got == [1, 2]
        assert behind.step is reader.step


async def test_nobody_joins_while_what_is_new_is_still_to_be_told() -> None:
    async with session_of(1) as (session, _):
        show(session, "ada")
        late = Reader(session)
        late.step_in()
        assert late.step is None
        await until_idle()
        assert late.step is not None


async def test_more_than_one_frame_holds_comes_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session_of(2) as (session, readers):
        monkeypatch.setattr(fanout, "_FRAME_COMMITS", 2)
        monkeypatch.setattr(session.fanout, "wake_followers", lambda: None)
        for _ in range(5):
            await commit(session)
        monkeypatch.undo()
        monkeypatch.setattr(fanout, "_FRAME_COMMITS", 2)
        session.fanout.wake_followers()
        await until_idle()
        assert [reader.got for reader in readers] == [[1, 2, 3, 4, 5, 6]] * 2
        assert [reader.woken for reader in readers] == [1, 1]


async def test_those_that_fell_too_far_behind_are_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session_of(1) as (session, [reader]):
        monkeypatch.setattr(session.fanout, "packed_after", lambda *_: None)
        wake_it = reader.wake

        def wake() -> None:
            monkeypatch.undo()
            wake_it()

        monkeypatch.setattr(reader, "wake", wake)
        await commit(session)
        assert reader.got == [1, 2]
        assert reader.woken == 2


async def test_a_frame_that_cannot_be_made_is_everybodys_own_trouble() -> None:
    async with session_of(1) as (session, [reader]):
        assert reader.step is not None

        def broken(commits: Sequence[Commit]) -> tuple[int, ...]:
            raise ValueError

        reader.step.encode = broken
        await commit(session)
        assert reader.woken == 2
        assert reader.got == [1, 2]


async def test_who_follows_no_more_is_in_no_step() -> None:
    async with session_of(1) as (session, [reader]):
        assert reader.step is not None
        reader.step.leave(reader)
        session.fanout.unfollow(reader)
        await commit(session)
        assert reader.woken == 1
        assert reader.got == [1]
        assert not session.fanout._steps


async def test_the_whole_state_is_encoded_once_for_a_crowd_and_not_kept() -> None:
    async with session_of(0) as (session, _):
        made: list[object] = []

        def encode_whole(state: object) -> int:
            made.append(state)
            return len(made)

        assert [session.fanout.whole(encode_whole) for _ in range(3)] == [1, 1, 1]
        await commit(session)
        assert [session.fanout.whole(encode_whole) for _ in range(2)] == [2, 2]
        assert made[-1] is session.state
        whole = session.fanout._whole
        assert whole is not None
        session.fanout._forget_whole((whole[0], None))  # the timer of one before
        assert session.fanout.whole(encode_whole) == 2
        session.fanout._forget_whole(whole)
        assert session.fanout.whole(encode_whole) == 3
