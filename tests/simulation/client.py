"""An editor at work: the real replica, over connections that break, to nodes picked at random."""

from __future__ import annotations

from random import Random

import anyio
import msgspec

from collab.ot.delta import Delta, Op
from collab.protocols import native
from collab.wakeup import Wakeup
from collab_client.core import Replica
from collab_client.events import EditRefused, Event, Reconnect, Saved
from tests.simulation import world
from tests.simulation.network import Broken, Connection
from tests.simulation.world import Node, World

DOCUMENT = "doc"


class Name(msgspec.Struct, frozen=True):
    """What the server's word for "saved" was given for."""

    epoch: str
    author: str
    seq: int
    version: int


class Client:
    """Types, reconnects, and writes down what it was promised."""

    def __init__(self, shared: World, nodes: list[Node], number: int) -> None:
        self.replica = Replica(f"client-{number:016d}")
        self.saved: list[Name] = []
        self.typed: list[str] = []
        self.refused: list[str] = []
        self.returned: list[str] = []
        self.shows = 0
        self._world = shared
        self._nodes = nodes
        self._random = Random(shared.random.random())
        self.node: Node | None = None
        self._connection: Connection | None = None
        self._due = Wakeup()
        self._welcomed = anyio.Event()

    # The user -------------------------------------------------------------------------------------

    async def type(self) -> None:
        """Once there is a document: insert a character that nobody else ever inserts, and filler;
        or delete a character of the filler, as everybody does."""
        await self._welcomed.wait()
        length = self.replica.local.length
        position = self._random.randint(0, length)
        if length and self._random.random() < self._world.chances.deletes:
            self._delete_filler()
            return
        token = self._world.make_token()
        self.typed.append(token)
        self.replica.edit(_at(position, Op(insert=f"{token}..")))
        self._due.set()

    def show(self) -> None:
        """Show something new of itself to the others."""
        self.shows += 1
        self.replica.company.present({"shows": self.shows})
        self._due.set()

    def sees(self) -> dict[str, int]:
        """What the others show, as far as it was told."""
        return {author: each.state["shows"] for author, each in self.replica.company.peers.items()}

    def _delete_filler(self) -> None:
        text = self.replica.local.text()
        dots = [index for index, char in enumerate(text) if char == "."]
        if dots:
            self.replica.edit(_at(self._random.choice(dots), Op(delete=1)))
            self._due.set()

    def drop_connection(self, apart: float) -> None:
        """The network fails; the server learns of it `apart` seconds later."""
        if self._connection is not None:
            self._connection.break_down(apart)

    # The connection -------------------------------------------------------------------------------

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
                self.node = None
                self._connection = None
                self.replica.connection_lost()

    async def _connect(self, node: Node) -> None:
        random = Random(self._random.random())
        connection = self._connection = Connection(random, self._world.chances.network_seconds)
        node.accept(connection, DOCUMENT, world.native)
        try:
            hello = self.replica.connection_opened(create="text")
            if self._random.random() < self._world.chances.fresh_starts:
                # As after a message that made no sense: the contents are asked for anew.
                hello = msgspec.structs.replace(hello, epoch=None, version=None)
            await connection.up.send(native.encode(hello))
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
                frame = await connection.down.receive()
            except Broken:
                return
            events = self.replica.receive(native.decode_server(frame))
            if self.replica.live:
                self._welcomed.set()
            for event in events:
                self._take_note(event)
                if isinstance(event, Reconnect):
                    return
            self._due.set()

    async def _send(self, connection: Connection) -> None:
        try:
            while True:
                for message in self.replica.to_send():
                    await connection.up.send(native.encode(message))
                await self._due.wait()
        except Broken:
            return

    def _take_note(self, event: Event) -> None:
        match event:
            case Saved(seq=seq, version=version):
                epoch = self.replica.epoch
                assert epoch is not None
                self.saved.append(Name(epoch, self.replica.author, seq, version))
            case EditRefused(code=code, operation=operation):
                self.refused.append(code)
                self.returned += [op.insert for op in operation if isinstance(op.insert, str)]


def _at(position: int, op: Op) -> Delta:
    return (Op(retain=position), op) if position else (op,)
