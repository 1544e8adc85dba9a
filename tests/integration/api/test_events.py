"""The ordered stream as Server-Sent Events."""

from __future__ import annotations

import time

import anyio
import pytest

from collab.presence import Presence
from tests.integration.api.asgi import Server, events, problem, serving, signed

pytestmark = pytest.mark.anyio


async def test_the_stream_begins_with_what_is_there(server: Server) -> None:
    row = await server.make("a", "one")
    async with events(server, "a") as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert "content-length" not in stream.headers
        welcome = await stream.event()
    assert (welcome.kind, welcome.id) == ("welcome", f"{row['epoch']}:1")
    assert welcome.data["type"] == "welcome"
    assert welcome.data["contents"] == "one"
    assert welcome.data["access"] == "read"
    assert "edits" not in welcome.data


async def test_edits_come_in_order_as_they_are_made(server: Server) -> None:
    row = await server.make("a", "one")
    async with events(server, "a") as stream:
        await stream.event()
        for number in range(2, 5):
            await server.type("a", str(number))
            event = await stream.event()
            assert (event.kind, event.id) == ("edits", f"{row['epoch']}:{number}")
            (edit,) = event.data["edits"]
            assert (edit["version"], edit["operation"]) == (number, [{"insert": str(number)}])
            assert edit["user"] == "alice"


async def test_a_stream_goes_on_where_it_was_left(server: Server) -> None:
    row = await server.make("a", "one")
    async with events(server, "a") as stream:
        await stream.event()
        await server.type("a", "2")
        left = (await stream.event()).id
    assert left is not None
    await server.type("a", "3")
    await server.type("a", "4")
    async with events(server, "a", last_event_id=left) as stream:
        welcome = await stream.event()
        assert welcome.id == f"{row['epoch']}:4"
        assert [edit["version"] for edit in welcome.data["edits"]] == [3, 4]
        assert "contents" not in welcome.data
        await server.type("a", "5")
        assert (await stream.event()).id == f"{row['epoch']}:5"


async def test_a_stream_can_begin_after_a_version(server: Server) -> None:
    row = await server.make("a", "one")
    await server.type("a", "2")
    async with events(server, "a", "since=1") as stream:
        welcome = await stream.event()
    assert [edit["version"] for edit in welcome.data["edits"]] == [2]
    async with events(server, "a", f"since=0&epoch={row['epoch']}") as stream:
        welcome = await stream.event()
    assert [edit["version"] for edit in welcome.data["edits"]] == [1, 2]


@pytest.mark.parametrize("place", ["other:1", "{epoch}:9"])
async def test_a_place_that_is_not_there_is_a_reset(server: Server, place: str) -> None:
    row = await server.make("a", "one")
    place = place.format(epoch=row["epoch"])
    async with events(server, "a", last_event_id=place) as stream:
        reset = await stream.event()
    assert (reset.kind, reset.id) == ("reset", f"{row['epoch']}:1")
    assert reset.data["contents"] == "one"


async def test_presence_and_messages_come_too(server: Server) -> None:
    await server.make("a", "one")
    async with events(server, "a") as stream, server.registry.open("a") as session:
        await stream.event()
        session.presence.put(Presence("peer", "bob", {"at": 1}, 1), session)
        session.fanout.wake_followers()
        presence = await stream.event()
        assert (presence.kind, presence.id) == ("presence", None)
        assert presence.data["peers"][0]["state"] == {"at": 1}
        answer = await server.client.get("/v1/documents/a/presence")
        assert answer.json() == {
            "peers": [{"author": "peer", "user": "bob", "state": {"at": 1}, "version": 1}]
        }
        body = {"body": {"say": "hi"}}
        answer = await server.client.post("/v1/documents/a/messages", json=body)
        assert (answer.status_code, answer.content) == (204, b"")
        message = await stream.event()
        assert (message.kind, message.id) == ("message", None)
        assert (message.data["user"], message.data["body"]) == ("alice", {"say": "hi"})


async def test_nobody_is_there(server: Server) -> None:
    await server.make("a", "one")
    assert (await server.client.get("/v1/documents/a/presence")).json() == {"peers": []}
    answer = await server.client.post("/v1/documents/a/messages", json={"body": 1})
    assert answer.status_code == 204
    for answer in (
        await server.client.get("/v1/documents/x/presence"),
        await server.client.post("/v1/documents/x/messages", json={"body": 1}),
    ):
        assert problem(answer, 404) == "document_not_found"


async def test_messages_have_a_bound(server: Server) -> None:
    await server.make("a", "one")
    body = {"body": "x" * 100_000}
    answer = await server.client.post("/v1/documents/a/messages", json=body)
    assert problem(answer, 413) == "message_too_large"


async def test_a_deleted_document_ends_the_stream(server: Server) -> None:
    await server.make("a", "one")
    async with events(server, "a") as stream:
        await stream.event()
        await server.client.delete("/v1/documents/a")
        goodbye = await stream.event()
        assert goodbye.kind == "goodbye"
        assert goodbye.data["code"] == "document_not_found"
        assert goodbye.data["retry_after"] is None
        assert await stream.block() is None


async def test_a_server_that_stops_says_when_to_come_back(server: Server) -> None:
    await server.make("a", "one")
    async with events(server, "a") as stream:
        await stream.event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.registry.drain)
            goodbye = await stream.event()
            assert goodbye.data["code"] == "restarting"
            assert goodbye.data["retry_after"] > 0
            assert await stream.block() is None
    answer = await server.client.get("/readyz")
    assert problem(answer, 503) == "restarting"
    assert int(answer.headers["retry-after"]) >= 1
    assert problem(await server.type("a", "x"), 503) == "restarting"


async def test_a_silent_stream_shows_that_it_is_alive(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.web.events.HEARTBEAT_SECONDS", 0.01)
    await server.make("a", "one")
    async with events(server, "a") as stream:
        await stream.event()
        block = await stream.block()
        assert block is not None
        assert block.startswith(":")


async def test_who_may_not_read_any_more_is_sent_away(server: Server) -> None:
    await server.make("a", "one")
    async with events(server, "a") as stream:
        await stream.event()
        grant = {"document": "a", "user": "alice", "access": "none"}
        assert (await server.client.post("/v1/access", json=grant)).status_code == 200
        goodbye = await stream.event()
        assert goodbye.data["code"] == "not_allowed"


async def test_a_stream_of_nothing_is_refused_in_time(server: Server) -> None:
    async with events(server, "x") as stream:
        assert stream.status == 404
    await server.make("a", "one")
    async with events(server, "a", last_event_id="nonsense") as stream:
        assert stream.status == 400
    async with events(server, "a", "since=-1") as stream:
        assert stream.status == 422


async def test_a_reader_far_behind_catches_up_in_bounded_frames() -> None:
    async with serving(tail_commits=4) as server:
        await server.make("a", "one")
        for number in range(20):
            await server.type("a", f"{number} ")
        async with events(server, "a", "since=1") as stream:
            welcome = await stream.event()
        assert [edit["version"] for edit in welcome.data["edits"]] == list(range(2, 22))


async def test_a_document_is_let_go_when_its_readers_have_left(server: Server) -> None:
    await server.make("a", "one")
    async with events(server, "a") as stream:
        await stream.event()
        session = server.registry.opened("a")
        assert session is not None
        assert len(list(session.fanout.followers())) == 1
    assert list(session.fanout.followers()) == []


async def test_a_stream_ends_with_its_token(server: Server) -> None:
    await server.make("a", "one")
    short = signed("alice", {"a": "read"}, exp=int(time.time()) + 2)
    async with events(server, "a", authorization=f"Bearer {short}") as stream:
        assert (await stream.event()).kind == "welcome"
        goodbye = await stream.event()
        assert goodbye.data["code"] == "not_signed_in"
