"""What a browser is told about the pages."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from collab.web import pages, problems
from collab.web.headers import SafeHeaders

pytestmark = pytest.mark.anyio

_STATIC = Path(pages.__file__).parent / "static"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    pages.install(app)
    app.add_middleware(SafeHeaders)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        yield client


def asset(pattern: str) -> str:
    [path] = (_STATIC / "assets").glob(pattern)
    return f"/assets/{path.name}"


def nonce_of(answer: httpx.Response) -> str:
    found = re.search(r"'nonce-([\w-]{20,})'", answer.headers["content-security-policy"])
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/", "/?document=notes", "/d/notes", "/d/a%2Fb", "/d/a:b@c~d"])
async def test_every_page_is_the_same_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<div id="app">' in answer.text


async def test_a_page_is_never_kept_and_its_nonce_never_used_again(
    client: httpx.AsyncClient,
) -> None:
    first, second = await client.get("/"), await client.get("/")
    for answer in (first, second):
        assert answer.headers["cache-control"] == "no-cache"
        assert "etag" not in answer.headers  # a 304 would join an old body to a new nonce
        assert set(re.findall(r'nonce="([^"]*)"', answer.text)) == {nonce_of(answer)}
    assert nonce_of(first) != nonce_of(second)


async def test_a_page_may_load_nothing_from_elsewhere_and_be_framed_by_nobody(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/d/notes")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("pattern", "media_type"),
    [
        ("index-*.js", "text/javascript; charset=utf-8"),
        ("index-*.css", "text/css; charset=utf-8"),
        ("mark-*.svg", "image/svg+xml"),
        ("instrument-sans-latin-wght-*.woff2", "font/woff2"),
    ],
)
async def test_files_with_a_hash_may_be_kept_for_ever(
    client: httpx.AsyncClient, pattern: str, media_type: str
) -> None:
    path = asset(pattern)
    answer = await client.get(path)
    assert answer.content == (_STATIC / path[1:]).read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("br;q=1, GZIP;q=0.5", "gzip"),
        ("gzip; q=0, br", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_who_takes_gzip_gets_it(
    client: httpx.AsyncClient, accepted: str, coding: str | None
) -> None:
    path = asset("yjs-text-*.js")
    headers = {"accept-encoding": accepted}
    async with client.stream("GET", path, headers=headers) as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert (gzip.decompress(body) if coding else body) == (_STATIC / path[1:]).read_bytes()


@pytest.mark.parametrize(
    "path",
    ["/assets/none.js", "/assets/..%2Findex.html", "/assets/%2e%2e/build.json", "/manifest.json"],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "no_such_route"


async def test_pages_are_only_read(client: httpx.AsyncClient) -> None:
    assert (await client.post("/")).status_code == 405
    assert (await client.head("/d/notes")).status_code == 200
