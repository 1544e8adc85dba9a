"""Mutated frames through the real sockets: the process lives, its memory is bounded, no reader
changes a document, and the answer is a close code.

COLLAB_FUZZ_FRAMES of them (3,000), from COLLAB_FUZZ_SEED (0).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from collab.protocols import hocuspocus, ywebsocket
from collab.protocols.ywebsocket import AwarenessEntry
from tests.fuzz.yjs_documents import deliveries
from tests.fuzz.yjs_hostile import mutate, senseless
from tests.integration.process import ServerProcess, server

FRAMES = int(os.environ.get("COLLAB_FUZZ_FRAMES", "3000"))
SEED = int(os.environ.get("COLLAB_FUZZ_SEED", "0"))
KEY = "k" * 32
MEMORY_BYTES = 96 << 20
PATIENCE_SECONDS = 10
QUESTION = ywebsocket.encode(ywebsocket.SyncStep1(b"\x00"))
ANSWER = b"\x00\x01"  # how a step 2 begins


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    with server(tmp_path, COLLAB_SECRET_KEY=KEY) as running:
        yield running
    assert running.defects() == []


def token(rights: str) -> str:
    return jwt.encode({"docs": {"*": rights}}, KEY, "HS256")


def frames(random: Random, updates: list[bytes]) -> Iterator[bytes]:
    """Endless bad frames of y-websocket: bad in the update, the vector, the awareness, anywhere."""
    good = [ywebsocket.encode(ywebsocket.SyncUpdate(update)) for update in updates]
    good.append(ywebsocket.encode(ywebsocket.SyncStep1(b"\x01\x07\x05")))
    entry = AwarenessEntry(7, 1, '{"user":{"name":"x"}}')
    good.append(ywebsocket.encode(ywebsocket.Awareness((entry,))))
    while True:
        match random.randrange(5):
            case 0:
                bad = mutate(random, random.choice(updates), updates)
                yield ywebsocket.encode(ywebsocket.SyncUpdate(bad))
            case 1:
                bad = senseless(random, {1: 5, 2: 9})
                yield ywebsocket.encode(ywebsocket.SyncStep2(bad))
            case 2:
                yield ywebsocket.encode(ywebsocket.SyncStep1(random.randbytes(random.randrange(9))))
            case _:
                yield mutate(random, random.choice(good), good)


class Attacker:
    """Keeps a connection open, and notes how each one ended."""

    def __init__(self, url: str, address: str | None) -> None:
        self.ends: Counter[int] = Counter()
        self._url = url
        self._address = address
        self._connection: ClientConnection | None = None

    def send(self, frame: bytes) -> None:
        """Send it, and wait until it has been dealt with: a question after it is answered, or the
        connection is closed."""
        try:
            connection = self._open()
            connection.send(self._addressed(frame))
            connection.send(self._addressed(QUESTION))
            answer = self._addressed(ANSWER)
            while not _binary(connection).startswith(answer):
                continue
        except ConnectionClosed as closed:
            self._note(closed)

    def _addressed(self, body: bytes) -> bytes:
        return body if self._address is None else hocuspocus.under(self._address, body)

    def leave(self) -> None:
        if self._connection is None:
            return
        try:
            while True:
                self._connection.recv(timeout=0.05)
        except TimeoutError:
            self._connection.close()
        except ConnectionClosed as closed:
            self._note(closed)

    def _open(self) -> ClientConnection:
        if self._connection is None:
            self._connection = connect(self._url, compression=None, legacy=True)
        return self._connection

    def _note(self, closed: ConnectionClosed) -> None:
        self._connection = None
        self.ends[closed.rcvd.code if closed.rcvd else 0] += 1


def stored(process: ServerProcess, id: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token('read')}"}
    base = f"{process.url}/v1/documents/{id}"
    version = httpx.get(base, headers=headers).json()["version"]
    content = httpx.get(f"{base}/content?format=update", headers=headers)
    assert content.status_code == 200
    return version, content.content


@pytest.mark.parametrize("protocol", ["yjs", "hocuspocus"])
@pytest.mark.parametrize("rights", ["read", "write"])
def test_bad_frames_do_no_harm(process: ServerProcess, protocol: str, rights: str) -> None:
    random = Random(SEED)
    updates = [raw for _ in range(10) for raw in deliveries(random) if len(raw) > 4]
    socket = f"ws://127.0.0.1:{process.port}"
    with connect(f"{socket}/yjs/victim?token={token('write')}", compression=None) as writer:
        for update in updates[:5]:
            writer.send(ywebsocket.encode(ywebsocket.SyncUpdate(update)))
        while stored(process, "victim")[0] == 0:
            writer.recv(timeout=PATIENCE_SECONDS)
        target = "victim" if rights == "read" else "other"
        path = f"yjs/{target}" if protocol == "yjs" else "hocuspocus"
        url = f"{socket}/{path}?token={token(rights)}"
        attacker = Attacker(url, None if protocol == "yjs" else target)
        before, memory = stored(process, "victim"), process.resident_bytes()
        bad = frames(random, updates)
        for _ in range(FRAMES // 4):
            attacker.send(next(bad))
        attacker.leave()
        assert process.resident_bytes() - memory < MEMORY_BYTES
        assert set(attacker.ends) <= {1000, 1009, 4400, 4413}, attacker.ends
        assert attacker.ends[4400] > FRAMES // 100
        if rights == "read":
            assert stored(process, "victim") == before
        writer.send(ywebsocket.encode(ywebsocket.SyncStep1(b"\x00")))
        while not isinstance(
            ywebsocket.decode_server(bytes(_binary(writer))), ywebsocket.SyncStep2
        ):
            continue


def _binary(connection: ClientConnection) -> bytes:
    frame = connection.recv(timeout=PATIENCE_SECONDS)
    assert isinstance(frame, bytes)
    return frame
