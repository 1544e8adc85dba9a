"""Neither what people write nor what proves who they are is in anything that the server logs, or in
how it refuses, at the most talkative level.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from collab.protocols.native import SUBPROTOCOL
from tests.integration.process import ServerProcess, server
from tests.integration.talk import new_client

SECRET = "a secret for tests that is long enough"
MARK = "MARK" + secrets.token_hex(8)
"""In every content, body, name and header that is sent."""


def token(key: str = SECRET, **claims: Any) -> str:
    return jwt.encode({"sub": f"user-{MARK}", "docs": {"*": "admin"}, **claims}, key, "HS256")


GOOD = token()
BAD = {
    "another key": token("another secret that is long enough"),
    "expired": token(exp=1),
    "no name": token(sub=""),
    "no rights": token(docs=MARK),
    "no token": f"{MARK}.{MARK}.{MARK}",
    "a word": MARK,
    "half": GOOD[: len(GOOD) // 2],
}
SECRETS = [MARK, SECRET, GOOD, GOOD.rpartition(".")[2], *BAD.values()]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server that all the tests talk to; at its end its whole log is looked through."""
    folder = tmp_path_factory.mktemp("leaks")
    variables = {"COLLAB_SECRET_KEY": SECRET, "COLLAB_LOG_LEVEL": "debug"}
    with server(folder, **variables) as process:
        yield process
        assert process.stop() == 0
    assert any('"level": "debug"' in line for line in process.log)  # it was talkative
    assert_silent("".join(process.log))
    assert process.defects() == []


def assert_silent(told: str) -> None:
    assert [each for each in SECRETS if each in told] == []


@pytest.fixture
def api(process: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=process.url, headers={"Authorization": f"Bearer {GOOD}"}, trust_env=False
    ) as client:
        client.post("/v1/documents", json={"id": "a", "type": "text", "content": MARK})
        yield client


FORWARDED = {
    "X-Forwarded-For": MARK,
    "X-Forwarded-Proto": MARK,
    "X-Forwarded-Host": MARK,
    "X-Real-IP": MARK,
    "Forwarded": f'for="{MARK}"',
    "User-Agent": MARK,
    "Referer": f"https://x.example/?{MARK}",
    "Cookie": f"token={MARK}",
}


@pytest.mark.parametrize("name", BAD)
def test_tokens_that_do_not_hold(process: ServerProcess, api: httpx.Client, name: str) -> None:
    for path in ("/v1/documents", "/v1/documents/a/content", "/v1/documents/a/events"):
        answer = api.get(
            path,
            params={"token": BAD[name], "x": MARK},
            headers={"Authorization": f"Bearer {BAD[name]}", **FORWARDED},
        )
        assert answer.status_code == 401
        assert_silent(answer.text)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "", {}, f'{{"id":"b","type":"text","content":"{MARK}'),
        ("POST", "", {}, f'{{"type":"text","content":"{MARK}","metadata":["{MARK}"]}}'),
        ("POST", "", {}, f'{{"type":"{MARK}"}}'),
        ("POST", "", {}, f'{{"type":"yjs","format":"update","content":"{MARK}!"}}'),
        ("POST", "", {}, f'{{"type":"yjs","format":"json","content":["{MARK}"]}}'),
        ("POST", "/a/edits", {}, f'{{"operation":[{{"retain":"{MARK}"}}]}}'),
        ("POST", "/a/edits", {}, f'{{"operation":[{{"retain":999}},{{"insert":"{MARK}"}}]}}'),
        ("POST", "/a/edits", {}, f'{{"operation":[{{"insert":"{MARK}\\ud83d"}}]}}'),
        ("POST", "/a/edits", {}, f'{{"operation":[],"base":"{MARK}"}}'),
        ("POST", "/a/messages", {}, f'{{"body":"{MARK}","deep":{"[" * 99}'),
        ("POST", "/a/updates", {"Content-Type": "application/octet-stream"}, MARK),
        ("PATCH", "/a", {}, f'{{"metadata":"{MARK}"}}'),
        ("PUT", "/a/content", {"If-Match": f'"{MARK}:1"'}, f'[{{"insert":"{MARK}"}}]'),
        ("PUT", "/a/content", {"If-Match": MARK}, f'[{{"insert":"{MARK}"}}]'),
        ("PUT", "/a/content", {"If-Match": "*"}, f'[{{"delete":"{MARK}"}}]'),
        ("PUT", "/a/content", {"If-Match": "*", "Content-Type": "text/plain"}, f"{MARK}\udcff"),
        ("PUT", "/a/content", {"If-Match": "*", "Content-Type": MARK}, MARK),
        ("POST", "/a/edits", {"Idempotency-Key": f"{MARK}:"}, '{"operation":[]}'),
        ("GET", "/a/events", {"Last-Event-ID": MARK}, ""),
        ("GET", f"/a/content?version={MARK}&token={GOOD}", {}, ""),
        ("GET", f"/a/content?format={MARK}", {}, ""),
        ("GET", f"/a/content?format=update&state_vector={MARK}", {}, ""),
        ("GET", f"/a/edits?since={MARK}", {}, ""),
        ("GET", f"?prefix=/{MARK}", {}, ""),
    ],
)
def test_requests_that_are_refused(
    process: ServerProcess,
    api: httpx.Client,
    method: str,
    path: str,
    headers: dict[str, str],
    body: str,
) -> None:
    answer = api.request(
        method,
        f"/v1/documents{path}",
        headers={"Content-Type": "application/json", **FORWARDED, **headers},
        content=body.encode(errors="surrogateescape"),
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert_silent(answer.text)


def test_requests_that_are_none(process: ServerProcess, api: httpx.Client) -> None:
    for request in (
        f"GET /?token={GOOD} HTTP/9.9\r\n{MARK}: {MARK}\r\n\r\n",
        f"{MARK} /{MARK} {MARK}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\n{MARK} {MARK}\r\n\r\n",
        f"POST /?{GOOD} HTTP/1.1\r\nHost: a\r\nContent-Length: {MARK}\r\n\r\n{MARK}",
        f"POST /?{GOOD} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{MARK}\r\n",
    ):
        with socket.create_connection(("127.0.0.1", process.port), 10) as peer:
            peer.sendall(request.encode())
            peer.shutdown(socket.SHUT_WR)
            told = b""
            while received := peer.recv(65536):
                told += received
        assert_silent(told.decode())


@pytest.mark.parametrize("sent", [GOOD, *BAD.values()], ids=["good", *BAD])
@pytest.mark.parametrize("path", ["/v1/documents/a/socket", "/yjs/y", "/hocuspocus"])
@pytest.mark.parametrize("origin", [None, f"https://{MARK.lower()}.example"])
def test_websockets(
    process: ServerProcess, api: httpx.Client, sent: str, path: str, origin: str | None
) -> None:
    """With the token in the query, the header and the hello; then frames that are none."""
    options: dict[str, Any] = {
        "additional_headers": {"Authorization": f"Bearer {sent}", **FORWARDED},
        "origin": origin,
        "proxy": None,
        "open_timeout": 10,
        "close_timeout": 10,
    }
    if path.startswith("/v1"):
        options["subprotocols"] = [Subprotocol(SUBPROTOCOL)]
    url = f"ws://127.0.0.1:{process.port}{path}?token={sent}&{MARK}"
    name = b"\x01h"
    frames: list[str | bytes] = [
        json.dumps({"type": "hello", "client": new_client(), "token": sent}),
        json.dumps({"type": "edit", "seq": 1, "base": 1, "operation": [{"retain": MARK}]}),
        f'{{"type":"{MARK}","token":"{sent}"',
    ]
    if not path.startswith("/v1"):
        secret = sent.encode()
        size = bytes([len(secret) % 128 | 128, len(secret) // 128])
        frames = [
            name + b"\x02\x00" + size + secret,
            MARK.encode(),
            b"\x00\x02\x05" + MARK.encode(),
        ]
    told = ""
    try:
        with connect(url, **options) as peer:
            for frame in frames:
                with suppress(WebSocketException):
                    peer.send(frame)
            with suppress(WebSocketException, TimeoutError):
                while True:
                    heard = peer.recv(timeout=0.3)
                    told += heard if isinstance(heard, str) else heard.decode(errors="replace")
            if peer.protocol.close_rcvd is not None:
                told += peer.protocol.close_rcvd.reason
    except WebSocketException as refused:
        assert origin is not None
        told = str(refused)
    if sent != GOOD:
        assert_silent(told)


def test_what_is_written_when_all_goes_well(process: ServerProcess, api: httpx.Client) -> None:
    update = base64.b64encode(b"\x00\x00").decode()
    rows: list[dict[str, Any]] = [
        {"type": "richtext", "format": "markdown", "content": f"# {MARK}\n\n[{MARK}]({MARK})"},
        {"type": "yjs", "format": "html", "content": f"<p onclick='{MARK}'>{MARK}<script>"},
        {"type": "yjs", "format": "update", "content": update, "metadata": {MARK: MARK}},
    ]
    for row in rows:
        made = api.post("/v1/documents", json=row)
        assert made.status_code == 201, made.text
        path = made.headers["location"]
        for format in ("html", "markdown", "json", "text"):
            assert api.get(f"{path}/content", params={"format": format}).status_code == 200
        assert api.post(f"{path}/messages", json={"body": MARK}).status_code == 204
        assert api.delete(path).status_code == 204
