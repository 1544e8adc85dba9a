"""A Yjs connection's conversation: sync, gaps, read-only, awareness with its clocks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar, TypeVar

import anyio
import msgspec
import pycrdt
import pytest
from anyio.abc import TaskGroup

from collab.errors import (
    CollabError,
    DocumentTooLarge,
    Malformed,
    TooManyEdits,
    TooMuchPresence,
    WrongType,
)
from collab.fanout import Outlet
from collab.hocuspocus_peer import HocuspocusPeer
from collab.peer import Disconnected, Wire
from collab.presence import Presence
from collab.protocols import hocuspocus, lib0, ywebsocket
from collab.protocols.ywebsocket import AwarenessEntry
from collab.registry import Registry
from collab.session import Session
from collab.types.yjs import YJS
from collab.words import Access
from collab.yjs_peer import Heard, YjsPeer
from tests.unit.nodes import TroubledStore, create, node, settings

pytestmark = pytest.mark.anyio

M = TypeVar("M")


def _pack(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


class Line(Wire[Heard, bytes]):
    """The client's end of a wire."""

    direct: ClassVar = False

    def __init__(self) -> None:
        self._up_in, self._up_out = anyio.create_memory_object_stream[Heard](1000)
        self._down_in, self._down_out = anyio.create_memory_object_stream[bytes](1000)
        self.ended = anyio.Event()
        self.error: CollabError | None = None

    async def receive(self) -> Heard:
        try:
            return await self._up_out.receive()
        except anyio.EndOfStream:
            raise Disconnected from None

    async def send(self, frame: bytes) -> None:
        await self._down_in.send(frame)

    @property
    def pack(self) -> Callable[[bytes], bytes]:
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
        at = 0
        while at < len(packed):
            start = at + 4
            at = start + int.from_bytes(packed[at:start], "big")
            self._down_in.send_nowait(packed[start:at])

    def say(self, message: Heard) -> None:
        self._up_in.send_nowait(message)

    async def frame(self) -> bytes:
        with anyio.fail_after(5):
            return await self._down_out.receive()

    async def next(self, kind: type[M]) -> M:
        """The next message of a kind; others are passed over."""
        while True:
            frame = await self.frame()
            if frame[:1] == b"\x08" or frame[:2] == b"\x02\x02":  # Hocuspocus' own
                continue
            message = ywebsocket.decode_server(frame)
            if isinstance(message, kind):
                return message

    def shown(self, message: ywebsocket.Awareness) -> dict[int, tuple[int, str | None]]:
        return {each.client_id: (each.clock, each.state) for each in message.entries}

    def hang_up(self) -> None:
        self._up_in.close()

    def close(self) -> None:
        for stream in (self._up_in, self._up_out, self._down_in, self._down_out):
            stream.close()


@pytest.fixture(params=[False, True], ids=["waits", "writes"], autouse=True)
def direct(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds for wires that can only be waited for, and for those written to at once."""
    monkeypatch.setattr(Line, "direct", request.param)


class Room:
    """A yjs document and the lines to it."""

    def __init__(self, registry: Registry, store: TroubledStore, tasks: TaskGroup) -> None:
        self.registry = registry
        self.store = store
        self.lines: list[Line] = []
        self._tasks = tasks

    def dial(
        self,
        kind: type[YjsPeer] = YjsPeer,
        access: Access = Access.WRITE,
        user: str | None = None,
        name: str | None = None,
    ) -> Line:
        line = Line()
        self.lines.append(line)
        self._tasks.start_soon(self._serve, line, kind, access, user, name)
        return line

    async def _serve(
        self, line: Line, kind: type[YjsPeer], access: Access, user: str | None, name: str | None
    ) -> None:
        try:
            async with self.registry.open("doc") as session:
                config = self.registry.settings
                peer = kind(session, line, user=user, name=name, access=access, settings=config)
                await peer.run()
        except CollabError as error:
            line.error = error
        finally:
            line.ended.set()

    def session(self) -> Session:
        session = self.registry.opened("doc")
        assert session is not None
        return session

    def hang_up(self) -> None:
        for line in self.lines:
            line.close()


@asynccontextmanager
async def room(**changes: object) -> AsyncIterator[Room]:
    store = TroubledStore()
    await create(store, type="yjs")
    async with node(store, **changes) as registry, anyio.create_task_group() as tasks:
        made = Room(registry, store, tasks)
        try:
            yield made
        finally:
            tasks.cancel_scope.cancel()
            made.hang_up()


class Editor:
    """A Yjs document and the updates it makes."""

    def __init__(self) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.text = self.doc.get("text", type=pycrdt.Text)
        self.updates: list[bytes] = []
        self._subscription = self.doc.observe(lambda event: self.updates.append(event.update))

    def type(self, text: str) -> ywebsocket.SyncUpdate:
        self.text += text
        return ywebsocket.SyncUpdate(self.updates[-1])


def text(update: bytes) -> str:
    editor = Editor()
    editor.doc.apply_update(update)
    return str(editor.text)


async def test_an_update_reaches_everybody_its_author_included() -> None:
    async with room() as made:
        ada, bob = made.dial(), made.dial()
        for line in (ada, bob):
            await line.next(ywebsocket.SyncStep1)
        ada.say(Editor().type("hello"))
        for line in (ada, bob):
            assert text((await line.next(ywebsocket.SyncUpdate)).update) == "hello"


async def test_step_1_is_answered_with_what_the_client_lacks() -> None:
    async with room() as made:
        ada, editor = made.dial(), Editor()
        ada.say(editor.type("a" * 100))
        await ada.next(ywebsocket.SyncUpdate)
        half = editor.doc.get_state()
        ada.say(editor.type("b"))
        await ada.next(ywebsocket.SyncUpdate)
        bob = made.dial()
        bob.say(ywebsocket.SyncStep1(half))
        missing = (await bob.next(ywebsocket.SyncStep2)).update
        assert len(missing) < len(editor.doc.get_update())
        bob.say(ywebsocket.SyncStep1(b"\x00"))
        assert text((await bob.next(ywebsocket.SyncStep2)).update) == "a" * 100 + "b"


async def test_an_update_with_a_gap_is_answered_with_step_1_and_not_applied() -> None:
    async with room() as made:
        ada, editor = made.dial(), Editor()
        first, second = editor.type("a"), editor.type("b")
        await ada.next(ywebsocket.SyncStep1)
        ada.say(second)
        assert (await ada.next(ywebsocket.SyncStep1)).state_vector == b"\x00"
        assert made.session().version == 0
        ada.say(ywebsocket.SyncStep2(merged(first, second)))
        assert text((await ada.next(ywebsocket.SyncUpdate)).update) == "ab"


def merged(*updates: ywebsocket.SyncUpdate) -> bytes:
    return pycrdt.merge_updates(*(each.update for each in updates))


async def test_coming_back_with_nothing_new_adds_nothing() -> None:
    async with room() as made:
        editor, ada = Editor(), made.dial()
        ada.say(editor.type("a"))
        await ada.next(ywebsocket.SyncUpdate)
        for _ in range(10):
            again = made.dial(HocuspocusPeer)
            again.say(ywebsocket.SyncStep2(editor.doc.get_update()))
            while await again.frame() != b"\x08\x01":
                pass
        assert made.session().version == 1


async def test_a_reader_may_send_what_is_known_and_nothing_else() -> None:
    async with room() as made:
        editor, ada = Editor(), made.dial()
        ada.say(editor.type("a"))
        await ada.next(ywebsocket.SyncUpdate)
        reader = made.dial(HocuspocusPeer, Access.READ)
        reader.say(ywebsocket.SyncStep2(editor.doc.get_update()))
        reader.say(editor.type("b"))
        statuses: list[int] = []
        while len(statuses) < 2:
            frame = await reader.frame()
            if frame[:1] == b"\x08":
                statuses.append(frame[1])
        assert statuses == [1, 0]
        assert made.session().version == 1


async def test_a_right_that_changes_is_told_and_counts_at_once() -> None:
    async with room() as made:
        editor, ada, tiptap = Editor(), made.dial(), made.dial(HocuspocusPeer)
        await ada.next(ywebsocket.SyncStep1)
        await tiptap.next(ywebsocket.SyncStep1)
        for peer in made.session().fanout.followers():
            assert isinstance(peer, YjsPeer)
            peer.change_access(Access.READ)
        denial = await ada.next(ywebsocket.AuthDenied)
        assert denial.reason.startswith("not_allowed: ")
        readonly = hocuspocus.encode_body(hocuspocus.Authenticated(hocuspocus.READONLY))
        assert await tiptap.frame() == readonly
        ada.say(editor.type("a"))
        assert (await ada.next(ywebsocket.AuthDenied)).reason.startswith("not_allowed: ")
        for peer in made.session().fanout.followers():
            assert isinstance(peer, YjsPeer)
            peer.change_access(Access.WRITE)
        await ada.next(ywebsocket.SyncStep1)  # what was refused is asked for
        ada.say(ywebsocket.SyncStep2(editor.doc.get_update()))
        assert text((await ada.next(ywebsocket.SyncUpdate)).update) == "a"


async def test_a_provider_is_asked_once_for_each_refusal_that_it_counts_as_unsaved() -> None:
    """For its first step 2 and for each update it counts one more; each status of something saved
    takes one away, whatever it was for: were there more of these, it would call saved what is not.
    """

    def answers(line: Line) -> list[bytes]:
        return [each for each in waiting(line) if each[:1] == b"\x08" or each[:2] == b"\x00\x00"]

    async with room() as made:
        editor, ada = Editor(), made.dial(HocuspocusPeer, Access.READ)
        await ada.next(ywebsocket.SyncStep1)
        ada.say(editor.type("a"))
        for letter in "bc":
            ada.say(editor.type(letter))
        ada.say(ywebsocket.SyncStep2(editor.doc.get_update()))
        for _ in range(4):
            assert await ada.frame() == b"\x08\x00"
        [peer] = made.session().fanout.followers()
        assert isinstance(peer, HocuspocusPeer)
        peer.change_access(Access.WRITE)
        for _ in range(4):
            vector = (await ada.next(ywebsocket.SyncStep1)).state_vector
            ada.say(ywebsocket.SyncStep2(editor.doc.get_update(vector)))
            while await ada.frame() != b"\x08\x01":
                pass
        peer.confirm(Access.WRITE)  # a fresh token: nothing is owed, so nothing is asked
        ada.say(editor.type("d"))
        frames = [await ada.frame() for _ in range(3)]
        assert [frame for frame in frames if frame[:2] == b"\x00\x00"] == []
        assert answers(ada) == []
        assert made.session().version == 2


async def test_what_is_asked_for_again_and_refused_again_is_owed_once() -> None:
    async with room() as made:
        editor, ada = Editor(), made.dial(HocuspocusPeer, Access.READ)
        await ada.next(ywebsocket.SyncStep1)
        ada.say(editor.type("a"))
        assert await ada.frame() == b"\x08\x00"
        [peer] = made.session().fanout.followers()
        assert isinstance(peer, HocuspocusPeer)
        peer.change_access(Access.WRITE)
        await ada.next(ywebsocket.SyncStep1)
        peer.change_access(Access.READ)
        ada.say(ywebsocket.SyncStep2(editor.doc.get_update()))
        while await ada.frame() != b"\x08\x00":
            pass
        peer.change_access(Access.WRITE)
        await ada.next(ywebsocket.SyncStep1)
        ada.say(ywebsocket.SyncStep2(editor.doc.get_update()))
        while await ada.frame() != b"\x08\x01":
            pass
        ada.say(editor.type("b"))
        frames = [await ada.frame() for _ in range(3)]
        assert [frame for frame in frames if frame[:2] == b"\x00\x00"] == []


async def test_awareness_bears_the_name_its_owner_signed_in_with() -> None:
    async with room() as made:
        ada, bob = made.dial(name="Ada Lovelace"), made.dial()
        await bob.next(ywebsocket.SyncStep1)
        ada.say(ywebsocket.Awareness((AwarenessEntry(7, 1, '{"user":{"name":"Bob"},"x":1}'),)))
        [(_, state)] = bob.shown(await bob.next(ywebsocket.Awareness)).values()
        assert json.loads(state or "") == {"user": {"name": "Ada Lovelace"}, "x": 1}


@pytest.mark.parametrize("cut", ['"\\ud83d"', '{"\\ud800":1}'])
async def test_half_a_character_in_a_state_neither_breaks_it_nor_hides_the_name(cut: str) -> None:
    async with room() as made:
        ada, bob = made.dial(name="Ada Lovelace"), made.dial()
        ada.say(awareness(7, 1, f'{{"user":{{"name":"Bob"}},"x":{cut}}}'))
        [(_, state)] = bob.shown(await bob.next(ywebsocket.Awareness)).values()
        assert json.loads(state or "") == {"user": {"name": "Ada Lovelace"}, "x": json.loads(cut)}


async def test_a_number_without_an_end_ends_its_connection_only() -> None:
    async with room() as made:
        ada, bob = made.dial(name="Ada Lovelace"), made.dial()
        ada.say(awareness(7, 1, '{"user":{"name":"Bob"},"x":1e999}'))
        with anyio.fail_after(5):
            await ada.ended.wait()
        assert isinstance(ada.error, Malformed)
        bob.say(awareness(8, 1))
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {8: (2, STATE)}


async def test_no_clock_is_so_high_that_others_cannot_be_told() -> None:
    async with room() as made:
        eve, bob = made.dial(), made.dial()
        for client, clock in enumerate((lib0.MAX_UINT, lib0.MAX_UINT - 1, 2**52 + 1)):
            eve.say(awareness(client, clock))
        eve.say(awareness(7, 2**52))
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {7: (2**52 + 1, STATE)}
        eve.say(awareness(7, lib0.MAX_UINT, OTHER))
        eve.hang_up()
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {7: (2**52 + 2, None)}


async def test_a_connection_shows_so_many_clients_and_may_show_others_instead() -> None:
    async with room() as made:
        eve, bob = made.dial(), made.dial()
        eve.say(ywebsocket.Awareness(tuple(AwarenessEntry(id, 1, STATE) for id in range(1000))))
        assert set(bob.shown(await bob.next(ywebsocket.Awareness))) == set(range(16))
        eve.say(awareness(20, 1))
        eve.say(awareness(3, 2, None))
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {3: (3, None)}
        eve.say(awareness(20, 1))
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {20: (2, STATE)}


async def test_long_awareness_counts_as_many_changes() -> None:
    async with room(presence_per_second=2) as made:
        eve = made.dial()
        eve.say(ywebsocket.Awareness(tuple(AwarenessEntry(id, 1, STATE) for id in range(5000))))
        with anyio.fail_after(5):
            await eve.ended.wait()
        assert isinstance(eve.error, TooMuchPresence)


async def test_answers_to_step_1_are_as_far_apart_as_they_are_long() -> None:
    """Making one keeps everybody waiting, and a reader may ask for ever."""
    async with room() as made:
        ada, eve = made.dial(), made.dial()
        editor = Editor()
        ada.say(editor.type("x" * (1024 * 1024)))
        await ada.next(ywebsocket.SyncUpdate)
        await eve.next(ywebsocket.SyncUpdate)
        eve.say(ywebsocket.SyncStep1(b"\0"))
        assert len((await eve.next(ywebsocket.SyncStep2)).update) > 1024 * 1024
        since = anyio.current_time()
        eve.say(ywebsocket.SyncStep1(b"\0"))
        ada.say(editor.type("y"))
        await eve.next(ywebsocket.SyncUpdate)  # the stream goes on meanwhile
        await eve.next(ywebsocket.SyncStep2)
        assert anyio.current_time() - since > 0.2


async def test_a_flood_of_edits_or_questions_ends_its_connection_only() -> None:
    async with room(edits_per_second=2, presence_per_second=2) as made:
        ada, bob, eve = made.dial(), made.dial(), made.dial()
        editor = Editor()
        for _ in range(20):
            ada.say(editor.type("x"))
            eve.say(ywebsocket.SyncStep1(b"\0"))
        with anyio.fail_after(5):
            await ada.ended.wait()
            await eve.ended.wait()
        assert isinstance(ada.error, TooManyEdits)
        assert isinstance(eve.error, TooMuchPresence)
        assert 0 < ada.error.retry_after <= 1
        bob.say(Editor().type("b"))
        while text((await bob.next(ywebsocket.SyncUpdate)).update) != "b":
            pass


async def test_what_a_provider_repeats_of_others_does_not_count_as_its_own() -> None:
    async with room(presence_per_second=2) as made:
        ada = made.dial()
        await ada.next(ywebsocket.SyncStep1)
        ada.say(ywebsocket.Awareness((AwarenessEntry(1, 1, '{"x":0}'),)))
        await ada.next(ywebsocket.Awareness)
        crowd = object()
        for clock in range(40):  # ten times what one may send
            shown = Presence("77", None, msgspec.Raw(b'{"x":%d}' % clock), clock, clocked=True)
            made.session().presence.put(shown, crowd)
            made.session().fanout.wake_followers()
            told = await ada.next(ywebsocket.Awareness)
            ada.say(ywebsocket.Awareness(told.entries))
        ada.say(ywebsocket.Awareness((AwarenessEntry(1, 9, '{"x":"still here"}'),)))
        while "still here" not in str(await ada.next(ywebsocket.Awareness)):
            pass
        for _ in range(40):
            ada.say(ywebsocket.Awareness((AwarenessEntry(77, 99, '{"x":1}'),)))
        with anyio.fail_after(5):
            await ada.ended.wait()
        assert isinstance(ada.error, TooMuchPresence)


async def test_every_update_gets_exactly_one_status_when_it_is_durable() -> None:
    async with room() as made:
        editor, ada = Editor(), made.dial(HocuspocusPeer)
        made.store.hold()
        for letter in "abc":
            ada.say(editor.type(letter))
        with anyio.fail_after(5):
            await made.store.held.wait()
        assert not any(frame[:1] == b"\x08" for frame in waiting(ada))
        made.store.release()
        statuses = 0
        while statuses < 3:
            statuses += await ada.frame() == b"\x08\x01"


def waiting(line: Line) -> list[bytes]:
    frames = []
    while line._down_out.statistics().current_buffer_used:
        frames.append(line._down_out.receive_nowait())
    return frames


async def test_growing_past_the_bound_closes_only_its_writer() -> None:
    async with room(max_document_bytes=200) as made:
        ada, bob = made.dial(), made.dial()
        ada.say(Editor().type("x" * 1000))
        with anyio.fail_after(5):
            await ada.ended.wait()
        assert isinstance(ada.error, DocumentTooLarge)
        bob.say(Editor().type("b"))
        assert text((await bob.next(ywebsocket.SyncUpdate)).update) == "b"


async def test_a_writer_that_comes_back_with_too_much_is_neither_closed_nor_asked_again() -> None:
    async with room(max_document_bytes=200) as made:
        editor = Editor()
        large = editor.type("x" * 1000)
        first = made.dial()
        first.say(large)
        with anyio.fail_after(5):
            await first.ended.wait()
        again = made.dial()
        await again.next(ywebsocket.SyncStep1)
        again.say(large)
        denial = await again.next(ywebsocket.AuthDenied)
        assert denial.reason.startswith("document_too_large: ")
        again.say(editor.type("more"))  # builds on what was refused
        again.say(ywebsocket.SyncStep1(b"\0"))
        message = ywebsocket.decode_server(await again.frame())
        assert isinstance(message, ywebsocket.SyncStep2)  # and nothing was asked for before it
        assert not again.ended.is_set()


async def test_a_text_document_is_not_spoken() -> None:
    store = TroubledStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        line = Line()
        with pytest.raises(WrongType):
            YjsPeer(session, line, user=None, access=Access.WRITE, settings=settings())
        line.close()


STATE = '{"user":{"name":"Ada"}}'


def awareness(client: int, clock: int, state: str | None = STATE) -> ywebsocket.Awareness:
    return ywebsocket.Awareness((AwarenessEntry(client, clock, state),))


async def test_awareness_is_shown_to_all_and_echoed_to_its_sender() -> None:
    async with room() as made:
        ada, bob = made.dial(), made.dial()
        ada.say(awareness(7, 0))
        for line in (ada, bob):
            # Above the clock it came with: peers ignore an unknown client at 0.
            assert line.shown(await line.next(ywebsocket.Awareness)) == {7: (1, STATE)}
        late = made.dial()
        assert late.shown(await late.next(ywebsocket.Awareness)) == {7: (1, STATE)}
        late.say(ywebsocket.QueryAwareness())
        assert late.shown(await late.next(ywebsocket.Awareness)) == {7: (1, STATE)}


OTHER = '{"user":{"name":"Ada L."}}'


async def test_a_change_is_newer_whatever_its_clock_and_an_echo_is_none() -> None:
    async with room() as made:
        ada, bob = made.dial(), made.dial()
        ada.say(awareness(7, 4))
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {7: (5, STATE)}
        ada.say(awareness(7, 5))
        ada.say(awareness(7, 5, OTHER))
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {7: (6, OTHER)}
        ada.say(awareness(7, 9, OTHER))
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {7: (9, OTHER)}


async def test_leaving_is_told_with_the_next_clock() -> None:
    async with room() as made:
        ada, bob = made.dial(), made.dial()
        ada.say(awareness(7, 4))
        await bob.next(ywebsocket.Awareness)
        ada.hang_up()
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {7: (6, None)}


async def test_who_comes_back_is_announced_above_its_removal_and_shown_the_others_anew() -> None:
    async with room() as made:
        ada, bob = made.dial(), made.dial()
        bob.say(awareness(8, 1))
        await ada.next(ywebsocket.Awareness)
        ada.say(awareness(7, 4))
        while 7 not in bob.shown(await bob.next(ywebsocket.Awareness)):
            continue
        ada.hang_up()
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {7: (6, None)}
        again = made.dial()
        again.say(awareness(7, 4))
        assert bob.shown(await bob.next(ywebsocket.Awareness)) == {7: (7, STATE), 8: (3, STATE)}


async def test_who_comes_back_before_the_old_connection_is_gone_stays_visible() -> None:
    async with room() as made:
        ada, bob = made.dial(), made.dial()
        ada.say(awareness(7, 4))
        await bob.next(ywebsocket.Awareness)
        again = made.dial()
        again.say(awareness(7, 4))
        await bob.next(ywebsocket.Awareness)
        ada.hang_up()
        with anyio.fail_after(5):
            await ada.ended.wait()
        late = made.dial()
        ((_, state),) = late.shown(await late.next(ywebsocket.Awareness)).values()
        assert state == STATE


async def test_what_a_client_repeats_of_others_is_dropped() -> None:
    async with room() as made:
        ada, observer = made.dial(), made.dial()
        ada.say(awareness(7, 4))
        await observer.next(ywebsocket.Awareness)
        observer.say(ywebsocket.SyncStep2(b"\x00\x00"))
        observer.say(awareness(7, 5))
        observer.say(awareness(7, 9, None))
        observer.say(awareness(8, 1))
        assert ada.shown(await ada.next(ywebsocket.Awareness)) == {7: (5, STATE)}
        assert ada.shown(await ada.next(ywebsocket.Awareness)) == {8: (2, STATE)}
        observer.hang_up()
        assert ada.shown(await ada.next(ywebsocket.Awareness)) == {8: (3, None)}


async def test_somebody_elses_client_id_cannot_be_taken() -> None:
    async with room() as made:
        ada, mallory = made.dial(user="ada"), made.dial(user="mallory")
        ada.say(awareness(7, 4))
        await mallory.next(ywebsocket.Awareness)
        mallory.say(awareness(7, 99, '{"user":{"name":"not Ada"}}'))
        mallory.say(awareness(8, 1))
        await mallory.next(ywebsocket.Awareness)
        late = made.dial()
        shown = late.shown(await late.next(ywebsocket.Awareness))
        assert shown[7] == (5, STATE)


async def test_a_stateless_message_goes_to_the_others() -> None:
    async with room() as made:
        ada, bob = made.dial(HocuspocusPeer), made.dial(HocuspocusPeer)
        await bob.next(ywebsocket.SyncStep1)
        ada.say(hocuspocus.Stateless("hello"))
        assert await bob.frame() == hocuspocus.encode_body(hocuspocus.Stateless("hello"))


async def test_what_leaves_during_a_commit_is_committed_already() -> None:
    async with room() as made:
        ada, editor = made.dial(), Editor()
        ada.say(editor.type("durable"))
        await ada.next(ywebsocket.SyncUpdate)
        made.store.hold()
        ada.say(editor.type(" not yet"))
        with anyio.fail_after(5):
            await made.store.held.wait()
        bob = made.dial()
        bob.say(ywebsocket.SyncStep1(b"\x00"))
        assert text((await bob.next(ywebsocket.SyncStep2)).update) == "durable"
        made.store.release()
        assert text(YJS.update_since(made.session().state, None)).startswith("durable")
        await bob.next(ywebsocket.SyncUpdate)
