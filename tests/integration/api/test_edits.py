"""Edits over HTTP: submitted once however often they are sent, read in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import anyio
import httpx
import pytest

from collab.inbox import Submission
from collab.web import edits
from collab.words import Access, Commit, Grant
from tests.integration.api.asgi import Server, problem, serving

pytestmark = pytest.mark.anyio

PATH = "/v1/documents/a/edits"


async def submit(server: Server, operation: Any, key: str = "", **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"operation": operation, **body}
    return await server.client.post(PATH, json=body, headers=headers)


async def test_an_edit_is_answered_with_its_place_in_the_log(server: Server) -> None:
    row = await server.make("a", "one")
    answer = (await submit(server, [{"insert": "zero "}], base=1, epoch=row["epoch"])).json()
    assert answer.pop("author")
    assert answer == {
        "epoch": row["epoch"],
        "version": 2,
        "operation": [{"insert": "zero "}],
        "duplicate": False,
    }


async def test_an_edit_is_rebased_over_what_came_after_its_base(server: Server) -> None:
    await server.make("a", "one")
    await submit(server, [{"insert": "zero "}], base=1)
    answer = (await submit(server, [{"retain": 3}, {"insert": " two"}], base=1)).json()
    assert answer["operation"] == [{"retain": 8}, {"insert": " two"}]
    assert await server.text("a") == "zero one two"


async def test_the_same_request_is_the_same_edit(server: Server) -> None:
    await server.make("a", "one")
    first = (await submit(server, [{"insert": "x"}], "key", base=1)).json()
    await submit(server, [{"insert": "y"}])
    again = (await submit(server, [{"insert": "x"}], "key", base=1)).json()
    assert again == {**first, "duplicate": True}
    assert await server.text("a") == "yxone"
    for body in ({"operation": [{"insert": "z"}], "base": 1}, {"operation": [{"insert": "x"}]}):
        answer = await submit(server, **body, key="key")
        assert problem(answer, 409) == "edit_name_reused"
        assert answer.json()["version"] == first["version"]


async def test_the_same_request_many_times_at_once_is_one_edit(server: Server) -> None:
    await server.make("a", "one")
    versions: set[int] = set()

    async def send() -> None:
        versions.add((await submit(server, [{"insert": "x"}], "key", base=1)).json()["version"])

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(send)
    assert versions == {2}
    assert await server.text("a") == "xone"


async def test_requests_without_a_key_are_edits_of_their_own(server: Server) -> None:
    await server.make("a", "one")
    await submit(server, [{"insert": "x"}])
    await submit(server, [{"insert": "x"}])
    assert await server.text("a") == "xxone"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"operation": [{"insert": 1}]}, 422, "invalid_operation"),
        ({"operation": [{"retain": 1000}, {"delete": 1}]}, 422, "invalid_operation"),
        ({"operation": [{"poem": 1}]}, 422, "invalid_operation"),
        ({"operation": [{"retain": 2**60}]}, 400, "malformed"),
        ({"operation": [{"insert": "x"}], "base": 99}, 409, "base_above_head"),
        ({"operation": [{"insert": "x"}], "epoch": "other"}, 412, "precondition_failed"),
        ({"operation": [{"insert": "x"}], "base": True}, 422, "invalid_request"),
        ({"operation": [{"insert": "x"}], "base": -1}, 422, "invalid_request"),
        ({"operation": [{"insert": "x"}], "base": 1.5}, 422, "invalid_request"),
        ({"operation": [{"insert": "x"}], "seq": 1}, 422, "invalid_request"),
        ({"operation": "x"}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
    ],
)
async def test_edits_that_are_refused(
    server: Server, body: dict[str, Any], status: int, code: str
) -> None:
    await server.make("a", "one")
    assert problem(await server.client.post(PATH, json=body), status) == code
    assert await server.text("a") == "one"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"operation":[{"insert":"\\ud800"}]}', "malformed"),
        (b'{"operation":[{"insert":"x","attributes":{"a":NaN}}]}', "malformed"),
        (b'{"operation":', "malformed"),
        (b"\xff\xfe", "malformed"),
        (b'{"operation":' + b"[" * 5000 + b"]" * 5000 + b"}", "json_too_deep"),
        (b"[" * 200_000, "json_too_deep"),
    ],
)
async def test_bodies_that_are_no_json_of_ours(server: Server, raw: bytes, code: str) -> None:
    await server.make("a", "one")
    headers = {"Content-Type": "application/json"}
    assert problem(await server.client.post(PATH, content=raw, headers=headers), 400) == code
    assert await server.text("a") == "one"


async def test_of_a_key_that_comes_twice_the_last_counts(server: Server) -> None:
    await server.make("a", "one")
    raw = b'{"operation":[{"insert":"x"}],"operation":[{"insert":"y"}]}'
    headers = {"Content-Type": "application/json"}
    assert (await server.client.post(PATH, content=raw, headers=headers)).status_code == 200
    assert await server.text("a") == "yone"


@pytest.mark.parametrize("key", ["a:b", "x" * 201, "a b"])
async def test_keys_that_are_none(server: Server, key: str) -> None:
    await server.make("a", "one")
    assert problem(await submit(server, [{"insert": "x"}], key), 400) == "malformed"


async def test_an_edit_over_the_bound_of_the_document_is_refused() -> None:
    async with serving(max_document_bytes=100) as server:
        await server.make("a", "x" * 90)
        answer = await submit(server, [{"insert": "y" * 20}])
        assert problem(answer, 413) == "document_too_large"


async def test_a_base_that_is_too_old_is_told_the_floor() -> None:
    async with serving(max_rebase_commits=3) as server:
        await server.make("a", "one")
        for _ in range(5):
            await submit(server, [{"insert": "x"}])
        answer = await submit(server, [{"insert": "y"}], base=1)
        assert problem(answer, 409) == "below_floor"
        assert (answer.json()["base"], answer.json()["floor"]) == (1, 3)


async def test_rights_count_when_the_edit_gets_its_turn(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.make("a", "one")
    async with server.registry.open("a") as session:
        permitted: list[bool] = []
        submit_edit = session.submit

        def submit_later(submission: Submission) -> None:
            server.registry.authorizer._apply([Grant("a", "alice", Access.READ, 1)])
            permitted.append(submission.permitted())
            submit_edit(submission)

        monkeypatch.setattr(session, "submit", submit_later)
        assert problem(await submit(server, [{"insert": "x"}]), 403) == "not_allowed"
    assert permitted == [False]


async def test_the_log_is_read_in_pages(server: Server) -> None:
    row = await server.make("a", "1")
    for text in "2345":
        await submit(server, [{"insert": text}])
    seen: list[dict[str, Any]] = []
    since: int | None = 0
    while since is not None:
        answer = await server.client.get(PATH, params={"since": since, "limit": 2})
        body = answer.json()
        assert (body["epoch"], body["version"]) == (row["epoch"], 5)
        assert len(body["edits"]) <= 2
        seen += body["edits"]
        since = body["next"]
    assert [edit["version"] for edit in seen] == [1, 2, 3, 4, 5]
    assert [edit["operation"] for edit in seen] == [[{"insert": text}] for text in "12345"]
    assert {edit["user"] for edit in seen} == {"alice"}
    assert all(edit["time"] > 0 and edit["seq"] == 1 for edit in seen)
    answer = await server.client.get(PATH, params={"since": 5})
    assert (answer.json()["edits"], answer.json()["next"]) == ([], None)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("since=9", 409, "base_above_head"),
        ("since=-1", 422, "invalid_request"),
        ("since=99999999999999999999", 422, "invalid_request"),
        ("limit=0", 422, "invalid_request"),
        ("epoch=other", 412, "precondition_failed"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
async def test_parts_of_the_log_that_are_not_there(
    server: Server, query: str, status: int, code: str, accept: str
) -> None:
    await server.make("a", "one")
    answer = await server.client.get(f"{PATH}?{query}", headers={"Accept": accept})
    assert problem(answer, status) == code


async def test_the_log_comes_as_lines(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collab.web.edits._PAGE_COMMITS", 2)
    await server.make("a", "1")
    for text in "2345":
        await submit(server, [{"insert": text}])

    async def versions(query: str = "") -> list[int]:
        headers = {"Accept": "application/x-ndjson"}
        answer = await server.client.get(f"{PATH}{query}", headers=headers)
        assert answer.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line)["version"] for line in answer.text.splitlines()]

    assert await versions() == [1, 2, 3, 4, 5]
    assert await versions("?since=3") == [4, 5]
    assert await versions("?since=1&limit=3") == [2, 3, 4]
    assert await versions("?since=5") == []


async def test_lines_that_break_off_say_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collab.web.edits._PAGE_COMMITS", 2)
    row = await server.make("a", "1")
    for text in "2345":
        await submit(server, [{"insert": text}])
    read = server.registry.store.read

    async def deleted_meanwhile(id: str, epoch: str, after: int, limit: int, **more: int) -> Any:
        if after > 0:
            await server.registry.store.delete(id)
        return await read(id, epoch, after, limit, **more)

    monkeypatch.setattr(server.registry.store, "read", deleted_meanwhile)
    headers = {"Accept": "application/x-ndjson"}
    lines = (await server.client.get(PATH, headers=headers)).text.splitlines()
    assert [json.loads(line).get("version") for line in lines] == [1, 2, None]
    assert json.loads(lines[-1])["code"] == "document_not_found"
    assert row["version"] == 1


async def test_pages_of_the_log_end_by_their_size_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.make("a")
    for number in range(5):
        assert (await server.type("a", str(number) * 400_000)).status_code == 200
    seen: list[list[int]] = []
    since: int | None = 0
    while since is not None:
        answer = await server.client.get("/v1/documents/a/edits", params={"since": since})
        assert len(answer.content) < 2**20 + 1000
        page = answer.json()
        seen.append([edit["version"] for edit in page["edits"]])
        since = page["next"]
    assert seen == [[1, 2], [3, 4], [5]]
    sizes: list[int] = []
    encode = edits._encode_lines

    def measured(commits: Sequence[Commit]) -> bytes:
        lines = encode(commits)
        sizes.append(len(lines))
        return lines

    monkeypatch.setattr(edits, "_encode_lines", measured)
    answer = await server.client.get(
        "/v1/documents/a/edits", headers={"Accept": "application/x-ndjson"}
    )
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["version"] for line in lines] == [1, 2, 3, 4, 5]
    assert len(sizes) == 3
    assert max(sizes) < 2**20 + 1000
