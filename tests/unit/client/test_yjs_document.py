"""A Yjs document in its user's hands: saving, losing the server, following; in virtual time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pycrdt import Doc, Text, TextEvent

from collab.protocols import hocuspocus, ywebsocket
from collab.protocols.ywebsocket import AwarenessEntry
from collab_client import (
    ChannelClosed,
    Closed,
    Gone,
    NotAllowed,
    NotSignedIn,
    Offline,
    OverQuota,
    ReadOnly,
    Status,
    Unreachable,
    Unsaved,
    WrongType,
    YjsDocument,
    connect,
)
from collab_client.channel import hocuspocus_url
from collab_client.feeds import WAITING_CHANGES, Bell
from tests.unit.client.memory import Longest
from tests.unit.client.test_connection import scenario


class Line:
    """One connection to the model server."""

    def __init__(self, house: House) -> None:
        self.to_client: deque[bytes] = deque()
        self.heard: list[hocuspocus.ClientMessage] = []
        self.closed: ChannelClosed | None = None
        self._bell = Bell()
        self._house = house

    async def send(self, frame: bytes) -> None:
        await anyio.lowlevel.checkpoint()
        if self.closed is not None:
            raise self.closed
        heard = hocuspocus.decode_client(frame)
        assert isinstance(heard, hocuspocus.FromClient)
        assert heard.address == "page"
        self.heard.append(heard.message)
        self._house.handle(self, heard.message)

    async def receive(self) -> bytes:
        while not self.to_client:
            if self.closed is not None:
                raise self.closed
            await self._bell.wait()
        return self.to_client.popleft()

    async def close(self) -> None:
        self.end(1000)

    def end(self, code: int, reason: str = "") -> None:
        self.closed = self.closed or ChannelClosed(code, reason)
        self._bell.ring()

    def say(self, message: hocuspocus.ServerMessage, address: str = "page") -> None:
        self.say_raw(hocuspocus.encode(address, message))

    def say_raw(self, frame: bytes) -> None:
        self.to_client.append(frame)
        self._bell.ring()


class House:
    """A model of the server with one document. `mute` holds back what makes changes durable,
    `denial` refuses everybody, `down` the connection."""

    def __init__(self) -> None:
        self.ydoc: Doc[Any] = Doc()
        self.lines: list[Line] = []
        self.scope = hocuspocus.READ_WRITE
        self.denial: str | None = None
        self.down = self.mute = False

    @property
    def text(self) -> str:
        return str(self.ydoc.get("t", type=Text))

    async def open(self, url: str) -> Line:
        assert url == "ws://server/hocuspocus"
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise ChannelClosed(refused=True)
        self.lines.append(Line(self))
        return self.lines[-1]

    def connect(self, **options: Any) -> AbstractAsyncContextManager[YjsDocument]:
        return connect(
            "http://server",
            "page",
            type="yjs",
            open_channel=self.open,
            random=Longest(),
            **options,
        )

    def handle(self, line: Line, message: hocuspocus.ClientMessage) -> None:
        match message:
            case hocuspocus.Token() if self.denial is not None:
                line.say(hocuspocus.PermissionDenied(self.denial))
            case hocuspocus.Token():
                line.say(hocuspocus.Authenticated(self.scope))
                line.say(ywebsocket.SyncStep1(self.ydoc.get_state()))
            case ywebsocket.SyncStep1(state_vector=vector):
                line.say(ywebsocket.SyncStep2(self.ydoc.get_update(vector)))
            case ywebsocket.SyncStep2(update=update) | ywebsocket.SyncUpdate(update=update):
                if not self.mute:
                    self.ydoc.apply_update(update)
                    line.say(hocuspocus.SyncStatus(True))

    def write(self, text: str) -> None:
        """Somebody else inserts a text at the start."""
        before = self.ydoc.get_state()
        self.ydoc.get("t", type=Text).insert(0, text)
        self.lines[-1].say(ywebsocket.SyncUpdate(self.ydoc.get_update(before)))

    def cut(self, code: int = 1006, reason: str = "") -> None:
        """The connection ends, and no other comes about."""
        self.down = True
        self.lines[-1].end(code, reason)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, in virtual time, until something is so; fails after a virtual minute."""
        with anyio.fail_after(60):
            while not condition():  # noqa: ASYNC110 - whatever it is about, time is virtual
                await anyio.sleep(0.001)


# Saving -------------------------------------------------------------------------------------------


@scenario
async def test_roots_are_those_of_the_document_and_flush_makes_changes_durable() -> None:
    house = House()
    async with house.connect() as doc:
        doc.text("t").insert(0, "Hello")
        doc.map("m")["a"] = 1
        doc.array("a").append(2)
        doc.xml("x")
        states = [doc.status]
        await doc.flush()
        states.append(doc.status)
    assert house.text == "Hello"
    assert [*states, doc.status] == [Status.SAVING, Status.SAVED, Status.CLOSED]
    assert set(doc.ydoc.keys()) == {"t", "m", "a", "x"}


@scenario
async def test_document_has_what_the_server_has_when_it_is_open() -> None:
    house = House()
    house.ydoc.get("t", type=Text).insert(0, "stored")
    async with house.connect() as doc:
        assert str(doc.text("t")) == "stored"


@scenario
async def test_document_that_the_user_brings_is_sent() -> None:
    house = House()
    mine: Doc[Any] = Doc()
    mine.get("t", type=Text).insert(0, "brought")
    async with house.connect(ydoc=mine) as doc:
        assert doc.ydoc is mine
        await doc.flush()
        assert house.text == "brought"


@scenario
async def test_leaving_flushes_and_gives_up_after_its_bound() -> None:
    house = House()
    async with house.connect() as doc:
        doc.text("t").insert(0, "x")
    assert house.text == "x"
    began = anyio.current_time()
    with pytest.raises(Unsaved):
        async with house.connect(flush_seconds=3) as doc:
            house.mute = True
            doc.text("t").insert(0, "y")
    assert anyio.current_time() - began == pytest.approx(3)
    doc.text("t").insert(0, "z")  # nobody looks any more
    with pytest.raises(Closed):
        await doc.flush()


@scenario
async def test_reader_hears_from_flush_that_changes_stay_here() -> None:
    house = House()
    house.scope = hocuspocus.READONLY
    with pytest.raises(ReadOnly):
        async with house.connect() as doc:
            assert doc.status is Status.READ_ONLY
            await doc.flush()
            doc.text("t").insert(0, "x")
            with pytest.raises(ReadOnly):
                await doc.flush()
            house.lines[-1].say(hocuspocus.Authenticated(hocuspocus.READ_WRITE))
            await doc.flush()
            assert house.text == "x"
            house.lines[-1].say(hocuspocus.Authenticated(hocuspocus.READONLY))
            doc.text("t").insert(0, "y")
            await house.until(lambda: doc.status is Status.READ_ONLY)


# Losing the server --------------------------------------------------------------------------------


@scenario
async def test_offline_changes_go_out_after_the_reconnect() -> None:
    house = House()
    async with house.connect() as doc:
        doc.map("m")["n"] = 1
        await doc.flush()
        house.mute = True
        doc.text("t").insert(0, "unanswered ")
        await house.until(lambda: isinstance(house.lines[0].heard[-1], ywebsocket.SyncUpdate))
        house.cut()
        await house.until(lambda: doc.status is Status.OFFLINE)
        doc.text("t").insert(11, "offline")
        await anyio.sleep(30)
        house.down = house.mute = False
        await doc.flush()
        assert house.text == "unanswered offline"
        assert not any(isinstance(each, ywebsocket.SyncUpdate) for each in house.lines[-1].heard)


@pytest.mark.parametrize(
    ("code", "failure"), [(4413, OverQuota), (4401, NotSignedIn), (4404, Gone)]
)
def test_final_close_codes_end_the_document(code: int, failure: type[Closed]) -> None:
    @scenario
    async def main() -> None:
        house = House()
        with pytest.raises(failure):
            async with house.connect() as doc:
                changes = doc.changes()
                house.mute = True
                doc.text("t").insert(0, "x")
                house.cut(code, "so")
                with pytest.raises(failure, match="so"):
                    await anext(changes)
                assert doc.status is Status.CLOSED
                assert str(doc.text("t")) == "x"

    main()


@pytest.mark.parametrize(
    ("denial", "failure"),
    [
        ("not_signed_in: no", NotSignedIn),
        ("wrong_type: text", WrongType),
        ("permission-denied", NotAllowed),
        ("unavailable: later", Unreachable),
    ],
)
def test_denial_is_raised_where_the_document_is_opened(
    denial: str, failure: type[Exception]
) -> None:
    @scenario
    async def main() -> None:
        house = House()
        house.denial = denial
        with pytest.raises(failure):
            async with house.connect():
                pass

    main()


@scenario
async def test_document_deleted_while_we_have_it_is_gone() -> None:
    house = House()
    async with house.connect() as doc:
        changes = doc.changes()
        house.lines[-1].say(hocuspocus.PermissionDenied("document_gone: deleted"))
        with pytest.raises(Gone):
            await anext(changes)


@scenario
async def test_nonsense_ends_only_that_connection() -> None:
    house = House()
    async with house.connect() as doc:
        for frame in (b"", b"\x07", b"\x04page\x63"):
            lines = len(house.lines)
            house.lines[-1].say_raw(frame)
            await house.until(lambda lines=lines: len(house.lines) > lines)  # type: ignore[misc]
            await house.until(lambda: doc.status is Status.SAVED)


@scenario
async def test_pings_and_other_documents_do_no_harm() -> None:
    house = House()
    async with house.connect() as doc:
        line = house.lines[-1]
        line.say(ywebsocket.SyncUpdate(b"nonsense"), "another")
        line.say_raw(hocuspocus.encode_pong())
        house.write("x")
        await house.until(lambda: str(doc.text("t")) == "x")
    assert len(house.lines) == 1


# Following ----------------------------------------------------------------------------------------


@scenario
async def test_changes_of_others_are_followed_and_merged_where_nobody_reads() -> None:
    house = House()
    async with house.connect() as doc:
        changes = doc.changes()
        doc.text("t").insert(0, "own")
        await doc.flush()
        for _ in range(WAITING_CHANGES + 1):
            house.write("x")
        house.write("last ")
        await house.until(lambda: str(doc.text("t")) == house.text)
        copy: Doc[Any] = Doc()
        await anext(changes)
        copy.apply_update(await anext(changes))
    with pytest.raises(StopAsyncIteration):
        await anext(changes)


@scenario
async def test_observer_of_a_root_hears_although_nobody_keeps_the_root() -> None:
    house = House()
    heard: list[TextEvent] = []
    async with house.connect() as doc:
        doc.text("t").observe(heard.append)
        house.write("x")
        await house.until(lambda: bool(heard))


@scenario
async def test_messages_are_texts_and_need_a_connection() -> None:
    house = House()
    async with house.connect() as doc:
        inbox = doc.messages()
        await doc.send_message("out")
        assert house.lines[-1].heard[-1] == hocuspocus.Stateless("out")
        house.lines[-1].say(hocuspocus.Stateless("in"))
        assert (await anext(inbox)).body == "in"
        house.cut()
        await house.until(lambda: doc.status is Status.OFFLINE)
        with pytest.raises(Offline):
            await doc.send_message("out")


# Presence -----------------------------------------------------------------------------------------


def shown(line: Line) -> list[AwarenessEntry]:
    """What a client has shown of itself on this connection."""
    return [
        entry
        for message in line.heard
        if isinstance(message, ywebsocket.Awareness)
        for entry in message.entries
    ]


@scenario
async def test_presence_is_renewed_and_shown_again_after_a_reconnect() -> None:
    house = House()
    async with house.connect() as doc:
        await doc.presence.set({"user": {"name": "Ada"}})
        await anyio.sleep(50)
        assert [entry.clock for entry in shown(house.lines[0])] == [1, 2, 3, 4]
        house.cut()
        house.down = False
        await house.until(lambda: len(house.lines) == 2 and bool(shown(house.lines[1])))
        (entry,) = shown(house.lines[1])
        assert entry == AwarenessEntry(doc.ydoc.client_id, 5, '{"user":{"name":"Ada"}}')
        await doc.presence.clear()
        await house.until(lambda: len(shown(house.lines[1])) == 2)
        assert shown(house.lines[1])[1].state is None
        with pytest.raises(TypeError):
            await doc.presence.set({"a": object()})


@scenario
async def test_peers_come_expire_and_are_unknown_offline() -> None:
    house = House()
    async with house.connect() as doc:
        seen = doc.presence.updates()
        bea = ywebsocket.Awareness((AwarenessEntry(7, 1, '{"name":"Bea"}'),))
        house.lines[-1].say(bea)
        assert await anext(seen) == doc.presence.peers == {7: {"name": "Bea"}}
        began = anyio.current_time()
        assert await anext(seen) == {}
        assert 30 <= anyio.current_time() - began <= 33
        house.lines[-1].say(bea)
        assert await anext(seen) != {}
        house.cut()
        assert await anext(seen) == {}
    with pytest.raises(StopAsyncIteration):
        await anext(seen)


# Opening ------------------------------------------------------------------------------------------


@scenario
async def test_type_is_yjs_or_left_out() -> None:
    with pytest.raises(ValueError, match="create"):
        async with connect("http://server", "page", type="text"):  # type: ignore[call-overload]
            pass


@pytest.mark.parametrize(
    ("base", "socket"),
    [
        ("http://host:8000", "ws://host:8000/hocuspocus"),
        ("https://host/collab/", "wss://host/collab/hocuspocus"),
    ],
)
def test_all_yjs_documents_share_a_socket_url(base: str, socket: str) -> None:
    assert hocuspocus_url(base) == socket
