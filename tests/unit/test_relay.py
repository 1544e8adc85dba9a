"""What happens on one node is on the other at once, and found there if no word of it comes."""

from __future__ import annotations

import anyio
import msgspec
import pytest

from collab.bus.memory import open_memory
from collab.bus.news import AccessChanged, Committed, Deleted, encode
from collab.catalog import Catalog
from collab.contents import Writer
from collab.errors import DocumentNotFound
from collab.presence import Presence
from collab.rights import Principal
from collab.storage import NewDocument
from collab.words import Access, Commit, Credit
from tests.simulation import virtual
from tests.unit.linked import settled, two_nodes, until
from tests.unit.nodes import allowed, node, settings, text_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Time is virtual: what takes a second here takes one on a busy machine too."""
    return virtual.BACKEND


# Commits ------------------------------------------------------------------------------------------


async def test_an_edit_crosses_without_a_read_of_the_store() -> None:
    async with two_nodes() as nodes:
        reads = nodes.store.reads
        for number in range(10):
            await nodes.write(number % 2, "a")
            await until(lambda: len({session.version for session in nodes.sessions}) == 1)
        assert [text_of(session) for session in nodes.sessions] == ["a" * 10] * 2
        assert nodes.store.reads == reads


async def test_a_long_commit_is_read() -> None:
    async with two_nodes() as nodes:
        await nodes.write(0, "a" * 100_000)
        await until(lambda: nodes.sessions[1].version == 1, seconds=0.05)
        assert len(text_of(nodes.sessions[1])) == 100_000


async def test_a_gap_is_read_from_the_store_at_once() -> None:
    async with two_nodes() as nodes:
        nodes.buses[1].away = True
        await nodes.write(0, "a")
        await settled()
        assert nodes.sessions[1].version == 0
        nodes.buses[1]._away = False  # without being told that it was
        reads = nodes.store.reads
        await nodes.write(0, "b")
        await until(lambda: nodes.sessions[1].version == 2, seconds=0.05)
        assert nodes.store.reads > reads
        assert text_of(nodes.sessions[1]) == "ba"


async def test_what_was_lost_with_a_dying_node_is_found_within_a_second() -> None:
    async with two_nodes() as nodes:
        nodes.buses[1]._away = True
        await nodes.write(0, "a")
        nodes.buses[1]._away = False
        began = anyio.current_time()
        await until(lambda: nodes.sessions[1].version == 1)
        assert anyio.current_time() - began <= 1.1


async def test_the_store_is_asked_less_often_beside_a_healthy_bus() -> None:
    async with two_nodes() as nodes:
        await anyio.sleep(2)
        nodes.store.polls.clear()
        await anyio.sleep(10)
        assert 18 <= len(nodes.store.polls) <= 22
        for bus in nodes.buses:
            bus.away = True
        await anyio.sleep(2)
        nodes.store.polls.clear()
        await anyio.sleep(10)
        assert 70 <= len(nodes.store.polls) <= 82


async def test_who_returns_to_the_bus_looks_at_once() -> None:
    async with two_nodes() as nodes:
        nodes.buses[1].away = True
        await nodes.write(0, "a")
        nodes.buses[1].away = False
        await until(lambda: nodes.sessions[1].version == 1, seconds=0.05)


async def test_commits_that_do_not_fit_their_version_make_the_node_look_for_itself() -> None:
    async with two_nodes() as nodes:
        await nodes.write(0, "a")
        await until(lambda: nodes.sessions[1].version == 1)
        commit = (await nodes.store.read("doc", "e1", 0, 1))[0]
        odd = msgspec.structs.replace(commit, version=3)
        nodes.spread(Committed("third", "e1", 2, (commit, odd)))
        nodes.spread(Committed("third", "e1", 2**53 - 1, ()))
        await nodes.write(0, "b")
        await until(lambda: nodes.sessions[1].version == 2)
        assert text_of(nodes.sessions[1]) == "ba"


async def test_a_commit_that_does_not_apply_ends_the_session_and_the_next_is_sound() -> None:
    async with two_nodes() as nodes:
        commit = Commit(1, 0, (Credit("x", 1, None, b""),), b'[{"retain":5},{"delete":7}]')
        nodes.spread(Committed("third", "e1", 1, (commit,)))
        await until(lambda: all(session.ended is not None for session in nodes.sessions))
    async with node(nodes.store) as registry, registry.open("doc") as session:
        assert (session.version, text_of(session)) == (0, "")


async def test_garbage_changes_nothing() -> None:
    async with two_nodes() as nodes:
        good = encode(Committed("third", "e1", 1, ()))
        for channel in ("doc", None, "absent"):
            for news in (b"", b"\x00", b"\xff" * 100, good[:-1], good + b"x", b"\x91" * 100_000):
                nodes.spread(news, channel)
        nodes.spread(Deleted("third"), None)
        nodes.spread(AccessChanged("third", 7))
        await settled()
        await nodes.write(0, "a")
        await until(lambda: nodes.sessions[1].version == 1)
        assert [session.ended for session in nodes.sessions] == [None, None]


# Deletions, epochs, rights ------------------------------------------------------------------------


async def test_a_deletion_ends_the_session_elsewhere_at_once() -> None:
    async with two_nodes() as nodes:
        catalog = Catalog(nodes.store, nodes.registries[0], settings())
        with anyio.move_on_after(0.2):  # its own session is held open here
            await catalog.delete("doc")
        await until(lambda: nodes.sessions[1].ended is not None, seconds=0.05)
        assert isinstance(nodes.sessions[1].ended, DocumentNotFound)


async def test_word_of_a_deletion_that_did_not_happen_ends_nothing() -> None:
    async with two_nodes() as nodes:
        nodes.store.polls.clear()
        nodes.spread(Deleted("third"))
        await until(lambda: nodes.store.polls.count(("doc",)) >= 2)
        await settled()
        assert [session.ended for session in nodes.sessions] == [None, None]


async def test_a_commit_of_another_epoch_ends_the_session_of_the_old_one() -> None:
    async with two_nodes() as nodes:
        await nodes.store.delete("doc")
        new = NewDocument(id="doc", type="text", epoch="e2", created=0)
        await nodes.store.create(new, revive=True)
        nodes.spread(Committed("third", "e2", 1, ()))
        await until(
            lambda: all(session.ended is not None for session in nodes.sessions), seconds=0.2
        )


async def test_a_grant_counts_on_the_other_node_at_once() -> None:
    async with two_nodes() as nodes:
        ann = Principal("ann", None, (("doc", Access.READ),))
        standing = await nodes.registries[1].authorizer.admit(ann, "doc")
        await nodes.registries[0].authorizer.grant("doc", "ann", Access.WRITE)
        await until(lambda: standing.access is Access.WRITE, seconds=0.05)


# HTTP on a node that does not have the document open ----------------------------------------------


async def test_a_node_that_has_it_not_open_tells_who_is_there_and_passes_messages_on() -> None:
    async with two_nodes() as nodes:
        session = nodes.sessions[0]
        session.presence.put(Presence("ada", "Ada", "here", 0), "peer")
        session.fanout.wake_followers()
        async with open_memory(nodes.ether) as bus, node(nodes.store, bus) as third:
            await settled()
            catalog = Catalog(nodes.store, third, settings())
            await catalog.post("doc", Writer("bob", "key", allowed), {"hello": 1})
            await until(lambda: session.messages.count == 1, seconds=0.05)
            assert session.messages.after(0)[0].author == Writer("bob", "key", allowed).author
            assert [each.author for each in await catalog.presence("doc")] == ["ada"]
            assert third.opened("doc") is not None
            with pytest.raises(DocumentNotFound):
                await catalog.presence("absent")
