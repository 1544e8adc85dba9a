"""What changed between two versions, for documents of every type."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import httpx
import msgspec
import pycrdt
import pytest

from collab.differences import Differences
from collab.errors import VersionUnavailable
from collab.ot.check import decode
from collab.ot.delta import Delta, Op, compose, normalize
from collab.tracking import Tracking
from tests.integration.api.asgi import Server, problem, serving, token
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


# As a page ---------------------------------------------------------------------------------------


async def page(server: Server, id: str, **parameters: Any) -> str:
    answer = await compare(server, id, format="html", **parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "<script" not in answer.text
    content = answer.text.partition("<pre>")[2].partition("</pre>")[0]
    return re.sub(r' class="author-\d+"| data-(author|time)="[^"]*"', "", content)


def as_user(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(name)}"}


async def edit_as(server: Server, name: str, id: str, **body: Any) -> None:
    path = f"/v1/documents/{id}/edits"
    answer = await server.client.post(path, json=body, headers=as_user(name))
    assert answer.status_code == 200, answer.text


async def test_a_page_shows_who_inserted_and_who_deleted(server: Server) -> None:
    await server.make("a", "one two <three>\n")
    await edit_as(server, "bob", "a", operation=[{"retain": 4}, {"delete": 3}, {"insert": "2"}])
    await edit_as(server, "cleo", "a", operation=[{"retain": 6}, {"insert": "<b>"}])
    await edit_as(server, "dan", "a", operation=[{"delete": 3}])
    assert await page(server, "a", from_=1) == (
        '<del data-version="4" data-user="dan">one</del> '
        '<del data-version="2" data-user="bob">two</del>'
        '<ins data-version="2" data-user="bob">2</ins> '
        '<ins data-version="3" data-user="cleo">&lt;b&gt;</ins>&lt;three&gt;\n'
    )
    # What was inserted and deleted again in between is not there at all.
    await edit_as(server, "bob", "a", operation=[{"retain": 1}, {"delete": 1}])
    assert ">2<" in await page(server, "a", from_=1, to=4)
    assert ">2<" not in await page(server, "a", from_=1)
    assert await page(server, "a", from_=2, to=2) == "one 2 &lt;three&gt;\n"


async def test_everybody_has_one_colour(server: Server) -> None:
    await server.make("a", "")
    for name in ("bob", "cleo", "bob"):
        await edit_as(server, name, "a", operation=[{"insert": name}])
    answer = await compare(server, "a", from_=0, format="html")
    found = re.findall(r'class="(author-\d+)" [^>]*data-user="(\w+)"', answer.text)
    assert len(found) == 3
    assert len({colour for colour, user in found if user == "bob"}) == 1


async def test_a_page_of_a_text_of_a_yjs_document(server: Server) -> None:
    await server.make("y", "hello", type="yjs")
    change = [{"delete": {"at": 0, "length": 1}}, {"insert": {"at": 0, "text": "J😀"}}]
    await edit_as(server, "bob", "y", root="codemirror", operations=change)
    await edit_as(
        server, "cleo", "y", root="codemirror", operations=[{"delete": {"at": 6, "length": 1}}]
    )
    assert await page(server, "y", from_=1) in (
        '<del data-version="2" data-user="bob">h</del><ins data-version="2" data-user="bob">J😀'
        '</ins>ell<del data-version="3" data-user="cleo">o</del>',
        '<ins data-version="2" data-user="bob">J😀</ins><del data-version="2" data-user="bob">h'
        '</del>ell<del data-version="3" data-user="cleo">o</del>',
    )
    assert 'data-user="alice">hello' in await page(server, "y", from_=0, to=1)


async def test_a_page_of_the_paragraphs_of_a_yjs_document(server: Server) -> None:
    await server.make("y", "one\n\ntwo\n", type="yjs", format="markdown")
    doc = pycrdt.Doc[Any]()
    update = await server.client.get("/v1/documents/y/content", params={"format": "update"})
    doc.apply_update(update.content)
    vector = doc.get_state()
    children = doc.get("default", type=pycrdt.XmlFragment).children
    del children[0]
    children.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("three")]))
    headers = {"Content-Type": "application/octet-stream", **as_user("bob")}
    await server.client.post(
        "/v1/documents/y/updates", content=doc.get_update(vector), headers=headers
    )
    assert await page(server, "y", from_=1) == (
        '<del data-version="2" data-user="bob">one\n</del>two\n'
        '<ins data-version="2" data-user="bob">three\n</ins>'
    )


async def test_changes_that_cannot_be_told_are_refused(server: Server) -> None:
    await server.make("a", "one")
    await edit_as(server, "bob", "a", operation=[{"insert": "x"}])
    backwards = await compare(server, "a", from_=2, to=1, format="html")
    assert problem(backwards, 400) == "malformed"
    await server.make("y", {"map": {"key": 1}}, type="yjs")
    refused = await compare(server, "y", from_=0, root="map", format="html")
    assert problem(refused, 400) == "unknown_format"
    store = server.registry.store
    async with server.registry.open("a") as session:
        assert await store.save_snapshot("a", session.epoch, session.snapshot())
        assert await store.trim("a", session.epoch, 2**60) == 2
    await edit_as(server, "bob", "a", operation=[{"insert": "y"}])
    gone = await compare(server, "a", from_=1, format="html")
    assert problem(gone, 410) == "version_unavailable"
    assert await page(server, "a", from_=2) == '<ins data-version="3" data-user="bob">y</ins>xone'


async def test_of_too_many_commits_nobody_is_told() -> None:
    async with serving() as server:
        await server.make("a", "")
        for _ in range(4):
            await edit_as(server, "bob", "a", operation=[{"insert": "x"}])
        tracking = Tracking(server.app.state.catalog.contents, max_commits=3)
        pair = await Differences(server.app.state.catalog.contents).pair("a", 0)
        with pytest.raises(VersionUnavailable, match="4 commits lie between"):
            await tracking.changes(pair)
