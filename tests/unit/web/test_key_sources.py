"""Keys are read anew when that is due, by one at a time, and kept while they cannot be."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketAttribute, SocketStream
from structlog.testing import capture_logs

from collab.errors import ConfigurationError, Unavailable
from collab.web import key_sources
from collab.web.key_sources import (
    FIRST_SECONDS,
    LOOK_SECONDS,
    REFRESH_SECONDS,
    UNKNOWN_SECONDS,
    KeySource,
    open_source,
)
from collab.web.keys import MAX_KEY_SET_BYTES
from tests.unit.web.key_pairs import key_set, pair

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10
A = key_set(pair("ES256").told(kid="a"))
B = key_set(pair("ES256", 1).told(kid="b"))
PAST = 1_000_000_000


class Clock:
    """Stands still but when told to go on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def found(source: KeySource, id: str | None) -> list[str | None]:
    return [each.id for each in await source.find(id, "ES256")]


# A file --------------------------------------------------------------------------------------


def rewrite(path: Path, content: bytes, *, mtime: int) -> None:
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))


async def test_a_file_is_read_anew_when_it_has_changed(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "keys.json"
    rewrite(path, A, mtime=PAST)
    source = open_source(str(path), clock)
    assert await found(source, "a") == ["a"]
    rewrite(path, B, mtime=PAST + 1)
    clock.now += LOOK_SECONDS - 0.1
    assert await found(source, "b") == []
    clock.now += 0.1
    assert await found(source, "b") == ["b"]
    assert await found(source, "a") == []


async def test_a_file_that_is_replaced_is_another_one(tmp_path: Path) -> None:
    clock, path, other = Clock(), tmp_path / "keys.json", tmp_path / "other.json"
    rewrite(path, A, mtime=PAST)
    rewrite(other, B, mtime=PAST)
    assert len(A) == len(B)
    source = open_source(str(path), clock)
    other.replace(path)
    clock.now += LOOK_SECONDS
    assert await found(source, "b") == ["b"]


@pytest.mark.parametrize("broken", [b"", b'{"keys":[]}', None])
async def test_the_old_keys_stay_while_the_file_is_of_no_use(
    tmp_path: Path, broken: bytes | None
) -> None:
    clock, path = Clock(), tmp_path / "keys.json"
    rewrite(path, A, mtime=PAST)
    source = open_source(str(path), clock)
    if broken is None:
        path.unlink()
    else:
        rewrite(path, broken, mtime=PAST + 1)
    with capture_logs() as logs:
        for _ in range(3):
            clock.now += LOOK_SECONDS
            assert await found(source, "a") == ["a"]
    assert [each["log_level"] for each in logs] == ["warning"]
    assert str(path) not in str(logs)
    rewrite(path, B, mtime=PAST + 2)
    clock.now += LOOK_SECONDS
    assert await found(source, "b") == ["b"]


@pytest.mark.parametrize(
    "place",
    [
        "missing.json",
        ".",
        "broken.json",
        "http://id.example/keys",
        "ftp://id.example/keys",
        "file:///etc/keys",
        "https://",
        "https://[",
        "https://id.example:port/",
        "https://id.example/\x01",
        "://",
    ],
)
def test_a_place_without_keys_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="COLLAB_JWKS") as caught:
        open_source(place)
    assert "id.example" not in str(caught.value)
    assert "\n" not in str(caught.value)


# An address ----------------------------------------------------------------------------------


class Publisher:
    """Publishes keys on this machine, as long as its gate is open."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = "200 OK"
        self.header = ""
        self.body = A
        self.gate = anyio.Event()
        self.gate.set()
        self.url = ""

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            with anyio.move_on_after(PATIENCE_SECONDS):
                request = b""
                while b"\r\n\r\n" not in request:
                    request += await stream.receive()
                assert request.startswith(b"GET /keys HTTP/1.1\r\n")
                self.asked += 1
                await self.gate.wait()
                head = f"HTTP/1.1 {self.status}\r\n{self.header}Connection: close\r\n\r\n"
                with suppress(anyio.BrokenResourceError):  # nobody wants so much, or waits so long
                    await stream.send(head.encode() + self.body)


@asynccontextmanager
async def publishing() -> AsyncIterator[Publisher]:
    publisher = Publisher()
    listeners = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listeners, anyio.create_task_group() as tasks:
        port = listeners.extra(SocketAttribute.local_port)
        publisher.url = f"http://127.0.0.1:{port}/keys"
        tasks.start_soon(listeners.serve, publisher.serve)
        yield publisher
        tasks.cancel_scope.cancel()


async def test_an_address_is_asked_at_first_need_and_when_the_keys_are_old() -> None:
    clock = Clock()
    async with publishing() as publisher:
        source = open_source(publisher.url, clock)
        assert publisher.asked == 0
        for _ in range(3):
            assert await found(source, "a") == ["a"]
            clock.now += REFRESH_SECONDS / 3 - 1
        assert publisher.asked == 1
        publisher.body = B
        clock.now += 3
        assert await found(source, "a") == []
        assert publisher.asked == 2
        assert await found(source, "b") == ["b"]
        assert await found(source, None) == ["b"]


async def test_an_unknown_key_is_asked_for_but_not_each_time() -> None:
    clock = Clock()
    async with publishing() as publisher:
        source = open_source(publisher.url, clock)
        await found(source, "a")
        publisher.body = B
        clock.now += UNKNOWN_SECONDS - 1
        assert await found(source, "b") == []
        assert publisher.asked == 1
        clock.now += 1
        assert await found(source, "b") == ["b"]
        for _ in range(5):
            assert await found(source, "forged") == []
        assert publisher.asked == 2


async def test_all_who_wait_get_what_one_has_fetched() -> None:
    async with publishing() as publisher:
        source = open_source(publisher.url, Clock())
        publisher.gate = anyio.Event()
        got: list[list[str | None]] = []

        async def ask() -> None:
            got.append(await found(source, "a"))

        with anyio.fail_after(PATIENCE_SECONDS):
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(ask)
                while not publisher.asked:
                    await anyio.lowlevel.checkpoint()
                publisher.gate.set()
        assert (got, publisher.asked) == ([["a"]] * 20, 1)


async def test_who_leaves_while_keys_are_fetched_leaves_them_to_the_others() -> None:
    async with publishing() as publisher:
        source = open_source(publisher.url, Clock())
        publisher.gate = anyio.Event()
        got: list[list[str | None]] = []

        async def ask() -> None:
            got.append(await found(source, "a"))

        with anyio.fail_after(PATIENCE_SECONDS):
            async with anyio.create_task_group() as others, anyio.create_task_group() as first:
                first.start_soon(found, source, "a")
                while not publisher.asked:
                    await anyio.lowlevel.checkpoint()
                others.start_soon(ask)
                first.cancel_scope.cancel()
                publisher.gate.set()
        assert (got, publisher.asked) == ([["a"]], 1)


async def test_while_old_keys_are_replaced_they_still_count() -> None:
    clock = Clock()
    async with publishing() as publisher:
        source = open_source(publisher.url, clock)
        await found(source, "a")
        clock.now += REFRESH_SECONDS
        publisher.gate = anyio.Event()
        with anyio.fail_after(PATIENCE_SECONDS):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(found, source, "a")
                while publisher.asked < 2:
                    await anyio.lowlevel.checkpoint()
                assert await found(source, "a") == ["a"]
                publisher.gate.set()


BROKEN = [
    ("500 Internal Server Error", "", A),
    ("404 Not Found", "", A),
    ("302 Found", "Location: /elsewhere\r\n", A),
    ("200 OK", "", b"<html>"),
    ("200 OK", "", b'{"keys":[]}'),
    ("200 OK", "", A + b" " * MAX_KEY_SET_BYTES),
    ("200 OK", "Content-Encoding: gzip\r\n", b"\x1f\x8b" + A),
    ("200 OK", "Content-Length: 100000\r\n", A),
    ("nonsense", "", A),
]


@pytest.mark.parametrize(("status", "header", "body"), BROKEN)
async def test_the_old_keys_stay_while_new_ones_cannot_be_fetched(
    status: str, header: str, body: bytes
) -> None:
    clock = Clock()
    async with publishing() as publisher:
        source = open_source(publisher.url, clock)
        await found(source, "a")
        publisher.status, publisher.header, publisher.body = status, header, body
        clock.now += REFRESH_SECONDS
        with capture_logs() as logs:
            for _ in range(3):
                assert await found(source, "a") == ["a"]
        assert publisher.asked == 2
        assert [each["log_level"] for each in logs] == ["warning"]
        assert publisher.url not in str(logs)
        publisher.status, publisher.header, publisher.body = "200 OK", "", B
        clock.now += UNKNOWN_SECONDS
        assert await found(source, "b") == ["b"]


@pytest.mark.parametrize(("status", "header", "body"), BROKEN)
async def test_without_any_keys_nobody_is_refused_for_good(
    status: str, header: str, body: bytes
) -> None:
    clock = Clock()
    async with publishing() as publisher:
        source = open_source(publisher.url, clock)
        publisher.status, publisher.header, publisher.body = status, header, body
        for _ in range(3):
            with pytest.raises(Unavailable, match="keys that check tokens cannot be fetched"):
                await source.find("a", "ES256")
        assert publisher.asked == 1
        publisher.status, publisher.header, publisher.body = "200 OK", "", A
        clock.now += FIRST_SECONDS
        assert await found(source, "a") == ["a"]


async def test_an_address_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sources, "FETCH_SECONDS", 0.2)
    async with publishing() as publisher:
        source = open_source(publisher.url, Clock())
        publisher.gate = anyio.Event()
        with anyio.fail_after(PATIENCE_SECONDS):
            with pytest.raises(Unavailable):
                await source.find("a", "ES256")


async def test_nobody_at_the_address(free_port: int) -> None:
    source = open_source(f"http://127.0.0.1:{free_port}/keys", Clock())
    with pytest.raises(Unavailable):
        await source.find("a", "ES256")


@pytest.fixture
async def free_port() -> int:
    """A port that nobody listens at."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listeners:
        port: int = listeners.extra(SocketAttribute.local_port)
    return port
