"""The native protocol's websocket endpoint: hello, who it is; then a `NativePeer` takes over.

Knows nothing of edits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from fastapi import FastAPI
from starlette.websockets import WebSocket

from collab.authorizer import Standing
from collab.connection import NOWHERE, Connection
from collab.errors import HelloTimeout, NotSignedIn, WrongType
from collab.native_peer import NativePeer
from collab.peer import Wire
from collab.protocols import native
from collab.registry import Registry
from collab.settings import Settings
from collab.web.admission import admit, token_of
from collab.web.connections import Connections, breathe
from collab.web.wires import TextWire, converse, route
from collab.words import Access, check_client_id, check_document_id

# Types that are edited over this protocol.
_TYPES = frozenset({"text", "richtext"})


async def document_socket(websocket: WebSocket) -> None:
    """Serve one connection."""
    state = websocket.app.state
    id: str = websocket.path_params["id"]

    async def identify(token: str | None) -> Standing:
        return await admit(state, token or token_of(websocket), id)

    async def talk(connection: Connection) -> None:
        await serve(
            TextWire(websocket),
            id,
            registry=state.registry,
            settings=state.settings,
            connections=state.connections,
            identify=identify,
            connection=connection,
        )

    await converse(websocket, talk, subprotocols=[native.SUBPROTOCOL])


async def serve(
    wire: Wire[str, str],
    id: str,
    *,
    registry: Registry,
    settings: Settings,
    connections: Connections,
    identify: Callable[[str | None], Awaitable[Standing]],
    connection: Connection = NOWHERE,
) -> None:
    """Take the hello from the wire and serve the peer; raises why the wire has to be closed.

    `identify` turns the hello's token into a standing at the document that allows reading.
    """
    check_document_id(id)
    hello = await _hello(wire, settings.hello_seconds)
    check_client_id(hello.client)
    standing = await identify(hello.token)
    creates = standing.permits(Access.WRITE) and hello.epoch is None
    principal = standing.principal
    with (
        connections.user(principal.user),
        connections.share(principal.user, connection.address) as share,
    ):
        await breathe(share)
        async with registry.open(id, create=hello.create if creates else None) as session:
            if session.type.name not in _TYPES:
                raise WrongType(f"a {session.type.name} document is not edited over this protocol")
            standing.check(Access.READ)  # it may have changed while the document opened
            peer = NativePeer(
                session,
                wire,
                hello,
                user=principal.user,
                name=principal.name,
                access=standing.access,
                settings=settings,
                connection=connection,
                share=share,
            )
            standing.tell(peer)
            await peer.run()


async def _hello(wire: Wire[str, str], seconds: float) -> native.Hello:
    with anyio.move_on_after(seconds):
        message = native.decode_client(await wire.receive())
        if not isinstance(message, native.Hello):
            raise NotSignedIn("say hello first")
        return message
    raise HelloTimeout(f"no hello within {seconds:g} seconds")


def install(app: FastAPI) -> None:
    """Add the endpoint, before those of HTTP, which are many."""
    app.router.routes.insert(0, route("/v1/documents/{id:path}/socket", document_socket, "socket"))
