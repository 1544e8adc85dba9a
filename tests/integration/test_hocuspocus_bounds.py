"""What one Hocuspocus socket may take, whoever is at its other end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pycrdt
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from collab.protocols import hocuspocus, ywebsocket
from tests.integration.process import ServerProcess
from tests.integration.seats import EMPTY_VECTOR
from tests.integration.signed import operating, signed_server, token
from tests.integration.talk import PATIENCE_SECONDS, within

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    with signed_server(tmp_path, COLLAB_EDITS_PER_SECOND="20") as running:
        yield running


@asynccontextmanager
async def dialled(process: ServerProcess) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{process.port}/hocuspocus"
    async with connect(
        url, compression=None, ping_interval=None, proxy=None, close_timeout=1
    ) as socket:
        yield socket


async def hear(socket: ClientConnection, kind: type[object]) -> object:
    """The next message of a kind."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            frame = await socket.recv()
            assert isinstance(frame, bytes)
            told = hocuspocus.decode_server(frame)
            assert isinstance(told, hocuspocus.FromServer)
            if isinstance(told.message, kind):
                return told.message


async def end_of(socket: ClientConnection) -> tuple[int, str]:
    """Code and reason that the server closes with."""
    with anyio.fail_after(PATIENCE_SECONDS):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


@within(60)
async def test_no_address_makes_every_frame_long(process: ServerProcess) -> None:
    async with dialled(process) as socket:
        shown = hocuspocus.Token(token({"doc": "write"}))
        await socket.send(hocuspocus.encode("doc\0" + 900 * "x", shown))
        await hear(socket, hocuspocus.Authenticated)
        await socket.send(hocuspocus.encode("doc\0" + 1000 * "x", shown))
        code, reason = await end_of(socket)
        assert (code, reason.partition(":")[0]) == (4400, "malformed")


@within(60)
async def test_who_leaves_and_comes_back_gets_no_new_share_of_edits(
    process: ServerProcess,
) -> None:
    async with operating(process) as operator, dialled(process) as socket:
        await operator.create("doc", "yjs")
        shown = hocuspocus.Token(token({"doc": "write"}))
        update = ywebsocket.SyncUpdate(b"\0\0")
        for round in range(10):
            address = f"doc\0{round}"
            await socket.send(hocuspocus.encode(address, shown))
            for _ in range(20):
                await socket.send(hocuspocus.encode(address, update))
            await socket.send(hocuspocus.encode(address, hocuspocus.Leave()))
        code, reason = await end_of(socket)
        assert (code, reason.partition(":")[0]) == (4429, "too_many_edits")


@within(60)
async def test_documents_are_opened_at_a_bounded_pace(tmp_path: Path) -> None:
    with signed_server(tmp_path, COLLAB_PRESENCE_PER_SECOND="10") as process:
        async with dialled(process) as socket:
            for _ in range(100):
                await socket.send(hocuspocus.encode("doc", hocuspocus.Token("none of ours")))
            code, reason = await end_of(socket)
            assert (code, reason.partition(":")[0]) == (4429, "too_many_documents")


@within(120)
async def test_what_waits_for_the_documents_of_a_socket_is_bounded(
    process: ServerProcess,
) -> None:
    """Somebody reads nothing, so that the answers wait and nothing more is taken, and sends on."""
    documents = [f"doc{number}" for number in range(20)]
    async with operating(process) as operator:
        for id in documents:
            seed = {"id": id, "type": "yjs", "content": MIB * "x", "format": "text"}
            await operator.ask("POST", "/v1/documents", json=seed)
    shown = hocuspocus.Token(token({"doc*": "write"}))
    async with dialled(process) as socket:
        for id in documents:
            await socket.send(hocuspocus.encode(id, shown))
            await hear(socket, hocuspocus.Authenticated)
        socket.transport.pause_reading()
        before = process.resident_bytes()
        gap, long = ywebsocket.SyncUpdate(update_with_a_gap()), hocuspocus.Stateless(MIB // 2 * "x")
        with anyio.move_on_after(8):
            question = ywebsocket.SyncStep1(EMPTY_VECTOR)
            said: list[hocuspocus.ClientMessage] = [question, *64 * [gap], *60 * [long]]
            for message in said:
                for id in documents:
                    await socket.send(hocuspocus.encode(id, message))
        grown = process.resident_bytes() - before
        socket.transport.abort()
        assert grown < 128 * MIB


def update_with_a_gap() -> bytes:
    """The second update of an editor whose first nobody has seen."""
    doc = pycrdt.Doc[Any]()
    text = doc.get("codemirror", type=pycrdt.Text)
    text += "a"
    before = doc.get_state()
    text += "b"
    return doc.get_update(before)
