"""A seat at a document over each of the protocols, told apart by nothing but its kind.

Owns how a token is shown, and what the protocols call being let in, told of a change, refused an
edit and sent away: a test says it once for all of them. Every wait is bounded.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pycrdt
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from collab.protocols import hocuspocus, native, ywebsocket
from collab.web.admission import TOKEN_SUBPROTOCOL
from collab.web.ywebsocket import SUBPROTOCOL as YJS_SUBPROTOCOL
from tests.integration.process import ServerProcess
from tests.integration.signed import visiting
from tests.integration.talk import PATIENCE_SECONDS, Json, Talk, new_client

KINDS = ("native", "events", "yjs", "hocuspocus")
WRITING_KINDS = ("native", "yjs", "hocuspocus")
EMPTY_VECTOR, EMPTY_UPDATE = b"\0", b"\0\0"

_CODES = {
    "not_signed_in": 4401,
    "not_allowed": 4403,
    "document_not_found": 4404,
    "quarantined": 1013,
    "sent_away": 1013,
}
_ROOT = "codemirror"


@dataclass(frozen=True)
class Shown:
    """Where on a websocket's handshake a token is."""

    header: str | None = None
    subprotocol: str | None = None
    query: str | None = None


@asynccontextmanager
async def dialled(
    server: ServerProcess, path: str, shown: Shown, subprotocol: str | None
) -> AsyncIterator[ClientConnection]:
    """A websocket; of its own accord it offers `subprotocol` only."""
    offered = [] if subprotocol is None else [subprotocol]
    if shown.subprotocol is not None:
        offered.append(TOKEN_SUBPROTOCOL + shown.subprotocol)
    query = "" if shown.query is None else f"?token={shown.query}"
    async with connect(
        f"ws://127.0.0.1:{server.port}{path}{query}",
        additional_headers={"Authorization": f"Bearer {shown.header}"} if shown.header else {},
        subprotocols=[Subprotocol(name) for name in offered] or None,
        compression=None,
        open_timeout=PATIENCE_SECONDS,
        close_timeout=PATIENCE_SECONDS,
        ping_interval=None,
        proxy=None,
    ) as socket:
        yield socket


class SentAway(Exception):
    """The server has ended it; `code` is that of its close frame, or stands for the error's."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


class Seat(ABC):
    """Somebody at one document. What is heard meanwhile, and is not asked for, is passed over."""

    @abstractmethod
    async def join(self) -> str:
        """Be let in; with which right: "read", "write" or more. Raises SentAway."""

    @abstractmethod
    async def told(self) -> str:
        """The right that the server says has changed, "read" or "write". Raises SentAway."""

    @abstractmethod
    async def write(self, text: str) -> bool:
        """Write at the beginning; whether it is durable. Otherwise it was refused."""

    @abstractmethod
    async def hear_text(self) -> str:
        """The text that the next edit of anybody makes known here."""

    async def sent_away(self) -> int:
        """Wait for the end; its code."""
        try:
            while True:
                await self.told()
        except SentAway as end:
            return end.code


class NativeSeat(Seat):
    """Over the native protocol."""

    def __init__(self, socket: ClientConnection, shown: str | None) -> None:
        self.talk = Talk(socket)
        self.shown = shown
        self._version = 0
        self.author = ""
        self._seq = 0

    async def hear(self, *types: str) -> Json:
        try:
            message = await self.talk.hear(*types)
        except ConnectionClosed as closed:
            raise _sent_away(closed) from None
        if message["type"] == "edits":
            self._version = message["edits"][-1]["version"]
        return message

    async def join(self) -> str:
        fields = {} if self.shown is None else {"token": self.shown}
        await self.talk.say("hello", client=new_client(), **fields)
        welcome = await self.hear("welcome")
        self._version, self.author = welcome["version"], welcome["author"]
        return str(welcome["access"])

    async def told(self) -> str:
        return str((await self.hear("access"))["access"])

    async def submit(self, text: str) -> None:
        """Send an edit that writes at the beginning."""
        self._seq += 1
        await self.talk.edit(self._seq, self._version, [{"insert": text}])

    async def write(self, text: str) -> bool:
        await self.submit(text)
        while True:
            message = await self.hear("edits", "error")
            if message["type"] == "error":
                assert (message["code"], message["seq"]) == ("not_allowed", self._seq)
                return False
            if any((e["author"], e["seq"]) == (self.author, self._seq) for e in message["edits"]):
                return True

    async def hear_text(self) -> str:
        message = await self.hear("edits")
        inserted = (op.get("insert", "") for edit in message["edits"] for op in edit["operation"])
        return "".join(inserted)


class YjsSeat(Seat):
    """Over y-websocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.doc = pycrdt.Doc[Any]()
        self._text = self.doc.get(_ROOT, type=pycrdt.Text)
        self.socket = socket

    async def say(self, message: hocuspocus.ClientMessage) -> None:
        try:
            await self.socket.send(self._encode(message))
        except ConnectionClosed as closed:
            raise _sent_away(closed) from None

    def _encode(self, message: Any) -> bytes:
        return ywebsocket.encode(message)

    def _decode(self, frame: bytes) -> object:
        return ywebsocket.decode_server(frame)

    async def hear(self, *kinds: type[Any]) -> Any:
        """The next message of one of these kinds; raises SentAway."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while True:
                try:
                    frame = await self.socket.recv()
                except ConnectionClosed as closed:
                    raise _sent_away(closed) from None
                assert isinstance(frame, bytes)
                message = self._decode(frame)
                if isinstance(message, kinds):
                    return message

    async def join(self) -> str:
        await self.say(ywebsocket.SyncStep1(EMPTY_VECTOR))
        self.doc.apply_update((await self.hear(ywebsocket.SyncStep2)).update)
        return "read"  # whether more, is not told

    async def told(self) -> str:
        message = await self.hear(ywebsocket.AuthDenied, ywebsocket.SyncStep1)
        if isinstance(message, ywebsocket.AuthDenied):
            assert message.reason.startswith("not_allowed: ")
            return "read"
        await self.answer(message)
        return "write"

    async def answer(self, asked: ywebsocket.SyncStep1) -> None:
        await self.say(ywebsocket.SyncStep2(self.doc.get_update(asked.state_vector)))

    def change(self, text: str) -> bytes:
        """Type here; the update that tells of it."""
        before = self.doc.get_state()
        self._text.insert(0, text)
        return self.doc.get_update(before)

    async def write(self, text: str) -> bool:
        await self.say(ywebsocket.SyncUpdate(self.change(text)))
        return await self.saved(text)

    async def saved(self, text: str) -> bool:
        """Whether what was typed has come back, or has been refused."""
        while True:
            message = await self.hear(ywebsocket.SyncUpdate, ywebsocket.AuthDenied)
            if isinstance(message, ywebsocket.AuthDenied):
                return False
            if text.encode() in message.update:
                return True

    async def hear_text(self) -> str:
        before = str(self._text)
        self.doc.apply_update((await self.hear(ywebsocket.SyncUpdate)).update)
        after = str(self._text)
        return after.removesuffix(before)


class HocuspocusSeat(YjsSeat):
    """Over Hocuspocus, alone on its socket."""

    def __init__(self, socket: ClientConnection, document: str, shown: str | None) -> None:
        super().__init__(socket)
        self._document = document
        self._refused = 0
        self.shown = shown

    def _encode(self, message: Any) -> bytes:
        return hocuspocus.encode(self._document, message)

    def _decode(self, frame: bytes) -> object:
        message = hocuspocus.decode_server(frame)
        assert isinstance(message, hocuspocus.FromServer)
        assert message.address == self._document
        return message.message

    async def join(self) -> str:
        await self.say(hocuspocus.Token(self.shown or ""))
        right = await self._scope()
        await super().join()
        return right

    async def _scope(self) -> str:
        message = await self.hear(hocuspocus.Authenticated, hocuspocus.PermissionDenied)
        if isinstance(message, hocuspocus.PermissionDenied):
            code = _CODES[message.reason.partition(":")[0]]
            raise SentAway(code, message.reason)
        return {hocuspocus.READONLY: "read", hocuspocus.READ_WRITE: "write"}[message.scope]

    async def told(self) -> str:
        right = await self._scope()
        # What was refused is asked for again, each time: the provider counts.
        while right == "write" and self._refused:
            await self.answer(await self.hear(ywebsocket.SyncStep1))
            assert (await self.hear(hocuspocus.SyncStatus)).durable
            self._refused -= 1
        return right

    async def saved(self, text: str) -> bool:
        status: hocuspocus.SyncStatus = await self.hear(hocuspocus.SyncStatus)
        self._refused += not status.durable
        return status.durable

    async def closed(self) -> int:
        """The code that the socket itself is closed with."""
        try:
            while True:
                await self.hear(object)
        except SentAway as end:
            return end.code


class EventsSeat(Seat):
    """Over Server-Sent Events: it only ever reads."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._lines = answer.aiter_lines()

    async def hear(self) -> tuple[str, Json]:
        """The next event and its data."""
        with anyio.fail_after(PATIENCE_SECONDS):
            event = ""
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if field == "event":
                    event = value
                elif field == "data":
                    return event, json.loads(value)
        raise SentAway(1006)

    async def join(self) -> str:
        if self._answer.status_code != 200:
            raise SentAway(4000 + self._answer.status_code)
        event, welcome = await self.hear()
        assert event == "welcome"
        return str(welcome["access"])

    async def told(self) -> str:
        while True:
            event, data = await self.hear()
            if event == "goodbye":
                raise SentAway(_CODES[data["code"]])
            if event == "access":
                return str(data["access"])

    async def write(self, text: str) -> bool:
        raise NotImplementedError("it only reads")

    async def hear_text(self) -> str:
        while True:
            event, data = await self.hear()
            if event == "edits":
                ops = [op for edit in data["edits"] for op in edit["operation"]]
                return "".join(op.get("insert", "") for op in ops)


def seat(
    server: ServerProcess,
    kind: str,
    document: str,
    shown: str | None,
    handshake: Shown | None = None,
) -> AbstractAsyncContextManager[Any]:
    """A seat of this kind, before it joins; the token is where the protocol has a place for it,
    or in the handshake if that is given."""
    said = shown if handshake is None else None
    at = handshake or Shown()

    @asynccontextmanager
    async def native_seat() -> AsyncIterator[NativeSeat]:
        path = f"/v1/documents/{document}/socket"
        async with dialled(server, path, at, native.SUBPROTOCOL) as socket:
            yield NativeSeat(socket, said)

    @asynccontextmanager
    async def yjs_seat() -> AsyncIterator[YjsSeat]:
        place = Shown(query=said) if handshake is None else at
        protocol = YJS_SUBPROTOCOL if place.subprotocol else None
        async with dialled(server, f"/yjs/{document}", place, protocol) as socket:
            yield YjsSeat(socket)

    @asynccontextmanager
    async def hocuspocus_seat() -> AsyncIterator[HocuspocusSeat]:
        protocol = YJS_SUBPROTOCOL if at.subprotocol else None
        async with dialled(server, "/hocuspocus", at, protocol) as socket:
            yield HocuspocusSeat(socket, document, said)

    @asynccontextmanager
    async def events_seat() -> AsyncIterator[EventsSeat]:
        async with (
            visiting(server, shown) as client,
            client.stream("GET", f"/v1/documents/{document}/events") as answer,
        ):
            yield EventsSeat(answer)

    kinds: dict[str, Any] = {
        "native": native_seat,
        "yjs": yjs_seat,
        "hocuspocus": hocuspocus_seat,
        "events": events_seat,
    }
    made: AbstractAsyncContextManager[Any] = kinds[kind]()
    return made


def type_for(kind: str) -> str:
    """The type of the documents that a kind of seat can be at and write to."""
    return "yjs" if kind in ("yjs", "hocuspocus") else "text"


def _sent_away(closed: ConnectionClosed) -> SentAway:
    if closed.rcvd is None:
        return SentAway(1006)
    return SentAway(closed.rcvd.code, closed.rcvd.reason)
