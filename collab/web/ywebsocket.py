"""The endpoint of npm's `y-websocket`: one document a socket, its name in the path.

The document is made on first use where the caller may write. Knows nothing of updates.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
from fastapi import FastAPI
from starlette.websockets import WebSocket

from collab.connection import Connection
from collab.errors import CollabError, Quarantined
from collab.fanout import Outlet
from collab.peer import Wire
from collab.protocols import ywebsocket
from collab.protocols.native import CloseCode
from collab.registry import Registry
from collab.web.admission import admit, token_of
from collab.web.closing import close_code
from collab.web.connections import Connections, breathe
from collab.web.trials import is_tried, tried
from collab.web.wires import BinaryWire, converse, route
from collab.words import Access
from collab.yjs_peer import Heard, YjsPeer

# Newer providers take 4400 to 4499 as final; these pass.
_PASSING = frozenset({CloseCode.HELLO_TIMEOUT, CloseCode.TOO_FAST})

_LINGER_SECONDS = 3.0

SUBPROTOCOL = "collab.yjs"
"""For clients that send their token as a subprotocol: a browser wants one of its own accepted."""


class YWebsocketWire(Wire[Heard, bytes]):
    """A websocket whose frames are heard decoded."""

    def __init__(self, websocket: WebSocket) -> None:
        self._wire = BinaryWire(websocket)
        self._state = websocket.app.state

    async def receive(self) -> Heard:
        return await tried(ywebsocket.decode_client(await self._wire.receive()), self._state)

    async def hear(self, take: Callable[[Heard], bool]) -> None:
        large: list[Heard] = []

        def take_decoded(frame: bytes) -> bool:
            message = ywebsocket.decode_client(frame)
            if is_tried(message):
                large.append(message)
                return False
            return take(message)

        await self._wire.hear(take_decoded)
        for message in large:
            take(await tried(message, self._state))

    async def send(self, frame: bytes) -> None:
        await self._wire.send(frame)

    @property
    def pack(self) -> Callable[[bytes], bytes]:
        return self._wire.pack

    @property
    def outlet(self) -> Outlet:
        return self._wire.outlet

    @property
    def waiting_bytes(self) -> int | None:
        return self._wire.waiting_bytes


async def yjs_socket(websocket: WebSocket) -> None:
    """Serve one connection."""

    async def talk(connection: Connection) -> None:
        state = websocket.app.state
        registry: Registry = state.registry
        connections: Connections = state.connections
        id: str = websocket.path_params["id"]
        try:
            standing = await admit(state, token_of(websocket), id)
        except Quarantined:
            await _linger(websocket)
            raise
        principal = standing.principal
        create = "yjs" if standing.permits(Access.WRITE) else None
        with (
            connections.user(principal.user),
            connections.share(principal.user, connection.address) as share,
        ):
            await breathe(share)
            async with registry.open(id, create=create) as session:
                standing.check(Access.READ)  # it may have changed while the document opened
                peer = YjsPeer(
                    session,
                    YWebsocketWire(websocket),
                    user=principal.user,
                    name=principal.name,
                    access=standing.access,
                    settings=state.settings,
                    connection=connection,
                    share=share,
                )
                standing.tell(peer)
                await peer.run()

    await converse(websocket, talk, subprotocols=[SUBPROTOCOL], code_of=_code)


async def _linger(websocket: WebSocket) -> None:
    """Let the client wait here, where it costs little: a provider that is closed comes back within
    a tenth of a second, whatever the code, and so would everybody who was at the document."""
    wire = BinaryWire(websocket)
    with anyio.move_on_after(_LINGER_SECONDS):
        while True:
            await wire.receive()


def _code(error: CollabError) -> int:
    code = close_code(error)
    return CloseCode.TRY_LATER if code in _PASSING else code


def install(app: FastAPI) -> None:
    """Add the endpoint, before those of HTTP, which are many."""
    app.router.routes.insert(0, route("/yjs/{id:path}", yjs_socket, "yjs"))
