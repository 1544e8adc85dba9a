"""The endpoint of npm's `@hocuspocus/provider`: many documents on one socket.

Owns which frame belongs to which document, and what happens to the socket when a document ends. A
document is made on first use where the caller may write. Knows nothing of updates.
"""

from __future__ import annotations

from contextlib import ExitStack
from time import monotonic
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup
from fastapi import FastAPI
from starlette.websockets import WebSocket

from collab.connection import Connection
from collab.errors import (
    CollabError,
    DocumentNotFound,
    HelloTimeout,
    Malformed,
    NotAllowed,
    NotSignedIn,
    Quarantined,
    TooManyDocuments,
)
from collab.hocuspocus_peer import HocuspocusPeer
from collab.metrics import reject
from collab.pace import Pace
from collab.peer import Disconnected
from collab.protocols import hocuspocus
from collab.registry import Registry
from collab.settings import Settings
from collab.shares import Lent, Share
from collab.web.admission import admit, token_of
from collab.web.channel import Backlog, Channel
from collab.web.connections import Connections, breathe
from collab.web.wires import BinaryWire, converse, route
from collab.web.ywebsocket import SUBPROTOCOL
from collab.words import Access
from collab.yjs_peer import Heard

# An address goes before every frame. Ids have 200 characters, providers' sessions some ten.
_MAX_ADDRESS = 1000
_REVOKED = NotSignedIn | NotAllowed

_Framed: TypeAlias = tuple[hocuspocus.Decoded, int]
"""What a frame says, and its bytes."""


class Conversation:
    """What goes on over one socket."""

    def __init__(self, websocket: WebSocket, connection: Connection) -> None:
        self._connection = connection
        state = self._state = websocket.app.state
        self._wire = BinaryWire(websocket)
        self._registry: Registry = state.registry
        self._settings: Settings = state.settings
        self._connections: Connections = state.connections
        self._handshake_token = token_of(websocket)
        self._channels: dict[str, Channel] = {}
        self._running = 0  # those included that the client has left and that are not done
        self._backlog = Backlog()
        self._tokens = Pace(self._settings.presence_per_second)
        self._denied: set[str] = set()
        self._users: set[str | None] = set()
        self._counted = ExitStack()
        self._lent: dict[tuple[str | None, str], Lent] = {}
        self._failure: CollabError | None = None
        self._kept: _Framed | None = None

    async def talk(self) -> None:
        """Serve until the client leaves; raises why the socket has to be closed."""
        with self._counted:
            try:
                await self._talk()
            finally:
                self._give_back()
        if self._failure is not None:
            raise self._failure

    async def _talk(self) -> None:
        first = await self._first()
        async with anyio.create_task_group() as tasks:
            try:
                await self._route(*first, tasks)
                while True:
                    await self._wire.hear(self._take)
                    kept, self._kept = self._kept, None
                    if kept is not None:
                        await self._route(*kept, tasks)
            except Disconnected:
                pass
            except CollabError as error:
                self._failure = error
            finally:
                tasks.cancel_scope.cancel()

    async def _first(self) -> _Framed:
        """The first frame that is about a document: a ping says nothing of who the client is."""
        seconds = self._settings.hello_seconds
        with anyio.move_on_after(seconds):
            while True:
                frame = await self._wire.receive()
                heard = hocuspocus.decode_client(frame)
                if isinstance(heard, hocuspocus.FromClient):
                    return heard, len(frame)
                await self._answer_ping(heard)
        raise HelloTimeout(f"nothing was said within {seconds:g} seconds")

    def _take(self, frame: bytes) -> bool:
        """Hand a frame over at once, or keep what it says for `_route`."""
        heard = hocuspocus.decode_client(frame)
        if isinstance(heard, hocuspocus.FromClient):
            channel = self._channels.get(heard.address)
            if (
                channel is not None
                and not isinstance(heard.message, hocuspocus.Leave | hocuspocus.Token)
                and heard.address not in self._denied
                and channel.offer(heard.message)
            ):
                return True
        self._kept = heard, len(frame)
        return False

    async def _route(self, heard: hocuspocus.Decoded, size: int, tasks: TaskGroup) -> None:
        match heard:
            case hocuspocus.FromClient(address=address, message=message):
                if len(address) > _MAX_ADDRESS:
                    raise Malformed(f"an address has at most {_MAX_ADDRESS} characters")
                await self._hand_over(address, message, size, tasks)
            case _:
                await self._answer_ping(heard)

    async def _answer_ping(self, heard: hocuspocus.Ping | hocuspocus.Pong) -> None:
        if isinstance(heard, hocuspocus.Ping):
            await self._wire.send(hocuspocus.encode_pong())

    async def _hand_over(self, address: str, message: Heard, size: int, tasks: TaskGroup) -> None:
        channel = self._channels.get(address)
        match message:
            case hocuspocus.Leave():
                if channel is not None:
                    # Forgotten at once: its next token opens the document anew.
                    del self._channels[address]
                    channel.close()
            case hocuspocus.Token(token=token):
                self._count_token()
                if channel is None:
                    self._denied.discard(address)
                    self._open(address, token, tasks)
                elif channel.peer is not None:
                    await self._renew(channel, channel.peer, token)
            case _ if address in self._denied:
                return  # it was said before the client heard of the denial
            case _:
                if channel is None:
                    # 2.x sends no token if it has none, or has it in the URL.
                    self._count_token()
                    channel = self._open(address, "", tasks)
                await channel.put(message, size)

    def _open(self, address: str, token: str, tasks: TaskGroup) -> Channel:
        limit = self._settings.documents_per_socket
        if len(self._channels) >= limit or self._running >= 2 * limit:
            raise TooManyDocuments(f"a socket has at most {limit} documents", retry_after=1)
        channel = Channel(address, self._wire, self._backlog, self._state)
        self._channels[address] = channel
        self._running += 1
        tasks.start_soon(self._serve, channel, token or self._handshake_token, tasks)
        return channel

    def _count_token(self) -> None:
        wait = self._tokens.wait(monotonic())
        if wait:
            raise TooManyDocuments("more tokens and openings than one may send", wait)

    async def _serve(self, channel: Channel, token: str | None, tasks: TaskGroup) -> None:
        try:
            await self._serve_document(channel, token)
        except Disconnected:
            pass
        except CollabError as error:
            error.with_traceback(None)  # whose frames lead to the peer, which keeps the error
            if channel.peer is None:
                await self._deny(channel, error)
            elif isinstance(error, DocumentNotFound | Quarantined | _REVOKED):
                await self._deny(channel, error)
                if len(self._channels) == 1 and isinstance(error, _REVOKED):
                    self._fail(error, tasks)
            else:
                # All its documents come back on a new socket; one alone could not with 4.x.
                self._fail(error, tasks)
        finally:
            self._running -= 1
            channel.drop()
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
        share = self._share(principal.user, id)
        await breathe(share)
        async with self._registry.open(id, create=create) as session:
            standing.check(Access.READ)  # it may have changed while the document opened
            peer = HocuspocusPeer(
                session,
                channel,
                user=principal.user,
                name=principal.name,
                access=standing.access,
                settings=self._settings,
                connection=self._connection,
                share=share,
            )
            standing.tell(peer)
            channel.peer, channel.standing = peer, standing
            await peer.run()

    def _share(self, user: str | None, id: str) -> Share:
        """What may be sent to a document: who leaves it and comes back gets no new share."""
        key = user, id
        lent = self._lent.get(key)
        if lent is None:
            if len(self._lent) >= 2 * self._settings.documents_per_socket:
                self._give_back()
            lent = self._lent[key] = self._connections.share(user, self._connection.address)
        return lent.share

    def _give_back(self) -> None:
        """Have what is left of the shares remembered with their users, who get it back first."""
        for lent in self._lent.values():
            lent.give_back()
        self._lent.clear()

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

    async def talk(connection: Connection) -> None:
        await Conversation(websocket, connection).talk()

    await converse(websocket, talk, subprotocols=[SUBPROTOCOL])


def install(app: FastAPI) -> None:
    """Add the endpoint, before those of HTTP, which are many."""
    app.router.routes.insert(0, route("/hocuspocus", hocuspocus_socket, "hocuspocus"))
