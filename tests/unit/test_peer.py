"""A connection's conversation, frame by frame: greeting, stream, acks, resets, presence, end."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar, TypeVar

import anyio
import anyio.lowlevel
import msgspec
import pytest
from anyio.abc import TaskGroup

from collab.errors import (
    CollabError,
    DocumentNotFound,
    Malformed,
    NotAllowed,
    NotSignedIn,
    Quarantined,
    Replaced,
    Restarting,
    StoreFailure,
    TooManyEdits,
    TooMuchPresence,
)
from collab.fanout import Outlet
from collab.native_peer import NativePeer
from collab.peer import Disconnected, Wire
from collab.presence import with_name
from collab.protocols import native
from collab.registry import Registry
from collab.session import Session
from collab.settings import Settings
from collab.words import Access, author_of
from tests.unit.nodes import TroubledStore, allowed, create, edit, insert, node, settings

pytestmark = pytest.mark.anyio

M = TypeVar("M")
ADA = "ada-0123456789abcdef"
BOB = "bob-0123456789abcdef"
EVE = "eve-0123456789abcdef"


def _pack(frame: str) -> bytes:
    return frame.encode() + b"\0"  # which JSON does not hold


class Line(Wire[str, str]):
    """The client's end of a wire: what the peer sends comes out of `next`, up to `window` frames
    are taken without being read."""

    direct: ClassVar = False

    def __init__(self, window: float = 1000) -> None:
        self._up_in, self._up_out = anyio.create_memory_object_stream[str](1000)
        self._down_in, self._down_out = anyio.create_memory_object_stream[str](window)
        self.ended = anyio.Event()
        self.error: CollabError | None = None

    async def receive(self) -> str:
        try:
            return await self._up_out.receive()
        except anyio.EndOfStream:
            raise Disconnected from None

    async def send(self, frame: str) -> None:
        await self._down_in.send(frame)

    @property
    def pack(self) -> Callable[[str], bytes]:
        return _pack

    @property
    def outlet(self) -> Outlet:
        return self

    @property
    def write(self) -> Callable[[bytes], object] | None:
        state = self._down_in.statistics()
        room = state.current_buffer_used < state.max_buffer_size
        return self._write if self.direct and room else None

    def _write(self, packed: bytes) -> None:
        for frame in packed.split(b"\0")[:-1]:
            self._down_in.send_nowait(frame.decode())

    def say(self, message: native.ClientMessage) -> None:
        self._up_in.send_nowait(native.encode(message))

    def say_raw(self, frame: str) -> None:
        self._up_in.send_nowait(frame)

    def submit(self, seq: int, base: int, operation: str) -> None:
        self.say(native.SubmitEdit(seq, base, msgspec.Raw(operation.encode())))

    async def next(self, kind: type[M]) -> M:
        with anyio.fail_after(5):
            message = native.decode_server(await self._down_out.receive())
        assert isinstance(message, kind), message
        return message

    def waiting(self) -> int:
        return self._down_out.statistics().current_buffer_used

    def hang_up(self) -> None:
        self._up_in.close()

    def close(self) -> None:
        for stream in (self._up_in, self._up_out, self._down_in, self._down_out):
            stream.close()

    async def wait_ended(self) -> CollabError | None:
        with anyio.fail_after(5):
            await self.ended.wait()
        return self.error


@pytest.fixture(params=[False, True], ids=["waits", "writes"], autouse=True)
def direct(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds for wires that can only be waited for, and for those written to at once."""
    monkeypatch.setattr(Line, "direct", request.param)


class Room:
    """A document and the lines to it."""

    def __init__(self, registry: Registry, store: TroubledStore, tasks: TaskGroup) -> None:
        self.registry = registry
        self.store = store
        self._tasks = tasks
        self._lines: list[Line] = []

    def dial(
        self,
        client: str,
        *,
        epoch: str | None = None,
        version: int | None = None,
        access: Access = Access.WRITE,
        window: float = 1000,
        config: Settings | None = None,
    ) -> Line:
        line = Line(window)
        self._lines.append(line)
        hello = native.Hello(client=client, epoch=epoch, version=version)
        self._tasks.start_soon(self._serve, line, hello, access, config or settings())
        return line

    async def join(self, client: str, access: Access = Access.WRITE) -> Line:
        line = self.dial(client, access=access)
        await line.next(native.Welcome)
        return line

    async def commit(self, text: str, times: int = 1) -> None:
        """Somebody else's edits."""
        async with self.registry.open("doc") as session:
            for _ in range(times):
                each = edit(session, f"other {session.version}", 1, None, insert(text))
                await session.edit(each, allowed)

    def session(self) -> Session:
        session = self.registry.opened("doc")
        assert session is not None
        return session

    async def _serve(
        self, line: Line, hello: native.Hello, access: Access, config: Settings
    ) -> None:
        try:
            async with self.registry.open("doc") as session:
                peer = NativePeer(session, line, hello, user="u", access=access, settings=config)
                await peer.run()
        except CollabError as error:
            line.error = error.with_traceback(None)  # as a wire's owner does
        finally:
            line.ended.set()

    def hang_up(self) -> None:
        for line in self._lines:
            line.close()


@asynccontextmanager
async def room(
    type: str = "text", *, shared: bool = False, **changes: object
) -> AsyncIterator[Room]:
    store = TroubledStore(shared=shared)
    await create(store, type=type)
    async with node(store, **changes) as registry, anyio.create_task_group() as tasks:
        made = Room(registry, store, tasks)
        try:
            yield made
        finally:
            tasks.cancel_scope.cancel()
            made.hang_up()


async def test_a_newcomer_is_welcomed_with_the_contents() -> None:
    async with room() as made:
        await made.commit("hello")
        welcome = await made.dial(ADA).next(native.Welcome)
        assert (welcome.epoch, welcome.version, welcome.document_type) == ("e1", 1, "text")
        assert (welcome.access, welcome.author) == ("write", author_of(ADA))
        assert bytes(welcome.contents) == b'"hello"'
        assert welcome.edits is None
        assert welcome.committed is None


async def test_everybody_gets_the_same_stream_and_ones_own_name_in_it_is_the_ack() -> None:
    async with room() as made:
        ada, bob = await made.join(ADA), await made.join(BOB)
        ada.submit(1, 0, insert("a"))
        mine, theirs = await ada.next(native.Edits), await bob.next(native.Edits)
        assert mine == theirs
        (event,) = mine.edits
        assert (event.version, event.author, event.seq, event.user) == (1, author_of(ADA), 1, "u")
        assert bytes(event.operation) == b'[{"insert":"a"}]'


async def test_a_batch_that_is_longer_than_a_frame_reaches_a_reader_whole() -> None:
    async with room() as made:
        reader = await made.join(EVE)
        made.store.hold()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.commit, "x")
            await made.store.held.wait()
            for client in (ADA, BOB):
                writer = await made.join(client)
                writer.submit(1, 0, insert("y" * 200_000))
            await anyio.wait_all_tasks_blocked()
            made.store.release()
        seen: list[int] = []
        while len(seen) < 3:
            seen += [event.version for event in (await reader.next(native.Edits)).edits]
        assert seen == [1, 2, 3]


async def test_a_returning_client_gets_the_commits_since_its_version() -> None:
    async with room() as made:
        await made.commit("x", times=3)
        welcome = await made.dial(ADA, epoch="e1", version=1).next(native.Welcome)
        assert not welcome.contents
        assert [event.version for event in welcome.edits or ()] == [2, 3]
        assert welcome.version == 3


async def test_commits_below_the_memory_of_the_session_come_from_the_store() -> None:
    async with room(tail_commits=4) as made:
        await made.commit("x", times=20)
        welcome = await made.dial(ADA, epoch="e1", version=2).next(native.Welcome)
        assert [event.version for event in welcome.edits or ()] == list(range(3, 21))


async def test_what_cannot_be_continued_is_reset() -> None:
    async with room(max_rebase_commits=5) as made:
        await made.commit("x", times=10)
        limited = settings(max_rebase_commits=5)
        for epoch, version in (("e0", 3), ("e1", 11), ("e1", 2)):
            line = made.dial(ADA, epoch=epoch, version=version, config=limited)
            reset = await line.next(native.Reset)
            assert (reset.epoch, reset.version) == ("e1", 10)
            assert bytes(reset.contents) == b'"xxxxxxxxxx"'


async def test_a_client_that_has_seen_more_makes_us_read_the_store_first() -> None:
    async with room(shared=True) as made:
        await made.join(BOB)
        async with node(made.store) as elsewhere, elsewhere.open("doc") as session:
            await session.edit(edit(session, "x", 1, 0, insert("x")), allowed)
            assert made.session().version == 0
            welcome = await made.dial(ADA, epoch="e1", version=1).next(native.Welcome)
            assert (welcome.version, welcome.edits) == (1, [])


async def test_a_resend_is_acknowledged_with_its_version_even_on_a_new_connection() -> None:
    async with room() as made:
        first = await made.join(ADA)
        first.submit(1, 0, insert("a"))
        await first.next(native.Edits)
        again = made.dial(ADA, epoch="e1", version=1)
        welcome = await again.next(native.Welcome)
        assert welcome.committed == native.Named(1, 1)
        again.submit(1, 0, insert("a"))
        assert await again.next(native.Ack) == native.Ack(1, 1)
        again.submit(1, 0, insert("b"))
        error = await again.next(native.ErrorReport)
        assert (error.code, error.seq) == ("edit_name_reused", 1)
        assert error.committed == native.Named(1, 1)
        assert made.session().version == 1


async def test_an_edit_below_the_floor_is_answered_with_an_error_and_a_reset() -> None:
    async with room() as made:
        await made.commit("x", times=3)
        ada = await made.join(ADA)
        made.session().raise_floor(3)
        ada.submit(1, 1, insert("a"))
        error = await ada.next(native.ErrorReport)
        assert (error.code, error.seq) == ("below_floor", 1)
        assert (await ada.next(native.Reset)).version == 3


async def test_an_edit_that_does_not_parse_is_refused_and_the_connection_stays() -> None:
    async with room() as made:
        ada = await made.join(ADA)
        ada.submit(1, 0, '[{"insert":""}]')
        assert (await ada.next(native.ErrorReport)).code == "invalid_operation"
        ada.submit(2, 0, insert("a"))
        assert (await ada.next(native.Edits)).edits[0].seq == 2


async def test_a_reader_may_not_write_or_send_messages() -> None:
    async with room() as made:
        ada = await made.join(ADA, access=Access.READ)
        ada.submit(1, 0, insert("a"))
        error = await ada.next(native.ErrorReport)
        assert (error.code, error.seq) == ("not_allowed", 1)
        ada.say(native.SendMessage("hi"))
        assert (await ada.next(native.ErrorReport)).code == "not_allowed"
        assert made.session().version == 0


async def test_presence_reaches_everybody_and_goes_with_its_connection() -> None:
    async with room() as made:
        ada, bob = await made.join(ADA), await made.join(BOB)
        ada.say(native.SetPresence({"cursor": 1}, 0))
        entry = native.PresenceEntry(author_of(ADA), "u", {"cursor": 1}, 0)
        assert (await bob.next(native.PresenceUpdate)).peers == [entry]
        welcome = await made.dial("cy--0123456789abcdef").next(native.Welcome)
        assert welcome.presence == [entry]
        ada.hang_up()
        (left,) = (await bob.next(native.PresenceUpdate)).peers
        assert (left.author, left.state) == (author_of(ADA), None)


async def test_messages_go_to_the_others_and_are_not_stored() -> None:
    async with room() as made:
        ada, bob = await made.join(ADA), await made.join(BOB)
        ada.say(native.SendMessage({"ping": 1}))
        message = await bob.next(native.PeerMessage)
        assert (message.author, message.user, message.body) == (author_of(ADA), "u", {"ping": 1})
        ada.say(native.SendMessage("x" * 100_000))
        assert (await ada.next(native.ErrorReport)).code == "message_too_large"
        assert made.session().version == 0


async def test_a_ping_is_answered_to_its_sender_alone() -> None:
    async with room() as made:
        ada, bob = await made.join(ADA), await made.join(BOB)
        ada.say(native.Ping())
        assert await ada.next(native.Pong) == native.Pong()
        ada.say(native.SendMessage("behind it"))
        assert (await bob.next(native.PeerMessage)).body == "behind it"


async def test_a_newer_connection_of_the_same_client_replaces_the_older() -> None:
    async with room() as made:
        old = await made.join(ADA)
        old.say(native.SetPresence("old", 0))
        await old.next(native.PresenceUpdate)
        new = await made.join(ADA)
        new.say(native.SetPresence("new", 0))
        assert isinstance(await old.wait_ended(), Replaced)
        board = made.session().presence
        while [msgspec.json.decode(entry.state) for entry in board.everyone()] != ["new"]:
            await new.next(native.PresenceUpdate)


@pytest.mark.parametrize(
    "frame",
    ["", "[]", '{"type":"hello","client":"ada-0123456789abcdef"}', '{"type":"edit","seq":0}'],
)
async def test_a_frame_that_is_not_of_the_protocol_ends_only_its_sender(frame: str) -> None:
    async with room() as made:
        ada, bob = await made.join(ADA), await made.join(BOB)
        ada.say_raw(frame)
        assert isinstance(await ada.wait_ended(), Malformed)
        bob.submit(1, 0, insert("b"))
        await bob.next(native.Edits)


async def test_a_stalled_reader_costs_the_others_nothing_and_catches_up_in_few_frames() -> None:
    async with room() as made:
        stalled = made.dial(BOB, window=1)
        await stalled.next(native.Welcome)
        ada = await made.join(ADA)
        for seq in range(1, 301):
            ada.submit(seq, seq - 1, insert("a"))
            await ada.next(native.Edits)
        frames, version = 0, 0
        while version < 300:
            edits = (await stalled.next(native.Edits)).edits
            assert edits[0].version == version + 1
            frames, version = frames + 1, edits[-1].version
        assert frames <= 4


async def test_a_reader_that_fell_below_the_memory_of_the_session_gets_a_snapshot() -> None:
    async with room(tail_commits=10) as made:
        stalled = made.dial(BOB, window=1)
        await stalled.next(native.Welcome)
        await made.commit("x", times=100)
        edits = 0
        with anyio.fail_after(5):
            while True:
                message = native.decode_server(await stalled._down_out.receive())
                if isinstance(message, native.Reset):
                    break
                assert isinstance(message, native.Edits)
                edits += len(message.edits)
        assert message.version == 100
        assert edits < 30


async def test_a_failed_append_closes_the_connection_without_an_ack() -> None:
    async with room() as made:
        ada = await made.join(ADA)
        made.store.failing.add("append")
        ada.submit(1, 0, insert("a"))
        assert (await ada.next(native.ErrorReport)).code == "store_failure"
        assert isinstance(await ada.wait_ended(), StoreFailure)


async def test_a_deleted_document_closes_its_connections() -> None:
    async with room() as made:
        ada = await made.join(ADA)
        await made.store.delete("doc")
        await made.registry.dismiss("doc", DocumentNotFound("the document has been deleted"))
        assert isinstance(await ada.wait_ended(), DocumentNotFound)


async def test_a_drain_delivers_what_is_committed_and_says_goodbye() -> None:
    async with room() as made:
        ada = await made.join(ADA)
        ada.submit(1, 0, insert("a"))
        await ada.next(native.Edits)
        await made.registry.drain()
        await ada.next(native.Goodbye)
        assert isinstance(await ada.wait_ended(), Restarting)


async def test_a_crowd_is_asked_to_come_back_at_different_times() -> None:
    async with room() as made:
        crowd = [await made.join(f"client{number:03}-of-a-crowd") for number in range(200)]
        await made.registry.drain()
        times = [(await each.next(native.Goodbye)).retry_after for each in crowd]
    assert 0 <= min(times) < 0.05 < 0.35 < max(times) <= 200 / 500
    assert len(set(times)) > 100


async def test_a_replaced_connection_does_nothing_more_even_if_its_client_does_not_read() -> None:
    async with room() as made:
        old = made.dial(ADA, window=0)
        with anyio.fail_after(5):
            await old._down_out.receive()
        await made.commit("x")  # now its writer is stuck
        new = await made.join(ADA)
        old.say(native.SetPresence("old", 0))
        old.submit(1, 1, insert("late"))
        new.say(native.SetPresence("new", 0))
        await new.next(native.PresenceUpdate)
        assert isinstance(await old.wait_ended(), Replaced)
        board = made.session().presence
        assert [msgspec.json.decode(entry.state) for entry in board.everyone()] == ["new"]
        assert made.session().version == 1


async def test_a_client_that_sends_ahead_is_not_read_meanwhile() -> None:
    async with room() as made:
        ada = await made.join(ADA)
        made.store.hold()
        for seq in range(1, 50):
            ada.submit(seq, seq - 1, insert("a"))
        with anyio.fail_after(5):
            await made.store.held.wait()
        await anyio.sleep(0.01)
        assert ada._up_out.statistics().current_buffer_used >= 40
        made.store.release()
        while made.session().version < 49:
            await ada.next(native.Edits)


async def test_a_right_that_changes_is_told_in_place() -> None:
    async with room() as made:
        ada = await made.join(ADA)
        [peer] = made.session().fanout.followers()
        assert isinstance(peer, NativePeer)
        peer.change_access(Access.READ)
        assert await ada.next(native.AccessChange) == native.AccessChange("read")
        ada.submit(1, 0, insert("x"))
        refused = await ada.next(native.ErrorReport)
        assert (refused.code, refused.seq) == ("not_allowed", 1)
        peer.change_access(Access.READ)  # nothing new
        peer.change_access(Access.WRITE)
        assert await ada.next(native.AccessChange) == native.AccessChange("write")
        ada.submit(2, 0, insert("x"))
        assert len((await ada.next(native.Edits)).edits) == 1


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (NotSignedIn("expired"), "not_signed_in"),
        (NotAllowed("taken back"), "not_allowed"),
        (Quarantined(), "quarantined"),
    ],
)
async def test_an_edit_that_waits_when_the_right_ends_is_told_why(
    ending: CollabError, code: str
) -> None:
    """With a fresh token, or when the quarantine is over, it may be sent again: its client must not
    take it for refused for good."""
    async with room() as made:
        bob = await made.join(BOB)
        ada = made.dial(ADA, window=0)
        await ada.next(native.Welcome)
        *_, peer = made.session().fanout.followers()  # the newest
        made.store.hold()
        ada.submit(1, 0, insert("a"))
        await made.store.held.wait()
        ada.submit(2, 0, insert("b"))
        bob.say(native.SetPresence({}, 0))  # that is what Ada is being sent when her right ends
        await bob.next(native.PresenceUpdate)
        assert isinstance(peer, NativePeer)
        peer.end(ending)
        made.store.release()
        assert len((await bob.next(native.Edits)).edits) == 1
        await ada.next(native.PresenceUpdate)
        refused = await ada.next(native.ErrorReport)
        assert (refused.code, refused.seq) == (code, 2)
        assert made.session().version == 1


async def test_a_flood_ends_with_a_goodbye_that_says_when_to_come_back() -> None:
    async with room() as made:
        bob = await made.join(BOB)
        config = settings(edits_per_second=2, presence_per_second=2)
        flood, chatter = made.dial(ADA, config=config), made.dial(EVE, config=config)
        await flood.next(native.Welcome)
        await chatter.next(native.Welcome)
        for number in range(1, 12):
            flood.submit(number, 0, "[]")  # refused, and counts
            chatter.say(native.SendMessage(msgspec.Raw(b"1")))
        assert isinstance(await flood.wait_ended(), TooManyEdits)
        assert isinstance(await chatter.wait_ended(), TooMuchPresence)
        await bob.next(native.PeerMessage)
        assert made.session().ended is None


async def test_peers_that_have_left_or_were_closed_leave_nothing_to_the_garbage_collector() -> None:
    async with room() as made:
        gc.collect()
        gc.disable()
        try:
            for number in range(5):
                ada = await made.join(ADA)
                ada.submit(number, 0, insert("x"))
                ada.submit(number, 0, insert("y"))  # refused
                await made.commit("a")
                eve = made.dial(EVE, config=settings(edits_per_second=1))
                await eve.next(native.Welcome)
                for seq in range(20):
                    eve.submit(seq, 0, insert("x"))
                await eve.wait_ended()
                ada.hang_up()
                await ada.ended.wait()
            await anyio.lowlevel.checkpoint()
            assert [each for each in gc.get_objects() if isinstance(each, NativePeer)] == []
        finally:
            gc.enable()


async def test_an_edit_of_long_ago_counts_for_what_has_to_be_rebased() -> None:
    async with room() as made:
        await made.commit("a", 60)
        config = settings(edits_per_second=1)  # 5 at once
        old, new = made.dial(ADA, config=config), made.dial(BOB, config=config)
        for line in (old, new):
            await line.next(native.Welcome)
        for number in range(1, 5):
            old.submit(number, 0, insert("x"))  # 60 commits ago
            new.submit(number, 60, insert("x"))
        assert isinstance(await old.wait_ended(), TooManyEdits)
        assert not new.ended.is_set()


async def test_whoever_was_away_for_long_may_go_on_at_once() -> None:
    async with room(max_rebase_commits=10) as made:
        await made.commit("a", 200)
        ada = made.dial(ADA, epoch="e1", version=200, config=settings(edits_per_second=2))
        await ada.next(native.Welcome)
        ada.submit(1, 0, insert("x"))  # too old, and refused: counts for a second's worth, not more
        assert (await ada.next(native.ErrorReport)).code == "below_floor"
        await ada.next(native.Reset)
        for number in range(2, 8):
            ada.submit(number, 200, insert("x"))
            await ada.next(native.ErrorReport if number > 2 else native.Edits)
        assert not ada.ended.is_set()


async def test_presence_bears_the_name_its_owner_signed_in_with() -> None:
    shown = with_name(b'{"name":"Bob","color":"red"}', "Ada")
    assert msgspec.json.decode(shown) == {"name": "Ada", "color": "red"}
    assert bytes(with_name(b'"just text"', "Ada")) == b'"just text"'
    assert bytes(with_name(b'{"user":"just text"}', "Ada", within="user")) == (
        b'{"user":"just text"}'
    )


async def test_long_edits_and_messages_count_for_more_and_bad_ones_count_too() -> None:
    async with room() as made:
        config = settings(edits_per_second=20, presence_per_second=20)  # 100 at once
        long, bad, loud = (made.dial(client, config=config) for client in (ADA, EVE, BOB))
        for line in (long, bad, loud):
            await line.next(native.Welcome)
        for number in range(1, 20):
            long.submit(number, 0, insert("x" * 20_000))
            loud.say(native.SendMessage(msgspec.Raw(b'"%s"' % (b"x" * 20_000))))
        for _ in range(200):
            bad.submit(1, 0, '"no operation"')
        assert isinstance(await long.wait_ended(), TooManyEdits)
        assert isinstance(await bad.wait_ended(), TooManyEdits)
        assert isinstance(await loud.wait_ended(), TooMuchPresence)
        assert 0 < made.session().version < 19
