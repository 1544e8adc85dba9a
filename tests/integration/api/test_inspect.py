"""The inspector over HTTP: what is told, to whom, and what is done."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from collab.errors import StoreFailure
from collab.metrics import node_name
from tests.integration.api.asgi import Server, events, problem, serving, token

pytestmark = pytest.mark.anyio

QUARANTINE = "/v1/inspect/documents/notes/quarantine"


async def look(server: Server, path: str = "", **params: Any) -> dict[str, Any]:
    answer = await server.client.get(f"/v1/inspect{path}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bearing(shown: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {shown}"}


async def test_open_documents_are_told_with_their_worker(server: Server) -> None:
    await server.make("notes")
    await server.make("closed")
    for _ in range(3):
        await server.type("notes", "x")
    async with events(server, "notes") as reader:
        await reader.event()
        found = await look(server)
    [document] = found["documents"]
    assert (document["id"], document["type"], document["version"]) == ("notes", "text", 3)
    assert (document["peers"], document["lag"], document["waiting"]) == (1, 0, 0)
    assert document["edits_per_second"] > 0
    assert 0 < document["commit_ms"]["p50"] <= document["commit_ms"]["p99"]
    [on_worker] = document["workers"]
    assert on_worker["node"] == node_name()
    assert on_worker["edits_per_second"] == document["edits_per_second"]
    [worker] = found["workers"]
    assert worker["node"] == node_name()
    assert (worker["documents"], worker["peers"], worker["draining"]) == (1, 1, False)
    assert (found["total"], found["left_out"], found["silent"], found["next"]) == (1, 0, 0, None)


async def test_documents_come_in_pages_of_an_order(server: Server) -> None:
    for number in range(5):
        await server.make(f"d{number}")
        for _ in range(number + 1):
            await server.type(f"d{number}", "x")
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        page = await look(server, order="-version", offset=offset, limit=2)
        assert page["total"] == 5
        seen += [each["id"] for each in page["documents"]]
        offset = page["next"]
    assert seen == ["d4", "d3", "d2", "d1", "d0"]
    assert [each["id"] for each in (await look(server, contains="3"))["documents"]] == ["d3"]
    assert (await look(server, type="yjs"))["documents"] == []
    answer = await server.client.get("/v1/inspect?order=secret")
    assert problem(answer, 422) == "invalid_request"


async def test_a_peer_is_told_and_sent_away(server: Server) -> None:
    await server.make("notes")
    async with events(server, "notes") as reader:
        await reader.event()
        found = await look(server, "/documents/notes")
        [peer] = found["peers"]
        assert re.fullmatch("[0-9a-f]{12}", peer["connection"])
        assert (peer["node"], peer["user"], peer["protocol"]) == (node_name(), "alice", "sse")
        assert (peer["access"], peer["address"]) == ("read", "127.0.0.1")
        assert (peer["lag"], peer["behind_since"], peer["unanswered"]) == (0, None, 0)
        assert (found["total"], found["quarantined"]) == (1, False)
        assert found["document"]["id"] == "notes"

        url = f"/v1/inspect/documents/notes/peers/{peer['connection']}"
        assert (await server.client.delete(url)).status_code == 204
        goodbye = await reader.event()
        assert (goodbye.kind, goodbye.data["code"]) == ("goodbye", "sent_away")
        assert problem(await server.client.delete(url), 404) == "peer_not_found"
    assert (await look(server, "/documents/notes"))["peers"] == []
    assert (await look(server, "/documents/never-made"))["document"] is None
    answer = await server.client.delete("/v1/inspect/documents/notes/peers/nobody")
    assert problem(answer, 422) == "invalid_request"


# Quarantine ---------------------------------------------------------------------------------------


async def test_in_quarantine_operators_read_and_nobody_else_does(server: Server) -> None:
    await server.make("notes", "kept")
    assert (await server.client.put(QUARANTINE)).status_code == 204
    url = "/v1/documents/notes"
    for shown in (token("ann", notes="admin"), token("bob", notes="read")):
        for path in ("", "/content", "/edits", "/presence", "/events"):
            answer = await server.client.get(url + path, headers=bearing(shown))
            assert problem(answer, 423) == "quarantined"
    unknown = await server.client.get(url, headers=bearing(token("eve", other="admin")))
    assert problem(unknown, 404) == "document_not_found"

    assert await server.text("notes") == "kept"
    assert (await server.client.get(f"{url}/edits")).is_success
    assert problem(await server.type("notes", "x"), 423) == "quarantined"
    assert problem(await server.client.get(f"{url}/events"), 423) == "quarantined"
    copy = await server.client.post(f"{url}/copy", json={"id": "examined"})
    assert copy.status_code == 201
    assert await server.text("examined") == "kept"
    again = await server.client.post("/v1/documents", json={"id": "notes", "type": "text"})
    assert problem(again, 423) == "quarantined"

    assert (await server.client.delete(QUARANTINE)).status_code == 204
    answer = await server.client.get(url, headers=bearing(token("bob", notes="read")))
    assert answer.is_success
    assert (await server.type("notes", "x")).is_success


async def test_a_document_in_quarantine_stays_listed_and_can_be_deleted(server: Server) -> None:
    await server.make("notes")
    await server.client.put(QUARANTINE)
    bob = bearing(token("bob", notes="admin"))
    listed = await server.client.get("/v1/documents", headers=bob)
    assert [each["id"] for each in listed.json()["documents"]] == ["notes"]
    refused = await server.client.delete("/v1/documents/notes", headers=bob)
    assert problem(refused, 423) == "quarantined"
    assert (await server.client.delete("/v1/documents/notes")).status_code == 204
    # As grants do, it outlives the document: nobody puts the same there again.
    again = await server.client.post(
        "/v1/documents", json={"id": "notes", "type": "text"}, headers=bob
    )
    assert problem(again, 423) == "quarantined"
    assert (await look(server, "/quarantine"))["documents"] == ["notes"]


async def test_who_follows_is_sent_away(server: Server) -> None:
    await server.make("notes")
    async with events(server, "notes") as reader:
        await reader.event()
        await server.client.put(QUARANTINE)
        goodbye = await reader.event()
        assert (goodbye.kind, goodbye.data["code"]) == ("goodbye", "quarantined")


async def test_quarantines_are_listed_in_pages_and_are_no_stored_rights(server: Server) -> None:
    for id in ("b", "a", "c"):
        await server.make(id)
        await server.client.put(f"/v1/inspect/documents/{id}/quarantine")
        body = {"document": id, "user": "ann", "access": "read"}
        assert (await server.client.post("/v1/access", json=body)).is_success
    first = await look(server, "/quarantine", limit=2)
    assert first == {"documents": ["a", "b"], "next": "b"}
    assert await look(server, "/quarantine", after="b") == {"documents": ["c"], "next": None}
    assert (await look(server, "/documents/a"))["quarantined"] is True
    grants = (await server.client.get("/v1/access")).json()["grants"]
    assert {each["user"] for each in grants} == {"ann"}


async def test_no_grant_makes_or_ends_a_quarantine(server: Server) -> None:
    await server.make("notes")
    for user in ("\x7fquarantine", "quarantine", "*"):
        body = {"document": "notes", "user": user, "access": "none"}
        await server.client.post("/v1/access", json=body)
    assert (await look(server, "/quarantine"))["documents"] == []


async def test_what_is_not_there_is_not_put_in_quarantine(server: Server) -> None:
    assert problem(await server.client.put(QUARANTINE), 404) == "document_not_found"
    for method in ("PUT", "DELETE"):
        answer = await server.client.request(method, "/v1/inspect/documents/a%2Fb/quarantine")
        assert problem(answer, 400) == "invalid_document_id"


async def test_in_development_mode_everybody_is_an_operator() -> None:
    async with serving(secret_key=None) as server:
        del server.client.headers["Authorization"]
        server.client.base_url = "http://localhost"
        await server.make("notes", "kept")
        assert (await server.client.put(QUARANTINE)).status_code == 204
        assert await server.text("notes") == "kept"
        assert problem(await server.type("notes", "x"), 423) == "quarantined"
        assert problem(await server.client.get("/v1/documents/notes/events"), 423) == "quarantined"
        assert (await look(server, "/quarantine"))["documents"] == ["notes"]
        assert (await server.client.delete(QUARANTINE)).status_code == 204
        assert (await server.type("notes", "x")).is_success


# Who may ------------------------------------------------------------------------------------------

ASKED = (
    ("GET", "/v1/inspect"),
    ("GET", "/v1/inspect/documents/notes"),
    ("GET", "/v1/inspect/quarantine"),
    ("DELETE", "/v1/inspect/documents/notes/peers/0123456789ab"),
    ("PUT", QUARANTINE),
    ("DELETE", QUARANTINE),
)


@pytest.mark.parametrize(("method", "path"), ASKED)
async def test_only_who_administers_everything_may(server: Server, method: str, path: str) -> None:
    await server.make("notes")
    for shown in (token("ann", notes="admin"), token("ann", **{"n*": "admin", "*": "write"})):
        answer = await server.client.request(method, path, headers=bearing(shown))
        assert problem(answer, 403) == "not_allowed"
    answer = await server.client.request(method, path, headers=bearing("nothing"))
    assert problem(answer, 401) == "not_signed_in"


@pytest.fixture
async def without_store(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    await server.make("notes")
    await server.type("notes", "x")
    await server.client.post(
        "/v1/access", json={"document": "other", "user": "ann", "access": "read"}
    )

    async def fail(*_: object) -> None:
        raise StoreFailure("it fails as told")

    monkeypatch.setattr(server.registry.store, "grants", fail)
    yield server


async def test_looking_works_while_the_store_does_not(without_store: Server) -> None:
    assert [each["id"] for each in (await look(without_store))["documents"]] == ["notes"]
    assert (await look(without_store, "/documents/notes"))["quarantined"] is None
    refused = await without_store.client.get(
        "/v1/inspect", headers=bearing(token("ann", notes="admin"))
    )
    assert problem(refused, 503) == "store_failure"
    assert problem(await without_store.client.put(QUARANTINE), 503) == "store_failure"


async def test_looking_at_a_busy_document_costs_it_nothing_that_lasts(server: Server) -> None:
    await server.make("notes")
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(look, server)
            tasks.start_soon(look, server, "/documents/notes")
        for _ in range(20):
            assert (await server.type("notes", "x")).is_success
    assert await server.text("notes") == "x" * 20
