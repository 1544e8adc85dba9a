"""Yjs documents over HTTP: content in every format, updates, edits of texts, seeds."""

from __future__ import annotations

import base64
import json
from typing import Any

import anyio
import httpx
import pycrdt
import pytest

from collab.peer import Wire
from collab.protocols import ywebsocket
from collab.words import Access
from collab.yjs_peer import YjsPeer
from tests.integration.api.asgi import Server, problem, serving, token

pytestmark = pytest.mark.anyio

HERE = "/v1/documents/y"
BINARY = {"Content-Type": "application/octet-stream"}


async def make(server: Server, content: Any = None, **more: Any) -> dict[str, Any]:
    return await server.make("y", content, type="yjs", **more)


async def show(server: Server, format: str = "text", **more: Any) -> httpx.Response:
    answer = await server.client.get(f"{HERE}/content", params={"format": format, **more})
    assert answer.status_code == 200, answer.text
    return answer


async def text_of(server: Server, root: str = "codemirror") -> str:
    return (await show(server, root=f"{root}:text")).text


async def edit(
    server: Server, *operations: Any, key: str | None = None, **more: Any
) -> httpx.Response:
    body = {"root": "codemirror", "operations": operations, **more}
    headers = {} if key is None else {"Idempotency-Key": key}
    return await server.client.post(f"{HERE}/edits", json=body, headers=headers)


async def send(server: Server, update: bytes, key: str | None = None) -> httpx.Response:
    headers = BINARY if key is None else {**BINARY, "Idempotency-Key": key}
    return await server.client.post(f"{HERE}/updates", content=update, headers=headers)


async def replica(server: Server) -> pycrdt.Doc[Any]:
    doc = pycrdt.Doc[Any]()
    doc.apply_update((await show(server, "update")).content)
    return doc


def insert(at: int, text: str) -> dict[str, Any]:
    return {"insert": {"at": at, "text": text}}


def delete(at: int, length: int) -> dict[str, Any]:
    return {"delete": {"at": at, "length": length}}


# Content -----------------------------------------------------------------------------------------


async def test_content_is_shown_in_every_format(server: Server) -> None:
    row = await make(server, "# Title\n\nA **word** 😀\n", format="markdown")
    assert row["version"] == 1
    expected = {
        "text": ("text/plain; charset=utf-8", "Title\nA word 😀"),
        "html": ("text/html; charset=utf-8", "<h1>Title</h1>\n<p>A <strong>word</strong> 😀</p>\n"),
        "markdown": ("text/markdown; charset=utf-8", "# Title\n\nA **word** 😀\n"),
    }
    for format, (media_type, content) in expected.items():
        answer = await show(server, format)
        assert (answer.headers["content-type"], answer.text) == (media_type, content)
        assert answer.headers["etag"] == f'"{row["epoch"]}:1"'
    assert "sandbox" in (await show(server, "html")).headers["content-security-policy"]
    answer = await show(server, "update")
    assert answer.headers["content-type"] == "application/octet-stream"
    shown = (await show(server, "json")).json()
    assert shown["default"]["content"][0]["attrs"] == {"level": 1}
    assert (await show(server, "json", root="default")).json() == shown["default"]


async def test_a_root_that_nobody_knows_is_a_refusal(server: Server) -> None:
    await make(server, {"m": {"a": 1}})
    for query in ("root=x", "root=m", "root=m:map"):
        answer = await server.client.get(f"{HERE}/content?format=text&{query}")
        assert problem(answer, 400) == "unknown_format"
    await server.make("a", "one")
    answer = await server.client.get("/v1/documents/a/content?root=x")
    assert problem(answer, 400) == "wrong_type"


async def test_past_versions_are_shown_too(server: Server) -> None:
    await make(server, "one")
    await edit(server, insert(3, " two"))
    assert (await show(server, version=1)).text == "one"
    assert (await show(server, version=2)).text == "one two"


async def test_only_the_difference_to_a_state_vector_is_sent(server: Server) -> None:
    await make(server, "a" * 1000)
    mine = await replica(server)
    await edit(server, insert(0, "😀"))
    for spell in (base64.b64encode, base64.urlsafe_b64encode):
        vector = spell(mine.get_state()).decode()
        difference = (await show(server, "update", state_vector=vector)).content
        assert len(difference) < 60
    mine.apply_update(difference)
    assert str(mine.get("codemirror", type=pycrdt.Text)) == "😀" + "a" * 1000
    path = f"{HERE}/content?format=update&state_vector="
    assert problem(await server.client.get(path + "!"), 400) == "malformed"
    killer = base64.urlsafe_b64encode(bytes.fromhex("808080800f")).decode()
    assert problem(await server.client.get(path + killer), 422) == "invalid_operation"
    answer = await server.client.get(f"{HERE}/content?format=json&state_vector=AA")
    assert problem(answer, 400) == "malformed"
    await server.make("a", "one")
    answer = await server.client.get("/v1/documents/a/content?format=update&state_vector=AA")
    assert problem(answer, 400) == "wrong_type"


async def test_content_is_not_replaced(server: Server) -> None:
    await make(server)
    headers = {"If-Match": "*", "Content-Type": "text/plain"}
    for _ in range(2):
        answer = await server.client.put(f"{HERE}/content", content=b"new", headers=headers)
        assert problem(answer, 422) == "invalid_content"
        assert "edits" in answer.json()["detail"]
        await edit(server, insert(0, "x"))


async def test_documents_are_made_of_content(server: Server) -> None:
    update = base64.b64encode((await _made("hello")).get_update()).decode()
    cases: list[tuple[Any, dict[str, Any], str]] = [
        ("plain", {}, "plain"),
        ("plain", {"root": "notes"}, "plain"),
        ("*it*", {"format": "markdown"}, "it"),
        ("<p>it</p>", {"format": "html"}, "it"),
        (update, {"format": "update"}, "hello"),
        ({"t": [{"insert": "delta"}]}, {}, "delta"),
    ]
    for number, (content, more, expected) in enumerate(cases):
        await server.make(f"made{number}", content, type="yjs", **more)
        assert await server.text(f"made{number}") == expected
    for content, more in (
        ("x", {"format": "update"}),
        ("AAAA", {"format": "update"}),
        ({"t": 3}, {}),
        ([], {}),
    ):
        bad: dict[str, Any] = {"id": "bad", "type": "yjs", "content": content, **more}
        answer = await server.client.post("/v1/documents", json=bad)
        assert problem(answer, 422) == "invalid_content"
    body = {"id": "bad", "type": "text", "content": "x", "root": "r"}
    assert problem(await server.client.post("/v1/documents", json=body), 400) == "wrong_type"


async def _made(text: str) -> pycrdt.Doc[Any]:
    doc = pycrdt.Doc[Any]()
    doc["codemirror"] = pycrdt.Text(text)
    return doc


async def test_a_copy_has_the_same_content(server: Server) -> None:
    await make(server, "one")
    await edit(server, insert(3, " two"))
    await server.client.post(f"{HERE}/copy", json={"id": "copy"})
    assert await server.text("copy") == "one two"
    await server.client.post(f"{HERE}/copy?version=1", json={"id": "past"})
    assert await server.text("past") == "one"


# Updates -----------------------------------------------------------------------------------------


async def test_an_update_is_committed_once(server: Server) -> None:
    row = await make(server)
    update = (await _made("hello 😀")).get_update()
    first = (await send(server, update, "key")).json()
    assert (first["epoch"], first["version"], first["duplicate"]) == (row["epoch"], 1, False)
    again = (await send(server, update, "key")).json()
    assert again == {**first, "duplicate": True}
    other = await send(server, (await _made("else")).get_update(), "key")
    assert problem(other, 409) == "edit_name_reused"
    assert await text_of(server) == "hello 😀"


async def test_an_update_with_a_gap_is_answered_with_what_is_here(server: Server) -> None:
    await make(server, "base")
    mine = await replica(server)
    text = mine.get("codemirror", type=pycrdt.Text)
    known = mine.get_state()
    text += " first"
    between = mine.get_state()
    text += " second"
    answer = await send(server, mine.get_update(between))
    assert problem(answer, 409) == "update_gap"
    vector = base64.b64decode(answer.json()["state_vector"])
    assert vector == known
    assert await text_of(server) == "base"
    assert (await send(server, mine.get_update(vector))).status_code == 200
    assert await text_of(server) == "base first second"


async def test_what_is_no_update_is_refused(server: Server) -> None:
    await make(server)
    for nonsense in (b"", b"nonsense", b"\0\0\0"):
        assert problem(await send(server, nonsense), 422) == "invalid_operation"
    answer = await server.client.post(f"{HERE}/updates", json=[])
    assert problem(answer, 415) == "unsupported_media_type"
    await server.make("a", "one")
    answer = await server.client.post("/v1/documents/a/updates", content=b"\0\0", headers=BINARY)
    assert problem(answer, 400) == "wrong_type"
    reader = {**BINARY, "Authorization": f"Bearer {token(y='read')}"}
    answer = await server.client.post(f"{HERE}/updates", content=b"\0\0", headers=reader)
    assert problem(answer, 403) == "not_allowed"


async def test_a_large_update_is_tried_first(server: Server) -> None:
    await make(server)
    doc = await _made("u" * 200_000)
    assert (await send(server, doc.get_update())).status_code == 200
    assert len(await text_of(server)) == 200_000
    assert len((await show(server, "html")).text) > 200_000


# Edits -------------------------------------------------------------------------------------------


async def test_a_text_is_edited_at_utf16_positions(server: Server) -> None:
    row = await make(server, "é😀b")
    answer = await edit(
        server, insert(4, "!"), delete(0, 1), {"replace": {"at": 0, "length": 2, "text": "👍"}}
    )
    body = answer.json()
    assert (body["epoch"], body["version"], body["duplicate"]) == (row["epoch"], 2, False)
    assert await text_of(server) == "👍b!"
    for operation in (insert(1, "x"), delete(0, 1), delete(1, 1), insert(5, "x"), delete(0, 5)):
        assert problem(await edit(server, operation), 422) == "invalid_operation"
    assert await text_of(server) == "👍b!"


async def test_an_edit_may_be_of_an_earlier_version(server: Server) -> None:
    row = await make(server, "one three")
    await edit(server, insert(0, "zero "))
    assert (await edit(server, insert(4, "two "), base=1)).status_code == 200
    assert await text_of(server) == "zero one two three"
    assert problem(await edit(server, insert(0, "x"), base=9), 409) == "base_above_head"
    answer = await edit(server, insert(0, "x"), epoch="other")
    assert problem(answer, 412) == "precondition_failed"
    assert (await edit(server, insert(0, "x"), epoch=row["epoch"])).status_code == 200


async def test_a_repeated_edit_is_the_same_one(server: Server) -> None:
    await make(server, "one")
    first = (await edit(server, delete(0, 3), key="key")).json()
    await edit(server, insert(0, "x"))
    again = (await edit(server, delete(0, 3), key="key")).json()
    assert again == {**first, "duplicate": True}
    assert await text_of(server) == "x"
    answer = await edit(server, delete(0, 1), key="key")
    assert problem(answer, 409) == "edit_name_reused"
    assert problem(await edit(server, delete(0, 3), key="key", base=1), 409) == "edit_name_reused"


async def test_edits_with_the_same_key_at_once_are_one(server: Server) -> None:
    await make(server, "")
    answers: list[dict[str, Any]] = []

    async def submit() -> None:
        answers.append((await edit(server, insert(0, "x"), key="key")).json())

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(submit)
    assert await text_of(server) == "x"
    assert len({answer["version"] for answer in answers}) == 1
    assert sum(not answer["duplicate"] for answer in answers) == 1


async def test_the_shape_of_an_edit_is_that_of_its_document(server: Server) -> None:
    await make(server, {"default": {"type": "doc", "content": []}, "m": {"a": 1}})
    answer = await server.client.post(f"{HERE}/edits", json={"operation": [{"insert": "x"}]})
    assert problem(answer, 422) == "invalid_operation"
    assert problem(await edit(server, insert(0, "x"), root="m"), 422) == "invalid_operation"
    await server.make("a", "one")
    body: dict[str, Any] = {"root": "r", "operations": [insert(0, "x")]}
    answer = await server.client.post("/v1/documents/a/edits", json=body)
    assert problem(answer, 422) == "invalid_operation"
    for wrong in (
        {},
        {"root": "r"},
        {"operations": [insert(0, "x")]},
        {**body, "operation": []},
        {"root": "r", "operations": []},
        {"root": "r", "operations": [{}]},
        {"root": "r", "operations": [{**insert(0, "x"), **delete(0, 1)}]},
        {"root": "r", "operations": [insert(-1, "x")]},
    ):
        answer = await server.client.post(f"{HERE}/edits", json=wrong)
        assert problem(answer, 422) == "invalid_request"


class Screen(Wire[Any, bytes]):
    """What an editor of another person hears."""

    def __init__(self, mine: pycrdt.Doc[Any]) -> None:
        self.doc = mine
        self.changed = anyio.Event()
        self._to_server: list[Any] = [ywebsocket.SyncStep1(mine.get_state())]
        self._more = anyio.Event()

    def say(self, message: Any) -> None:
        self._to_server.append(message)
        self._more.set()

    async def receive(self) -> Any:
        while not self._to_server:
            self._more = anyio.Event()
            await self._more.wait()
        return self._to_server.pop(0)

    async def send(self, frame: bytes) -> None:
        if frame[0] == pycrdt.YMessageType.SYNC:
            pycrdt.handle_sync_message(frame[1:], self.doc)
            self.changed.set()
            self.changed = anyio.Event()


async def test_an_edit_is_seen_by_who_types_and_deletes_nothing_of_theirs(server: Server) -> None:
    await make(server, "start. ")
    ours = pycrdt.Doc[Any]()
    text = ours.get("codemirror", type=pycrdt.Text)
    screen = Screen(ours)
    async with server.registry.open("y") as session, anyio.create_task_group() as tasks:
        peer = YjsPeer(
            session, screen, user="bob", access=Access.WRITE, settings=server.registry.settings
        )
        tasks.start_soon(peer.run)
        with anyio.fail_after(5):
            while str(text) != "start. ":
                await screen.changed.wait()
        for number in range(30):
            before = ours.get_state()
            text.insert(len(str(text).encode()), f"<{number}>")
            screen.say(ywebsocket.SyncUpdate(ours.get_update(before)))
            if number % 3 == 0:
                answer = await edit(
                    server, {"replace": {"at": 0, "length": 6, "text": f"s{number:03}😀"}}
                )
                assert answer.status_code == 200
        with anyio.fail_after(5):
            while "s027😀" not in str(text) or await text_of(server) != str(text):
                await screen.changed.wait()
        tasks.cancel_scope.cancel()
    assert all(str(text).count(f"<{number}>") == 1 for number in range(30))
    assert str(text).startswith("s027😀 ")


# Seeds -------------------------------------------------------------------------------------------


async def seed(server: Server, content: Any, key: str | None = None, **more: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await server.client.post(
        f"{HERE}/seed", json={"content": content, **more}, headers=headers
    )


async def test_a_seed_takes_effect_once(server: Server) -> None:
    await make(server)
    first = (await seed(server, "# One", "key", format="markdown")).json()
    assert (first["version"], first["seeded"], first["duplicate"]) == (1, True, False)
    second = (await seed(server, "# Two", format="markdown")).json()
    assert second["seeded"] is False
    again = (await seed(server, "# One", "key", format="markdown")).json()
    assert again == {**first, "duplicate": True}
    assert (await show(server, "markdown")).text == "# One\n"
    other = await seed(server, "# Other", "key", format="markdown")
    assert problem(other, 409) == "edit_name_reused"


async def test_of_seeds_at_once_exactly_one_takes_effect(server: Server) -> None:
    await make(server)
    answers: dict[int, bool] = {}

    async def submit(number: int) -> None:
        answers[number] = (await seed(server, f"seed {number}")).json()["seeded"]

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(submit, number)
    [winner] = [number for number, seeded in answers.items() if seeded]
    assert await text_of(server) == f"seed {winner}"


async def test_a_document_that_was_ever_written_to_is_not_seeded(server: Server) -> None:
    await make(server, "x")
    await edit(server, delete(0, 1))
    assert (await seed(server, "seed")).json()["seeded"] is False
    assert await text_of(server) == ""


async def test_a_seed_may_be_an_update(server: Server) -> None:
    await make(server)
    update = base64.b64encode((await _made("hello")).get_update()).decode()
    assert (await seed(server, update, format="update")).json()["seeded"] is True
    assert (await seed(server, update, format="update")).json()["seeded"] is False
    assert await text_of(server) == "hello"


async def test_seeds_that_cannot_be(server: Server) -> None:
    await make(server)
    assert problem(await seed(server, "x", format="poem"), 400) == "unknown_format"
    assert problem(await seed(server, "x", format="update"), 422) == "invalid_content"
    assert problem(await seed(server, None), 422) == "invalid_request"
    await server.make("a", "")
    answer = await server.client.post("/v1/documents/a/seed", json={"content": "x"})
    assert problem(answer, 400) == "wrong_type"
    reader = {"Authorization": f"Bearer {token(y='read')}"}
    answer = await server.client.post(f"{HERE}/seed", json={"content": "x"}, headers=reader)
    assert problem(answer, 403) == "not_allowed"
    async with serving(max_document_bytes=100, max_body_bytes=1000) as small:
        await make(small)
        assert problem(await seed(small, "x" * 200), 413) == "document_too_large"


async def test_the_log_of_a_yjs_document_can_be_read(server: Server) -> None:
    await make(server, "one")
    await edit(server, insert(0, "x"))
    page = (await server.client.get(f"{HERE}/edits")).json()
    assert [each["version"] for each in page["edits"]] == [1, 2]
    doc = pycrdt.Doc[Any]()
    for each in page["edits"]:
        doc.apply_update(base64.b64decode(each["operation"]["update"]))
    assert str(doc.get("codemirror", type=pycrdt.Text)) == "xone"
    assert json.dumps(page)
