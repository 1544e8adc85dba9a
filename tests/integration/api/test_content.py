"""Content as a resource: ETags, past versions, and replacing it while others write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import anyio
import httpx
import pytest

from tests.integration.api.asgi import Server, problem, serving

pytestmark = pytest.mark.anyio

PATH = "/v1/documents/a/content"
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


async def put(server: Server, text: str, match: str, key: str | None = None) -> httpx.Response:
    headers = {**PLAIN, "If-Match": match}
    if key:
        headers["Idempotency-Key"] = key
    return await server.client.put(PATH, content=text.encode(), headers=headers)


async def test_content_names_its_state(server: Server) -> None:
    row = await server.make("a", "héllo 😀")
    answer = await server.client.get(PATH)
    assert answer.text == "héllo 😀"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["etag"] == f'"{row["epoch"]}:1"'
    assert answer.headers["collab-epoch"] == row["epoch"]
    assert answer.headers["collab-version"] == "1"


async def test_unchanged_content_is_not_sent_again(server: Server) -> None:
    await server.make("a", "one")
    etag = (await server.client.get(PATH)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await server.client.get(PATH, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
    for known in ('"other"', "nonsense", '"x:1"'):
        answer = await server.client.get(PATH, headers={"If-None-Match": known})
        assert answer.status_code == 200
    await server.type("a", "x")
    answer = await server.client.get(PATH, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.text) == (200, "xone")


async def test_past_versions_can_be_read(server: Server) -> None:
    await server.make("a", "1")
    await server.type("a", "2")
    await server.type("a", "3")

    async def at(version: int) -> httpx.Response:
        return await server.client.get(PATH, params={"version": version})

    assert [(await at(version)).text for version in range(4)] == ["", "1", "21", "321"]
    assert (await at(1)).headers["collab-version"] == "1"
    answer = await at(4)
    assert problem(answer, 409) == "base_above_head"
    assert answer.json()["version"] == 3


async def test_content_as_it_was_at_a_moment(server: Server) -> None:
    row = await server.make("a", "one")
    await server.type("a", "two ")
    log = (await server.client.get("/v1/documents/a/edits?since=0")).json()["edits"]
    times = [edit["time"] for edit in log]

    async def at(moment: object) -> httpx.Response:
        return await server.client.get(PATH, params={"at": str(moment)})

    for time in {*times, times[-1] + 86_400_000}:
        expected = max(edit["version"] for edit in log if edit["time"] <= time)
        answer = await at(time)
        assert answer.headers["etag"] == f'"{row["epoch"]}:{expected}"'
    written = datetime.fromtimestamp(times[-1] / 1000, UTC) + timedelta(seconds=1)
    for zone in (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-7))):
        answer = await at(written.astimezone(zone).isoformat())
        assert answer.text == "two one"
    spaced = written.astimezone(timezone(timedelta(hours=2))).isoformat()
    assert (await server.client.get(f"{PATH}?at={spaced}")).text == "two one", "a bare plus"
    assert problem(await at(times[0] - 1), 410) == "version_unavailable"
    for nonsense in ("yesterday", "2026-01-01", "2026-01-01T00:00:00", ""):
        assert problem(await at(nonsense), 400) == "malformed"
    answer = await server.client.get(f"{PATH}?version=1&at={times[0]}")
    assert problem(answer, 400) == "malformed"
    answer = await server.client.post(f"/v1/documents/a/copy?at={times[-1]}", json={"id": "b"})
    assert answer.status_code == 201
    assert await server.text("b") == "two one"


async def test_content_that_is_not_there(server: Server) -> None:
    assert problem(await server.client.get(PATH), 404) == "document_not_found"
    await server.make("a")
    answer = await server.client.get(f"{PATH}?format=poem")
    assert problem(answer, 400) == "unknown_format"
    assert problem(await server.client.get(f"{PATH}?version=-1"), 422) == "invalid_request"


async def test_replacing_needs_to_say_what(server: Server) -> None:
    await server.make("a", "one")
    answer = await server.client.put(PATH, content=b"two", headers=PLAIN)
    assert problem(answer, 428) == "precondition_required"
    assert problem(await put(server, "two", "nonsense"), 400) == "malformed"
    assert problem(await put(server, "two", '"a:1", "a:2"'), 400) == "malformed"
    assert problem(await put(server, "two", '"otherepoch:1"'), 412) == "precondition_failed"
    etag = (await server.client.get(PATH)).headers["etag"]
    for none_of_its in (etag.replace(":1", ":7"), '"other"', 'W/"other"', '""'):
        assert problem(await put(server, "two", none_of_its), 412) == "precondition_failed"
    assert await server.text("a") == "one"


async def test_replaced_content_is_one_edit(server: Server) -> None:
    row = await server.make("a", "one two three")
    etag = (await server.client.get(PATH)).headers["etag"]
    answer = await put(server, "one 2 three", etag)
    body = answer.json()
    assert (body["epoch"], body["version"], body["duplicate"]) == (row["epoch"], 2, False)
    assert body["operation"] == [{"retain": 4}, {"insert": "2"}, {"delete": 3}] or (
        body["operation"] == [{"retain": 4}, {"delete": 3}, {"insert": "2"}]
    )
    assert await server.text("a") == "one 2 three"


async def test_replacing_what_was_read_keeps_what_others_wrote_since(server: Server) -> None:
    await server.make("a", "one two three")
    etag = (await server.client.get(PATH)).headers["etag"]
    await server.type("a", "zero ")
    await server.type("a", " four", position=18)
    answer = await put(server, "one 2 three", etag)
    assert answer.json()["version"] == 4
    assert await server.text("a") == "zero one 2 three four"


async def test_replacing_anything_takes_the_newest(server: Server) -> None:
    await server.make("a", "one")
    await server.type("a", "zero ")
    assert (await put(server, "two", "*")).status_code == 200
    assert await server.text("a") == "two"


async def test_typing_while_content_is_replaced_is_not_lost(server: Server) -> None:
    lines = [f"line {number}\n" for number in range(40)]
    await server.make("a", "".join(lines))
    written = 0

    async def write() -> None:
        nonlocal written
        for number in range(40):
            answer = await server.type("a", f"<{number}>")
            assert answer.status_code == 200
            written += 1

    async def rewrite(which: int) -> None:
        for _ in range(5):
            answer = await server.client.get(PATH)
            changed = answer.text.replace(f"line {which}\n", f"line {which} changed\n")
            changed = changed.replace(f"line {which} changed changed\n", f"line {which} changed\n")
            assert (await put(server, changed, answer.headers["etag"])).status_code == 200

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        for which in (11, 22, 33):
            tasks.start_soon(rewrite, which)
    text = await server.text("a")
    assert written == 40
    assert all(text.count(f"<{number}>") == 1 for number in range(40))
    assert all(f"line {which} changed\n" in text for which in (11, 22, 33))


async def test_a_repeated_replacement_is_the_same_one(server: Server) -> None:
    await server.make("a", "one")
    etag = (await server.client.get(PATH)).headers["etag"]
    for match, text in ((etag, "one!"), ("*", "two")):
        key = f"key-{text}"
        first = (await put(server, text, match, key)).json()
        await server.type("a", "between ")
        again = (await put(server, text, match, key)).json()
        assert (first["duplicate"], again["duplicate"]) == (False, True)
        assert {**again, "duplicate": False} == first
        other = await put(server, f"{text} other", match, key)
        assert problem(other, 409) == "edit_name_reused"
        assert other.json()["version"] == first["version"]


async def test_a_repeated_replacement_is_known_after_its_base_is_forgotten(server: Server) -> None:
    row = await server.make("a", "one")
    etag = (await server.client.get(PATH)).headers["etag"]
    first = (await put(server, "two", etag, "key")).json()
    await server.type("a", "x")
    async with server.registry.open("a") as session:
        await server.registry.store.save_snapshot("a", row["epoch"], session.snapshot())
        floor = await server.registry.store.trim("a", row["epoch"], 2**50)
        session.raise_floor(floor)
    assert floor == 3
    again = (await put(server, "two", etag, "key")).json()
    assert again == {**first, "operation": None, "duplicate": True}
    answer = await put(server, "three", etag, "other")
    assert problem(answer, 410) == "version_unavailable"


async def test_content_that_cannot_be(server: Server) -> None:
    await server.make("a", "one")
    headers = {"If-Match": "*"}
    answer = await server.client.put(PATH, content=b"\xff", headers={**headers, **PLAIN})
    assert problem(answer, 422) == "invalid_content"
    answer = await server.client.put(PATH, json=[{"delete": 1}], headers=headers)
    assert problem(answer, 422) == "invalid_content"
    answer = await server.client.put(PATH, content=b"x", headers=headers)
    assert problem(answer, 415) == "unsupported_media_type"
    assert await server.text("a") == "one"


async def test_content_may_be_put_as_a_delta(server: Server) -> None:
    await server.make("a", type="richtext", content=[{"insert": "one\n"}])
    delta = [{"insert": "one", "attributes": {"bold": True}}, {"insert": "\n"}]
    answer = await server.client.put(PATH, json=delta, headers={"If-Match": "*"})
    assert answer.status_code == 200
    assert (await server.client.get(f"{PATH}?format=json")).json() == delta


async def test_bodies_and_documents_have_bounds() -> None:
    async with serving(max_document_bytes=100, max_body_bytes=1000) as server:
        await server.make("a", "one")
        answer = await put(server, "x" * 500, "*")
        assert problem(answer, 413) == "document_too_large"
        answer = await put(server, "x" * 1001, "*")
        assert problem(answer, 413) == "body_too_large"

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 100

        headers = {**PLAIN, "If-Match": "*"}
        answer = await server.client.put(PATH, content=chunks(), headers=headers)
        assert problem(answer, 413) == "body_too_large"
        answer = await server.client.post(
            "/v1/documents", content=chunks(), headers={"Content-Type": "application/json"}
        )
        assert problem(answer, 413) == "body_too_large"
        assert await server.text("a") == "one"
