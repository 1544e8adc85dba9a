"""The endpoint of npm's `@hocuspocus/provider`: many documents on one socket.

Owns which frame belongs to which document, and what happens to the socket when a document ends. A
document is made on first use where the caller may write. Knows nothing of updates.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack

import anyio
from anyio.abc import TaskGroup
from fastapi import FastAPI
from starlette.websockets import WebSocket

from collab.authorizer import Standing
from collab.errors import (
    CollabError,
    DocumentNotFound,
    HelloTimeout,
    NotAllowed,
    NotSignedIn,
    TooManyDocuments,
)
from collab.hocuspocus_peer import HocuspocusPeer
from collab.metrics import reject
from collab.peer import Disconnected
from collab.protocols import hocuspocus
from collab.registry import Registry
from collab.settings import Settings
from collab.web.admission import admit, token_of
from collab.web.connections import Connections
from collab.web.trials import tried
from collab.web.wires import BinaryWire, converse
from collab.web.ywebsocket import SUBPROTOCOL
from collab.words import Access
from collab.yjs_peer import Heard

# Messages that wait for their document before the socket is no longer read.
_WAITING_MESSAGES = 64
_REVOKED = NotSignedIn | NotAllowed


class Channel:
    """One document's part of the socket, as its peer's wire."""

    def __init__(self, address: str, wire: BinaryWire) -> None:
        self.address = address
        self.peer: HocuspocusPeer | None = None
        self.standing: Standing | None = None
        self._wire = wire
        self._waiting: deque[Heard] = deque()
        self._changed = anyio.Event()
        self._closed = False

    async def put(self, message: Heard) -> None:
        """Hand over a message; waits while too many wait."""
        while len(self._waiting) >= _WAITING_MESSAGES and not self._closed:
            await self._changed.wait()
        self._waiting.append(message)
        self._signal()

    def close(self) -> None:
        """The client has left the document, or the document the client."""
        self._closed = True
        self._signal()

    async def receive(self) -> Heard:
        while not self._waiting:
            if self._closed:
                raise Disconnected
            await self._changed.wait()
        message = self._waiting.popleft()
        self._signal()
        return message

    async def send(self, frame: bytes) -> None:
        await self._wire.send(hocuspocus.under(self.address, frame))

    def _signal(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class Conversation:
    """What goes on over one socket."""

    def __init__(self, websocket: WebSocket) -> None:
        state = self._state = websocket.app.state
        self._wire = BinaryWire(websocket)
        self._registry: Registry = state.registry
        self._settings: Settings = state.settings
        self._connections: Connections = state.connections
        self._handshake_token = token_of(websocket)
        self._channels: dict[str, Channel] = {}
        self._denied: set[str] = set()
        self._users: set[str | None] = set()
        self._counted = ExitStack()
        self._failure: CollabError | None = None

    async def talk(self) -> None:
        """Serve until the client leaves; raises why the socket has to be closed."""
        with self._counted:
            await self._talk()
        if self._failure is not None:
            raise self._failure

    async def _talk(self) -> None:
        first = await self._first()
        async with anyio.create_task_group() as tasks:
            try:
                await self._route(first, tasks)
                while True:
                    await self._route(await self._wire.receive(), tasks)
            except Disconnected:
                pass
            except CollabError as error:
                self._failure = error
            finally:
                tasks.cancel_scope.cancel()

    async def _first(self) -> bytes:
        seconds = self._settings.hello_seconds
        with anyio.move_on_after(seconds):
            return await self._wire.receive()
        raise HelloTimeout(f"nothing was said within {seconds:g} seconds")

    async def _route(self, frame: bytes, tasks: TaskGroup) -> None:
        match hocuspocus.decode_client(frame):
            case hocuspocus.Ping():
                await self._wire.send(hocuspocus.encode_pong())
            case hocuspocus.FromClient(address=address, message=message):
                await self._hand_over(address, message, tasks)

    async def _hand_over(self, address: str, message: Heard, tasks: TaskGroup) -> None:
        channel = self._channels.get(address)
        match message:
            case hocuspocus.Leave():
                if channel is not None:
                    # Forgotten at once: its next token opens the document anew.
                    del self._channels[address]
                    channel.close()
            case hocuspocus.Token(token=token):
                if channel is None:
                    self._denied.discard(address)
                    self._open(address, token, tasks)
                elif channel.peer is not None:
                    await self._renew(channel, channel.peer, token)
            case _ if address in self._denied:
                return  # it was said before the client heard of the denial
            case _:
                # 2.x sends no token if it has none, or has it in the URL.
                channel = channel or self._open(address, "", tasks)
                await channel.put(await tried(message, self._state))

    def _open(self, address: str, token: str, tasks: TaskGroup) -> Channel:
        limit = self._settings.documents_per_socket
        if len(self._channels) >= limit:
            raise TooManyDocuments(f"a socket has at most {limit} documents", retry_after=1)
        channel = self._channels[address] = Channel(address, self._wire)
        tasks.start_soon(self._serve, channel, token or self._handshake_token, tasks)
        return channel

    async def _serve(self, channel: Channel, token: str | None, tasks: TaskGroup) -> None:
        try:
            await self._serve_document(channel, token)
        except Disconnected:
            pass
        except CollabError as error:
            if channel.peer is None:
                await self._deny(channel, error)
            elif isinstance(error, DocumentNotFound | _REVOKED):
                await self._deny(channel, error)
                if len(self._channels) == 1 and isinstance(error, _REVOKED):
                    self._fail(error, tasks)
            else:
                # All its documents come back on a new socket; one alone could not with 4.x.
                self._fail(error, tasks)
        finally:
            channel.close()
            if self._channels.get(channel.address) is channel:
                del self._channels[channel.address]

    def _fail(self, error: CollabError, tasks: TaskGroup) -> None:
        self._failure = self._failure or error
        tasks.cancel_scope.cancel()

    async def _serve_document(self, channel: Channel, token: str | None) -> None:
        id, _ = hocuspocus.split_address(channel.address)
        standing = await admit(self._state, token, id)
        principal = standing.principal
        create = "yjs" if standing.permits(Access.WRITE) else None
        self._count(principal.user)
        async with self._registry.open(id, create=create) as session:
            standing.check(Access.READ)  # it may have changed while the document opened
            peer = HocuspocusPeer(
                session,
                channel,
                user=principal.user,
                name=principal.name,
                access=standing.access,
                settings=self._settings,
            )
            standing.tell(peer)
            channel.peer, channel.standing = peer, standing
            await peer.run()

    def _count(self, user: str | None) -> None:
        """Count the socket for a user once, however many documents it holds open for them."""
        if user not in self._users:
            self._counted.enter_context(self._connections.user(user))
            self._users.add(user)

    async def _renew(self, channel: Channel, peer: HocuspocusPeer, token: str) -> None:
        """Go on with another token of the same user, without interruption."""
        id, _ = hocuspocus.split_address(channel.address)
        try:
            standing = await admit(self._state, token or self._handshake_token, id)
            if standing.principal.user != peer.user:
                raise NotAllowed("a token of somebody else: leave the document first")
        except CollabError as error:
            peer.end(error)
            return
        assert channel.standing is not None
        channel.standing.tell(None)
        standing.tell(peer)
        channel.standing = standing
        peer.confirm(standing.access)

    async def _deny(self, channel: Channel, error: CollabError) -> None:
        reject("connection", error.code)
        if len(self._denied) < self._settings.documents_per_socket:
            self._denied.add(channel.address)
        denial = hocuspocus.PermissionDenied(f"{error.code}: {error}")
        try:
            await channel.send(hocuspocus.encode_body(denial))
        except Disconnected:
            return


async def hocuspocus_socket(websocket: WebSocket) -> None:
    """Serve one connection."""
    await converse(websocket, lambda: Conversation(websocket).talk(), subprotocols=[SUBPROTOCOL])


def install(app: FastAPI) -> None:
    """Add the endpoint."""
    app.router.add_websocket_route("/hocuspocus", hocuspocus_socket, "hocuspocus")
