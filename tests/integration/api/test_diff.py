"""What changed between two versions, for documents of every type."""

from __future__ import annotations

from random import Random
from typing import Any

import httpx
import msgspec
import pytest

from collab.ot.check import decode
from collab.ot.delta import Delta, Op, compose, normalize
from tests.integration.api.asgi import Server, problem
from tests.properties.random_deltas import random_operation

pytestmark = pytest.mark.anyio


async def compare(server: Server, id: str, **parameters: Any) -> httpx.Response:
    given = {name.rstrip("_"): value for name, value in parameters.items()}
    return await server.client.get(f"/v1/documents/{id}/diff", params=given)


async def operation(server: Server, id: str, **parameters: Any) -> Delta:
    answer = await compare(server, id, **parameters)
    assert answer.status_code == 200, answer.text
    return decode(msgspec.json.encode(answer.json()["operation"]))


async def content(server: Server, id: str, version: int, **more: Any) -> Delta:
    parameters = {"format": "json", "version": version, **more}
    answer = await server.client.get(f"/v1/documents/{id}/content", params=parameters)
    return decode(answer.content)


async def edit(server: Server, id: str, **body: Any) -> None:
    answer = await server.client.post(f"/v1/documents/{id}/edits", json=body)
    assert answer.status_code == 200, answer.text


async def test_the_operation_makes_one_version_of_the_other(server: Server) -> None:
    random = Random(7)
    row = await server.make("r", [{"insert": "hello\n"}], type="richtext")
    widths = [1] * 6
    for _ in range(12):
        ops, widths = random_operation(random, widths)
        if made := normalize(ops):
            await edit(server, "r", operation=msgspec.to_builtins(made))
    head = (await server.client.get("/v1/documents/r")).json()["version"]
    assert head > 8
    for start in range(head + 1):
        for end in range(head + 1):
            old = await content(server, "r", start)
            changed = await operation(server, "r", from_=start, to=end)
            assert compose(old, changed) == await content(server, "r", end)
    answer = await compare(server, "r", from_=2)
    told = answer.json()
    assert (told["epoch"], told["from"], told["to"]) == (row["epoch"], 2, head)
    assert told["root"] is None
    assert answer.headers["collab-version"] == str(head)


async def test_the_lines_that_changed(server: Server) -> None:
    await server.make("a", "one\ntwo\n")
    await server.type("a", "and a half", 3)
    answer = await compare(server, "a", from_=1, to=2, format="text")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == (
        "--- a\tversion 1\n+++ a\tversion 2\n@@ -1,2 +1,2 @@\n-one\n+oneand a half\n two\n"
    )
    assert (await compare(server, "a", from_=2, format="text")).text == ""


async def test_a_text_of_a_yjs_document(server: Server) -> None:
    await server.make("y", "hello", type="yjs")
    await edit(server, "y", root="codemirror", operations=[{"insert": {"at": 5, "text": " 😀"}}])
    assert await operation(server, "y", from_=1) == (Op(retain=5), Op(" 😀"))
    assert await operation(server, "y", from_=0) == (Op("hello 😀"),)
    assert await operation(server, "y", from_=2, to=1) == (Op(retain=5), Op(delete=3))
    assert (await compare(server, "y", from_=0)).json()["root"] == "codemirror:text"
    assert "+hello 😀" in (await compare(server, "y", from_=1, format="text")).text


async def test_every_root_of_a_yjs_document(server: Server) -> None:
    roots = {
        "page": {"type": "doc", "content": [{"type": "paragraph"}]},
        "text": "words",
        "map": {"key": [1]},
    }
    await server.make("y", roots, type="yjs")
    assert problem(await compare(server, "y", from_=0), 400) == "root_needed"
    assert await operation(server, "y", from_=0, root="text") == (Op("words"),)
    assert await operation(server, "y", from_=0, root="page") == (Op("\n"),)
    answer = await compare(server, "y", from_=0, root="map", format="text")
    assert '+  "key": [\n' in answer.text
    refused = await compare(server, "y", from_=0, root="map")
    assert problem(refused, 400) == "unknown_format"
    assert problem(await compare(server, "y", from_=0, root="other"), 400) == "unknown_format"
    assert await operation(server, "y", from_=0, root="other:text") == ()


async def test_what_cannot_be_compared_is_refused(server: Server) -> None:
    await server.make("a", "one")
    assert problem(await compare(server, "b", from_=0), 404) == "document_not_found"
    assert problem(await compare(server, "a", from_=2), 409) == "base_above_head"
    assert problem(await compare(server, "a", from_=0, to=2), 409) == "base_above_head"
    assert problem(await compare(server, "a"), 422) == "invalid_request"
    assert problem(await compare(server, "a", from_=0, format="pdf"), 422) == "invalid_request"
    assert problem(await compare(server, "a", from_=0, root="x"), 400) == "wrong_type"


async def test_a_yjs_document_without_anything_has_no_difference(server: Server) -> None:
    await server.make("y", None, type="yjs")
    answer = await compare(server, "y", from_=0)
    assert (answer.json()["operation"], answer.json()["root"]) == ([], None)
