"""How JSON bodies are read: strictly, and within bounds that every JSON reader can follow.

Of a key that comes twice the last counts; NaN, lone surrogates, integers beyond 2^53 - 1 and deep
nesting are refused. Knows nothing of what the bodies mean.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from collab.errors import Malformed
from collab.protocols.native import check_json

JSON_TYPES = frozenset({"application/json", "application/merge-patch+json"})


def media_type(request: Request) -> str:
    """The body's media type without parameters; empty if the request names none."""
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


def decode_json(raw: bytes) -> Any:
    """An untrusted JSON text as a value; raises Malformed."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is not JSON as we take it: {error}") from None
    check_json(value)
    return value


class StrictRequest(Request):
    """A request whose JSON is read by `decode_json`."""

    async def json(self) -> Any:
        return decode_json(await self.body())


class StrictRoute(APIRoute):
    """A route whose body, if it has one, is JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        wants_json = self.body_field is not None

        async def strict(request: Request) -> Response:
            if wants_json and media_type(request) not in JSON_TYPES:
                raise HTTPException(415, "the body has to be application/json")
            return await handle(StrictRequest(request.scope, request.receive))

        return strict
