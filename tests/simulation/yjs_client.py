"""A Yjs editor at work: a pycrdt document that does what the y-websocket provider does."""

from __future__ import annotations

from random import Random
from typing import Any

import anyio
import pycrdt

from collab.protocols import ywebsocket
from collab.wakeup import Wakeup
from tests.simulation import world
from tests.simulation.client import DOCUMENT
from tests.simulation.network import Broken, Connection
from tests.simulation.world import Node, World


class YjsClient:
    """Types, reconnects, and sends every change as it is made."""

    def __init__(self, shared: World, nodes: list[Node], number: int) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=number + 1)
        self.text = self.doc.get("text", type=pycrdt.Text)
        self.typed: list[str] = []
        self.synced = False
        self.node: Node | None = None
        self._shared = shared
        self._nodes = nodes
        self._random = Random(shared.random.random())
        self._connection: Connection | None = None
        self._outgoing: list[ywebsocket.SharedMessage] = []
        self._due = Wakeup()
        self._applying = False
        self._subscription = self.doc.observe(self._changed)

    async def type(self) -> None:
        """Insert a character that nobody else ever inserts, and filler; or delete some filler."""
        text = str(self.text)
        dots = [index for index, char in enumerate(text) if char == "."]
        if dots and self._random.random() < self._shared.chances.deletes:
            at = _bytes(text, self._random.choice(dots))
            del self.text[at : at + 1]
            return
        token = self._shared.make_token()
        self.typed.append(token)
        self.text.insert(_bytes(text, self._random.randint(0, len(text))), token + "..")

    def drop_connection(self, apart: float) -> None:
        """The network fails; the server learns of it `apart` seconds later."""
        if self._connection is not None:
            self._connection.break_down(apart)

    async def run(self) -> None:
        """Stay connected, for ever."""
        while True:
            await anyio.sleep(self._random.uniform(0, 0.5))
            self.node = self._random.choice(self._nodes)
            try:
                await self._connect(self.node)
            except Broken:
                continue
            finally:
                self.synced = False
                self.node = self._connection = None

    def _changed(self, event: pycrdt.TransactionEvent) -> None:
        if not self._applying:
            self._outgoing.append(ywebsocket.SyncUpdate(event.update))
            self._due.set()

    async def _connect(self, node: Node) -> None:
        random = Random(self._random.random())
        connection = self._connection = Connection(random, self._shared.chances.network_seconds)
        node.accept(connection, DOCUMENT, world.ywebsocket)
        self._outgoing = [ywebsocket.SyncStep1(self.doc.get_state())]
        self._due.set()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send, connection)
                await self._receive(connection)
                tasks.cancel_scope.cancel()
        finally:
            connection.up.snap()
            connection.down.snap()

    async def _receive(self, connection: Connection) -> None:
        while True:
            try:
                message = ywebsocket.decode_server(await connection.down.receive())
            except Broken:
                return
            match message:
                case ywebsocket.SyncStep1(state_vector=vector):
                    self._outgoing.append(ywebsocket.SyncStep2(self.doc.get_update(vector)))
                    self._due.set()
                case ywebsocket.SyncStep2(update=update):
                    self._apply(update)
                    self.synced = True
                case ywebsocket.SyncUpdate(update=update):
                    self._apply(update)

    def _apply(self, update: bytes) -> None:
        self._applying = True
        self.doc.apply_update(update)
        self._applying = False

    async def _send(self, connection: Connection) -> None:
        try:
            while True:
                outgoing, self._outgoing = self._outgoing, []
                for message in outgoing:
                    await connection.up.send(ywebsocket.encode(message))
                await self._due.wait()
        except Broken:
            return


def _bytes(text: str, index: int) -> int:
    """pycrdt counts the bytes of UTF-8."""
    return len(text[:index].encode())
