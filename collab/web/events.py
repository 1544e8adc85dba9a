"""The ordered stream as Server-Sent Events, for networks that block websockets.

Owns how frames become events: a native `Peer` that never sends does the rest, so both streams carry
the same. `id` is always the state one goes on from, `epoch:version`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated, Any

import anyio
import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from starlette.types import Receive, Scope, Send

from collab.authorizer import Standing
from collab.connection import Connection
from collab.errors import CollabError
from collab.native_peer import NativePeer
from collab.peer import Disconnected, Wire
from collab.protocols import native
from collab.registry import Registry
from collab.session import Session
from collab.settings import Settings
from collab.web.answers import head_text, parse_head
from collab.web.connection_log import connected, refused
from collab.web.connections import Connections
from collab.web.dependencies import DocumentId, Reader, TheRegistry, TheSettings
from collab.words import Access, Head

router = APIRouter(prefix="/v1/documents/{id}", tags=["events"])

HEARTBEAT_SECONDS = 15.0

_MEDIA_TYPE = "text/event-stream"
_HEARTBEAT = b": still here\n\n"
# Frames after which the reader's place in the log is another one.
_MOVING = frozenset({"welcome", "reset", "edits"})
_TYPE_STARTS = len('{"type":"')


class Goodbye(msgspec.Struct, frozen=True, tag="goodbye", tag_field="type"):
    """The last event: why the stream ends. With `retry_after` (seconds) connect again, then."""

    code: str
    message: str
    retry_after: float | None


@router.get(
    "/events",
    response_class=Response,
    responses={
        200: {
            "description": "Events `welcome`, `edits`, `presence`, `message`, `access`, `reset`, "
            "`goodbye`; their data are the frames of the websocket protocol.",
            "content": {_MEDIA_TYPE: {"schema": {"type": "string"}}},
        }
    },
)
async def follow_events(
    id: DocumentId,
    request: Request,
    registry: TheRegistry,
    settings: TheSettings,
    caller: Reader,
    since: Annotated[int | None, Query(ge=0, le=native.MAX_INTEGER)] = None,
    epoch: Annotated[str | None, Query(max_length=64)] = None,
    last_event_id: Annotated[
        str | None, Header(description="The `id` of the last event seen; counts before `since`.")
    ] = None,
) -> Response:
    """Follow the document: what is in it, then everything that happens to it."""
    if last_event_id:
        head = parse_head(last_event_id)
        epoch, since = head.epoch, head.version
    connections: Connections = request.app.state.connections
    return EventStream(registry, settings, connections, caller.standing, epoch, since)


class EventStream(Response):
    """A response that lasts until the reader leaves or the session ends."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        connections: Connections,
        standing: Standing,
        epoch: str | None,
        since: int | None,
    ) -> None:
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, media_type=_MEDIA_TYPE
        )
        del self.headers["content-length"]
        self._registry = registry
        self._settings = settings
        self._connections = connections
        self._standing = standing
        self._epoch = epoch
        self._since = since

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # What refuses the reader does so before the response has started.
        standing = self._standing
        client = scope.get("client")
        address = client and client[0]
        with (
            self._connections.address(address),
            self._connections.user(standing.principal.user),
        ):
            async with self._registry.open(standing.document) as session:
                standing.check(Access.READ)  # it may have changed while the document opened
                wire = EventWire(receive, send, self.raw_headers)
                with connected("events", address) as connection:
                    peer = self._peer(session, wire, connection)
                    wire.place = lambda: head_text(Head(session.epoch, peer.cursor))
                    standing.tell(_ReadersRight(peer))
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(_keep_alive, wire)
                        await _serve(peer, wire)
                        tasks.cancel_scope.cancel()

    def _peer(self, session: Session, wire: EventWire, connection: Connection) -> NativePeer:
        epoch = session.epoch if self._epoch is None else self._epoch
        hello = native.Hello(
            client=secrets.token_hex(16),
            epoch=None if self._since is None else epoch,
            version=self._since,
        )
        return NativePeer(
            session,
            wire,
            hello,
            user=self._standing.principal.user,
            access=Access.READ,
            settings=self._settings,
            connection=connection,
        )


class _ReadersRight:
    """The standing's holder for a stream: whoever reads it can never do more over it."""

    def __init__(self, peer: NativePeer) -> None:
        self._peer = peer

    def change_access(self, access: Access) -> None:
        """It still includes reading."""

    def end(self, error: CollabError) -> None:
        self._peer.end(error)


async def _keep_alive(wire: EventWire) -> None:
    """Keep the connection from looking dead."""
    try:
        while True:
            await anyio.sleep(HEARTBEAT_SECONDS)
            await wire.beat()
    except Disconnected:
        return  # the peer's reader hears of it too


async def _serve(peer: NativePeer, wire: EventWire) -> None:
    try:
        await peer.run()
    except CollabError as error:
        refused(error)
        with anyio.move_on_after(2):
            await wire.close(error)


class EventWire(Wire[str, str]):
    """An HTTP response as the peer's wire: it only ever sends."""

    def __init__(self, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self.place: Callable[[], str] = str
        self._receive = receive
        self._send = send
        self._headers = headers
        self._started = False

    async def receive(self) -> str:
        """Wait until the reader is gone: there is nothing else to hear from it."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise Disconnected

    async def send(self, frame: str) -> None:
        kind = frame[_TYPE_STARTS : frame.index('"', _TYPE_STARTS)]
        if kind == "goodbye":
            return  # `close` says it, with the reason
        place = f"id: {self.place()}\n" if kind in _MOVING else ""
        await self._write(f"event: {kind}\n{place}data: {frame}\n\n".encode())

    async def beat(self) -> None:
        """Send a comment, once there is a response to send it in."""
        if self._started:
            await self._write(_HEARTBEAT)

    async def close(self, reason: CollabError) -> None:
        """Say why it ends, and end the response."""
        retry_after = getattr(reason, "retry_after", None)
        goodbye = Goodbye(reason.code, str(reason), retry_after)
        data = msgspec.json.encode(goodbye).decode()
        try:
            await self._write(f"event: goodbye\ndata: {data}\n\n".encode())
            await self._send_message({"type": "http.response.body", "body": b""})
        except Disconnected:
            return

    async def _write(self, event: bytes) -> None:
        if not self._started:
            self._started = True
            await self._send_message(
                {"type": "http.response.start", "status": 200, "headers": self._headers}
            )
        await self._send_message({"type": "http.response.body", "body": event, "more_body": True})

    async def _send_message(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError:
            raise Disconnected from None
