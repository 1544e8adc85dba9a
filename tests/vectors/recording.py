"""Conversations of a client's core with a server, written down: what every client has to do.

Owns how they come about (a seeded generator, over the model server of the Python client's tests)
and their shape, in `client.json`. Every client that keeps to the native protocol replays them: the
Python client in tests/unit/client/test_vectors.py, the TypeScript client in
clients/typescript/tests. After a change of the core: `python -m tests.vectors`.

A case has a `client` and its `steps`, each one thing that is done, and what has to come of it:

    open, edit, receive, lose, present    one of these: what is done, with its argument
    sends     the frames that are due then, as JSON values
    events    what the user is told
    local     what the user sees, if that changed, as the ops of a Delta
    version, settled, live, stuck         where the core stands
    selections                            where the others' selections are, if there are any
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from collab.ot.delta import Delta, normalize
from collab.protocols import native
from collab.words import author_of
from collab_client import wire
from collab_client.core import Replica
from collab_client.events import Changed, EditRefused, Event, PeersChanged, Reconnect, Saved
from collab_client.peers import Selection
from tests.properties.random_deltas import random_operation, widths
from tests.unit.client.room import LIMITS, Client, Line, Server

FILE = Path(__file__).parent / "client.json"
TEXT_CASES = 14
RICH_CASES = 12
STEPS = 26

Json = dict[str, Any]
WORDS = ["one ", "two ", "\n", "é", "😀", "漢字", "x", "one\ntwo\n", "a b "]


def plain(value: Any) -> Any:
    """As JSON values."""
    return json.loads(msgspec.json.encode(value))


def told(event: Event) -> Json:
    """An event as the vectors have it."""
    match event:
        case Changed(operation, author, user, epoch, version):
            return {
                "type": "changed",
                "operation": plain(operation),
                "author": author,
                "user": user,
                "epoch": epoch,
                "version": version,
            }
        case Saved(seq, version):
            return {"type": "saved", "seq": seq, "version": version}
        case EditRefused(code, message, operation):
            return {
                "type": "refused",
                "code": code,
                "message": message,
                "operation": plain(operation),
            }
        case PeersChanged():
            return {"type": "peers"}
        case Reconnect(_, retry_after):
            return {"type": "reconnect", "retryAfter": retry_after or 0}
    return dict(json.loads(native.encode(event)))


def standing(replica: Replica) -> Json:
    """Where a core stands, besides what it shows."""
    selections = {
        author: None if selection is None else selection.as_json()
        for author in replica.company.peers
        for selection in [replica.selection_of(author)]
    }
    return {
        "version": replica.version,
        "settled": replica.settled,
        "live": replica.live,
        "stuck": replica.stuck,
        **({"selections": selections} if selections else {}),
    }


class Recorded(Client):
    """A client that writes down what it does and what comes of it."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(server, name)
        self.steps: list[Json] = []
        self._shown = b"[]"

    @contextmanager
    def _step(self, **done: Any) -> Iterator[None]:
        sent, heard = len(self.sent), len(self.events)
        yield
        step = {**done, **standing(self.replica)}
        step["sends"] = [json.loads(frame) for frame in self.sent[sent:]]
        step["events"] = [told(event) for event in self.events[heard:]]
        shown = msgspec.json.encode(self.replica.local.to_delta())
        if shown != self._shown:
            self._shown = shown
            step["local"] = json.loads(shown)
        self.steps.append(step)

    def connect(self) -> None:
        self.drop()
        with self._step(open={}):
            super().connect()

    def drop(self, *, arrived: int = 0) -> list[str]:
        if self.line is None:
            return []
        with self._step(lose={}):
            return super().drop(arrived=arrived)

    def edit(self, operation: Delta) -> None:
        with self._step(edit=plain(operation)):
            super().edit(operation)

    def hear(self, message: native.ServerMessage) -> list[Event]:
        with self._step(receive=json.loads(native.encode(message))):
            events = self.replica.receive(message)
            self.events += events
            self.pump()
        if any(isinstance(event, Reconnect) for event in events):
            self.drop()
        return events

    def present(self, state: Any, selection: Selection | None) -> None:
        done = {"state": state, "selection": selection and selection.as_json()}
        with self._step(present=done):
            self.replica.company.present(state, selection)
            self.pump()


class Story:
    """Random steps of two clients; `rich` documents have formats and embeds."""

    def __init__(self, seed: int, *, rich: bool) -> None:
        self.random = Random(seed)
        self.rich = rich
        self.server = Server("" if rich else "abc\ndef", type_="richtext" if rich else "text")
        self.clients = [Recorded(self.server, name) for name in ("a", "b")]
        self.late: list[tuple[Recorded, str]] = []
        self.epochs = count(2)

    def tell(self) -> list[Recorded]:
        for client in self.clients:
            client.sync()
        for _ in range(STEPS):
            self.step(self.random.choice(self.clients))
        for client in self.clients * 2:
            client.sync()
        return self.clients

    def step(self, client: Recorded) -> None:
        actions: list[tuple[int, Callable[[Recorded], None]]] = [
            (8, self.types),
            (3, self.sends),
            (4, self.receives),
            (3, lambda client: client.sync()),
            (2, self.drops),
            (1, lambda client: client.connect()),
            (1, self.arrives_late),
            (1, self.jumps),
            (1, self.presents),
            (1, self.rights),
        ]
        weights, doings = zip(*actions, strict=True)
        self.random.choices(doings, weights)[0](client)

    def types(self, client: Recorded) -> None:
        if client.replica.epoch is None:
            return
        document = list(client.replica.local.to_delta())
        if self.rich:
            operation = normalize(random_operation(self.random, widths(document))[0])
        else:
            operation = self.plain_operation(widths(document))
        if operation:
            client.edit(operation)

    def plain_operation(self, characters: list[int]) -> Delta:
        at = self.random.randrange(len(characters) + 1)
        before = sum(characters[:at])
        end = at + self.random.choice([0, 0, 1, 3])
        ops: list[dict[str, Any]] = [{"retain": before}] if before else []
        if self.random.random() < 0.8:
            ops.append({"insert": self.random.choice(WORDS)})
        if sum(characters[at:end]):
            ops.append({"delete": sum(characters[at:end])})
        return wire.decode(msgspec.json.encode(ops))

    def sends(self, client: Recorded) -> None:
        if client.line is not None:
            client.send(self.random.randrange(3))

    def receives(self, client: Recorded) -> None:
        if client.line is not None:
            client.receive(self.random.randrange(3))

    def drops(self, client: Recorded) -> None:
        lost = client.drop(arrived=self.random.randrange(3))
        self.late += [(client, frame) for frame in lost if '"type":"edit"' in frame]

    def arrives_late(self, _: Recorded) -> None:
        if self.late:
            owner, frame = self.late.pop(self.random.randrange(len(self.late)))
            self.server.handle(Line(client=owner.id, cursor=self.server.version), frame)

    def jumps(self, client: Recorded) -> None:
        match self.random.randrange(4):
            case 0:
                self.server.floor = self.server.version
            case 1 if client.line in self.server.lines:
                assert client.line is not None
                self.server.reset(client.line)
            case 2:
                self.server.limits = replace_limits(self.random.choice([230, 1 << 20]))
            case 3 if not self.late:
                for other in self.clients:
                    other.drop()
                self.server.recreate(f"epoch-{next(self.epochs)}", "" if self.rich else "abc")

    def presents(self, client: Recorded) -> None:
        length = client.replica.local.length
        anchor, head = self.random.randrange(length + 1), self.random.randrange(length + 1)
        selection = Selection(anchor, head) if self.random.random() < 0.8 else None
        client.present({"name": client.id[7]}, selection)

    def rights(self, client: Recorded) -> None:
        if client.line not in self.server.lines or client.line is None:
            return
        access = self.random.choice(["read", "write", "admin"])
        self.server.access[client.id] = access
        client.line.answer(native.AccessChange(access))


def replace_limits(frame_bytes: int) -> native.Limits:
    return msgspec.structs.replace(LIMITS, frame_bytes=frame_bytes)


# What a model server does not say ----------------------------------------------------------------


def scripted() -> Iterator[tuple[str, Recorded]]:
    """An edit on its way, and one of the server's rarer answers to it."""
    committed = native.Named(1, 1)
    for code, named in [
        ("invalid_operation", None),
        ("document_too_large", None),
        ("store_failure", None),
        ("not_signed_in", None),
        ("stale_sequence", native.Named(7, 1)),
        ("edit_name_reused", committed),
        ("base_below_own_commit", native.Named(4, 2)),
    ]:
        client = waiting()
        client.hear(native.ErrorReport(code, "no", seq=1, committed=named))
        client.sync()
        yield f"error {code}", client
    for forgotten in (0, 1):
        client = waiting()
        start = native.Reset(
            epoch="epoch-1",
            version=9,
            document_type="text",
            access="write",
            author=author_of(client.id),
            limits=LIMITS,
            presence=[],
            contents=msgspec.Raw(b'"abc and more"'),
            forgotten=forgotten,
        )
        client.hear(start)
        yield f"reset, forgotten to {forgotten}", client
    for message in rare_messages():
        client = waiting()
        client.hear(message)
        client.types(0, "z")
        yield f"message {type(message).__name__}", client


def rare_messages() -> list[native.ServerMessage]:
    """What has no edit of ours for its subject, or cannot be true."""

    def edits(version: int, operation: bytes) -> native.Edits:
        return native.Edits([native.EditEvent(version, "x", 1, None, msgspec.Raw(operation))])

    return [
        native.ErrorReport("presence_too_large", "no"),
        native.PeerMessage("somebody", "ada", {"say": "hello"}),
        native.Goodbye(2.5),
        edits(7, b"[]"),
        edits(1, b'[{"retain":99},{"delete":1}]'),
        edits(1, b'[{"insert":"a","delete":1}]'),
        native.Ack(1, 5),
        native.Pong(),
    ]


def waiting() -> Recorded:
    """Somebody with one edit on its way, and more behind it."""
    client = Recorded(Server("abc"), "a")
    client.sync()
    client.types(3, "1")
    client.types(1, "2")
    return client


def cases() -> list[Json]:
    """All of them, always the same."""
    made: list[Json] = []
    for rich, number in ((False, TEXT_CASES), (True, RICH_CASES)):
        for seed in range(number):
            kind = "richtext" if rich else "text"
            for client in Story(seed, rich=rich).tell():
                name = f"{kind} {seed} {client.id[7]}"
                made.append({"name": name, "client": client.id, "steps": client.steps})
    for name, client in scripted():
        made.append({"name": name, "client": client.id, "steps": client.steps})
    return made


def encoded() -> str:
    """What is in the file: a line for each case."""
    lines = (json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases())
    return "[\n" + ",\n".join(lines) + "\n]\n"
