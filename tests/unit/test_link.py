"""Presence and messages between nodes: both ways, once, with the newest claim, and not for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest
from anyio.abc import TaskGroup

from collab.bus.memory import open_memory
from collab.bus.news import Asking, Entry, News, Present, Said, decode
from collab.hocuspocus_peer import HocuspocusPeer
from collab.messages import Message
from collab.presence import Presence
from collab.protocols import hocuspocus, native, ywebsocket
from collab.protocols.ywebsocket import AwarenessEntry
from collab.session import Session
from tests.simulation import virtual
from tests.unit import test_peer, test_yjs_peer
from tests.unit.linked import Nodes, settled, two_nodes, until
from tests.unit.nodes import TroubledStore, create, node
from tests.unit.test_peer import ADA, BOB

pytestmark = pytest.mark.anyio

A_MOMENT = 0.15
GONE_SECONDS = 32.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return virtual.BACKEND


def shown(session: Session) -> dict[str, Any]:
    """What is shown of whom."""
    return {
        each.author: msgspec.json.decode(msgspec.json.encode(each.state))
        for each in session.presence.everyone()
    }


def put(session: Session, author: str, state: object, owner: object = "peer") -> None:
    session.presence.put(Presence(author, None, state, 0), owner)
    session.fanout.wake_followers()


def remove(session: Session, author: str, owner: object = "peer") -> bool:
    removed = session.presence.remove(author, owner)
    session.fanout.wake_followers()
    return removed


async def agree(nodes: Nodes, expected: dict[str, Any], seconds: float = A_MOMENT) -> None:
    await until(lambda: all(shown(each) == expected for each in nodes.sessions), seconds)


# Presence -----------------------------------------------------------------------------------------


async def test_presence_is_shown_changed_and_taken_away_on_both_nodes() -> None:
    async with two_nodes() as nodes:
        here, there = nodes.sessions
        put(here, "ada", 1)
        put(there, "bob", 1)
        await agree(nodes, {"ada": 1, "bob": 1})
        put(here, "ada", 2)
        await agree(nodes, {"ada": 2, "bob": 1})
        assert not remove(here, "bob"), "somebody else's"
        assert remove(here, "ada")
        await agree(nodes, {"bob": 1})


async def test_many_changes_are_few_pieces_of_news() -> None:
    async with two_nodes() as nodes:
        ear = Ear()
        async with open_memory(nodes.ether) as bus:
            bus.listen(ear)
            bus.subscribe("doc")
            for number in range(100):
                put(nodes.sessions[0], "ada", number)
                await anyio.sleep(0.001)
            await agree(nodes, {"ada": 99})
        assert 2 <= len(ear.heard) <= 5


async def test_who_opens_the_document_later_learns_who_is_there() -> None:
    async with two_nodes() as nodes:
        put(nodes.sessions[0], "ada", 1)
        async with (
            open_memory(nodes.ether) as bus,
            node(nodes.store, bus) as third,
            third.open("doc") as session,
        ):
            await until(lambda: shown(session) == {"ada": 1}, A_MOMENT)


async def test_a_client_that_moved_keeps_its_own() -> None:
    async with two_nodes() as nodes:
        here, there = nodes.sessions
        put(here, "ada", "before", "old")
        await agree(nodes, {"ada": "before"})
        put(there, "ada", "after", "new")
        await agree(nodes, {"ada": "after"})
        put(here, "ada", "late", "old")
        assert not remove(here, "ada", "old")
        await anyio.sleep(12)  # all that the first node shows has been told again meanwhile
        await agree(nodes, {"ada": "after"})
        put(here, "ada", "back", "newest")
        await agree(nodes, {"ada": "back"})
        assert not remove(there, "ada", "new")


async def test_it_keeps_it_too_when_word_of_the_move_is_lost() -> None:
    async with two_nodes() as nodes:
        here, there = nodes.sessions
        put(here, "ada", "before", "old")
        await agree(nodes, {"ada": "before"})
        nodes.buses[1].away = True
        put(there, "ada", "after", "new")
        await anyio.sleep(5)
        remove(here, "ada", "old")
        nodes.buses[1].away = False
        await agree(nodes, {"ada": "after"})


async def test_a_departure_whose_news_was_lost_is_noticed_when_all_is_told_again() -> None:
    async with two_nodes() as nodes:
        here, _ = nodes.sessions
        put(here, "ada", 1)
        put(here, "eve", 1)
        await agree(nodes, {"ada": 1, "eve": 1})
        nodes.buses[0]._away = True
        remove(here, "eve")
        await anyio.sleep(1)
        nodes.buses[0]._away = False
        await agree(nodes, {"ada": 1}, seconds=11)


async def test_presence_of_a_dead_node_is_gone_in_half_a_minute_and_of_a_living_one_stays() -> None:
    async with two_nodes() as nodes:
        here, there = nodes.sessions
        put(here, "ada", 1)
        put(there, "bob", 1)
        await agree(nodes, {"ada": 1, "bob": 1})
        await anyio.sleep(100)
        await agree(nodes, {"ada": 1, "bob": 1})
        nodes.buses[0].away = True
        await anyio.sleep(15)
        assert shown(there) == {"ada": 1, "bob": 1}
        await anyio.sleep(GONE_SECONDS - 15)
        assert (shown(here), shown(there)) == ({"ada": 1}, {"bob": 1})
        nodes.buses[0].away = False
        await agree(nodes, {"ada": 1, "bob": 1})


async def test_a_node_that_stops_takes_its_presence_with_it_at_once() -> None:
    async with two_nodes() as nodes:
        async with (
            open_memory(nodes.ether) as bus,
            node(nodes.store, bus) as third,
            third.open("doc") as session,
        ):
            put(session, "ada", 1)
            await agree(nodes, {"ada": 1})
        await agree(nodes, {})


async def test_news_that_come_twice_and_late_change_nothing() -> None:
    async with two_nodes() as nodes:

        def entry(state: bytes | None, change: int) -> Entry:
            return Entry("ada", None, state, 0, False, 10, change)

        first = Present("third", "e1", (entry(b"1", 10),), None)
        second = Present("third", "e1", (entry(b"2", 11),), None)
        gone = Present("third", "e1", (entry(None, 12),), None)
        for news in (second, first, second):
            nodes.spread(news)
        await agree(nodes, {"ada": 2})
        for news in (gone, second, first):
            nodes.spread(news)
        await agree(nodes, {})


async def test_of_the_presence_of_strangers_only_what_a_peer_could_show_is_shown() -> None:
    async with two_nodes() as nodes:
        good = Entry("ada", None, b"1", 0, False, 10, 10)
        yjs = msgspec.structs.replace(good, author="7", clocked=True)
        odd = [
            msgspec.structs.replace(good, state=b"{"),
            msgspec.structs.replace(good, state=b"\xff"),
            msgspec.structs.replace(good, state=b"null"),
            msgspec.structs.replace(good, state=b"[" * 100 + b"]" * 100),
            msgspec.structs.replace(good, state=b'"%s"' % (b"x" * 100_000)),
            msgspec.structs.replace(good, change=2**53 - 1),
            msgspec.structs.replace(good, claim=2**53 - 1),
            msgspec.structs.replace(yjs, author="ada"),
            msgspec.structs.replace(yjs, author="٣"),
            msgspec.structs.replace(yjs, author="07"),
            msgspec.structs.replace(yjs, author="9" * 16),
            msgspec.structs.replace(yjs, author="9" * 999),
            msgspec.structs.replace(yjs, version=2**53 - 1),
            msgspec.structs.replace(yjs, state=b"NaN"),
            msgspec.structs.replace(yjs, state=b"null"),
            msgspec.structs.replace(yjs, state=b"\xff"),
            msgspec.structs.replace(yjs, state=b'"%s"' % (b"x" * 100_000)),
        ]
        for entry in odd:
            nodes.spread(Present("third", "e1", (entry,), None))
        nodes.spread(Present("third", "other epoch", (good,), None))
        await settled()
        assert [shown(each) for each in nodes.sessions] == [{}, {}]
        nodes.spread(Present("third", "e1", (good, yjs), None))
        await agree(nodes, {"ada": 1, "7": 1})


async def test_nodes_that_are_none_cannot_fill_the_memory() -> None:
    async with two_nodes() as nodes:
        for number in range(3000):
            entry = Entry(f"guest {number}", None, b"1", 0, False, 10, 10)
            nodes.spread(Present(f"node {number}", "e1", (entry,), None))
        await settled()
        assert len(shown(nodes.sessions[0])) == 1000
        await anyio.sleep(GONE_SECONDS)
        await agree(nodes, {})


# Messages -----------------------------------------------------------------------------------------


def bodies(session: Session) -> list[Any]:
    return [message.body for message in session.messages.after(0)]


async def test_a_message_goes_to_the_other_node_once_and_does_not_come_back() -> None:
    async with two_nodes() as nodes:
        here, there = nodes.sessions
        here.messages.post(Message("ada", "u", msgspec.Raw(b'{"a":1}'), 7))
        here.messages.post(Message("ada", "u", "a text", 6))
        here.messages.post(Message("ada", "u", None, 0))
        here.fanout.wake_followers()
        await until(lambda: there.messages.count == 3, A_MOMENT)
        await anyio.sleep(12)
        assert (here.messages.count, there.messages.count) == (3, 3)
        assert bodies(there) == [msgspec.Raw(b'{"a":1}'), "a text", None]
        assert [each.author for each in there.messages.after(0)] == ["ada"] * 3


async def test_a_message_that_comes_twice_is_one_and_those_out_of_order_are_all_there() -> None:
    async with two_nodes() as nodes:
        for number in (1, 3, 2, 3, 1):
            nodes.spread(Said("third", "e1", number, "ada", None, b"%d" % number, False))
        nodes.spread(Said("fourth", "e1", 1, "ada", None, b"4", False))
        await settled()
        for session in nodes.sessions:
            assert [bytes(body) for body in bodies(session)] == [b"1", b"3", b"2", b"4"]


async def test_messages_that_make_no_sense_are_passed_over() -> None:
    async with two_nodes() as nodes:
        for number, (body, text) in enumerate(
            [(b"{", False), (b"\xff", True), (b"null", False), (b"1" * 70_000, False)]
        ):
            nodes.spread(Said("third", "e1", number, "ada", None, body, text))
        nodes.spread(Said("third", "other epoch", 9, "ada", None, b"1", False))
        await settled()
        assert nodes.sessions[0].messages.count == 0


# The peers of both protocols ----------------------------------------------------------------------


@asynccontextmanager
async def rooms(nodes: Nodes, kind: Any) -> AsyncIterator[Any]:
    """A room on each node."""
    async with anyio.create_task_group() as tasks:
        made = [_room(kind, registry, tasks) for registry in nodes.registries]
        try:
            yield made
        finally:
            tasks.cancel_scope.cancel()
            for room in made:
                room.hang_up()


def _room(kind: Any, registry: object, tasks: TaskGroup) -> Any:
    return kind(registry, TroubledStore(), tasks)


class Ear:
    """Writes down what is told about the boards."""

    def __init__(self) -> None:
        self.heard: list[News] = []

    def hear(self, channel: str | None, news: bytes) -> None:
        decoded = decode(news)
        if isinstance(decoded, Present | Said | Asking):
            self.heard.append(decoded)

    def tuned(self, channel: str | None) -> None:
        pass


async def test_native_peers_see_each_other_across_nodes() -> None:
    async with two_nodes() as nodes, rooms(nodes, test_peer.Room) as (here, there):
        ada, bob = await here.join(ADA), await there.join(BOB)
        ada.say(native.SetPresence(msgspec.Raw(b'{"at":1}'), 0))
        update = await bob.next(native.PresenceUpdate)
        assert [each.state for each in update.peers] == [{"at": 1}]
        bob.say(native.SendMessage(msgspec.Raw(b'"hello"')))
        while not isinstance(message := await ada.next(object), native.PeerMessage):
            pass
        assert message.body == "hello"
        ada.hang_up()
        assert (await bob.next(native.PresenceUpdate)).peers[0].state is None


def awareness(client: int, clock: int, state: str | None = '{"user":{}}') -> ywebsocket.Awareness:
    return ywebsocket.Awareness((AwarenessEntry(client, clock, state),))


async def clock_of(line: test_yjs_peer.Line, client: int) -> tuple[int, str | None]:
    """What the line is told next of a client."""
    while True:
        told = line.shown(await line.next(ywebsocket.Awareness))
        if client in told:
            return told[client]


async def test_yjs_peers_see_each_other_across_nodes_with_clocks_that_rise() -> None:
    async with two_nodes("yjs") as nodes, rooms(nodes, test_yjs_peer.Room) as (here, there):
        ada, bob = here.dial(), there.dial()
        await ada.next(ywebsocket.SyncStep1)
        await bob.next(ywebsocket.SyncStep1)
        ada.say(awareness(1, 5))
        first, _ = await clock_of(bob, 1)
        ada.say(awareness(1, first + 1, '{"user":{},"x":1}'))
        second, state = await clock_of(bob, 1)
        assert (second > first, state) == (True, '{"user":{},"x":1}')
        ada.hang_up()
        third, state = await clock_of(bob, 1)
        assert (third > second, state) == (True, None)


async def test_a_provider_that_moves_is_shown_above_itself_and_sees_the_others_anew() -> None:
    async with two_nodes("yjs") as nodes, rooms(nodes, test_yjs_peer.Room) as (here, there):
        ada, bob = here.dial(), here.dial()
        ada.say(awareness(1, 5))
        bob.say(awareness(2, 9))
        shown_before, _ = await clock_of(bob, 1)
        seen_by_ada, _ = await clock_of(ada, 2)
        await until(lambda: len(nodes.sessions[1].presence.everyone()) == 2, A_MOMENT)
        again = there.dial()
        again.say(awareness(1, 5))
        moved, state = await clock_of(bob, 1)
        assert moved > shown_before
        assert state is not None
        while (clock := await clock_of(again, 2))[0] <= seen_by_ada:
            pass
        assert clock[1] is not None
        ada.hang_up()
        await ada.ended.wait()
        await anyio.sleep(12)
        assert sorted(shown(nodes.sessions[0])) == sorted(shown(nodes.sessions[1])) == ["1", "2"]


async def test_a_provider_that_comes_to_a_node_of_its_own_sees_the_others_at_once() -> None:
    async with two_nodes("yjs") as nodes, rooms(nodes, test_yjs_peer.Room) as (here, _):
        bob = here.dial()
        bob.say(awareness(2, 9))
        before, _ = await clock_of(bob, 2)
        async with open_memory(nodes.ether) as bus, node(nodes.store, bus) as third:
            async with third.open("doc") as session:
                await until(lambda: (session.presence.last_version("2") or 0) > before, 1)


async def test_awareness_crosses_as_javascript_wrote_it() -> None:
    async with two_nodes("yjs") as nodes, rooms(nodes, test_yjs_peer.Room) as (here, there):
        ada, bob = here.dial(), there.dial()
        await bob.next(ywebsocket.SyncStep1)
        half = '{"user": {"name": "\\ud83d"}, "big": 1e300}'
        ada.say(awareness(1, 5, half))
        assert (await clock_of(bob, 1))[1] == half


async def test_somebody_elses_client_id_cannot_be_taken_on_another_node_either() -> None:
    async with two_nodes("yjs") as nodes, rooms(nodes, test_yjs_peer.Room) as (here, there):
        ada, eve = here.dial(user="ada"), there.dial(user="eve")
        ada.say(awareness(1, 5))
        await clock_of(ada, 1)
        await until(lambda: "1" in shown(nodes.sessions[1]), A_MOMENT)
        eve.say(awareness(1, 50, '{"user":{"name":"Ada"}}'))
        eve.say(awareness(3, 1))
        await clock_of(eve, 3)
        assert nodes.sessions[1].presence.shown("1").user == "ada"  # type: ignore[union-attr]


async def test_a_provider_of_a_dead_node_comes_back_visible() -> None:
    async with two_nodes("yjs") as nodes, rooms(nodes, test_yjs_peer.Room) as (here, there):
        ada, bob = here.dial(), there.dial()
        ada.say(awareness(1, 5))
        first, _ = await clock_of(bob, 1)
        nodes.buses[0].away = True
        removed, state = await clock_of_later(bob, 1)
        assert (removed > first, state) == (True, None)
        nodes.buses[0].away = False
        back, state = await clock_of(bob, 1)
        assert back > removed
        assert state is not None


async def clock_of_later(line: test_yjs_peer.Line, client: int) -> tuple[int, str | None]:
    await anyio.sleep(GONE_SECONDS)
    return await clock_of(line, client)


async def test_a_stateless_message_crosses_as_it_is() -> None:
    async with two_nodes("yjs") as nodes, rooms(nodes, test_yjs_peer.Room) as (here, there):
        ada, bob = here.dial(HocuspocusPeer), there.dial(HocuspocusPeer)
        await ada.next(ywebsocket.SyncStep1)
        await bob.next(ywebsocket.SyncStep1)
        ada.say(hocuspocus.Stateless('"quoted"'))
        expected = hocuspocus.encode_body(hocuspocus.Stateless('"quoted"'))
        while await bob.frame() != expected:
            pass


async def test_after_an_outage_everybody_is_learnt_of_at_hundreds_of_documents() -> None:
    async with two_nodes() as nodes, AsyncExitStack() as stack:
        pairs: list[list[Session]] = []
        for number in range(450):
            await create(nodes.store, f"doc {number}")
            opened = [each.open(f"doc {number}") for each in nodes.registries]
            pairs.append([await stack.enter_async_context(each) for each in opened])
        nodes.buses[0].away = True
        for here, _ in pairs:
            put(here, "ada", 1)
        await anyio.sleep(1)
        nodes.buses[0].away = False
        await until(lambda: all(shown(there) == {"ada": 1} for _, there in pairs), 1)
