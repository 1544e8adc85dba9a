"""Whatever is sent, the answer is a success or a problem object, and the server goes on."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.api.asgi import Server, serving

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE")
RESTS = ("", "/content", "/edits", "/copy", "/presence", "/messages", "/socket", "/x")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
steps = st.fixed_dictionaries(
    {},
    optional={
        "insert": st.text(max_size=5) | json_values,
        "retain": st.integers(-2, 12) | json_values,
        "delete": st.integers(-2, 12) | json_values,
        "attributes": st.dictionaries(st.text(max_size=3), json_values, max_size=2),
    },
)
operations = st.lists(steps, max_size=4) | json_values
bodies = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {"operation": operations}, optional={"base": st.integers(-1, 5) | json_values}
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "richtext", "x"])},
        optional={"content": operations | st.text(max_size=5), "metadata": json_values},
    ),
    st.fixed_dictionaries({"metadata": json_values}),
    st.fixed_dictionaries({"body": json_values}),
    operations,
)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            ["application/json", "text/plain", "application/merge-patch+json", "x"]
        ),
        "If-Match": header_values | st.sampled_from(["*", '"a:1"', 'W/"b:2"']),
        "If-None-Match": header_values,
        "Idempotency-Key": header_values,
        "Accept": st.sampled_from(["*/*", "application/x-ndjson", "x"]),
    },
)
queries = st.dictionaries(
    st.sampled_from(["since", "limit", "version", "format", "epoch", "prefix", "after", "type"]),
    st.integers(-2, 2**70).map(str) | st.text(max_size=6),
    max_size=3,
)
requests = st.tuples(
    st.sampled_from(METHODS),
    st.sampled_from(["a", "r", "absent", "%2e", "a%2Fb"]),
    st.sampled_from(RESTS),
    queries,
    headers,
    bodies | st.binary(max_size=20),
)


def encoded(body: Any) -> bytes:
    """A body's bytes; what JSON cannot hold goes as text that is none."""
    if isinstance(body, bytes):
        return body
    try:
        return msgspec.json.encode(body)
    except (TypeError, UnicodeEncodeError):
        return repr(body).encode(errors="surrogatepass")


@pytest.mark.parametrize("types", [("text", "richtext")])
@settings(max_examples=150, deadline=None)
@given(sent=st.lists(requests, min_size=1, max_size=8))
def test_nothing_breaks_the_server(types: tuple[str, str], sent: list[Any]) -> None:
    async def run() -> None:
        async with serving() as server:
            for id, kind in zip("ar", types, strict=True):
                await server.make(id, type=kind, content=[{"insert": "one\n"}])
            for request in sent:
                await send(server, *request)
            assert (await server.client.get("/readyz")).status_code == 200

    anyio.run(run)


async def send(
    server: Server,
    method: str,
    id: str,
    rest: str,
    query: dict[str, str],
    given_headers: dict[str, str],
    body: Any,
) -> None:
    path = f"/v1/documents/{id}{rest}" if rest or id != "absent" else "/v1/documents"
    url = httpx.URL("http://server").copy_with(raw_path=path.encode())
    url = url.copy_merge_params({name: value for name, value in query.items() if _sendable(value)})
    answer = await server.client.request(method, url, headers=given_headers, content=encoded(body))
    assert answer.status_code < 500, (method, path, query, given_headers, body, answer.text)
    if answer.is_error and method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


def _sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
