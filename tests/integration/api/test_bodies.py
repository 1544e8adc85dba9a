"""How bodies are read: who calls is known first, and nobody waits for what somebody sends."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Message, Scope

from collab.errors import Malformed, TooLarge
from collab.web import bodies
from collab.web.bodies import MAX_JSON_PARTS, check_parts, decode_json
from tests.integration.api.asgi import Server, problem, serving, token

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


async def status_before_the_body(server: Server, method: str, path: str, bearer: str) -> int:
    """The status of a request whose body must not be asked for."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the body was asked for")

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {bearer}".encode()),
            (b"content-type", b"application/json"),
            (b"if-match", b"*"),
        ],
    }
    await server.app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/documents"),
        ("PATCH", "/v1/documents/a"),
        ("POST", "/v1/documents/a/copy"),
        ("POST", "/v1/documents/a/edits"),
        ("PUT", "/v1/documents/a/content"),
        ("POST", "/v1/documents/a/messages"),
    ],
)
async def test_the_caller_is_known_before_the_body_is_read(
    server: Server, method: str, path: str
) -> None:
    await server.make("a")
    assert await status_before_the_body(server, method, path, "nonsense") == 401
    if path != "/v1/documents":
        assert await status_before_the_body(server, method, path, token(other="write")) == 404
    if not path.endswith(("/documents", "/copy")):
        assert await status_before_the_body(server, method, path, token(a="read")) == 403


async def test_only_bodies_that_hold_content_may_be_longer_than_a_frame() -> None:
    async with serving(max_frame_bytes=1000, max_document_bytes=10_000) as server:
        await server.make("a", "x" * 5000)
        long = "x" * 1000
        bodies_by_path: dict[str, Any] = {
            "/a/edits": {"operation": [{"insert": long}]},
            "/a/messages": {"body": long},
            "/a/copy": {"metadata": {"k": long}},
        }
        for path, body in bodies_by_path.items():
            answer = await server.client.post(f"/v1/documents{path}", json=body)
            assert problem(answer, 413) == "body_too_large", path
        answer = await server.client.patch("/v1/documents/a", json={"metadata": {"k": long}})
        assert problem(answer, 413) == "body_too_large"
        headers = {"If-Match": "*", "Content-Type": "text/plain"}
        answer = await server.client.put(
            "/v1/documents/a/content", content=b"y" * 6000, headers=headers
        )
        assert answer.status_code == 200


async def test_json_that_would_take_long_to_decode_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_JSON_PARTS", 100)
    await server.make("a")
    dense = b"[" + b",".join([b"{}"] * 100) + b"]"
    answer = await server.client.put(
        "/v1/documents/a/content", content=dense, headers={**JSON, "If-Match": "*"}
    )
    assert problem(answer, 413) == "too_large"
    for body in (b'{"type":"text","content":%s}', b'{"type":"text","metadata":{"a":%s}}'):
        answer = await server.client.post("/v1/documents", content=body % dense, headers=JSON)
        assert problem(answer, 413) == "too_large"
    await server.make("b", "[,{}]" * 1000)
    assert await server.text("b") == "[,{}]" * 1000


@pytest.mark.parametrize("shift", range(8))
def test_brackets_and_commas_in_strings_do_not_count(
    shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_COUNTED_BYTES", 4)
    raw = b" " * shift + rb'["a,[{\\\",,\\",{"k":12}]'
    monkeypatch.setattr(bodies, "MAX_JSON_PARTS", 5)  # [ , { and two strings
    check_parts(raw)
    monkeypatch.setattr(bodies, "MAX_JSON_PARTS", 4)
    with pytest.raises(TooLarge):
        check_parts(raw)


def test_nesting_and_integers_have_bounds() -> None:
    deep = b"[" * 32 + b"1" + b"]" * 32
    assert decode_json(deep)
    for refused in (b"[" + deep + b"]", b"[[9007199254740992]]", b'{"a":{"b":-9007199254740992}}'):
        with pytest.raises(Malformed):
            decode_json(refused)
    assert decode_json(b"[9007199254740991, true, null]")
    assert MAX_JSON_PARTS >= 100_000


def test_the_member_that_is_apart_is_not_looked_into() -> None:
    raw = b'{"id":"a","content": [{"insert": 1e5}] }'
    assert decode_json(raw, "content") == {"id": "a", "content": b'[{"insert": 1e5}]'}
    assert decode_json(b"[1]", "content") == [1]
    with pytest.raises(Malformed):
        decode_json(b'{"content":[}', "content")
