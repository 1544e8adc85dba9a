"""Nothing a peer sends, or does not read, makes the server hold much, wait for ever or log much."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from collab.settings import Settings
from collab.web.transport import MAX_HEADER_BYTES, HttpTransport, TransportConfig
from collab.web.websocket_reading import MAX_FRAGMENTS, PARSE_BYTES
from collab.web.websocket_transport import WebSocketTransport
from tests.integration import wire

KIB = 1024
MIB = 1024 * KIB
MAX_FRAME_BYTES = 64 * KIB


class Application:
    """A small ASGI application whose paths say what it does; `told` is what it tells the test."""

    def __init__(self) -> None:
        self.told: queue.Queue[object] = queue.Queue()
        self.go = threading.Event()

    def wait_for(self, event: object) -> None:
        while self.told.get(timeout=wire.PATIENCE_SECONDS) != event:
            pass

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            if scope["type"] == "websocket":
                assert (await receive())["type"] == "websocket.connect"
                if scope["path"] == "/late":
                    self.told.put("asked")
                    await asyncio.to_thread(self.go.wait, wire.PATIENCE_SECONDS)
                await send({"type": "websocket.accept"})
            await getattr(self, scope["path"].strip("/"))(receive, send)
        except ClientDisconnected:
            self.told.put("disconnected")

    async def echo(self, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            content = message.get("text", message.get("bytes"))
            self.told.put(content)
            await send({"type": "websocket.send", "bytes": None, "text": f"{len(content)}"})
        self.told.put(message["code"])

    async def late(self, receive: Any, send: Any) -> None:
        """Accepts when the test says `go`."""
        await self.echo(receive, send)

    async def busy(self, receive: Any, send: Any) -> None:
        """Receives when the test says `go`, and answers nothing."""
        await asyncio.to_thread(self.go.wait, wire.PATIENCE_SECONDS)
        while (message := await receive())["type"] == "websocket.receive":
            self.told.put(message.get("text", message.get("bytes")))
        self.told.put(message["code"])

    async def refuse(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 4429, "reason": "too fast"})

    async def pour(self, receive: Any, send: Any) -> None:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(MAX_FRAME_BYTES)})

    async def farewell(self, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close", "code": 4404})

    async def upload(self, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            pass
        self.told.put(message["type"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def stream(self, receive: Any, send: Any) -> None:
        """Endless, until the client is gone."""
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            await send({"type": "http.response.body", "body": bytes(64 * KIB), "more_body": True})
            await asyncio.sleep(0)
        self.told.put((await gone)["type"])


@pytest.fixture
def app() -> Application:
    return Application()


@pytest.fixture
def config(app: Application) -> TransportConfig:
    settings = Settings(max_frame_bytes=MAX_FRAME_BYTES, stall_seconds=0.4, header_seconds=0.4)
    return TransportConfig(app, settings)


@pytest.fixture
def port(config: TransportConfig) -> Iterator[int]:
    with wire.serving(config) as port:
        yield port


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def live_transports() -> list[WebSocketTransport]:
    """Those of all servers in this process. By `type`: a dead weak proxy among the objects of other
    tests raises when it is asked for its class."""
    objects = gc.get_objects()
    return [one for one in objects if issubclass(type(one), WebSocketTransport)]


def wait_until(condition: Callable[[], bool]) -> None:
    """Until the server's thread has made it so."""
    deadline = time.monotonic() + wire.PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def send_until_refused(peer: socket.socket, block: bytes, most_bytes: int) -> int:
    """How many bytes could be sent before the server cut the connection (or took no more)."""
    sent = 0
    try:
        while sent < most_bytes:
            sent += peer.send(block)
    except (ConnectionError, TimeoutError):
        pass
    return sent


# What is not read --------------------------------------------------------------------------------


def test_a_reader_that_stalls_is_dropped(app: Application, port: int) -> None:
    started = time.monotonic()
    peer = wire.open_websocket(port, "/pour", receive_buffer=4 * KIB)
    app.wait_for("disconnected")
    assert 0.4 <= time.monotonic() - started < 5
    with pytest.raises((EOFError, ConnectionError)):
        wire.read_exactly(peer, 64 * MIB)


def test_a_reader_that_is_slow_but_reads_is_kept(app: Application, port: int) -> None:
    peer = wire.open_websocket(port, "/pour", receive_buffer=4 * KIB)
    pace = threading.Event()
    for _ in range(40):  # 1.2 s, three times what a stall may last
        wire.read_exactly(peer, 32 * KIB)
        pace.wait(0.03)
    assert app.told.empty()
    peer.close()
    app.wait_for("disconnected")


def test_a_download_that_stalls_is_dropped(app: Application, port: int) -> None:
    peer = wire.connect(port, receive_buffer=4 * KIB)
    peer.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    app.wait_for("http.disconnect")
    wire.read_to_end(peer)


def test_a_ping_flood_without_reading_is_ended_and_holds_no_memory(
    app: Application, config: TransportConfig
) -> None:
    config.stall_seconds = 60
    with wire.serving(config) as port:
        before = resident_bytes()
        peer = wire.open_websocket(port, "/echo", receive_buffer=4 * KIB)
        pings = wire.frame(wire.PING, b"x" * 125) * 500
        assert send_until_refused(peer, pings, 256 * MIB) < 64 * MIB
        app.wait_for(1005)
        assert resident_bytes() - before < 16 * MIB


@pytest.mark.parametrize("pongs", [1, 1000])
def test_how_many_pings_may_wait_for_their_answers_is_a_setting(
    app: Application, pongs: int
) -> None:
    """A peer that reads nothing stalls the writing, then only its pings come."""
    settings = Settings(stall_seconds=60, max_queued_pongs=pongs)
    with wire.serving(TransportConfig(app, settings)) as port:
        peer = wire.open_websocket(port, "/pour", receive_buffer=4 * KIB)
        [transport] = [one for one in live_transports() if not one.transport.is_closing()]
        wait_until(lambda: not transport.writable.is_set())
        peer.sendall(wire.frame(wire.PING, b"x") * pongs)
        wait_until(lambda: transport.withheld_pongs == pongs)
        assert app.told.empty()
        peer.sendall(wire.frame(wire.PING, b"x"))
        app.wait_for("disconnected")


def test_pings_are_answered_in_order(port: int) -> None:
    peer = wire.open_websocket(port, "/echo")
    peer.sendall(wire.frame(wire.PING, b"1") + wire.frame(wire.PING, b"2"))
    assert wire.read_frame(peer) == (wire.PONG, b"1")
    assert wire.read_frame(peer) == (wire.PONG, b"2")


# What never ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTT",
        b"GET /upload HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        wire.handshake("/echo")[:-2],
        b"\r\n",
    ],
    ids=["nothing", "request line", "headers", "handshake", "blank line"],
)
def test_a_request_that_is_never_finished_is_dropped(port: int, sent: bytes) -> None:
    peer = wire.connect(port)
    peer.sendall(sent)
    assert wire.read_to_end(peer) == b""


def test_the_second_request_of_a_connection_has_to_be_finished_too(
    app: Application, port: int
) -> None:
    peer = wire.connect(port)
    peer.sendall(b"GET /upload HTTP/1.1\r\nHost: x\r\n\r\n")
    assert wire.read_until(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")
    peer.sendall(b"GET /upl")
    assert wire.read_to_end(peer) == b""


def test_a_body_that_is_never_finished_is_dropped(app: Application, port: int) -> None:
    peer = wire.connect(port)
    peer.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    app.wait_for("http.disconnect")
    assert wire.read_to_end(peer) == b""


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /", b"a"),
        (b"GET / HTTP/1.1\r\n", b"a: b\r\n"),
        (b"GET / HTTP/1.1\r\nX: ", b"a"),
        (b"POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a"),
        (b"POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;a=b"),
    ],
    ids=["url", "many headers", "one header", "trailer", "chunk extension"],
)
def test_headers_are_bounded_in_bytes(config: TransportConfig, start: bytes, more: bytes) -> None:
    config.header_seconds = config.stall_seconds = 60
    with wire.serving(config) as port:
        before = resident_bytes()
        peer = wire.connect(port)
        peer.sendall(start)
        block = more * (MAX_HEADER_BYTES // len(more))
        assert send_until_refused(peer, block, 64 * MIB) < 64 * MIB
        assert resident_bytes() - before < 16 * MIB


def test_a_connection_that_is_over_leaves_nothing_to_the_garbage_collector(
    app: Application, port: int
) -> None:
    """It would stop everybody for tens of milliseconds where many come and go."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            peer = wire.open_websocket(port, "/echo")
            peer.sendall(wire.frame(wire.TEXT, b"x"))
            assert wire.read_frame(peer) == (wire.TEXT, b"1")
            peer.sendall(wire.frame(wire.CLOSE, (1000).to_bytes(2, "big")))
            app.wait_for(1000)
            peer.close()
            peer = wire.open_websocket(port, "/refuse")
            peer.sendall(wire.frame(wire.TEXT, b"x"))
            assert wire.read_close(peer) == 4429
            peer.close()
            peer = wire.connect(port)
            peer.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            wire.read_to_end(peer)
        deadline = time.monotonic() + wire.PATIENCE_SECONDS
        while connections() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert connections() == []
    finally:
        gc.enable()


def connections() -> list[object]:
    """The server's, as long as anything knows them."""
    kinds = (HttpTransport, WebSocketTransport)
    return [each for each in gc.get_objects() if isinstance(each, kinds)]


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "unheard"])
def test_what_comes_after_the_end_is_passed_over(
    app: Application, port: int, answers: bool
) -> None:
    peer = wire.open_websocket(port, "/refuse")
    more = wire.frame(wire.TEXT, b"more")
    peer.sendall(more * 10)
    assert wire.read_close(peer) == 4429
    if answers:
        # Few frames: the answer behind them is still heard, and ends the connection in order.
        peer.sendall(more * 10 + wire.frame(wire.CLOSE, (4429).to_bytes(2, "big")))
    else:
        send_until_refused(peer, more * 10_000, 32 * MIB)
    assert wire.read_to_end(peer) == b""
    assert app.told.empty()


@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "one byte"])
def test_a_message_of_endless_fragments_is_ended_and_holds_no_memory(
    app: Application, port: int, payload: bytes
) -> None:
    before = resident_bytes()
    peer = wire.open_websocket(port, "/echo")
    peer.sendall(wire.frame(wire.TEXT, payload, last=False))
    send_until_refused(peer, wire.frame(0, payload, last=False) * 1_000, 32 * MIB)
    app.wait_for(1009)
    assert wire.read_close(peer) == 1009
    assert resident_bytes() - before < 16 * MIB


def fragmented(frames: int) -> bytes:
    """A message in so many frames, of one byte each."""
    middle = wire.frame(0, b"x", last=False) * (frames - 2)
    return wire.frame(wire.TEXT, b"x", last=False) + middle + wire.frame(0, b"x")


def test_a_message_may_have_so_many_fragments_and_no_more(app: Application, port: int) -> None:
    peer = wire.open_websocket(port, "/echo")
    for _ in range(3):  # counted anew for each message
        peer.sendall(fragmented(MAX_FRAGMENTS))
        assert wire.read_frame(peer) == (wire.TEXT, str(MAX_FRAGMENTS).encode())
    peer.sendall(fragmented(MAX_FRAGMENTS + 1))
    opcode, payload = wire.read_frame(peer)
    assert opcode == wire.CLOSE
    assert payload[:2] == (1009).to_bytes(2, "big")
    assert payload[2:].startswith(b"frame_too_large: ")


def test_the_end_of_a_message_too_long_says_what_is_allowed(port: int) -> None:
    peer = wire.open_websocket(port, "/echo")
    peer.sendall(wire.frame(wire.TEXT, bytes(MAX_FRAME_BYTES + 1)))
    opcode, payload = wire.read_frame(peer)
    told = b"frame_too_large: a message has at most 65536 bytes and 1024 fragments"
    assert (opcode, payload) == (wire.CLOSE, (1009).to_bytes(2, "big") + told)


def test_a_message_that_comes_in_bits_is_taken_however_long_that_lasts(
    config: TransportConfig,
) -> None:
    """Pings in between are not answered, since they cannot be, and what comes counts instead."""
    config.ws_ping_interval = config.ws_ping_timeout = 0.1
    with wire.serving(config) as port:
        peer = wire.open_websocket(port, "/echo")
        message = wire.frame(wire.TEXT, bytes(20))
        for bit in message[:8]:
            peer.sendall(bytes([bit]))
            while wire.read_frame(peer)[0] != wire.PING:
                pass
        peer.sendall(message[8:])
        while (frame := wire.read_frame(peer))[0] == wire.PING:
            pass
        assert frame == (wire.TEXT, b"20")


# What the application does not take --------------------------------------------------------------


def test_a_busy_application_stops_the_reading(app: Application, config: TransportConfig) -> None:
    with wire.serving(config) as port:
        peer = wire.open_websocket(port, "/busy")
        peer.settimeout(1)
        block = wire.frame(wire.BINARY, b"") * 10_000
        assert send_until_refused(peer, block, 256 * MIB) < 32 * MIB
        held = [one.queue.qsize() for one in live_transports()]
        assert 0 < max(held) <= PARSE_BYTES / len(wire.frame(wire.BINARY, b""))
        peer.close()
        app.go.set()
        app.wait_for(b"")


def test_everything_sent_to_a_busy_application_arrives_in_order(
    app: Application, port: int
) -> None:
    peer = wire.open_websocket(port, "/busy")
    numbers = [str(number) for number in range(20_000)]
    peer.sendall(b"".join(wire.frame(wire.TEXT, number.encode()) for number in numbers[:10_000]))
    app.go.set()
    peer.sendall(b"".join(wire.frame(wire.TEXT, number.encode()) for number in numbers[10_000:]))
    peer.sendall(wire.frame(wire.CLOSE, b"\x03\xe8"))
    assert [app.told.get(timeout=wire.PATIENCE_SECONDS) for _ in numbers] == numbers
    app.wait_for(1000)


def test_a_pong_that_waits_behind_a_busy_application_counts(
    app: Application, config: TransportConfig
) -> None:
    config.ws_ping_interval = config.ws_ping_timeout = 0.1
    with wire.serving(config) as port:
        peer = wire.open_websocket(port, "/busy")
        peer.sendall(wire.frame(wire.TEXT, b"first"))
        for _ in range(5):
            assert wire.read_frame(peer)[0] == wire.PING
        app.go.set()
        app.wait_for("first")
        peer.close()


def test_a_peer_that_answers_no_ping_is_closed(config: TransportConfig) -> None:
    config.ws_ping_interval = config.ws_ping_timeout = 0.1
    with wire.serving(config) as port:
        assert wire.read_close(wire.open_websocket(port, "/echo")) == 1011


# What breaks the protocol ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (wire.frame(wire.TEXT, bytes(MAX_FRAME_BYTES + 1)), 1009),
        (wire.frame(wire.BINARY, bytes(64 * MAX_FRAME_BYTES)), 1009),
        (
            wire.frame(wire.TEXT, bytes(MAX_FRAME_BYTES), last=False) + wire.frame(0, b"x"),
            1009,
        ),
        (wire.frame(wire.TEXT, b"caf\xe9"), 1007),
        (wire.frame(wire.TEXT, b"\xed\xa0\x80"), 1007),
        (wire.frame(wire.TEXT, b"\xc3", last=False) + wire.frame(0, b"("), 1007),
        (wire.frame(wire.CLOSE, b"\x03\xe8\xff"), 1007),
        (wire.frame(wire.TEXT, b"\xf2H\xcd\xc9\xc9\x07\x00", compressed=True), 1002),
        (wire.frame(0, b"x"), 1002),
        (wire.frame(0x3, b"x"), 1002),
        (wire.frame(wire.PING, bytes(126)), 1002),
        (wire.frame(wire.PING, b"", last=False), 1002),
        (b"\x81\x01x", 1002),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
    ],
    ids=[
        "too long",
        "far too long",
        "too long in fragments",
        "not UTF-8",
        "a surrogate",
        "not UTF-8 across fragments",
        "a reason that is not UTF-8",
        "compressed",
        "nothing to continue",
        "unknown opcode",
        "a long ping",
        "a ping in fragments",
        "not masked",
        "not a frame",
    ],
)
def test_a_broken_frame_is_answered_with_its_code(
    app: Application, port: int, sent: bytes, code: int
) -> None:
    peer = wire.open_websocket(port, "/echo")
    peer.sendall(wire.frame(wire.TEXT, b"before") + sent + wire.frame(wire.TEXT, b"after"))
    assert wire.read_close(peer) == code
    assert wire.read_to_end(peer) == b""
    peer.close()
    assert app.told.get(timeout=wire.PATIENCE_SECONDS) == "before"
    assert app.told.get(timeout=wire.PATIENCE_SECONDS) in {code, "disconnected"}


def test_the_longest_message_that_is_allowed_arrives(port: int) -> None:
    peer = wire.open_websocket(port, "/echo")
    peer.sendall(wire.frame(wire.TEXT, b"x" * MAX_FRAME_BYTES))
    assert wire.read_frame(peer) == (wire.TEXT, str(MAX_FRAME_BYTES).encode())


def test_a_broken_frame_before_a_close_ends_in_order(app: Application, port: int) -> None:
    peer = wire.open_websocket(port, "/echo")
    peer.sendall(wire.frame(wire.TEXT, b"\xff") + wire.frame(wire.CLOSE, b"\x03\xe8"))
    assert wire.read_close(peer) == 1007
    app.wait_for(1007)


def test_frames_before_the_handshake_is_answered_end_the_connection(
    app: Application, port: int
) -> None:
    peer = wire.connect(port)
    peer.sendall(wire.handshake("/late"))
    app.wait_for("asked")
    peer.sendall(wire.frame(0x3, b""))
    assert wire.read_to_end(peer) == b""
    app.go.set()
    app.wait_for("disconnected")


@pytest.mark.parametrize(
    "handshake",
    [
        wire.handshake("/echo").replace(b"Version: 13", b"Version: 12"),
        wire.handshake("/echo").replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n"),
        wire.handshake("/echo").replace(b"/echo", b"/" + b"e" * 10_000),
        wire.handshake("/echo").replace(b"\r\n\r\n", b"\r\na: b" * 200 + b"\r\n\r\n"),
        wire.handshake("/echo").replace(b"/echo", b"/\xc3\xa9"),
    ],
    ids=["version", "body", "long path", "many headers", "path not ASCII"],
)
def test_a_handshake_that_cannot_be_is_refused(port: int, handshake: bytes) -> None:
    peer = wire.connect(port)
    peer.sendall(handshake)
    assert wire.read_to_end(peer).startswith(b"HTTP/1.1 4")


def test_pipelined_requests_are_not_taken_and_the_first_is_told_of_the_end(
    app: Application, port: int
) -> None:
    peer = wire.connect(port)
    peer.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /upload HTTP/1.1\r\n\r\n")
    assert wire.read_until(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    peer.close()
    assert app.told.get(timeout=wire.PATIENCE_SECONDS) == "http.disconnect"


def test_a_websocket_cannot_begin_before_the_answer_has_ended(app: Application, port: int) -> None:
    peer = wire.connect(port)
    peer.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    assert wire.read_until(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    peer.sendall(wire.handshake("/echo"))
    peer.close()
    assert app.told.get(timeout=wire.PATIENCE_SECONDS) == "http.disconnect"


# The end -----------------------------------------------------------------------------------------


def test_a_close_of_the_application_is_read_by_the_peer(port: int) -> None:
    assert wire.read_close(wire.open_websocket(port, "/farewell")) == 4404


def test_websockets_are_closed_as_restarting_whatever_they_are_doing(
    app: Application, config: TransportConfig
) -> None:
    with wire.serving(config, leave_peers=True) as port:
        idle = wire.open_websocket(port, "/echo")
        stalled = wire.open_websocket(port, "/pour", receive_buffer=4 * KIB)
        stalled.sendall(wire.frame(wire.CLOSE, b"\x03\xe8"))
        typing = wire.open_websocket(port, "/busy")
        typing.sendall(wire.frame(wire.TEXT, b"x") * 50_000)
        app.go.set()
    assert wire.read_close(idle) == 1012
    assert wire.read_close(typing) == 1012
    wire.close_peers()


# What is logged ----------------------------------------------------------------------------------


def test_no_query_string_header_or_content_is_logged(
    app: Application, config: TransportConfig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("uvicorn.error", "uvicorn.access", "websockets"):
        caplog.set_level(logging.DEBUG, name)
    with wire.serving(config) as port:
        peer = wire.open_websocket(port, "/echo?token=hidden")
        peer.sendall(wire.frame(wire.TEXT, b"hidden"))
        wire.read_frame(peer)
        peer.close()
        peer = wire.connect(port)
        peer.sendall(
            b"GET /upload?token=hidden HTTP/1.1\r\nAuthorization: hidden\r\n"
            b"Connection: close\r\n\r\n"
        )
        wire.read_to_end(peer)
    messages = [record.getMessage() for record in caplog.records]
    assert any('"WebSocket /echo" [accepted]' in message for message in messages)
    assert any('"GET /upload HTTP/1.1" 204' in message for message in messages)
    assert not any("hidden" in message for message in messages)
