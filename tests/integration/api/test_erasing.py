"""Redaction and the erasure of names over HTTP, with people connected."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from collab.ot.masking import FILLER
from tests.integration.api.asgi import Server, problem, token

pytestmark = pytest.mark.anyio

HERE = "/v1/documents/a"


async def redact(server: Server, **body: Any) -> httpx.Response:
    return await server.client.post(f"{HERE}/redact", json=body)


async def test_a_range_is_redacted_in_every_version(server: Server) -> None:
    row = await server.make("a", "my name is secret.")
    await server.type("a", "Hello, ")
    answer = await redact(server, at=11, length=6, version=1)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["version"], told["floor"], told["commits"]) == (2, 0, 1)
    assert told["epoch"] != row["epoch"]
    assert await server.text("a") == f"Hello, my name is {FILLER * 6}."
    past = await server.client.get(f"{HERE}/content?version=1")
    assert past.text == f"my name is {FILLER * 6}."
    assert past.headers["collab-epoch"] == told["epoch"]
    log = (await server.client.get(f"{HERE}/edits?since=0")).text
    assert "secret" not in log
    stale = {"epoch": row["epoch"], "base": 2, "operation": [{"insert": "x"}]}
    answer = await server.client.post(f"{HERE}/edits", json=stale)
    assert problem(answer, 412) == "precondition_failed"


async def test_a_yjs_document_loses_its_history(server: Server) -> None:
    await server.make("a", "public secret", type="yjs", format="text")
    answer = await redact(server, root="codemirror", at=7, length=6)
    assert answer.json()["floor"] == answer.json()["version"] == 2
    assert await server.text("a") == "public "
    gone = await server.client.get(f"{HERE}/content?version=1")
    assert problem(gone, 410) == "version_unavailable"
    assert (await redact(server)).status_code == 200


async def test_what_cannot_be_redacted(server: Server) -> None:
    assert problem(await redact(server, at=0, length=1), 404) == "document_not_found"
    await server.make("a", "one")
    for body in ({"at": 0}, {"length": 2}, {"at": 0, "length": 0}, {"root": "r"}, {"version": 1}):
        assert problem(await redact(server, **body), 422) == "invalid_request"
    assert problem(await redact(server, at=1, length=3), 422) == "invalid_operation"
    assert problem(await redact(server, at=0, length=1, version=2), 409) == "base_above_head"
    assert problem(await redact(server), 400) == "wrong_type"
    assert problem(await redact(server, root="r", at=0, length=1), 400) == "wrong_type"


async def test_a_name_is_erased(server: Server) -> None:
    await server.make("a", "one")
    await server.client.post(f"{HERE}/versions", json={"name": "mine"})
    headers = {"Authorization": f"Bearer {token('bob')}"}
    edit = {"operation": [{"insert": "two "}]}
    await server.client.post(f"{HERE}/edits", json=edit, headers=headers)

    async def erase(user: str) -> Any:
        answer = await server.client.post(f"{HERE}/erase-user", json={"user": user})
        assert answer.status_code == 200
        return answer.json()

    assert await erase("alice") == {"found": True, "commits": 1}
    log = (await server.client.get(f"{HERE}/edits?since=0")).json()["edits"]
    assert [each["user"] for each in log] == [None, "bob"]
    [named] = (await server.client.get(f"{HERE}/versions")).json()["versions"]
    assert (named["name"], named["user"]) == ("mine", None)
    assert await erase("alice") == {"found": False, "commits": 0}
    assert await server.text("a") == "two one"
