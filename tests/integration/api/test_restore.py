"""Earlier versions brought back over HTTP, and taken back again."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.integration.api.asgi import Server, problem, serving, token

pytestmark = pytest.mark.anyio


async def restore(server: Server, id: str, version: int, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/v1/documents/{id}/restore"
    return await server.client.post(path, json={"version": version}, headers=given)


async def restored(server: Server, id: str, version: int, **headers: str) -> Any:
    answer = await restore(server, id, version, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def preview(server: Server, id: str, version: int) -> httpx.Response:
    path = f"/v1/documents/{id}/restore"
    return await server.client.get(path, params={"version": version})


async def edit(server: Server, id: str, **body: Any) -> Any:
    answer = await server.client.post(f"/v1/documents/{id}/edits", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def send(server: Server, id: str, operation: Any) -> None:
    """The update that an answer carries."""
    answer = await server.client.post(
        f"/v1/documents/{id}/updates",
        content=base64.b64decode(operation["update"]),
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == 200, answer.text


async def content(server: Server, id: str, **parameters: Any) -> Any:
    answer = await server.client.get(
        f"/v1/documents/{id}/content", params={"format": "json", **parameters}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def etag(server: Server, id: str) -> str:
    return (await server.client.get(f"/v1/documents/{id}/content")).headers["etag"]


async def version(server: Server, id: str) -> int:
    return int((await server.client.get(f"/v1/documents/{id}")).json()["version"])


async def test_a_text_is_as_it_was_and_the_log_goes_on(server: Server) -> None:
    await server.make("a", "one two")
    await edit(server, "a", operation=[{"delete": 4}, {"retain": 3}, {"insert": "!😀"}])
    answer = await restored(server, "a", 1)
    assert (answer["version"], answer["restored"], answer["duplicate"]) == (3, 1, False)
    assert answer["operation"] == [{"insert": "one "}, {"retain": 3}, {"delete": 3}]
    assert await server.text("a") == "one two"
    assert await version(server, "a") == 3
    log = (await server.client.get("/v1/documents/a/edits")).json()["edits"]
    assert log[-1]["user"] == "alice"


async def test_the_undo_of_a_restore_takes_it_back(server: Server) -> None:
    page = [{"insert": "Title"}, {"insert": "\n", "attributes": {"header": 1}}]
    await server.make("r", page, type="richtext")
    await edit(server, "r", operation=[{"retain": 5, "attributes": {"bold": True}}, {"delete": 1}])
    before = await content(server, "r")
    answer = await restored(server, "r", 1)
    assert await content(server, "r") == page
    await edit(server, "r", base=answer["version"], operation=answer["undo"])
    assert await content(server, "r") == before


async def test_what_is_written_after_a_restore_outlives_its_undo(server: Server) -> None:
    await server.make("a", "one two")
    await edit(server, "a", operation=[{"delete": 4}])
    answer = await restored(server, "a", 1)
    await edit(server, "a", operation=[{"retain": 7}, {"insert": " three"}])
    await edit(server, "a", base=answer["version"], operation=answer["undo"])
    assert await server.text("a") == "two three"


async def test_what_others_wrote_since_it_was_read_stays(server: Server) -> None:
    await server.make("a", "one")
    await edit(server, "a", operation=[{"retain": 3}, {"insert": " two"}])
    read = await etag(server, "a")
    await edit(server, "a", operation=[{"insert": "zero "}])
    answer = await restored(server, "a", 1, if_match=read)
    assert answer["operation"] == [{"retain": 8}, {"delete": 4}]
    assert await server.text("a") == "zero one"
    await edit(server, "a", base=answer["version"], operation=answer["undo"])
    assert await server.text("a") == "zero one two"


async def test_a_repeated_request_restores_once(server: Server) -> None:
    await server.make("a", "one")
    await edit(server, "a", operation=[{"insert": "two "}])
    first = await restored(server, "a", 1, idempotency_key="k")
    await edit(server, "a", operation=[{"insert": "three "}])
    again = await restored(server, "a", 1, idempotency_key="k")
    assert again == {**first, "duplicate": True}
    assert again["undo"] == [{"insert": "two "}]
    assert await server.text("a") == "three one"
    reused = await restore(server, "a", 0, idempotency_key="k")
    assert problem(reused, 409) == "edit_name_reused"


async def test_a_preview_changes_nothing(server: Server) -> None:
    row = await server.make("a", "one")
    await edit(server, "a", operation=[{"insert": "two "}])
    answer = await preview(server, "a", 1)
    expected = {"version": 2, "restores": 1, "operation": [{"delete": 4}]}
    assert answer.json() == {"epoch": row["epoch"], **expected}
    assert await version(server, "a") == 2


ROOTS: dict[str, Any] = {
    "text": [{"insert": "bold", "attributes": {"bold": True}}, {"insert": " text"}],
    "map": {"kept": 1, "list": [1, {"a": None}]},
    "array": ["x", 2.5, [True]],
    "xml": {
        "type": "doc",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": "words"}]}],
    },
}


async def test_every_root_of_a_yjs_document(server: Server) -> None:
    await server.make("y", ROOTS, type="yjs")
    operations = [{"delete": {"at": 0, "length": 4}}, {"insert": {"at": 5, "text": "!"}}]
    await edit(server, "y", root="text", operations=operations)
    await edit(server, "y", root="another", operations=[{"insert": {"at": 0, "text": "new"}}])
    before = await content(server, "y")
    answer = await restored(server, "y", 1)
    now = await content(server, "y")
    assert now.pop("another") in ([], None)
    assert now == ROOTS
    assert set(answer["operation"]) == {"update", "owners"}
    await send(server, "y", answer["undo"])
    assert await content(server, "y") == before


async def test_a_repeated_request_restores_a_yjs_document_once(server: Server) -> None:
    await server.make("y", "one", type="yjs")
    insert = {"insert": {"at": 0, "text": "two "}}
    await edit(server, "y", root="codemirror", operations=[insert])
    first = await restored(server, "y", 1, idempotency_key="k")
    again = await restored(server, "y", 1, idempotency_key="k")
    assert (again["version"], again["duplicate"]) == (first["version"], True)
    assert await version(server, "y") == 3
    await send(server, "y", again["undo"])
    assert (await content(server, "y"))["codemirror"] == [{"insert": "two one"}]


async def test_a_preview_of_a_yjs_document_is_an_update(server: Server) -> None:
    await server.make("y", ROOTS, type="yjs")
    await edit(server, "y", root="text", operations=[{"insert": {"at": 0, "text": "new "}}])
    answer = (await preview(server, "y", 1)).json()
    await send(server, "y", answer["operation"])
    assert await content(server, "y") == ROOTS


async def test_typing_since_a_yjs_document_was_read_stays(server: Server) -> None:
    await server.make("y", "one", type="yjs")
    insert = {"insert": {"at": 3, "text": " two"}}
    await edit(server, "y", root="codemirror", operations=[insert])
    read = await etag(server, "y")
    typed = {"insert": {"at": 0, "text": "zero "}}
    await edit(server, "y", root="codemirror", operations=[typed])
    await restored(server, "y", 1, if_match=read)
    assert (await content(server, "y"))["codemirror"] == [{"insert": "zero one"}]


@pytest.mark.parametrize("type", ["text", "yjs"])
async def test_what_cannot_be_restored_is_refused(server: Server, type: str) -> None:
    row = await server.make("a", "one", type=type)
    for answer in (await restore(server, "a", 2), await preview(server, "a", 2)):
        assert problem(answer, 409) == "base_above_head"
    assert problem(await restore(server, "b", 0), 404) == "document_not_found"
    assert problem(await preview(server, "b", 0), 404) == "document_not_found"
    gone = await restore(server, "a", 0, if_match='"other:1"')
    assert problem(gone, 412) == "precondition_failed"
    ahead = await restore(server, "a", 0, if_match=f'"{row["epoch"]}:7"')
    assert problem(ahead, 412) == "precondition_failed"
    assert problem(await restore(server, "a", 0, if_match="x"), 400) == "malformed"
    path = "/v1/documents/a/restore"
    assert problem(await server.client.post(path, json={}), 422) == "invalid_request"
    assert await version(server, "a") == 1


async def test_a_restored_document_may_not_be_larger_than_any_other() -> None:
    async with serving(max_document_bytes=1024) as server:
        await server.make("a", "x" * 1000)
        await edit(server, "a", operation=[{"delete": 1000}, {"insert": "y"}])
        read = await etag(server, "a")
        await edit(server, "a", operation=[{"insert": "z" * 1000}])
        refused = await restore(server, "a", 1, if_match=read)
        assert problem(refused, 413) == "document_too_large"


async def test_reading_is_not_enough(server: Server) -> None:
    await server.make("a", "one")
    reader = {"Authorization": f"Bearer {token(a='read')}"}
    path = "/v1/documents/a/restore"
    answer = await server.client.get(path, params={"version": 0}, headers=reader)
    assert json.loads(answer.content)["operation"] == [{"delete": 3}]
    refused = await server.client.post(path, json={"version": 0}, headers=reader)
    assert problem(refused, 403) == "not_allowed"
