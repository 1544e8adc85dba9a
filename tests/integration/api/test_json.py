"""JSON that is none, or that readers of other languages trip over, and keys that are only data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harmless import findings, markdown_findings
from tests.integration.api.asgi import Server, problem

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
VALUES = {
    "deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep and open": b"[" * 100_000,
    "deeper than 32": b"[" * 40 + b"]" * 40,
    "a long number": b"9" * 1_000_000,
    "a long negative number": b"-" + b"9" * 1_000_000,
    "a long fraction": b"1e" + b"9" * 1000,
    "beyond 2^53": b"9007199254740992",
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a float out of range": b"1e999",
    "half a surrogate pair": b'"\\ud83d"',
    "the other half": b'"x\\ude42y"',
    "half a pair as a key": b'{"\\udc00":1}',
    "no UTF-8": b'"\xff"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a control character": b'"\x00"',
    "a comment": b"1/**/",
    "one quote": b"'a'",
}
PLACES = {
    "metadata": ("POST", "", b'{"type":"text","metadata":{"k":%s}}'),
    "a patch": ("PATCH", "/a", b'{"metadata":{"k":%s}}'),
    "an operation": ("POST", "/a/edits", b'{"operation":[{"insert":{"k":%s}}]}'),
    "a base": ("POST", "/a/edits", b'{"operation":[],"base":[%s]}'),
    "a message": ("POST", "/a/messages", b'{"body":%s}'),
    "a field nobody knows": ("POST", "/a/copy", b'{"x":%s}'),
    "all of it": ("POST", "", b"%s,"),
}


@pytest.mark.parametrize("value", VALUES)
async def test_what_is_no_json_of_ours_is_malformed(server: Server, value: str) -> None:
    await server.make("a", [{"insert": "one\n"}], type="richtext")
    for name, (method, path, body) in PLACES.items():
        answer = await server.client.request(
            method, f"/v1/documents{path}", content=body % VALUES[value], headers=JSON
        )
        told = {"malformed", "json_too_deep"} if value.startswith("deep") else {"malformed"}
        assert problem(answer, 400) in told, name
        assert len(answer.text) < 1000
    assert (await server.client.get("/v1/documents/a")).json()["version"] == 1


async def test_of_a_key_that_comes_twice_the_last_counts(server: Server) -> None:
    body = b'{"id":"no","type":"richtext","metadata":{"k":1,"k":2},"type":"text","id":"a"}'
    answer = await server.client.post("/v1/documents", content=body, headers=JSON)
    assert answer.status_code == 201
    row = answer.json()
    assert (row["id"], row["type"], row["metadata"]) == ("a", "text", {"k": 2})


async def test_keys_that_mean_something_elsewhere_are_plain_data(server: Server) -> None:
    keys: dict[str, Any] = {
        "__proto__": {"polluted": True},
        "constructor": {"prototype": {"polluted": True}},
        "__class__": "dict",
        "": None,
    }
    row = await server.make("a", type="richtext", metadata={"k": keys, **keys})
    assert row["metadata"] == {"k": keys, **keys}
    answer = await server.client.patch("/v1/documents/a", json={"metadata": {"__proto__": None}})
    del row["metadata"]["__proto__"]
    assert answer.json()["metadata"] == row["metadata"]
    operation = [{"insert": "x", "attributes": {k: v for k, v in keys.items() if v is not None}}]
    answer = await server.client.post("/v1/documents/a/edits", json={"operation": operation})
    assert answer.json()["operation"] == operation
    for unknown in ("__proto__", "constructor"):
        answer = await server.client.post("/v1/documents", json={"type": "text", unknown: {}})
        assert problem(answer, 422) == "invalid_request"


async def test_so_much_is_told_of_what_is_wrong(server: Server) -> None:
    body = {"type": "text", **{f"{number}" * 1000: 1 for number in range(100, 400)}}
    answer = await server.client.post("/v1/documents", json=body)
    assert problem(answer, 422) == "invalid_request"
    assert len(answer.json()["errors"]) == 20
    assert len(answer.content) < 20_000


HOSTILE = (
    "<p onclick='x'>a<img src=x onerror=alert(1)><a href='java&#9;script:x'>b</a>"
    "<svg><script>alert(1)</script></svg><math><a xlink:href='javascript:x'>c</a></math>"
    "<span style='color:expression(x);position:fixed'>d</span></p>"
)


@pytest.mark.parametrize("type", ["richtext", "yjs"])
@pytest.mark.parametrize("format", ["html", "markdown"])
async def test_what_is_served_as_markup_is_harmless(server: Server, type: str, format: str) -> None:
    await server.make("a", HOSTILE, type=type, format=format)
    for shown, judge in (("html", findings), ("markdown", markdown_findings)):
        answer = await server.client.get("/v1/documents/a/content", params={"format": shown})
        assert answer.status_code == 200
        assert "a" in answer.text
        assert judge(answer.text) == []
