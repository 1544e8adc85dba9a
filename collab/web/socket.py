"""The native protocol's websocket endpoint: upgrade, hello, who it is; then a `Peer` takes over.

Maps errors to close codes. Knows nothing of edits.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import structlog
from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from collab.errors import (
    CollabError,
    DocumentNotFound,
    HelloTimeout,
    NotSignedIn,
    WrongFrameKind,
)
from collab.native_peer import NativePeer
from collab.peer import Disconnected, Wire
from collab.protocols import native
from collab.registry import Registry
from collab.settings import Settings
from collab.web.auth import Authenticator, Principal, bearer
from collab.web.closing import close_code, close_reason
from collab.web.origins import origin_allowed
from collab.words import Access, check_document_id

_log = structlog.stdlib.get_logger(__name__)
_INTERNAL_ERROR = 1011


class SocketWire:
    """A websocket as the peer's wire."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str:
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            raise Disconnected
        text: str | None = message.get("text")
        if text is None:
            raise WrongFrameKind("this protocol has text frames only")
        return text

    async def send(self, frame: str) -> None:
        try:
            await self._websocket.send({"type": "websocket.send", "text": frame})
        except (WebSocketDisconnect, RuntimeError):
            # The server says RuntimeError when it has sent or seen a close frame already.
            raise Disconnected from None


async def document_socket(websocket: WebSocket) -> None:
    """Serve one connection; whatever happens ends in a close code."""
    id: str = websocket.path_params["id"]
    settings: Settings = websocket.app.state.settings
    auth: Authenticator = websocket.app.state.auth
    if not origin_allowed(websocket.headers, settings):
        await websocket.close()  # before the upgrade: an HTTP 403
        return
    offered = websocket.scope.get("subprotocols", ())
    await websocket.accept(native.SUBPROTOCOL if native.SUBPROTOCOL in offered else None)
    try:
        await serve(
            SocketWire(websocket),
            id,
            registry=websocket.app.state.registry,
            settings=settings,
            identify=lambda token: auth.authenticate(token or bearer(websocket.headers)),
        )
    except Disconnected:
        return
    except CollabError as error:
        await _close(websocket, close_code(error), close_reason(error))
    except Exception:
        _log.exception("connection failed")
        await _close(websocket, _INTERNAL_ERROR, "internal: the server failed here")


async def serve(
    wire: Wire[str],
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
    principal = identify(hello.token)
    access = principal.access(id)
    if access < Access.READ:
        raise DocumentNotFound
    create = hello.create if access >= Access.WRITE and hello.epoch is None else None
    async with registry.open(id, create=create) as session:
        peer = NativePeer(
            session, wire, hello, user=principal.user, access=access, settings=settings
        )
        await peer.run()


async def _hello(wire: Wire[str], seconds: float) -> native.Hello:
    with anyio.move_on_after(seconds):
        message = native.decode_client(await wire.receive())
        if not isinstance(message, native.Hello):
            raise NotSignedIn("say hello first")
        return message
    raise HelloTimeout(f"no hello within {seconds:g} seconds")


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state is WebSocketState.DISCONNECTED:
        return
    try:
        await websocket.close(code, reason)
    except (WebSocketDisconnect, RuntimeError):
        return


def install(app: FastAPI) -> None:
    """Add the endpoint, as a bare route: it takes no dependencies, and each connection would keep
    what FastAPI makes for them."""
    app.router.add_websocket_route("/v1/documents/{id:path}/socket", document_socket, "socket")
