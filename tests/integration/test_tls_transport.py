"""Over TLS the same bounds hold, nothing is cut off, and handshakes have to be finished."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from collab.settings import Settings
from collab.web.transport import TransportConfig
from tests.integration import wire
from tests.integration.certificates import Certificate, make_certificate

KIB = 1024
MIB = 1024 * KIB
DOWNLOAD_BYTES = 24 * MIB
STALL_SECONDS = 0.6
HEADER_SECONDS = 0.6


class Application:
    """What its paths say; `told` is what it tells the test."""

    def __init__(self) -> None:
        self.told: queue.Queue[object] = queue.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            if scope["type"] == "websocket":
                assert (await receive())["type"] == "websocket.connect"
                await send({"type": "websocket.accept"})
            await getattr(self, scope["path"].strip("/"))(receive, send)
        except ClientDisconnected:
            self.told.put("disconnected")

    async def echo(self, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            content = message.get("text", message.get("bytes"))
            await send({"type": "websocket.send", "text": f"{len(content)}"})
        self.told.put(message["code"])

    async def pour(self, receive: Any, send: Any) -> None:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(64 * KIB)})

    async def download(self, receive: Any, send: Any) -> None:
        headers = [(b"content-length", str(DOWNLOAD_BYTES).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(DOWNLOAD_BYTES)})
        self.told.put("sent")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def app() -> Application:
    return Application()


@pytest.fixture
def config(app: Application, certificate: Certificate) -> TransportConfig:
    settings = Settings(
        tls_cert=certificate.cert,
        tls_key=certificate.key,
        stall_seconds=STALL_SECONDS,
        header_seconds=HEADER_SECONDS,
    )
    return TransportConfig(app, settings)


class Dialler:
    """Connects to one server, and closes what it has connected."""

    def __init__(self, port: int, certificate: Certificate) -> None:
        self.port = port
        self._context = certificate.context()
        self._open: list[ssl.SSLSocket] = []

    def dial(self, sent: bytes = b"", receive_buffer: int | None = None) -> ssl.SSLSocket:
        peer = wire.connect(self.port, receive_buffer)
        wrapped = self._context.wrap_socket(peer, server_hostname="127.0.0.1")
        self._open.append(wrapped)
        wrapped.sendall(sent)
        return wrapped

    def open_websocket(self, path: str, receive_buffer: int | None = None) -> ssl.SSLSocket:
        peer = self.dial(wire.handshake(path), receive_buffer)
        assert wire.read_until(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        return peer

    def close(self) -> None:
        for peer in self._open:
            peer.close()


@pytest.fixture
def dialler(config: TransportConfig, certificate: Certificate) -> Iterator[Dialler]:
    with wire.serving(config) as port:
        dialler = Dialler(port, certificate)
        yield dialler
        dialler.close()


def get(path: str, connection: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n".encode()


# Handshakes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [b"", b"\x16\x03\x01\x02\x00\x01\x00", b"\x16"],
    ids=["nothing", "half a hello", "one byte"],
)
def test_a_handshake_that_is_never_finished_is_dropped(dialler: Dialler, sent: bytes) -> None:
    started = time.monotonic()
    peer = wire.connect(dialler.port)
    peer.sendall(sent)
    assert wire.read_to_end(peer) == b""
    assert HEADER_SECONDS <= time.monotonic() - started < 5


def test_headers_after_the_handshake_have_a_time_of_their_own(dialler: Dialler) -> None:
    started = time.monotonic()
    peer = dialler.dial(b"GET /down")
    assert wire.read_to_end(peer) == b""
    assert HEADER_SECONDS <= time.monotonic() - started < 5


def test_plain_http_is_ended_at_once_and_nothing_is_logged(
    dialler: Dialler, caplog: pytest.LogCaptureFixture
) -> None:
    peer = wire.connect(dialler.port)
    peer.sendall(get("/download", "close"))
    assert b"HTTP" not in wire.read_to_end(peer)
    assert [record for record in caplog.records if record.levelname != "INFO"] == []


def test_old_versions_of_tls_are_refused(dialler: Dialler) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(wire.connect(dialler.port))


# Writing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_long_answer_arrives_whole_whether_the_connection_stays_or_not(
    app: Application, dialler: Dialler, connection: str
) -> None:
    peer = dialler.dial(get("/download", connection), receive_buffer=16 * KIB)
    assert app.told.get(timeout=wire.PATIENCE_SECONDS) == "sent"  # and nothing is read yet
    assert wire.read_until(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert len(wire.read_exactly(peer, DOWNLOAD_BYTES)) == DOWNLOAD_BYTES
    if connection == "close":
        assert wire.read_to_end(peer) == b""


@pytest.mark.parametrize("path", ["/pour", "/download"])
def test_a_reader_that_stalls_is_dropped(app: Application, dialler: Dialler, path: str) -> None:
    if path == "/pour":
        peer = dialler.open_websocket(path, receive_buffer=4 * KIB)
        assert app.told.get(timeout=wire.PATIENCE_SECONDS) == "disconnected"
    else:
        peer = dialler.dial(get(path, "close"), receive_buffer=4 * KIB)
        wait_for_reset(peer)
    with pytest.raises((EOFError, OSError)):
        wire.read_exactly(peer, DOWNLOAD_BYTES)


def wait_for_reset(peer: socket.socket) -> None:
    """Until what is written fails, while nothing is read."""
    deadline = time.monotonic() + wire.PATIENCE_SECONDS
    pace = threading.Event()
    with pytest.raises(OSError):
        while time.monotonic() < deadline:
            peer.sendall(b"\r\n")
            pace.wait(0.05)


def test_a_reader_that_is_slow_but_reads_is_kept(app: Application, dialler: Dialler) -> None:
    peer = dialler.open_websocket("/pour", receive_buffer=4 * KIB)
    pace = threading.Event()
    for _ in range(40):  # 2 s, three times what a stall may last
        wire.read_exactly(peer, 64 * KIB)
        pace.wait(0.05)
    assert app.told.empty()


def test_a_ping_flood_without_reading_is_ended_and_holds_no_memory(
    app: Application, config: TransportConfig, certificate: Certificate
) -> None:
    config.stall_seconds = 60
    with wire.serving(config) as port:
        dialler = Dialler(port, certificate)
        peer = dialler.open_websocket("/echo", receive_buffer=4 * KIB)
        before = resident_bytes()
        pings = wire.frame(wire.PING, b"x" * 125) * 500
        with pytest.raises(OSError):
            for _ in range(256 * MIB // len(pings)):
                peer.sendall(pings)
        assert app.told.get(timeout=wire.PATIENCE_SECONDS) == 1005
        assert resident_bytes() - before < 16 * MIB
        dialler.close()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# The end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (wire.frame(wire.TEXT, b"\xff"), 1007),
        (wire.frame(wire.BINARY, bytes(2 * MIB)), 1009),
        (wire.frame(wire.TEXT, b"x", compressed=True), 1002),
    ],
    ids=["not UTF-8", "too long", "compressed"],
)
def test_a_broken_frame_is_answered_with_its_code(
    app: Application, dialler: Dialler, sent: bytes, code: int
) -> None:
    peer = dialler.open_websocket("/echo")
    peer.sendall(wire.frame(wire.TEXT, b"before"))
    assert wire.read_frame(peer) == (wire.TEXT, b"6")
    peer.sendall(sent)
    assert wire.read_close(peer) == code
    started = time.monotonic()
    assert wire.read_to_end(peer) == b""
    assert time.monotonic() - started < 2
    assert app.told.get(timeout=wire.PATIENCE_SECONDS) == code


def test_the_server_ends_soon_whatever_is_connected(
    config: TransportConfig, certificate: Certificate
) -> None:
    config.header_seconds = config.stall_seconds = 60
    with wire.serving(config, leave_peers=True) as port:
        dialler = Dialler(port, certificate)
        websocket = dialler.open_websocket("/echo")
        dialler.open_websocket("/pour", receive_buffer=4 * KIB)
        idle = dialler.dial(get("/download", "keep-alive"))
        wire.read_until(idle, b"\r\n\r\n")
        wire.read_exactly(idle, DOWNLOAD_BYTES)
        dialler.dial(b"GET /down")
        started = time.monotonic()
    assert time.monotonic() - started < 4
    assert wire.read_close(websocket) == 1012
    dialler.close()
    wire.close_peers()
