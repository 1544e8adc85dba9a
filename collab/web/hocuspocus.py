"""The endpoint of npm's `@hocuspocus/provider`: many documents on one socket.

Owns which frame belongs to which document, and what happens to the socket when a document ends. A
document is made on first use where the caller may write. Knows nothing of updates.
"""

from __future__ import annotations

from collections import deque

import anyio
from anyio.abc import TaskGroup
from fastapi import FastAPI
from starlette.websockets import WebSocket

from collab.errors import CollabError, DocumentNotFound, HelloTimeout, TooFast
from collab.peer import Disconnected
from collab.protocols import hocuspocus
from collab.registry import Registry
from collab.settings import Settings
from collab.web.auth import Authenticator, Principal, bearer
from collab.web.trials import tried
from collab.web.wires import BinaryWire, converse
from collab.words import Access, check_document_id
from collab.yjs_peer import Heard, HocuspocusPeer

# Documents that one socket may hold open.
_MAX_DOCUMENTS = 100
# Messages that wait for their document before the socket is no longer read.
_WAITING_MESSAGES = 64


class Channel:
    """One document's part of the socket, as its peer's wire."""

    def __init__(self, address: str, wire: BinaryWire) -> None:
        self.address = address
        self.authenticated = False
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
        self._auth: Authenticator = state.auth
        self._url_token = websocket.query_params.get("token") or bearer(websocket.headers)
        self._channels: dict[str, Channel] = {}
        self._denied: set[str] = set()
        self._failure: CollabError | None = None

    async def talk(self) -> None:
        """Serve until the client leaves; raises why the socket has to be closed."""
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
        if self._failure is not None:
            raise self._failure

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
            case _ if address in self._denied:
                return  # it was said before the client heard of the denial
            case _:
                # 2.x sends no token if it has none, or has it in the URL.
                channel = channel or self._open(address, "", tasks)
                await channel.put(await tried(message, self._state))

    def _open(self, address: str, token: str, tasks: TaskGroup) -> Channel:
        if len(self._channels) >= _MAX_DOCUMENTS:
            raise TooFast(f"a socket has at most {_MAX_DOCUMENTS} documents", retry_after=1)
        channel = self._channels[address] = Channel(address, self._wire)
        tasks.start_soon(self._serve, channel, token or self._url_token, tasks)
        return channel

    async def _serve(self, channel: Channel, token: str | None, tasks: TaskGroup) -> None:
        try:
            await self._serve_document(channel, token)
        except Disconnected:
            pass
        except CollabError as error:
            if channel.authenticated and not isinstance(error, DocumentNotFound):
                # All its documents come back on a new socket; one alone could not with 4.x.
                self._failure = self._failure or error
                tasks.cancel_scope.cancel()
            else:
                await self._deny(channel, error)
        finally:
            channel.close()
            if self._channels.get(channel.address) is channel:
                del self._channels[channel.address]

    async def _serve_document(self, channel: Channel, token: str | None) -> None:
        name, _ = hocuspocus.split_address(channel.address)
        id = check_document_id(name)
        principal: Principal = self._auth.authenticate(token)
        access = principal.access(id)
        if access < Access.READ:
            raise DocumentNotFound
        writes = access >= Access.WRITE
        async with self._registry.open(id, create="yjs" if writes else None) as session:
            peer = HocuspocusPeer(
                session,
                channel,
                user=principal.user,
                access=access,
                settings=self._settings,
            )
            scope = hocuspocus.READ_WRITE if writes else hocuspocus.READONLY
            await channel.send(hocuspocus.encode_body(hocuspocus.Authenticated(scope)))
            channel.authenticated = True
            await peer.run()

    async def _deny(self, channel: Channel, error: CollabError) -> None:
        if len(self._denied) < _MAX_DOCUMENTS:
            self._denied.add(channel.address)
        denial = hocuspocus.PermissionDenied(f"{error.code}: {error}")
        try:
            await channel.send(hocuspocus.encode_body(denial))
        except Disconnected:
            return


async def hocuspocus_socket(websocket: WebSocket) -> None:
    """Serve one connection."""
    await converse(websocket, lambda: Conversation(websocket).talk())


def install(app: FastAPI) -> None:
    """Add the endpoint."""
    app.router.add_websocket_route("/hocuspocus", hocuspocus_socket, "hocuspocus")
