"""The native protocol's websocket endpoint: hello, who it is; then a `NativePeer` takes over.

Knows nothing of edits.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
from fastapi import FastAPI
from starlette.websockets import WebSocket

from collab.errors import DocumentNotFound, HelloTimeout, NotSignedIn, WrongType
from collab.native_peer import NativePeer
from collab.peer import Wire
from collab.protocols import native
from collab.registry import Registry
from collab.settings import Settings
from collab.web.auth import Authenticator, Principal, bearer
from collab.web.wires import TextWire, converse
from collab.words import Access, check_client_id, check_document_id

# Types that are edited over this protocol.
_TYPES = frozenset({"text", "richtext"})


async def document_socket(websocket: WebSocket) -> None:
    """Serve one connection."""
    auth: Authenticator = websocket.app.state.auth

    async def talk() -> None:
        await serve(
            TextWire(websocket),
            websocket.path_params["id"],
            registry=websocket.app.state.registry,
            settings=websocket.app.state.settings,
            identify=lambda token: auth.authenticate(token or bearer(websocket.headers)),
        )

    await converse(websocket, talk, subprotocols=[native.SUBPROTOCOL])


async def serve(
    wire: Wire[str, str],
    id: str,
    *,
    registry: Registry,
    settings: Settings,
    identify: Callable[[str | None], Principal],
) -> None:
    """Take the hello from the wire and serve the peer; raises why the wire has to be closed.

    `identify` turns the hello's token into who it is, or raises NotSignedIn.
    """
    check_document_id(id)
    hello = await _hello(wire, settings.hello_seconds)
    check_client_id(hello.client)
    principal = identify(hello.token)
    access = principal.access(id)
    if access < Access.READ:
        raise DocumentNotFound
    create = hello.create if access >= Access.WRITE and hello.epoch is None else None
    async with registry.open(id, create=create) as session:
        if session.type.name not in _TYPES:
            raise WrongType(f"a {session.type.name} document is not edited over this protocol")
        peer = NativePeer(
            session, wire, hello, user=principal.user, access=access, settings=settings
        )
        await peer.run()


async def _hello(wire: Wire[str, str], seconds: float) -> native.Hello:
    with anyio.move_on_after(seconds):
        message = native.decode_client(await wire.receive())
        if not isinstance(message, native.Hello):
            raise NotSignedIn("say hello first")
        return message
    raise HelloTimeout(f"no hello within {seconds:g} seconds")


def install(app: FastAPI) -> None:
    """Add the endpoint, as a bare route: it takes no dependencies, and each connection would keep
    what FastAPI makes for them."""
    app.router.add_websocket_route("/v1/documents/{id:path}/socket", document_socket, "socket")
