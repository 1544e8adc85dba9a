"""A Hocuspocus socket, frame by frame, where the npm providers are too polite to try."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from collab.protocols import hocuspocus, ywebsocket
from tests.integration.process import ServerProcess, server

PATIENCE_SECONDS = 10


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    with server(tmp_path) as running:
        yield running
    assert running.defects() == []


def say(connection: ClientConnection, message: hocuspocus.ClientMessage) -> None:
    connection.send(hocuspocus.encode("doc", message))


def hear(connection: ClientConnection, kind: type[object]) -> None:
    """Wait for a message of a kind; others are passed over."""
    while True:
        frame = connection.recv(timeout=PATIENCE_SECONDS)
        assert isinstance(frame, bytes)
        answer = hocuspocus.decode_server(frame)
        if isinstance(answer, hocuspocus.FromServer) and isinstance(answer.message, kind):
            return


def test_a_document_that_was_left_is_opened_again_in_the_same_breath(
    process: ServerProcess,
) -> None:
    """As when a page takes its editor down and puts it up again on one shared socket."""
    url = f"ws://127.0.0.1:{process.port}/hocuspocus"
    with connect(url, compression=None) as connection:
        say(connection, hocuspocus.Token(""))
        hear(connection, hocuspocus.Authenticated)
        for _ in range(10):
            say(connection, hocuspocus.Leave())
            say(connection, hocuspocus.Token(""))
            hear(connection, hocuspocus.Authenticated)
        say(connection, ywebsocket.SyncStep1(b"\x00"))
        hear(connection, ywebsocket.SyncStep2)
