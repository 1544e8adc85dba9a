"""What every answer tells a browser."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.api.asgi import Server, events, serving, token

pytestmark = pytest.mark.anyio

CONTENT = "/v1/documents/a/content"
EVERYWHERE = [
    ("GET", "/v1/documents", 200),
    ("HEAD", "/v1/documents", 200),
    ("GET", "/v1/documents/a", 200),
    ("GET", CONTENT, 200),
    ("GET", "/v1/documents/a/edits", 200),
    ("GET", "/v1/documents/a/presence", 200),
    ("GET", "/v1/documents/absent", 404),
    ("GET", "/v1/documents/%2e%2e", 400),
    ("PUT", CONTENT, 428),
    ("POST", "/v1/documents", 415),
    ("DELETE", "/v1/documents", 405),
    ("OPTIONS", CONTENT, 405),
    ("GET", "/nowhere", 404),
    ("GET", "/assets/none.js", 404),
    ("GET", "/", 200),
    ("GET", "/d/a", 200),
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/openapi.json", 200),
]


def assert_safe(answer: httpx.Response) -> None:
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
    [policy] = answer.headers.get_list("content-security-policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(("method", "path", "status"), EVERYWHERE)
async def test_no_answer_is_guessed_at_framed_or_betrayed(
    server: Server, method: str, path: str, status: int
) -> None:
    await server.make("a", "one")
    answer = await server.client.request(method, path)
    assert answer.status_code == status
    assert_safe(answer)
    assert "strict-transport-security" not in answer.headers
    if path not in {"/", "/d/a"}:
        kept = "private, no-cache" if "etag" in answer.headers else "no-store"
        assert answer.headers.get_list("cache-control") == [kept]


async def test_refusals_before_any_route_are_no_exception() -> None:
    async with serving(secret_key=None) as server:
        for headers, status in (({"Host": "evil.example"}, 403), ({"Origin": "https://x"}, 403)):
            answer = await server.client.post("/v1/documents", headers=headers)
            assert answer.status_code == status
            assert_safe(answer)
    async with serving(max_body_bytes=10, allowed_origins=("https://a.example",)) as server:
        origin = {"Origin": "https://a.example"}
        preflight = {**origin, "Access-Control-Request-Method": "PUT"}
        assert_safe(await server.client.options(CONTENT, headers=preflight))
        answer = await server.client.post("/v1/documents", content=b"x" * 11, headers=origin)
        assert answer.status_code == 413
        assert_safe(answer)
    async with serving() as server:
        answer = await server.client.get(CONTENT, headers={"Authorization": "Bearer no"})
        assert answer.status_code == 401
        assert_safe(answer)


async def test_a_defect_is_no_exception(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.app.state, "catalog", None)
    answer = await server.client.get("/v1/documents/a")
    assert answer.status_code == 500
    assert_safe(answer)


async def test_what_has_not_changed_does_not_change_what_is_kept(server: Server) -> None:
    await server.make("a", [{"insert": "one\n"}], type="richtext")
    shown = await server.client.get(CONTENT, params={"format": "html"})
    headers = {"If-None-Match": shown.headers["etag"]}
    answer = await server.client.get(CONTENT, params={"format": "html"}, headers=headers)
    assert answer.status_code == 304
    assert answer.headers["cache-control"] == shown.headers["cache-control"] == "private, no-cache"
    assert "content-security-policy" not in answer.headers


async def test_the_stream_of_events_is_no_exception(server: Server) -> None:
    await server.make("a", "one")
    async with events(server, "a") as reader:
        assert reader.headers["x-content-type-options"] == "nosniff"
        assert reader.headers["referrer-policy"] == "no-referrer"
        assert reader.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://docs.example", True),
        ("https://192.0.2.1:8443", True),
        ("http://docs.example", False),
        ("https://localhost:8443", False),
        ("https://127.0.0.1", False),
        ("https://[::1]:8000", False),
    ],
)
async def test_only_https_from_then_on(server: Server, url: str, told: bool) -> None:
    transport = httpx.ASGITransport(server.app)
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        for path in ("/healthz", "/nowhere", "/"):
            answer = await client.get(path)
            assert ("strict-transport-security" in answer.headers) is told


@pytest.mark.parametrize(
    ("format", "disposition"),
    [
        ("text", 'inline; filename="a.exe.txt"'),
        ("json", 'inline; filename="a.exe.json"'),
        ("html", 'inline; filename="a.exe.html"'),
        ("markdown", 'inline; filename="a.exe.md"'),
        ("update", 'attachment; filename="a.exe.bin"'),
    ],
)
async def test_content_is_saved_as_what_it_is(
    server: Server, format: str, disposition: str
) -> None:
    body: dict[str, Any] = {"id": "a.exe", "type": "yjs", "content": "# hi", "format": "markdown"}
    assert (await server.client.post("/v1/documents", json=body)).status_code == 201
    answer = await server.client.get("/v1/documents/a.exe/content", params={"format": format})
    assert answer.headers["content-disposition"] == disposition


@pytest.mark.parametrize("type", ["richtext", "yjs"])
async def test_exported_html_is_opened_in_a_sandbox(server: Server, type: str) -> None:
    body = {"id": "a", "type": type, "content": "# hi", "format": "markdown"}
    assert (await server.client.post("/v1/documents", json=body)).status_code == 201
    answer = await server.client.get(
        CONTENT, params={"format": "html"}, headers={"Authorization": f"Bearer {token(a='read')}"}
    )
    policy = answer.headers["content-security-policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives.pop("sandbox") == ""  # no script, no form, an origin of its own
    assert directives == {
        "default-src": "'none'",
        "img-src": "* data:",
        "media-src": "*",
        "style-src": "'unsafe-inline'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["cache-control"] == "private, no-cache"
