"""Who opens a websocket, and whether they may: what all its endpoints begin with.

Owns where on a handshake a token may be. Knows nothing of protocols.
"""

from __future__ import annotations

from typing import Any

from starlette.websockets import WebSocket

from collab.authorizer import Standing
from collab.registry import Registry
from collab.web.auth import Authenticator, bearer
from collab.words import Access, check_document_id

TOKEN_SUBPROTOCOL = "collab.token."
"""What precedes a token among the subprotocols that a client offers: browsers can set no header."""


def token_of(websocket: WebSocket) -> str | None:
    """The token of a handshake: in `Authorization`, among the subprotocols, or in the query."""
    offered = websocket.scope.get("subprotocols", ())
    tokens = (name.removeprefix(TOKEN_SUBPROTOCOL) for name in offered if is_token(name))
    return bearer(websocket.headers) or next(tokens, None) or websocket.query_params.get("token")


def is_token(subprotocol: str) -> bool:
    """Whether it is no protocol but a token."""
    return subprotocol.startswith(TOKEN_SUBPROTOCOL)


async def admit(state: Any, token: str | None, id: str) -> Standing:
    """The standing at a document of whom a token stands for, who may read it at least.

    `state` is the application's. Raises InvalidDocumentId, NotSignedIn, DocumentNotFound,
    NotAllowed, Unavailable.
    """
    auth: Authenticator = state.auth
    registry: Registry = state.registry
    check_document_id(id)
    standing = await registry.authorizer.admit(await auth.authenticate(token), id)
    standing.check(Access.READ)
    return standing
