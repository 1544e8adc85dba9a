"""What a worker tells of its documents and peers, and what becomes of it together with others'."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
import pytest

from collab import inspection
from collab.connection import Connection, Kind
from collab.errors import CollabError, PeerNotFound, SentAway, Unavailable
from collab.inspection import (
    MOST_PEERS,
    AskDocuments,
    AskPeers,
    Disconnect,
    Inspection,
    TellDocuments,
    encode_question,
)
from collab.inspector import Inspector
from collab.native_peer import NativePeer
from collab.peer import Wire
from collab.protocols import native
from collab.registry import Registry
from collab.session import Session
from collab.siblings import Siblings, open_siblings
from collab.storage.memory import MemoryStore
from collab.words import Access
from tests.unit.linked import until
from tests.unit.nodes import allowed, create, edit, insert, node, settings

pytestmark = pytest.mark.anyio

ALONE = Siblings(None, None)


class Reader(Wire[str, str]):
    """Takes so many frames, says nothing."""

    def __init__(self, frames: float) -> None:
        self._frames = frames
        self.full = anyio.Event()

    @property
    def waiting_bytes(self) -> int:
        return 17

    async def receive(self) -> str:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(self, frame: str) -> None:
        self._frames -= 1
        if self._frames < 0:
            self.full.set()
            await anyio.sleep_forever()


class Room:
    """An open document, and who is at it."""

    def __init__(self, registry: Registry, session: Session, tasks: anyio.abc.TaskGroup) -> None:
        self.registry = registry
        self.session = session
        self.ended: dict[str, CollabError] = {}
        self._tasks = tasks

    async def write(self, times: int = 1) -> None:
        for _ in range(times):
            seq = self.session.version + 1
            await self.session.edit(edit(self.session, "ada", seq, None, insert("x")), allowed)

    async def join(
        self,
        connection: str,
        *,
        user: str | None = None,
        kind: Kind = "websocket",
        frames: float = 1000,
    ) -> Reader:
        wire = Reader(frames)
        peer = NativePeer(
            self.session,
            wire,
            native.Hello(client=f"client-of-{connection}-012345"),
            user=user,
            name=user and user.title(),
            access=Access.WRITE,
            settings=settings(),
            connection=Connection(connection, kind, "192.0.2.7"),
        )

        async def run() -> None:
            try:
                await peer.run()
            except CollabError as error:
                self.ended[connection] = error

        self._tasks.start_soon(run)
        await until(lambda: peer in self.session.fanout.followers())
        return wire


@asynccontextmanager
async def room(id: str = "doc", store: MemoryStore | None = None) -> AsyncIterator[Room]:
    store = store or MemoryStore()
    await create(store, id)
    async with node(store) as registry, registry.open(id) as session:
        async with anyio.create_task_group() as tasks:
            yield Room(registry, session, tasks)
            tasks.cancel_scope.cancel()


async def test_a_document_is_told_with_its_load() -> None:
    async with room() as here:
        inspector = Inspector(Inspection(here.registry, "w1"), ALONE)
        idle = (await inspector.overview(AskDocuments())).documents[0].together
        assert (idle.edits_per_second, idle.commit_p50_ms, idle.commit_p99_ms) == (0, None, None)
        await here.join("aa", user="ann")
        stuck = await here.join("bb", frames=1)
        await here.write(3)
        await stuck.full.wait()
        overview = await inspector.overview(AskDocuments())
    [placed] = overview.documents
    row = placed.together
    assert placed.nodes == [("w1", row)]
    assert (row.id, row.type, row.epoch) == ("doc", "text", "e1")
    assert (row.version, row.floor, row.snapshot_version) == (3, 0, 0)
    assert row.peers == 2
    assert 0 < row.lag <= 3
    assert row.edits_per_second > 0.5
    assert row.commit_p50_ms is not None
    assert row.commit_p99_ms is not None
    assert 0 < row.commit_p50_ms <= row.commit_p99_ms
    assert row.held_bytes > idle.held_bytes
    [worker] = overview.workers
    assert (worker.node, worker.draining, worker.documents, worker.peers) == ("w1", False, 1, 2)
    assert worker.edits_per_second == pytest.approx(row.edits_per_second, rel=0.1)
    assert (overview.total, overview.left_out, overview.silent) == (1, 0, 0)


async def test_a_peer_is_told_with_how_far_it_is_and_since_when() -> None:
    async with room() as here:
        await here.join("aa", user="ann")
        stuck = await here.join("bb", kind="events", frames=1)
        await here.write()
        await stuck.full.wait()
        await here.write(5)
        people = await Inspector(Inspection(here.registry, "w1"), ALONE).people(AskPeers("doc"))
        now = here.registry.now()
    assert people.document is not None
    assert people.document.together.peers == 2
    (first_node, ann), (_, events) = people.peers
    assert first_node == "w1"
    assert (ann.connection, ann.user, ann.name) == ("aa", "ann", "Ann")
    assert (ann.protocol, ann.access, ann.address) == ("native", "write", "192.0.2.7")
    assert (ann.version, ann.lag, ann.behind_since) == (6, 0, None)
    assert (ann.unanswered, ann.waiting_frames, ann.waiting_bytes) == (0, 0, 17)
    assert 0 <= now - ann.since < 60_000
    assert events.protocol == "sse"
    assert (events.version, events.lag) == (1, 5)
    assert events.behind_since is not None
    assert 0 <= now - events.behind_since < 60_000


async def test_a_document_that_is_not_open_has_nobody() -> None:
    async with room() as here:
        inspector = Inspector(Inspection(here.registry, "w1"), ALONE)
        people = await inspector.people(AskPeers("other"))
        assert (people.document, people.peers, people.left_out) == (None, [], 0)
        with pytest.raises(PeerNotFound):
            await inspector.disconnect("other", "aa")


async def test_documents_are_filtered_and_ordered() -> None:
    store = MemoryStore()
    for id in ("a1", "a2", "b1"):
        await create(store, id)
    await create(store, "page", type="yjs")
    async with (
        room(store=store) as here,
        here.registry.open("a1"),
        here.registry.open("a2") as busy,
        here.registry.open("b1"),
        here.registry.open("page"),
    ):
        for seq in (1, 2):
            await busy.edit(edit(busy, "ada", seq, None, insert("x")), allowed)
        inspector = Inspector(Inspection(here.registry, "w1"), ALONE)

        async def ids(**asked: str) -> list[str]:
            found = await inspector.overview(AskDocuments(**asked))
            assert found.total == len(found.documents)
            assert found.workers[0].documents == 5
            return [each.together.id for each in found.documents]

        assert await ids() == ["a1", "a2", "b1", "doc", "page"]
        assert await ids(order="-id") == ["page", "doc", "b1", "a2", "a1"]
        assert await ids(contains="1") == ["a1", "b1"]
        assert await ids(type="yjs") == ["page"]
        for order in ("-version", "-edits_per_second", "-commit_ms"):
            assert (await ids(order=order, contains="a"))[0] == "a2"


async def test_a_peer_is_sent_away_and_no_other() -> None:
    async with room() as here:
        await here.join("aa")
        await here.join("bb")
        inspector = Inspector(Inspection(here.registry, "w1"), ALONE)
        await inspector.disconnect("doc", "bb")
        await until(lambda: "bb" in here.ended)
        assert isinstance(here.ended["bb"], SentAway)
        with pytest.raises(PeerNotFound):
            await inspector.disconnect("doc", "bb")
        people = await inspector.people(AskPeers("doc"))
        assert [peer.connection for _, peer in people.peers] == ["aa"]


async def test_more_peers_than_are_told_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MOST_PEERS", 2)
    monkeypatch.setattr(inspection, "MOST_DOCUMENTS", 1)
    store = MemoryStore()
    await create(store, "other")
    async with room(store=store) as here, here.registry.open("other"):
        for number in range(5):
            await here.join(f"c{number}")
        inspector = Inspector(Inspection(here.registry, "w1"), ALONE)
        people = await inspector.people(AskPeers("doc", "-connection"))
        assert [peer.connection for _, peer in people.peers] == ["c4", "c3"]
        assert people.left_out == 3
        overview = await inspector.overview(AskDocuments(order="-peers"))
        assert [each.together.id for each in overview.documents] == ["doc"]
        assert (overview.total, overview.left_out) == (1, 1)


# Several workers ----------------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    private = tmp_path / "workers"
    private.mkdir(mode=0o700)
    return private


@asynccontextmanager
async def worker(directory: Path, name: str, here: Room) -> AsyncIterator[Inspector]:
    own = Inspection(here.registry, name)
    async with open_siblings(directory, name, {inspection.TOPIC: own.answer}) as siblings:
        yield Inspector(own, siblings)


async def test_a_document_on_two_workers_is_one_row(directory: Path) -> None:
    async with room() as here, room() as there:
        await here.join("aa", user="ann")
        await there.join("bb", user="bob")
        await there.join("cc", user="cid")
        await there.write(2)
        async with worker(directory, "w1", here) as inspector, worker(directory, "w2", there):
            overview = await inspector.overview(AskDocuments())
            people = await inspector.people(AskPeers("doc", "user"))
            assert [each.node for each in overview.workers] == ["w1", "w2"]
            [placed] = overview.documents
            assert (placed.together.version, placed.together.peers) == (2, 3)
            assert [(node, row.version, row.peers) for node, row in placed.nodes] == [
                ("w1", 0, 1),
                ("w2", 2, 2),
            ]
            assert [(node, peer.user) for node, peer in people.peers] == [
                ("w1", "ann"),
                ("w2", "bob"),
                ("w2", "cid"),
            ]
            await inspector.disconnect("doc", "cc")
            await until(lambda: "cc" in there.ended)
            assert (here.ended, list(there.ended)) == ({}, ["cc"])
            with pytest.raises(PeerNotFound):
                await inspector.disconnect("doc", "cc")


@pytest.mark.parametrize(
    "said",
    [
        b"\xc1",
        b"{}",
        msgspec.msgpack.encode({"worker": ["w2"], "matching": 0, "documents": []}),
        msgspec.msgpack.encode({"node": "w2", "document": None, "peers": [[1, 2, 3]]}),
        msgspec.msgpack.encode({"peers": "many"}),
    ],
)
async def test_a_worker_that_talks_nonsense_counts_as_silent(directory: Path, said: bytes) -> None:
    async def nonsense(question: bytes) -> bytes:
        return said

    async with (
        room() as here,
        worker(directory, "w1", here) as inspector,
        open_siblings(directory, "w2", {inspection.TOPIC: nonsense}),
    ):
        overview = await inspector.overview(AskDocuments())
        assert (len(overview.workers), overview.silent) == (1, 1)
        people = await inspector.people(AskPeers("doc"))
        assert (people.peers, people.silent) == ([], 1)
        with pytest.raises(Unavailable):
            await inspector.disconnect("doc", "aa")


@pytest.mark.parametrize(
    "question",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"ask": "everything"}),
        msgspec.msgpack.encode({"ask": "documents", "more": 1}),
        encode_question(AskDocuments(order="secret")),
        encode_question(AskPeers("doc", "-nothing")),
    ],
)
async def test_a_question_that_is_nonsense_is_not_answered(question: bytes) -> None:
    async with room() as here:
        with pytest.raises((msgspec.MsgspecError, KeyError)):
            await Inspection(here.registry, "w1").answer(question)


async def test_what_workers_say_to_each_other_stays_within_its_bound() -> None:
    """A full answer with the longest of everything is one that a worker takes."""
    long = "\U0001f600" * 200
    row = inspection.ConnectedPeer(
        "c" * 12, long, long, "a" * 16, "native", "write", "::1", *[2**53] * 7
    )
    most = 2**53
    document = inspection.OpenDocument(
        "d" * 200, "richtext", "e" * 64, most, most, most, most, most, most, 1.5, 1.5, 1.5, most
    )
    peers = msgspec.msgpack.encode(inspection.TellPeers("n", document, [row] * MOST_PEERS))
    documents = msgspec.msgpack.encode([document] * inspection.MOST_DOCUMENTS)
    assert max(len(peers), len(documents)) < 4 * 1024 * 1024


async def test_looking_makes_way_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "_STRIDE", 1)
    store = MemoryStore()
    for number in range(20):
        await create(store, f"d{number}")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with room(store=store) as here, anyio.create_task_group() as tasks:
        for number in range(20):
            async with here.registry.open(f"d{number}"):
                pass
        tasks.start_soon(count)
        told = await Inspection(here.registry, "w1").documents(AskDocuments())
        assert isinstance(told, TellDocuments)
        assert turns >= 20
        tasks.cancel_scope.cancel()


Ask = Callable[[bytes], Awaitable[bytes]]


async def test_a_worker_sends_away_for_another(directory: Path) -> None:
    async with room() as here:
        await here.join("aa")
        answer: Ask = Inspection(here.registry, "w1").answer
        told = msgspec.msgpack.decode(await answer(encode_question(Disconnect("doc", "aa"))))
        assert told == {"peers": 1}
        await until(lambda: "aa" in here.ended)
