"""The timeline of a document over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pycrdt
import pytest

from collab.activity import Activity
from collab.storage import NewDocument
from collab.words import Commit, Credit
from tests.integration.api.asgi import Server, problem, token

pytestmark = pytest.mark.anyio

PATH = "/v1/documents/a"
MINUTE = 60_000


async def ask(server: Server, **parameters: Any) -> httpx.Response:
    return await server.client.get(f"{PATH}/activity", params=parameters)


async def told(server: Server, **parameters: Any) -> Any:
    answer = await ask(server, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def spans(answer: Any) -> list[tuple[int, int]]:
    return [(each["from"], each["to"]) for each in answer["sittings"]]


async def make(server: Server, *edits: tuple[float, str]) -> None:
    """A text, each of whose commits is an x at so many minutes by that user."""
    commits = [
        Commit(
            version,
            int(minutes * MINUTE),
            (Credit(f"{version:016x}", 1, user, b""),),
            b'[{"insert":"x"}]',
        )
        for version, (minutes, user) in enumerate(edits, 1)
    ]
    await server.registry.store.create(NewDocument("a", "text", "e", 0), commits)


async def test_sittings_end_after_a_pause(server: Server) -> None:
    await make(server, (0, "ann"), (10, "bob"), (30, "ann"), (31, "ann"), (100, "bob"))
    answer = await told(server)
    assert spans(answer) == [(1, 2), (3, 4), (5, 5)]
    assert (answer["version"], answer["since"], answer["next"]) == (5, 0, None)
    first = answer["sittings"][0]
    assert (first["began"], first["ended"]) == (0, 10 * MINUTE)
    assert (first["edits"], first["inserted"], first["deleted"]) == (2, 2, 0)
    assert [(each["user"], each["from"], each["edits"]) for each in first["users"]] == [
        ("ann", 1, 1),
        ("bob", 2, 1),
    ]
    assert spans(await told(server, pause=60)) == [(1, 4), (5, 5)]
    assert spans(await told(server, user="bob")) == [(2, 2), (5, 5)]


async def test_it_is_read_page_by_page(server: Server) -> None:
    await make(server, *((hour * 60 + minute, "ann") for hour in range(5) for minute in (0, 1)))
    found, after = [], 0
    pages = 0
    while True:
        page = await told(server, after=after, limit=2)
        found += spans(page)
        pages += 1
        if page["next"] is None:
            break
        after = page["next"]
    assert found == spans(await told(server)) == [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10)]
    assert pages == 3


async def test_one_request_goes_through_so_much_and_no_more(server: Server) -> None:
    await make(server, *((0, "ann") for _ in range(5)))
    activity = Activity(server.app.state.catalog.contents, max_commits=3)
    first = await activity.timeline("a")
    assert [(each.first, each.last) for each in first.sittings] == [(1, 3)]
    assert (first.next, first.cut) == (3, True)
    second = await activity.timeline("a", after=3)
    assert [(each.first, each.last) for each in second.sittings] == [(4, 5)]
    assert (second.next, second.cut) == (None, False)
    assert (await activity.timeline("a", user="bob")).next == 3


async def test_what_was_written_and_deleted_is_counted(server: Server) -> None:
    await server.make("a", [{"insert": "😀\n"}], type="richtext")
    body = {"operation": [{"insert": {"i": "x"}}, {"retain": 2}, {"delete": 1}]}
    await server.client.post(f"{PATH}/edits", json=body)
    [sitting] = (await told(server))["sittings"]
    assert (sitting["edits"], sitting["inserted"], sitting["deleted"]) == (2, 4, 1)
    [share] = sitting["users"]
    assert (share["user"], share["author"], share["inserted"]) == ("alice", None, 4)


async def test_a_yjs_document(server: Server) -> None:
    await server.make("a", {"text": "😀", "map": {"key": 1}}, type="yjs")
    doc = pycrdt.Doc[Any]()
    update = await server.client.get(f"{PATH}/content", params={"format": "update"})
    doc.apply_update(update.content)
    vector = doc.get_state()
    text = doc.get("text", type=pycrdt.Text)
    with doc.transaction():
        text.insert(4, "abc")
        del text[0:4]
    await server.client.post(
        f"{PATH}/updates",
        content=doc.get_update(vector),
        headers={
            "Content-Type": "application/octet-stream",
            "Authorization": f"Bearer {token('bob')}",
        },
    )
    [sitting] = (await told(server))["sittings"]
    assert [(each["user"], each["inserted"], each["deleted"]) for each in sitting["users"]] == [
        ("alice", 2, 0),
        ("bob", 3, 2),
    ]


async def test_it_begins_where_the_log_does(server: Server) -> None:
    await server.make("a", "one")
    store = server.registry.store
    async with server.registry.open("a") as session:
        assert await store.save_snapshot("a", session.epoch, session.snapshot())
        assert await store.trim("a", session.epoch, 2**60) == 1
    answer = await told(server)
    assert (answer["since"], answer["sittings"], answer["next"]) == (1, [], None)
    assert problem(await ask(server, after=0), 409) == "below_floor"


async def test_what_cannot_be_told_is_refused(server: Server) -> None:
    assert problem(await ask(server), 404) == "document_not_found"
    await server.make("a", "one")
    assert problem(await ask(server, after=2), 409) == "base_above_head"
    for unsound in ({"pause": 0}, {"limit": 0}, {"limit": 1001}, {"user": ""}):
        assert problem(await ask(server, **unsound), 422) == "invalid_request"
