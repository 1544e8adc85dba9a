"""A tiny server that orders edits, and clients joined to it by lines that tests pull by hand.

Owns a pure model of the native protocol's server side (log, names, floor, epoch), spoken to in
frames. Nothing moves until the test says so: `send` carries a client's frames to the server,
`receive` the server's to the client, `sync` both until all is quiet; `drop` cuts the line.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from collab.ot.delta import Delta, Op, compose
from collab.ot.rope import Rope
from collab.ot.transform import transform
from collab.protocols import native
from collab.words import author_of, digest_of
from collab_client import wire
from collab_client.core import Replica
from collab_client.events import Changed, Event, Reconnect

LIMITS = native.Limits(frame_bytes=1 << 20, document_bytes=1 << 24, presence_bytes=4096)


def insert(index: int, text: str) -> Delta:
    return (*((Op(retain=index),) if index else ()), Op(insert=text))


def delete(index: int, length: int) -> Delta:
    return (*((Op(retain=index),) if index else ()), Op(delete=length))


@dataclass
class Committed:
    author: str
    seq: int
    operation: Delta
    digest: bytes


@dataclass
class Line:
    """One connection; `cursor` is the version up to which the server has sent the stream."""

    client: str = ""
    cursor: int = 0
    to_server: deque[str] = field(default_factory=deque)
    to_client: deque[str] = field(default_factory=deque)

    def answer(self, message: native.ServerMessage) -> None:
        self.to_client.append(native.encode(message))


class Server:
    """Orders edits: one log, exactly once by (author, seq)."""

    def __init__(self, text: str = "", *, epoch: str = "epoch-1", type_: str = "text") -> None:
        self.type = type_
        self.epoch = epoch
        self.lines: list[Line] = []
        self.start(text)

    def start(self, text: str) -> None:
        self.floor = 0
        self.base = Rope.of((Op(insert=text),) if text else ())
        self.states = [self.base]
        self.log: list[Committed] = []
        self.limits = LIMITS
        self.access: dict[str, str] = {}
        self.refusing: tuple[str, str] | None = None

    def recreate(self, epoch: str, text: str = "") -> None:
        """Delete the document and create it again: another log."""
        self.lines.clear()
        self.epoch = epoch
        self.start(text)

    @property
    def version(self) -> int:
        return len(self.log)

    @property
    def rope(self) -> Rope:
        return self.states[-1]

    @property
    def text(self) -> str:
        return self.rope.text()

    def newest(self, author: str) -> native.Named | None:
        for version in range(self.version, 0, -1):
            if self.log[version - 1].author == author:
                return native.Named(self.log[version - 1].seq, version)
        return None

    def handle(self, line: Line, frame: str) -> None:
        match native.decode_client(frame):
            case native.Hello() as hello:
                self.greet(line, hello)
            case native.SubmitEdit() as edit:
                self.submit(line, edit)
            case native.SetPresence(state=state, version=version):
                entry = native.PresenceEntry(author_of(line.client), None, state, version)
                self.tell_others(line, native.PresenceUpdate([entry]))
            case native.SendMessage(body=body):
                self.tell_others(line, native.PeerMessage(author_of(line.client), None, body))

    def tell_others(self, line: Line, message: native.ServerMessage) -> None:
        for other in self.lines:
            if other is not line:
                other.answer(message)

    def greet(self, line: Line, hello: native.Hello) -> None:
        line.client = hello.client
        self.lines = [other for other in self.lines if other.client != hello.client]
        self.lines.append(line)
        author = author_of(hello.client)
        if hello.epoch == self.epoch and self.floor <= (hello.version or 0) <= self.version:
            line.answer(
                native.Welcome(
                    epoch=self.epoch,
                    version=self.version,
                    document_type=self.type,
                    access=self.access.get(hello.client, "write"),
                    author=author,
                    limits=self.limits,
                    presence=[],
                    committed=self.newest(author),
                    edits=self.events(hello.version or 0),
                )
            )
            line.cursor = self.version
        else:
            self.reset(line, welcome=hello.epoch is None)

    def reset(self, line: Line, *, welcome: bool = False) -> None:
        author = author_of(line.client)
        kind = native.Welcome if welcome else native.Reset
        line.answer(
            kind(
                epoch=self.epoch,
                version=self.version,
                document_type=self.type,
                access=self.access.get(line.client, "write"),
                author=author,
                limits=self.limits,
                presence=[],
                committed=self.newest(author),
                contents=self.contents(),
            )
        )
        line.cursor = self.version

    def contents(self) -> msgspec.Raw:
        if self.type == "text":
            return msgspec.Raw(msgspec.json.encode(self.text))
        return wire.encode(self.rope.to_delta())

    def events(self, after: int) -> list[native.EditEvent]:
        return [
            native.EditEvent(version, one.author, one.seq, None, wire.encode(one.operation))
            for version, one in enumerate(self.log[after:], after + 1)
        ]

    def submit(self, line: Line, edit: native.SubmitEdit) -> None:
        author = author_of(line.client)
        digest = digest_of(edit.base, bytes(edit.operation))
        committed = self.newest(author)

        def refuse(code: str) -> None:
            line.answer(native.ErrorReport(code, "no", seq=edit.seq, committed=committed))

        if committed is not None and edit.seq <= committed.seq:
            if edit.seq < committed.seq:
                refuse("stale_sequence")
            elif self.log[committed.version - 1].digest != digest:
                refuse("edit_name_reused")
            elif committed.version <= line.cursor:
                line.answer(native.Ack(edit.seq, committed.version))
        elif self.refusing is not None and self.refusing[0] == line.client:
            refuse(self.refusing[1])
        elif self.access.get(line.client, "write") == "read":
            refuse("not_allowed")
        elif not self.floor <= edit.base <= self.version:
            refuse("below_floor" if edit.base < self.floor else "base_above_head")
            self.reset(line)
        elif committed is not None and edit.base < committed.version:
            refuse("base_below_own_commit")
        else:
            operation = wire.decode(edit.operation)
            for earlier in self.log[edit.base :]:
                operation = transform(earlier.operation, operation, True)
            self.commit(author, edit.seq, operation, digest)

    def commit(self, author: str, seq: int, operation: Delta, digest: bytes = b"") -> None:
        self.states.append(self.rope.apply(operation))
        self.log.append(Committed(author, seq, operation, digest))
        for line in self.lines:
            line.answer(native.Edits(self.events(line.cursor)))
            line.cursor = self.version


class Client:
    """A replica on its line, with everything it sent and everything it told its user."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.id = f"client-{name}-0123456789"
        self.replica = Replica(self.id)
        self.line: Line | None = None
        self.events: list[Event] = []
        self.sent: list[str] = []

    @property
    def text(self) -> str:
        return self.replica.local.text()

    def connect(self) -> None:
        self.drop()
        self.line = Line()
        self._out(self.replica.connection_opened())

    def drop(self, *, arrived: int = 0) -> list[str]:
        """Lose the line; the server still gets the first `arrived` frames. Returns the others."""
        if self.line is None:
            return []
        self.send(arrived)
        lost = list(self.line.to_server)
        if self.line in self.server.lines:
            self.server.lines.remove(self.line)
        self.line = None
        self.events += self.replica.connection_lost()
        return lost

    def edit(self, operation: Delta) -> None:
        self.replica.edit(operation)
        self.pump()

    def types(self, index: int, text: str) -> None:
        self.edit(insert(index, text))

    def deletes(self, index: int, length: int) -> None:
        self.edit(delete(index, length))

    def pump(self) -> None:
        for message in self.replica.to_send():
            self._out(message)

    def _out(self, message: native.ClientMessage) -> None:
        frame = native.encode(message)
        self.sent.append(frame)
        if self.line is not None:
            self.line.to_server.append(frame)

    def send(self, count: int | None = None) -> None:
        """Carry `count` frames (all) to the server."""
        assert self.line is not None
        for _ in range(len(self.line.to_server) if count is None else count):
            if self.line.to_server:
                self.server.handle(self.line, self.line.to_server.popleft())

    def receive(self, count: int | None = None) -> None:
        """Carry `count` frames (all) from the server."""
        line = self.line
        assert line is not None
        for _ in range(len(line.to_client) if count is None else count):
            if line.to_client and line is self.line:
                self.hear(native.decode_server(line.to_client.popleft()))

    def hear(self, message: native.ServerMessage) -> list[Event]:
        """Take one message, check what must hold after every one of them."""
        welcomed = self.replica.epoch is not None
        before = self.replica.local.to_delta()
        events = self.replica.receive(message)
        self.events += events
        for event in events:
            if isinstance(event, Changed):
                before = compose(before, event.operation)
        replica = self.replica
        if welcomed:
            assert before == replica.local.to_delta(), "the changes told lead to the local state"
        assert compose(replica.synced.to_delta(), replica.unsaved) == replica.local.to_delta()
        self.pump()
        if any(isinstance(event, Reconnect) for event in events):
            self.drop()
        return events

    def sync(self) -> None:
        """Both ways until all is quiet, connecting first where needed."""
        if self.line is None:
            self.connect()
        while self.line is not None and (self.line.to_server or self.line.to_client):
            self.send()
            self.receive()


def room(names: str, text: str = "") -> tuple[Server, list[Client]]:
    """A server with connected, synchronised clients."""
    server = Server(text)
    clients = [Client(server, name) for name in names.split()]
    for client in clients:
        client.sync()
    return server, clients


def converge(server: Server, clients: list[Client], text: str) -> None:
    """Sync everybody until nothing moves, and expect `text` everywhere and nothing pending."""
    for _ in range(len(clients) + 1):
        for client in clients:
            client.sync()
    assert [client.text for client in clients] == [text] * len(clients)
    assert server.text == text
    assert all(client.replica.settled for client in clients)
