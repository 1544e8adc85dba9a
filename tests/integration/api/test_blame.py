"""Who wrote what, over HTTP: for every type, at every version, as far as the log goes back."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pycrdt
import pytest

from collab.blames import Blames
from tests.integration.api.asgi import Server, problem, serving, token

pytestmark = pytest.mark.anyio

PATH = "/v1/documents/a"


def user(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(name)}"}


async def edit(server: Server, name: str, operation: Any) -> None:
    body = {"operation": operation}
    answer = await server.client.post(f"{PATH}/edits", json=body, headers=user(name))
    assert answer.status_code == 200, answer.text


async def ask(server: Server, **parameters: Any) -> httpx.Response:
    return await server.client.get(f"{PATH}/blame", params=parameters)


async def told(server: Server, **parameters: Any) -> Any:
    answer = await ask(server, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def short(answer: Any) -> list[tuple[Any, Any, Any]]:
    return [
        (run.get("text", run.get("embed")), run["version"], run["user"]) for run in answer["runs"]
    ]


async def test_each_run_is_of_who_wrote_it(server: Server) -> None:
    row = await server.make("a", "one two")
    await edit(server, "bob", [{"retain": 3}, {"insert": " 😀"}, {"delete": 4}])
    await edit(server, "cleo", [{"insert": "zero "}])
    answer = await told(server)
    assert short(answer) == [("zero ", 3, "cleo"), ("one", 1, "alice"), (" 😀", 2, "bob")]
    assert (answer["epoch"], answer["version"], answer["since"]) == (row["epoch"], 3, 0)
    log = (await server.client.get(f"{PATH}/edits")).json()["edits"]
    for run in answer["runs"]:
        edits = log[run["version"] - 1]
        assert (run["author"], run["time"]) == (edits["author"], edits["time"])


async def test_it_goes_on_from_what_it_knows_and_back_to_earlier_versions(server: Server) -> None:
    await server.make("a", "one")
    await edit(server, "bob", [{"retain": 3}, {"insert": " two"}])
    assert short(await told(server)) == [("one", 1, "alice"), (" two", 2, "bob")]
    await edit(server, "cleo", [{"delete": 1}])
    assert short(await told(server)) == [("ne", 1, "alice"), (" two", 2, "bob")]
    earlier = await told(server, version=1)
    assert (short(earlier), earlier["version"]) == ([("one", 1, "alice")], 1)
    assert short(await told(server, version=0)) == []


async def test_formats_are_nobody_s_and_embeds_are_runs(server: Server) -> None:
    await server.make("a", [{"insert": "text\n"}], type="richtext")
    await edit(server, "bob", [{"retain": 2, "attributes": {"bold": True}}, {"insert": {"i": "x"}}])
    assert short(await told(server)) == [
        ("te", 1, "alice"),
        ({"i": "x"}, 2, "bob"),
        ("xt\n", 1, "alice"),
    ]


async def test_it_is_read_page_by_page(server: Server) -> None:
    await server.make("a", "😀")
    for number in range(6):
        await edit(server, "bob", [{"retain": 2 + number}, {"insert": str(number)}])
    runs: list[Any] = []
    at: int | None = 0
    while at is not None:
        page = await told(server, version=7, at=at, limit=2)
        assert len(page["runs"]) <= 2
        runs += short(page)
        at = page["next"]
    assert runs == short(await told(server))
    assert [text for text, _, _ in runs] == ["😀", *"012345"]


async def test_a_page_for_people(server: Server) -> None:
    await server.make("a", "a < b\n")
    await edit(server, "bob", [{"retain": 6}, {"insert": "<script>"}])
    await edit(server, "bob", [{"retain": 14}, {"insert": "!"}])
    answer = await ask(server, format="html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert ">a &lt; b\n</span>" in answer.text
    assert ">&lt;script&gt;!</span>" in answer.text
    assert 'data-version="3"' in answer.text
    assert 'data-user="bob"' in answer.text
    assert "<script" not in answer.text


async def test_what_was_written_before_the_log_begins_is_nobody_s(server: Server) -> None:
    await server.make("a", "one")
    await edit(server, "bob", [{"insert": "two "}])
    store = server.registry.store
    async with server.registry.open("a") as session:
        assert await store.save_snapshot("a", session.epoch, session.snapshot())
        assert await store.trim("a", session.epoch, 2**60) == 2
    await edit(server, "cleo", [{"insert": "three "}])
    answer = await told(server)
    assert answer["since"] == 2
    assert short(answer) == [("three ", 3, "cleo"), ("two one", None, None)]
    assert answer["runs"][1]["author"] is None
    assert answer["runs"][1]["time"] is None


async def test_of_a_long_log_only_the_newest_part_is_gone_through() -> None:
    async with serving(snapshot_every=5) as server:
        server.app.state.blames = Blames(server.app.state.catalog.contents, max_commits=4)
        await server.make("a", "1")
        for number in range(2, 11):
            await edit(server, "bob", [{"insert": f"{number} "}])
        answer = await told(server)
        assert answer["since"] == 6
        assert short(answer)[-1] == ("6 5 4 3 2 1", None, None)
        assert [version for _, version, _ in short(answer)[:-1]] == [10, 9, 8, 7]
        answer = await told(server, version=3)
        assert (answer["since"], len(answer["runs"])) == (0, 3)


async def test_a_yjs_document_by_the_users_of_its_clients(server: Server) -> None:
    await server.make("a", "# Title\n\nwords\n", type="yjs", format="markdown")
    doc = pycrdt.Doc[Any]()
    update = (await server.client.get(f"{PATH}/content", params={"format": "update"})).content
    doc.apply_update(update)
    vector = doc.get_state()
    paragraph: Any = doc.get("default", type=pycrdt.XmlFragment).children[1]
    paragraph.children[0].insert(5, " 😀")
    answer = await server.client.post(
        f"{PATH}/updates",
        content=doc.get_update(vector),
        headers={"Content-Type": "application/octet-stream", **user("bob")},
    )
    assert answer.status_code == 200, answer.text
    answer = await told(server)
    assert short(answer) == [("Title\nwords", 1, "alice"), (" 😀", 2, "bob")]
    assert answer["root"] == "default:xml"
    assert short(await told(server, version=1)) == [("Title\nwords", 1, "alice")]


async def test_the_text_roots_of_a_yjs_document(server: Server) -> None:
    await server.make("a", {"one": "first", "two": "second"}, type="yjs")
    assert problem(await ask(server), 400) == "root_needed"
    assert short(await told(server, root="two")) == [("second", 1, "alice")]
    body = {"root": "two", "operations": [{"replace": {"at": 0, "length": 3, "text": "S"}}]}
    await server.client.post(f"{PATH}/edits", json=body, headers=user("bob"))
    assert short(await told(server, root="two")) == [("S", 2, "bob"), ("ond", 1, "alice")]
    refused = await ask(server, root="one:map")
    assert problem(refused, 400) == "unknown_format"


async def test_of_a_batch_each_one_s_part_is_theirs(server: Server) -> None:
    await server.make("a", {"text": "."}, type="yjs")
    update = (await server.client.get(f"{PATH}/content", params={"format": "update"})).content
    updates = {}
    for name in ("bob", "cleo"):
        doc = pycrdt.Doc[Any]()
        doc.apply_update(update)
        vector = doc.get_state()
        doc.get("text", type=pycrdt.Text).insert(0, name)
        updates[name] = doc.get_update(vector)

    async def send(name: str) -> None:
        headers = {"Content-Type": "application/octet-stream", **user(name)}
        await server.client.post(f"{PATH}/updates", content=updates[name], headers=headers)

    async with server.registry.open("a"), anyio.create_task_group() as tasks:
        for name in updates:
            tasks.start_soon(send, name)
    answer = await told(server)
    assert answer["version"] == 2  # both in one commit
    assert set(short(answer)) == {("bob", 2, "bob"), ("cleo", 2, "cleo"), (".", 1, "alice")}
    assert len({run["author"] for run in answer["runs"]}) == 3


async def test_maps_have_no_text(server: Server) -> None:
    await server.make("a", {"map": {"key": 1}}, type="yjs")
    assert problem(await ask(server, root="map"), 400) == "unknown_format"
    assert (await told(server))["runs"] == []


async def test_what_cannot_be_told_is_refused(server: Server) -> None:
    assert problem(await ask(server), 404) == "document_not_found"
    await server.make("a", "one")
    assert problem(await ask(server, version=2), 409) == "base_above_head"
    assert problem(await ask(server, root="x"), 400) == "wrong_type"
    assert problem(await ask(server, limit=0), 422) == "invalid_request"
    await server.client.delete(PATH)
    await server.make("a", "new")
    assert short(await told(server)) == [("new", 1, "alice")]
